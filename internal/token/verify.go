package token

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sealring/sealring/internal/id"
)

// keys finds the key of a kid.
type keys interface {
	// Key returns the public key under which tokens are accepted now; false for a key that
	// is unknown, revoked or outside its time.
	Key(kid string) (crypto.PublicKey, bool)
}

// VerifierConfig names what a Verifier needs; all fields but Skew and Revoked.
type VerifierConfig struct {
	Authority string // as in IssuerConfig
	Keys      keys
	Now       func() time.Time
	Skew      time.Duration // 0 to MaxSkew
	// Revoked reports whether a key id is that of a key of ours that was revoked; nil if
	// nobody needs to know. It changes which error is returned and nothing else.
	Revoked func(kid string) bool
}

// Verifier checks our own access tokens. It is safe for concurrent use.
type Verifier struct {
	authority string
	keys      keys
	now       func() time.Time
	skew      time.Duration
	revoked   func(kid string) bool
}

// NewVerifier returns a Verifier or names the missing setting (S-31).
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	if err := checkAuthority(c.Authority); err != nil {
		return nil, err
	}
	if c.Keys == nil || c.Now == nil {
		return nil, errors.New("token: Keys and Now are needed")
	}
	if c.Skew < 0 || c.Skew > MaxSkew {
		return nil, fmt.Errorf("token: Skew %v is not between 0 and %v", c.Skew, MaxSkew)
	}
	return &Verifier{authority: c.Authority, keys: c.Keys, now: c.Now, skew: c.Skew, revoked: c.Revoked}, nil
}

// checkAuthority refuses an authority from which no exact issuer can be built.
func checkAuthority(authority string) error {
	host, ok := strings.CutPrefix(authority, "https://")
	if !ok || host == "" || strings.ContainsAny(host, "/?#@ ") {
		return fmt.Errorf("token: Authority %q is not of the form https://host[:port]", authority)
	}
	return nil
}

// AnyTenant stands for every tenant of the installation, where a room finds the tenant in
// the token and works in that one. The token's issuer is its own tenant's all the same, and
// whether the tenant exists shows when its principal is looked for.
const AnyTenant = id.Tenant("any")

// Verify checks everything about an access token but whether its principal still lives:
// form, signature, issuer, tenant, audience (one of audiences, exactly), time, required
// claims, kind (S-26 to S-33). An empty list of audiences or an empty tenant accepts
// nothing; AnyTenant accepts every tenant. A token for the exchange is never an access token.
func (v *Verifier) Verify(text string, audiences []string, tenant id.Tenant) (*Claims, error) {
	c, err := v.authentic(text)
	if err != nil {
		return nil, err
	}
	if err := v.Recheck(c, audiences, tenant); err != nil {
		return nil, err
	}
	return c, nil
}

// Recheck checks what may have changed, or may be asked differently, since c was verified:
// key, tenant, audience, time.
func (v *Verifier) Recheck(c *Claims, audiences []string, tenant id.Tenant) error {
	if c.Audience == ExchangeAudience {
		return ErrKind
	}
	return v.recheck(c, audiences, tenant)
}

// VerifyExchange checks a managed identity's token offered as a federated assertion, the
// one token of ours that is anything but an access token (S-33). Errors: those of Verify;
// ErrKind for a token of a person or of an application, ErrDerived for one that was obtained
// by such an assertion.
func (v *Verifier) VerifyExchange(text string, tenant id.Tenant) (*Claims, error) {
	c, err := v.authentic(text)
	if err != nil {
		return nil, err
	}
	if c.Version != V2 || c.Type != TypeApp {
		return nil, ErrKind
	}
	if c.Federated {
		return nil, ErrDerived
	}
	if !c.ManagedIdentity() {
		return nil, ErrKind
	}
	if err := v.recheck(c, []string{ExchangeAudience}, tenant); err != nil {
		return nil, err
	}
	return c, nil
}

// authentic checks what cannot change: that one of our keys signed the token, that it is an
// access token, and that issuer and tenant agree. RS256 is what our keys are for; the
// header must say so and decides nothing (S-26).
func (v *Verifier) authentic(text string) (*Claims, error) {
	u, err := parse(text)
	if err != nil {
		return nil, err
	}
	if u.header.alg != "RS256" {
		return nil, ErrAlgorithm
	}
	if u.header.kid == "" {
		return nil, ErrUnknownKey
	}
	public, ok := v.keys.Key(u.header.kid)
	if !ok {
		return nil, v.unknown(u.header.kid)
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return nil, ErrAlgorithm
	}
	if jwt.SigningMethodRS256.Verify(u.signed, u.signature, key) != nil {
		return nil, ErrSignature
	}
	claims, err := readClaims(u.payload)
	if err != nil {
		return nil, err
	}
	c, err := claims.claims(u.header.kid)
	if err != nil {
		return nil, err
	}
	if c.Issuer != IssuerURL(v.authority, c.Tenant, c.Version) {
		return nil, ErrIssuer
	}
	return c, nil
}

// unknown tells a key that was revoked from one that never was.
func (v *Verifier) unknown(kid string) error {
	if v.revoked != nil && v.revoked(kid) {
		return ErrRevokedKey
	}
	return ErrUnknownKey
}

// recheck is Recheck for any audience. The texts name what was found, never the token.
func (v *Verifier) recheck(c *Claims, audiences []string, tenant id.Tenant) error {
	if _, ok := v.keys.Key(c.KeyID); !ok {
		return v.unknown(c.KeyID)
	}
	if tenant == "" || c.Tenant != tenant && tenant != AnyTenant {
		return ErrTenant
	}
	if !slices.Contains(audiences, c.Audience) {
		return ErrAudience
	}
	now := v.now()
	if !now.Before(c.Expires.Add(v.skew)) {
		return ErrExpired
	}
	if limit := now.Add(v.skew); c.NotBefore.After(limit) || c.IssuedAt.After(limit) {
		return ErrNotYetValid
	}
	return nil
}
