package sts

import (
	"context"
	"errors"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/federation"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/sts/aadsts"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/trust"
)

// federated decides about assertions of outside issuers; *federation.Verifier is one.
type federated interface {
	Verify(ctx context.Context, text string, a *token.UnverifiedAssertion, credentials []federation.Credential) (federation.Credential, error)
}

// authenticateFederated checks an assertion that the client did not sign itself (DT 2.5): an
// application, or a user-assigned identity, proves itself by an issuer that it trusts. With
// an error the principal is returned if known.
func (m *Room) authenticateFederated(ctx context.Context, q clientRequest, app id.App) (directory.ServicePrincipal, proof, error) {
	sp, err := m.directory.SignInPrincipal(ctx, q.tenant.ID, app)
	if err != nil {
		return sp, proof{}, err
	}
	text := q.assertion.Reveal()
	a, err := token.ParseAssertion(text)
	if err != nil {
		return sp, proof{}, err
	}
	if m.federation == nil {
		return sp, proof{}, federation.ErrNone
	}
	trusted, err := m.trust.SignInCredentials(ctx, q.tenant.ID, app)
	if err != nil {
		return sp, proof{}, err
	}
	credentials := make([]federation.Credential, 0, len(trusted))
	for _, c := range trusted {
		credentials = append(credentials, federation.Credential{
			ID: string(c.ID), Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience, Expression: c.Expression, KeySet: c.KeySet,
		})
	}
	by, err := m.federation.Verify(ctx, text, a, credentials)
	if err != nil {
		return sp, proof{}, explainFederated(err, a)
	}
	return sp, proof{
		auth: token.AuthAssertion, credential: "federated", keyID: by.ID, federated: true,
		issuer: a.Issuer, subject: a.Subject, tokenID: a.ID,
		use: trust.Use{Digest: a.Digest(), Begins: a.Begins(), Expires: a.Expires().Add(token.MaxSkew)},
	}, nil
}

// explainFederated puts what the assertion presented, or what is wrong with its issuer, into
// the sentence of the refusal: people look for it there (DT 2.5).
func explainFederated(err error, a *token.UnverifiedAssertion) error {
	about := ""
	switch {
	case errors.Is(err, federation.ErrIssuer):
		about = a.Issuer
	case errors.Is(err, federation.ErrSubject), errors.Is(err, federation.ErrSubjectCase):
		about = a.Subject
	case errors.Is(err, federation.ErrAudience), errors.Is(err, federation.ErrAudienceForm):
		for n, text := range a.Audiences {
			if n > 0 {
				about += "', '"
			}
			about += text
		}
	case errors.Is(err, federation.ErrUnreachable), errors.Is(err, federation.ErrMetadata):
		about = a.Issuer + ": " + fault.Message(err)
	case errors.Is(err, token.ErrAlgorithm):
		return failure{Code: aadsts.FederatedKey, About: "the algorithm " + clipped(a.Algorithm) + " is not accepted for this issuer; the operator may allow it (federation.issuers)", Cause: err}
	case errors.Is(err, token.ErrUnknownKey), errors.Is(err, token.ErrSignature):
		return failure{Code: aadsts.FederatedKey, About: fault.Message(err), Cause: err}
	case errors.Is(err, token.ErrClaim):
		return failure{Code: aadsts.FederatedKey, About: "the claim exp is missing", Cause: err}
	case errors.Is(err, token.ErrKind):
		return failure{Code: 700229, Cause: err}
	default:
		return err
	}
	if f, ok := translate(err, about); ok {
		return f
	}
	return err
}

// shape fills in what a token says only where the client proved itself by federation, or is
// a managed identity: that gets what its tokens say everywhere (DT 3.3, DT 9 row 13).
func (m *Room) shape(ctx context.Context, r *token.Request, sp directory.ServicePrincipal, how proof) (err error) {
	r.Federated = how.federated
	if r.NotEarlier, err = m.directory.TokensFrom(ctx, sp.ID); err != nil {
		return err
	}
	if sp.Kind != directory.KindManagedIdentity {
		r.Lifetime, err = m.lifetime()
		return err
	}
	r.Lifetime = m.identityLifetime
	if len(sp.AlternativeNames) > 1 {
		r.MIRID = sp.AlternativeNames[1]
	}
	return nil
}
