package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the wire format names certificates by SHA-1; nothing is trusted by it
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sealring/sealring/internal/id"
)

// minRSABits is the weakest RSA key that a client may register (S-39).
const minRSABits = 2048

// Registered is a certificate that a client may authenticate with.
type Registered struct {
	Certificate *x509.Certificate
	// Start and End bound its use beside the certificate's own dates; zero means no bound.
	Start, End time.Time
}

// Expect is what a client assertion must agree with; all fields but Skew.
type Expect struct {
	Client       id.App
	Audiences    []string // exact; see AssertionAudiences
	Certificates []Registered
	Now          time.Time
	Skew         time.Duration // 0 to MaxSkew
	// MaxAhead is how far in the future it may expire: 5 to 60 min (S/R 6.1).
	MaxAhead time.Duration
}

// check refuses expectations under which something would go unchecked (S-31).
func (e *Expect) check() error {
	switch {
	case e.Client == "", len(e.Audiences) == 0, e.Now.IsZero():
		return errors.New("token: Client, Audiences and Now are needed")
	case e.Skew < 0 || e.Skew > MaxSkew:
		return fmt.Errorf("token: Skew %v is not between 0 and %v", e.Skew, MaxSkew)
	case e.MaxAhead < 5*time.Minute || e.MaxAhead > time.Hour:
		return fmt.Errorf("token: MaxAhead %v is not between 5 and 60 min", e.MaxAhead)
	}
	return nil
}

// Assertion is a client assertion that was verified.
type Assertion struct {
	Client  id.App
	JTI     string // may be empty
	Expires time.Time
	Begins  time.Time // zero: it does not say
	// Thumbprint is the SHA-256 of the certificate that signed it, base64url.
	Thumbprint string
	// Digest names the assertion for single use, as UnverifiedAssertion.Digest does.
	Digest []byte
}

// AssertionAudiences returns the audiences under which a tenant, named by its id or a
// domain, takes client assertions at one authority: its token endpoints and issuers of
// both versions (S-36, DT 2.4).
func AssertionAudiences(authority, tenant string) []string {
	base := authority + "/" + tenant
	return []string{base + "/oauth2/v2.0/token", base + "/oauth2/token", base + "/v2.0", base + "/"}
}

// CheckCertificate refuses certificates that are too weak to authenticate with: RSA below
// 2048 bits, curves other than P-256, other kinds of key, SHA-1 or MD5 signatures (S-39).
// A certificate that signed itself may have done so with SHA-1, as those do that the Azure
// CLI makes: nobody trusts that signature, since the key itself is registered.
func CheckCertificate(c *x509.Certificate) error {
	switch c.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1:
		if len(c.RawSubject) == 0 || !bytes.Equal(c.RawSubject, c.RawIssuer) {
			return ErrKeyWeak.With("the certificate is signed with %v", c.SignatureAlgorithm)
		}
	case x509.MD5WithRSA, x509.MD2WithRSA, x509.DSAWithSHA1, x509.DSAWithSHA256:
		return ErrKeyWeak.With("the certificate is signed with %v", c.SignatureAlgorithm)
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits || key.E < 3 || key.E%2 == 0 {
			return ErrKeyWeak.With("the certificate has an RSA key of %d bits; %d are needed", key.N.BitLen(), minRSABits)
		}
		return nil
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return ErrKeyWeak.With("the certificate has a key on a curve other than P-256")
		}
		return nil
	}
	return ErrKeyWeak.With("the certificate has a key that is neither RSA nor P-256")
}

// VerifyClientAssertion checks a certificate assertion (RFC 7523 section 3, S-36, DT 2.4).
// Errors: ErrMalformed, ErrAlgorithm, ErrUnknownKey, ErrCertificateExpired, ErrSignature,
// ErrSubject, ErrAudience, ErrExpired, ErrNotYetValid, ErrTooLong.
func VerifyClientAssertion(text string, want Expect) (Assertion, error) {
	if err := want.check(); err != nil {
		return Assertion{}, err
	}
	u, err := parse(text)
	if err != nil {
		return Assertion{}, err
	}
	by, err := u.signedBy(&want)
	if err != nil {
		return Assertion{}, err
	}
	c, err := readAssertion(u.payload)
	if err != nil {
		return Assertion{}, err
	}
	if !isClient(c.iss, want.Client) || !isClient(c.sub, want.Client) {
		return Assertion{}, ErrSubject
	}
	if !slices.Contains(want.Audiences, c.aud) {
		return Assertion{}, ErrAudience
	}
	if err := c.inTime(&want); err != nil {
		return Assertion{}, err
	}
	sum := sha256.Sum256(by.Certificate.Raw)
	whole := UnverifiedAssertion{Issuer: c.iss, ID: c.jti, u: u}
	return Assertion{
		Digest: whole.Digest(),
		Client: want.Client, JTI: c.jti, Expires: time.Unix(c.exp, 0).UTC(), Begins: c.begins(),
		Thumbprint: base64.RawURLEncoding.EncodeToString(sum[:]),
	}, nil
}

// signedBy finds the registered certificate that signed u, among those that its thumbprint
// headers select; all of them where there is no such header.
func (u *unverified) signedBy(want *Expect) (*Registered, error) {
	if !slices.Contains(assertionAlgorithms, u.header.alg) {
		return nil, ErrAlgorithm
	}
	failure := error(ErrUnknownKey)
	for i := range want.Certificates {
		r := &want.Certificates[i]
		if !u.header.selects(r.Certificate) {
			continue
		}
		err := u.checkSignature(r.Certificate)
		if err == nil && !r.validAt(want.Now) {
			err = ErrCertificateExpired
		}
		if err == nil {
			return r, nil
		}
		if rank(err) > rank(failure) {
			failure = err
		}
	}
	return nil, failure
}

// rank orders the failures of several certificates by how much they say to a person.
func rank(err error) int {
	return slices.Index([]error{ErrUnknownKey, ErrAlgorithm, ErrSignature, ErrCertificateExpired}, err)
}

// validAt reports whether the certificate may be used at t: inside its own dates and those
// of its registration, from the start up to, not at, the end.
func (r *Registered) validAt(t time.Time) bool {
	c := r.Certificate
	return !t.Before(c.NotBefore) && t.Before(c.NotAfter) &&
		(r.Start.IsZero() || !t.Before(r.Start)) && (r.End.IsZero() || t.Before(r.End))
}

// selects reports whether every thumbprint in h is that of c. A kid that is no thumbprint
// selects nothing.
func (h *header) selects(c *x509.Certificate) bool {
	short, long := sha1.Sum(c.Raw), sha256.Sum256(c.Raw) //nolint:gosec // an identifier, see the import
	if h.x5tS256 != "" && !bytes.Equal(thumbprint(h.x5tS256), long[:]) {
		return false
	}
	if h.x5t != "" && !bytes.Equal(thumbprint(h.x5t), short[:]) {
		return false
	}
	if h.kid == "" || h.x5t != "" || h.x5tS256 != "" {
		return true
	}
	got := thumbprint(h.kid)
	return bytes.Equal(got, short[:]) || bytes.Equal(got, long[:])
}

// thumbprint decodes a thumbprint as clients spell it: either base64 alphabet, with or
// without padding, or hexadecimal (DT 2.4). nil if it is none of these.
func thumbprint(text string) []byte {
	if out, err := hex.DecodeString(text); err == nil && (len(out) == sha1.Size || len(out) == sha256.Size) {
		return out
	}
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	out, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return out
}

// assertionAlgorithms are the algorithms of client assertions (DT 2.4).
var assertionAlgorithms = []string{"PS256", "RS256", "PS384", "PS512", "RS384", "RS512", "ES256"}

// checkSignature verifies u under the key of c, with an algorithm that is for keys of its
// kind. ES256 is taken raw, as JWS says, and in ASN.1, as a common client writes it.
func (u *unverified) checkSignature(c *x509.Certificate) error {
	if CheckCertificate(c) != nil {
		return ErrUnknownKey
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if u.header.alg == "ES256" {
			return ErrAlgorithm
		}
		if jwt.GetSigningMethod(u.header.alg).Verify(u.signed, u.signature, key) != nil {
			return ErrSignature
		}
		return nil
	case *ecdsa.PublicKey:
		if u.header.alg != "ES256" {
			return ErrAlgorithm
		}
		if len(u.signature) == 64 && jwt.SigningMethodES256.Verify(u.signed, u.signature, key) == nil {
			return nil
		}
		digest := sha256.Sum256([]byte(u.signed))
		if !ecdsa.VerifyASN1(key, digest[:], u.signature) {
			return ErrSignature
		}
		return nil
	}
	return ErrAlgorithm
}

// assertionClaims are the claims of a client assertion, not yet believed.
type assertionClaims struct {
	iss, sub, aud, jti string
	exp, nbf, iat      int64 // 0: absent
}

// readAssertion reads the payload of a client assertion. The audience is one text, never a
// list (S-36); instants are read leniently (DT 2.4).
func readAssertion(payload []byte) (assertionClaims, error) {
	var c assertionClaims
	err := eachMember(payload, func(name, value []byte) error {
		switch string(name) {
		case "iss":
			return readString(value, &c.iss)
		case "sub":
			return readString(value, &c.sub)
		case "aud":
			return readString(value, &c.aud)
		case "jti":
			return readString(value, &c.jti)
		case "exp":
			return readLenient(value, &c.exp)
		case "nbf":
			return readLenient(value, &c.nbf)
		case "iat":
			return readLenient(value, &c.iat)
		}
		return nil
	})
	return c, err
}

// begins is from when on the assertion is meant; zero where it does not say.
func (c *assertionClaims) begins() time.Time {
	if c.nbf == 0 && c.iat == 0 {
		return time.Time{}
	}
	return time.Unix(max(c.nbf, c.iat), 0).UTC()
}

// inTime checks the instants of c. A refusal says by how much the clocks differ, in
// seconds, as far as the assertion shows it.
func (c *assertionClaims) inTime(want *Expect) error {
	exp := time.Unix(c.exp, 0)
	begins := time.Unix(max(c.nbf, c.iat), 0)
	limit := want.Now.Add(want.Skew)
	ahead := func(t time.Time) int64 { return t.Unix() - want.Now.Unix() }
	switch {
	case c.exp == 0:
		return ErrClaim
	case !want.Now.Before(exp.Add(want.Skew)):
		return ErrExpired.With("the assertion expired %d s ago", -ahead(exp))
	case exp.After(limit.Add(want.MaxAhead)):
		return ErrTooLong.With("the assertion expires in %d s, and at most %d s are accepted", ahead(exp), int64((want.MaxAhead+want.Skew)/time.Second))
	case begins.After(limit):
		return ErrNotYetValid.With("the assertion begins in %d s, and clocks may differ by %d s", ahead(begins), int64(want.Skew/time.Second))
	}
	return nil
}

// isClient compares a claim with a client id, in any letter case.
func isClient(claim string, client id.App) bool {
	got, err := id.ParseApp(claim)
	return err == nil && got == client
}

// UnverifiedClient returns the subject that an assertion claims, to find the client whose
// certificates it must then be verified with. Errors: ErrMalformed.
func UnverifiedClient(text string) (id.App, error) {
	subject, err := unverifiedClaim(text, "sub")
	if err != nil {
		return "", err
	}
	client, err := id.ParseApp(subject)
	if err != nil {
		return "", ErrMalformed
	}
	return client, nil
}

// UnverifiedIssuer returns the issuer that an assertion claims, to choose how it must then
// be verified. Errors: ErrMalformed.
func UnverifiedIssuer(text string) (string, error) { return unverifiedClaim(text, "iss") }

// unverifiedClaim reads one text claim of an assertion without believing it.
func unverifiedClaim(text, claim string) (string, error) {
	u, err := parse(text)
	if err != nil {
		return "", err
	}
	var out string
	err = eachMember(u.payload, func(name, value []byte) error {
		if string(name) != claim {
			return nil
		}
		return readString(value, &out)
	})
	if err != nil || out == "" {
		return "", ErrMalformed
	}
	return out, nil
}
