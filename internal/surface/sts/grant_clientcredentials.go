package sts

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/sts/aadsts"
	"github.com/sealring/sealring/internal/surface/sts/limit"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/trust"
)

// Lifetimes of application tokens are random between these, so that the tokens of a fleet
// do not end together (security defaults §6.1).
const (
	shortestLife = 60 * time.Minute
	longestLife  = 90 * time.Minute
)

// maxAhead is how far in the future a client assertion may end (S-36).
const maxAhead = time.Hour

// wrongRate is how many wrong secrets a client id may send (S-40). Only applications that
// exist are counted one by one; client ids that do not share one count, which limits how many
// are recorded.
var wrongRate = limit.Rate{Burst: 10, Interval: 6 * time.Second}

// unprovedRate is how many other credentials that prove nothing may be sent for a client that
// exists, by anybody who knows its id: each is a row of the record.
var unprovedRate = limit.Rate{Burst: 60, Interval: time.Second}

// clientRequest is a request of the grant client_credentials.
type clientRequest struct {
	tokenRequest
	tenant   directory.Tenant
	segment  string // of the URL, as sent
	resource string // as requested
}

// proof is how a client proved itself.
type proof struct {
	auth       string    // value of appidacr
	credential string    // "secret", "certificate" or "federated", for the record
	keyID      string    // of the secret, certificate or federated credential
	use        trust.Use // of a client assertion, where it may work once only
	// What a federated assertion said.
	federated                bool
	issuer, subject, tokenID string
}

// clientCredentials serves RFC 6749 §4.4: the client acts as itself. A right request is
// recorded before it is answered, and so is a refusal once the client is known.
func (m *Room) clientCredentials(r *http.Request, q clientRequest) (grantedToken, error) {
	app, canonical, err := q.clientID()
	if err == nil && q.secret.Empty() && q.assertion.Empty() {
		err = fail(7000216)
	}
	if err != nil {
		if !q.secret.Empty() {
			err = m.refuse(r, q, canonical, directory.ServicePrincipal{}, err)
		}
		return grantedToken{}, err
	}
	httpd.Note(r.Context(), "client_id", string(app))
	sp, how, err := m.authenticate(r.Context(), q, app)
	if err != nil {
		return grantedToken{}, m.refuseUnproved(r, q, app, sp, err)
	}
	res, err := m.directory.ResolveAudience(r.Context(), q.tenant.ID, q.resource)
	if err != nil {
		if f, ok := translate(err, q.resource); ok {
			err = f
		}
		return grantedToken{}, m.refuse(r, q, app, sp, err)
	}
	if how.use.Digest != nil {
		if err := m.trust.UseAssertion(r.Context(), app, how.use); err != nil {
			return grantedToken{}, m.refuse(r, q, app, sp, err)
		}
	}
	request := token.Request{
		Tenant: q.tenant.ID, Object: sp.ID, App: app, Audience: res.Audience, Version: token.Version(res.Version), Auth: how.auth,
		TenantCreated: q.tenant.Created, ClientCapable: q.wantsCP1(),
	}
	if res.AppID == directory.GraphApp {
		request.DisplayName = sp.DisplayName
	}
	if err := m.entitle(r.Context(), &request, res); err != nil {
		return grantedToken{}, m.refuse(r, q, app, sp, err)
	}
	if err := m.shape(r.Context(), &request, sp, how); err != nil {
		return grantedToken{}, err
	}
	issued, err := m.issuer.Issue(request)
	if err != nil {
		return grantedToken{}, fmt.Errorf("issue a token for %s: %w", app, err)
	}
	httpd.Note(r.Context(), "uti", issued.UTI)
	if err := m.recordIssue(r, sp, res, how, issued); err != nil {
		return grantedToken{}, err
	}
	return grantedToken{issued: issued, resource: q.resource}, nil
}

// authenticate checks the credential. With an error the principal is returned if known.
func (m *Room) authenticate(ctx context.Context, q clientRequest, app id.App) (directory.ServicePrincipal, proof, error) {
	if q.assertion.Empty() {
		sp, key, err := m.directory.AuthenticateSecret(ctx, q.tenant.ID, app, q.secret)
		if err == nil {
			err = m.directory.UseSecret(ctx, key)
		}
		return sp, proof{auth: token.AuthSecret, credential: "secret", keyID: key.KeyID}, err
	}
	if q.assertionType != assertionType {
		return directory.ServicePrincipal{}, proof{}, fail(90013, "client_assertion_type is not "+assertionType)
	}
	text := q.assertion.Reveal()
	if issuer, err := token.UnverifiedIssuer(text); err == nil && !strings.EqualFold(issuer, string(app)) {
		return m.authenticateFederated(ctx, q, app)
	}
	sp, certificates, err := m.directory.Certificates(ctx, q.tenant.ID, app)
	if err != nil {
		return sp, proof{}, err
	}
	want := token.Expect{Client: app, Audiences: m.assertionAudiences(ctx, q), Now: m.now(), Skew: token.MaxSkew, MaxAhead: maxAhead}
	for _, c := range certificates {
		want.Certificates = append(want.Certificates, token.Registered{Certificate: c.Certificate, Start: c.Start, End: c.End})
	}
	verified, err := token.VerifyClientAssertion(text, want)
	return sp, proof{
		auth: token.AuthAssertion, credential: "certificate", keyID: verified.Thumbprint,
		use: trust.Use{Digest: verified.Digest, Begins: verified.Begins, Expires: verified.Expires.Add(token.MaxSkew)},
	}, err
}

// assertionAudiences are the endpoints and issuers of this tenant and of no other (S-36),
// under the names of the tenant and of the service by which the client may have called.
func (m *Room) assertionAudiences(ctx context.Context, q clientRequest) []string {
	var out []string
	authorities := []string{m.authority}
	if a := m.entryAuthority(ctx); a != m.authority {
		authorities = append(authorities, a)
	}
	names := append([]string{string(q.tenant.ID), q.segment}, q.tenant.Domains...)
	for _, a := range authorities {
		for _, n := range names {
			out = append(out, token.AssertionAudiences(a, n)...)
		}
	}
	return out
}

// refuse records why a client that sent a credential gets nothing, counts wrong secrets,
// and returns what to answer.
func (m *Room) refuse(r *http.Request, q clientRequest, app id.App, sp directory.ServicePrincipal, err error) error {
	f, ok := translate(err, string(app))
	if !ok {
		return err // ours; not a decision about the client
	}
	if f.Code == 700024 {
		f.About = m.now().UTC().Format(time.RFC3339) + "; " + fault.Message(err)
	}
	counted := m.countedAs(r.Context(), q, app)
	if errors.Is(err, directory.ErrWrongSecret) || counted == "" || sp.ID == "" {
		wait := m.throttle.Take(counted)
		switch {
		case wait > 0 && counted == "":
			return f // a client id that does not exist: answered, but no longer recorded one by one
		case wait > 0:
			return failure{Code: aadsts.Throttled, About: string(app), Retry: wait, Cause: err}
		}
	}
	if err := m.recordRefusal(r, q, app, sp, f); err != nil {
		return err
	}
	return f
}

// refuseUnproved is refuse for a client whose credential was not right.
func (m *Room) refuseUnproved(r *http.Request, q clientRequest, app id.App, sp directory.ServicePrincipal, err error) error {
	if _, told := translate(err, ""); told && sp.ID != "" && !errors.Is(err, directory.ErrWrongSecret) {
		if wait := m.denied.Take(app); wait > 0 {
			return failure{Code: aadsts.Throttled, About: string(app), Retry: wait, Cause: err}
		}
	}
	return m.refuse(r, q, app, sp, err)
}

// countedAs is the bucket of a client id: its own if it exists in the tenant, else the
// shared one, "".
func (m *Room) countedAs(ctx context.Context, q clientRequest, app id.App) id.App {
	if app == "" {
		return ""
	}
	if _, err := m.directory.ServicePrincipalByApp(ctx, q.tenant.ID, app); err != nil {
		return ""
	}
	return app
}

// lifetime draws how long a token lives: whole seconds.
func (m *Room) lifetime() (time.Duration, error) {
	var b [8]byte
	if _, err := io.ReadFull(m.rand, b[:]); err != nil {
		return 0, fmt.Errorf("draw a lifetime: %w", err)
	}
	span := uint64((longestLife-shortestLife)/time.Second) + 1
	return shortestLife + time.Duration(binary.BigEndian.Uint64(b[:])%span)*time.Second, nil
}
