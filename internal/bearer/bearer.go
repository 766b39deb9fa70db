// Package bearer turns an Authorization header into a verified principal, and writes the
// challenges that tell a client where to get a token.
//
// It takes exactly one header with the scheme Bearer (RFC 6750 section 2.1, in any case),
// one space and one token, over TLS. Tokens in query or body are not looked for;
// proof-of-possession schemes are refused, never treated as bearer (RS 0.3).
package bearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/token"
)

// What can be wrong before a token is looked at, and after it was found good.
var (
	// ErrMissing is a request without an Authorization header.
	ErrMissing = fault.New(fault.Unauthenticated, "the request has no bearer token")
	// ErrScheme is an Authorization header that is not exactly one bearer token.
	ErrScheme = fault.New(fault.Unauthenticated, "the Authorization header is not one bearer token")
	// ErrInsecure is a token sent over plain HTTP.
	ErrInsecure = fault.New(fault.Unauthenticated, "a bearer token over plain HTTP is not accepted")
	// ErrRevoked is a good token that was issued before all tokens of its principal were revoked.
	ErrRevoked = fault.New(fault.Unauthenticated, "the tokens of the principal were revoked; a new one is accepted")
	// ErrGone is a good token of a principal that was deleted or disabled.
	ErrGone = fault.New(fault.Unauthenticated, "the principal of the token does not exist or is disabled")
)

// verifier checks tokens; *token.Verifier is one.
type verifier interface {
	Verify(text string, audiences []string, tenant id.Tenant) (*token.Claims, error)
	Recheck(c *token.Claims, audiences []string, tenant id.Tenant) error
}

// directory knows who still lives.
type directory interface {
	// Alive reports whether the principal exists and is enabled, at most one second old. It
	// is asked for every request.
	Alive(ctx context.Context, tenant id.Tenant, object id.Object) (bool, error)
	// TokensFrom returns the time before which no token of the principal is accepted, the zero
	// time where none was revoked; as old as Alive's answer.
	TokensFrom(ctx context.Context, object id.Object) (time.Time, error)
}

// Config names what an Authenticator needs; all fields.
type Config struct {
	Verifier  verifier
	Directory directory
	// CacheBytes bounds the memory of verified tokens; 0 keeps none.
	CacheBytes int
}

// Authenticator finds out who sends a request. It is safe for concurrent use.
type Authenticator struct {
	verifier  verifier
	directory directory
	known     *cache
}

// Principal is who sent a request. Slices are shared and must not be changed.
type Principal struct {
	Tenant         id.Tenant
	Object         id.Object
	App            id.App
	Audience       string
	Type           string // token.TypeApp or token.TypeUser
	UTI            string
	MIRID          string // resource of a managed identity, else ""
	Issuer         string
	UPN            string // users only
	Roles          []string
	DirectoryRoles []string
	Scopes         []string // users only
	Expires        time.Time
}

// New returns an Authenticator or names the missing setting (S-31).
func New(c Config) (*Authenticator, error) {
	if c.Verifier == nil || c.Directory == nil || c.CacheBytes < 0 {
		return nil, errors.New("bearer: Verifier and Directory are needed, CacheBytes is 0 or more")
	}
	return &Authenticator{verifier: c.Verifier, directory: c.Directory, known: newCache(c.CacheBytes)}, nil
}

// Authenticate returns the principal of r, whose token must be for one of audiences and of
// tenant. Errors: those of this package and of token, all Unauthenticated; what the
// directory says where it cannot tell who lives.
func (a *Authenticator) Authenticate(r *http.Request, audiences []string, tenant id.Tenant) (Principal, error) {
	text, err := credential(r)
	if err != nil {
		return Principal{}, err
	}
	c, err := a.verify(text, audiences, tenant)
	if err != nil {
		return Principal{}, err
	}
	alive, err := a.directory.Alive(r.Context(), c.Tenant, c.Object)
	if err != nil {
		return Principal{}, fmt.Errorf("ask whether principal %s lives: %w", c.Object, err)
	}
	if !alive {
		return Principal{}, ErrGone
	}
	from, err := a.directory.TokensFrom(r.Context(), c.Object)
	if err != nil {
		return Principal{}, fmt.Errorf("ask from when on tokens of %s are accepted: %w", c.Object, err)
	}
	if c.Issued().Before(from) {
		return Principal{}, &stale{from: from}
	}
	return Principal{
		Tenant: c.Tenant, Object: c.Object, App: c.App, Audience: c.Audience, Type: c.Type, UTI: c.UTI, MIRID: c.MIRID,
		Issuer: c.Issuer, UPN: c.UPN, Roles: c.Roles, DirectoryRoles: c.DirectoryRoles, Scopes: c.Scopes, Expires: c.Expires,
	}, nil
}

// verify checks text, or, where it is known to be genuine, what may differ this time: key,
// audience, tenant, time.
func (a *Authenticator) verify(text string, audiences []string, tenant id.Tenant) (*token.Claims, error) {
	key := keyOf(text)
	if c := a.known.get(key); c != nil {
		err := a.verifier.Recheck(c, audiences, tenant)
		if errors.Is(err, token.ErrExpired) || errors.Is(err, token.ErrUnknownKey) {
			a.known.drop(key)
		}
		return c, err
	}
	c, err := a.verifier.Verify(text, audiences, tenant)
	if err != nil {
		return nil, err
	}
	a.known.put(key, c, len(text))
	return c, nil
}

// credential returns the token of r, and refuses headers that could be read in two ways.
func credential(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", ErrMissing
	}
	if r.TLS == nil {
		return "", ErrInsecure
	}
	if len(values) > 1 {
		return "", ErrScheme.With("the request has %d Authorization headers", len(values))
	}
	scheme, text, ok := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrScheme.With("the authorization scheme is not Bearer")
	}
	if !ok || text == "" || strings.ContainsAny(text, " ,\t") {
		return "", ErrScheme
	}
	if len(text) > token.MaxBytes {
		return "", fmt.Errorf("%w: %d bytes", token.ErrMalformed, len(text))
	}
	return text, nil
}
