// Package federation decides whether an assertion of an outside issuer proves a client that
// trusts it by a federated credential.
//
// The order is that of DT 2.5: issuer, subject and audience are compared with what the
// client's credentials name, byte for byte, before anything is asked of anybody, so no
// request leaves for an issuer that no credential names (S-37). Then the signature is checked
// under keys of that issuer alone: its published ones (keys.go), those the operator
// configured, or those that the credential itself holds. Our own managed identities' tokens
// are checked by our own keys, without the network, across tenants too.
//
// RS256 is what every issuer may use. Other asymmetric algorithms are for issuers whose keys
// or algorithms were given by hand (S-26), and for none in Azure's manner (Config.RS256Only).
package federation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/federation/expression"
	"github.com/sealring/sealring/internal/federation/jwks"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/token"
)

// Why an assertion proves nobody.
var (
	// ErrNone is a client without any federated credential.
	ErrNone = fault.New(fault.Unauthenticated, "the client has no federated identity credential")
	// ErrIssuer is an issuer that no credential of the client names.
	ErrIssuer = fault.New(fault.Unauthenticated, "no federated identity credential has the issuer of the assertion")
	// ErrSubject is a subject that no credential of this issuer names.
	ErrSubject = fault.New(fault.Unauthenticated, "no federated identity credential has the subject of the assertion")
	// ErrSubjectCase is a subject that differs from a credential's by the case of letters only.
	ErrSubjectCase = fault.New(fault.Unauthenticated, "the subject of the assertion differs in letter case")
	// ErrAudience is an audience that no credential of this issuer and subject names.
	ErrAudience = fault.New(fault.Unauthenticated, "no federated identity credential has the audience of the assertion")
	// ErrAudienceForm is a credential for our own issuer with the exchange's id for its audience.
	ErrAudienceForm = fault.New(fault.Unauthenticated, "the credential names the token exchange by its id")
	// ErrNotUserAssigned is the token of a system-assigned identity: only user-assigned ones serve.
	ErrNotUserAssigned = fault.New(fault.Unauthenticated, "the token is not one of a user-assigned identity")
	// ErrEnded is a token of ours that was revoked, or whose identity is gone.
	ErrEnded = fault.New(fault.Unauthenticated, "the token of the managed identity was revoked, or its identity deleted")
	// ErrUnreachable is an issuer whose metadata or keys cannot be had.
	ErrUnreachable = fault.New(fault.Unauthenticated, "the issuer's keys cannot be fetched")
	// ErrMetadata is an issuer whose metadata or keys are not what they should be.
	ErrMetadata = fault.New(fault.Unauthenticated, "the issuer's metadata or keys are not valid")
)

// exchange is the audience by which credentials and requests name the token exchange.
const exchange = "api://AzureADTokenExchange"

// maxAhead is how far in the future an assertion may end (S/R 6.1).
const maxAhead = 24 * time.Hour

// userAssigned is part of the resource id of every user-assigned identity, in lower case.
const userAssigned = "/providers/microsoft.managedidentity/userassignedidentities/"

// verifier checks our own exchange tokens; *token.Verifier is one.
type verifier interface {
	VerifyExchange(text string, tenant id.Tenant) (*token.Claims, error)
}

// principals knows whose tokens are accepted; *directory.Directory is one.
type principals interface {
	Alive(ctx context.Context, tenant id.Tenant, object id.Object) (bool, error)
	TokensFrom(ctx context.Context, object id.Object) (time.Time, error)
}

// fetcher asks outside addresses; *outbound.Client is one.
type fetcher interface {
	Get(ctx context.Context, address string, limit int64) ([]byte, error)
}

// Issuer is what an operator says about an outside issuer.
type Issuer struct {
	URL string // compared byte for byte
	// Keys is the issuer's key set; nil: it is fetched.
	Keys []byte
	// Algorithms it may use; empty: RS256, or, where Keys are given, what they are for.
	Algorithms []string
}

// Config names what a Verifier needs; all but Issuers and RS256Only.
type Config struct {
	// Authority is our own sign-in service, without a trailing slash (L-1).
	Authority  string
	Own        verifier
	Principals principals
	Client     fetcher
	Now        func() time.Time
	Log        *slog.Logger
	Issuers    []Issuer
	RS256Only  bool
}

// Verifier checks assertions. It is safe for concurrent use.
type Verifier struct {
	authority  string
	own        verifier
	principals principals
	now        func() time.Time
	issuers    map[string]given
	only       bool
	keys       *keys
}

// given is what was configured about an issuer.
type given struct {
	set        jwks.Set // nil: fetched
	algorithms []string // nil: see algorithmsOf
}

// New checks c and returns a Verifier. Run keeps its keys fresh.
func New(c Config) (*Verifier, error) {
	if c.Authority == "" || c.Own == nil || c.Principals == nil || c.Client == nil || c.Now == nil || c.Log == nil {
		return nil, errors.New("federation: Authority, Own, Principals, Client, Now and Log are needed")
	}
	v := &Verifier{
		authority: c.Authority, own: c.Own, principals: c.Principals, now: c.Now, only: c.RS256Only,
		issuers: map[string]given{}, keys: newKeys(c.Client, c.Now, c.Log),
	}
	for _, i := range c.Issuers {
		g := given{algorithms: i.Algorithms}
		for _, a := range i.Algorithms {
			if !token.OutsideAlgorithm(a) {
				return nil, fmt.Errorf("federation: issuer %s: %q is not an asymmetric signature algorithm", i.URL, a)
			}
		}
		if i.Keys != nil {
			set, err := jwks.Parse(i.Keys)
			if err != nil {
				return nil, fmt.Errorf("federation: keys of issuer %s: %s", i.URL, fault.Message(err))
			}
			g.set = set
		}
		if _, twice := v.issuers[i.URL]; twice || i.URL == "" {
			return nil, fmt.Errorf("federation: the issuer %q is empty or given twice", i.URL)
		}
		v.issuers[i.URL] = g
	}
	return v, nil
}

// Run keeps the keys of issuers in use fresh until ctx ends.
func (v *Verifier) Run(ctx context.Context) error { return v.keys.run(ctx) }

// Fetches counts how often keys of issuers were fetched, and how often that failed.
func (v *Verifier) Fetches() (good, failed int64) {
	return v.keys.fetched.Load(), v.keys.failures.Load()
}

// Credential is what a client trusts: a federated credential of the directory.
type Credential struct {
	ID                        string
	Issuer, Subject, Audience string
	Expression                string // instead of Subject
	KeySet                    string // "" where the issuer publishes its keys
}

// Verify returns the credential by which the assertion proves the client that holds all of
// credentials. a is text, taken apart. Errors: those of this package; of package token:
// ErrAlgorithm, ErrUnknownKey, ErrSignature, ErrExpired, ErrNotYetValid, ErrTooLong, ErrClaim,
// ErrKind, ErrDerived.
func (v *Verifier) Verify(ctx context.Context, text string, a *token.UnverifiedAssertion, credentials []Credential) (Credential, error) {
	c, err := v.match(a, credentials)
	if err != nil {
		return Credential{}, err
	}
	if tenant, ours := v.ownTenant(a.Issuer); ours {
		return c, v.verifyOwn(ctx, text, tenant)
	}
	if err := v.checkSignature(ctx, a, c); err != nil {
		return Credential{}, err
	}
	return c, a.CheckTime(v.now(), token.MaxSkew, maxAhead)
}

// match finds the credential that names issuer, subject and audience of the assertion
// (DT 2.5, steps 2 to 5; S-37).
func (v *Verifier) match(a *token.UnverifiedAssertion, credentials []Credential) (Credential, error) {
	if len(credentials) == 0 {
		return Credential{}, ErrNone
	}
	issued := slices.DeleteFunc(slices.Clone(credentials), func(c Credential) bool { return c.Issuer != a.Issuer })
	if len(issued) == 0 {
		return Credential{}, ErrIssuer
	}
	audiences := a.Audiences
	_, ours := v.ownTenant(a.Issuer)
	if ours && a.Type != token.TypeApp {
		return Credential{}, token.ErrKind
	}
	if ours && slices.Equal(audiences, []string{token.ExchangeAudience}) {
		audiences = []string{exchange}
	}
	failure := ErrSubject
	for _, c := range issued {
		if !c.names(a) {
			if c.Subject != "" && strings.EqualFold(c.Subject, a.Subject) && failure == ErrSubject {
				failure = ErrSubjectCase
			}
			continue
		}
		if slices.Contains(audiences, c.Audience) {
			return c, nil
		}
		failure = ErrAudience
		if ours && c.Audience == token.ExchangeAudience {
			failure = ErrAudienceForm
		}
	}
	return Credential{}, failure
}

// names reports whether the credential is for the subject of a.
func (c *Credential) names(a *token.UnverifiedAssertion) bool {
	if c.Expression == "" {
		return a.Subject != "" && c.Subject == a.Subject
	}
	e, err := expression.Parse(c.Expression)
	return err == nil && e.Matches(a.Claim)
}

// ownTenant returns the tenant whose version 2.0 issuer of ours this is, byte for byte.
func (v *Verifier) ownTenant(issuer string) (id.Tenant, bool) {
	rest, ok := strings.CutPrefix(issuer, v.authority+"/")
	name, version, _ := strings.Cut(rest, "/")
	tenant, err := id.ParseTenant(name)
	return tenant, ok && err == nil && version == "v2.0" && string(tenant) == name
}

// verifyOwn checks a managed identity's token of any tenant of ours (DT 2.6, S-33).
func (v *Verifier) verifyOwn(ctx context.Context, text string, tenant id.Tenant) error {
	c, err := v.own.VerifyExchange(text, tenant)
	if err != nil {
		return err
	}
	if !strings.Contains(strings.ToLower(c.MIRID), userAssigned) {
		return ErrNotUserAssigned
	}
	alive, err := v.principals.Alive(ctx, tenant, c.Object)
	if err != nil {
		return fmt.Errorf("ask whether managed identity %s lives: %w", c.Object, err)
	}
	from, err := v.principals.TokensFrom(ctx, c.Object)
	if err != nil {
		return fmt.Errorf("ask from when on tokens of %s are accepted: %w", c.Object, err)
	}
	if !alive || c.Issued().Before(from) {
		return ErrEnded
	}
	return nil
}

// checkSignature finds the key among those of the issuer and checks the signature.
func (v *Verifier) checkSignature(ctx context.Context, a *token.UnverifiedAssertion, c Credential) error {
	if a.KeyID == "" {
		return token.ErrUnknownKey
	}
	if _, ours := strings.CutPrefix(a.Issuer, v.authority+"/"); ours {
		return token.ErrKind // never another's keys for an issuer of ours
	}
	g := v.issuers[a.Issuer]
	set := g.set
	byHand := set != nil || len(g.algorithms) > 0
	if c.KeySet != "" {
		inline, err := jwks.Parse([]byte(c.KeySet))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMetadata.With("the key set of the federated credential: %s", fault.Message(err)), err)
		}
		set, byHand = inline, true
	}
	if v.only {
		byHand = false
	}
	if !byHand && a.Algorithm != "RS256" || byHand && len(g.algorithms) > 0 && !slices.Contains(g.algorithms, a.Algorithm) {
		return token.ErrAlgorithm
	}
	var key jwks.Key
	var err error
	if set != nil {
		var ok bool
		if key, ok = set[a.KeyID]; !ok {
			return token.ErrUnknownKey
		}
	} else if key, err = v.keys.find(ctx, a.Issuer, a.KeyID); err != nil {
		return err
	}
	if key.Algorithm != "" && key.Algorithm != a.Algorithm {
		return token.ErrAlgorithm
	}
	return a.CheckSignature(key.Public)
}
