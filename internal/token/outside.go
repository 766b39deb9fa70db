package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// outsideAlgorithms are the algorithms that an assertion of an outside issuer may ever be
// signed with: asymmetric ones (S-26).
var outsideAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}

// OutsideAlgorithm reports whether an outside issuer may be let use an algorithm.
func OutsideAlgorithm(name string) bool { return slices.Contains(outsideAlgorithms, name) }

// UnverifiedAssertion is an assertion that may be an outside issuer's, taken apart strictly
// (S-29). Nothing in it is believed: its claims may choose how it is checked, and no more.
type UnverifiedAssertion struct {
	Issuer, Subject string
	Audiences       []string
	ID              string // jti, or uti, which tokens of our kind have instead; may be empty
	KeyID           string
	Algorithm       string
	// Type is `idtyp`, which only our own tokens and those of our kind have.
	Type string

	u      unverified
	claims assertionClaims
	texts  map[string]string
}

// ParseAssertion takes an assertion apart. Errors: ErrMalformed.
func ParseAssertion(text string) (*UnverifiedAssertion, error) {
	u, err := parse(text)
	if err != nil {
		return nil, err
	}
	a := &UnverifiedAssertion{u: u, KeyID: u.header.kid, Algorithm: u.header.alg, texts: map[string]string{}}
	var uti string
	err = eachMember(u.payload, func(name, value []byte) error {
		switch string(name) {
		case "uti":
			return readString(value, &uti)
		case "iss":
			return readString(value, &a.Issuer)
		case "sub":
			return readString(value, &a.Subject)
		case "jti":
			return readString(value, &a.ID)
		case "idtyp":
			return readString(value, &a.Type)
		case "job_workflow_ref":
			var text string
			err := readString(value, &text)
			a.texts["job_workflow_ref"] = text
			return err
		case "aud":
			if value[0] == '[' {
				return readStrings(value, &a.Audiences)
			}
			a.Audiences = make([]string, 1)
			return readString(value, &a.Audiences[0])
		case "exp":
			return readLenient(value, &a.claims.exp)
		case "nbf":
			return readLenient(value, &a.claims.nbf)
		case "iat":
			return readLenient(value, &a.claims.iat)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if a.ID == "" {
		a.ID = uti
	}
	a.texts["sub"] = a.Subject
	return a, nil
}

// Claim returns a claim that a claims matching expression may name; false if it is absent.
func (a *UnverifiedAssertion) Claim(name string) (string, bool) {
	text, ok := a.texts[name]
	return text, ok && text != ""
}

// Begins is from when on it is meant, as it says; zero where it does not.
func (a *UnverifiedAssertion) Begins() time.Time { return a.claims.begins() }

// Expires is when it ends, as it says.
func (a *UnverifiedAssertion) Expires() time.Time { return time.Unix(a.claims.exp, 0).UTC() }

// Digest names the assertion for single use: by issuer and ID, or, where it has none, by all
// that is signed.
func (a *UnverifiedAssertion) Digest() []byte {
	input := "jws\x00" + a.u.signed
	if a.ID != "" {
		input = "jti\x00" + a.Issuer + "\x00" + a.ID
	}
	sum := sha256.Sum256([]byte(input))
	return sum[:]
}

// CheckSignature verifies the signature under a public key that the caller trusts for this
// issuer, with an algorithm that keys of its kind are for. Errors: ErrAlgorithm, ErrSignature.
func (a *UnverifiedAssertion) CheckSignature(public crypto.PublicKey) error {
	if !OutsideAlgorithm(a.Algorithm) {
		return ErrAlgorithm
	}
	method := jwt.GetSigningMethod(a.Algorithm)
	switch key := public.(type) {
	case *rsa.PublicKey:
		if a.Algorithm[0] == 'E' {
			return ErrAlgorithm
		}
	case *ecdsa.PublicKey:
		if m, ok := method.(*jwt.SigningMethodECDSA); !ok || m.CurveBits != key.Curve.Params().BitSize {
			return ErrAlgorithm
		}
	default:
		return ErrAlgorithm
	}
	if method.Verify(a.u.signed, a.u.signature, public) != nil {
		return ErrSignature
	}
	return nil
}

// CheckTime checks the instants, with a skew of up to MaxSkew; the assertion may end at most
// maxAhead after now. Errors: ErrClaim without an end, ErrExpired, ErrNotYetValid, ErrTooLong.
func (a *UnverifiedAssertion) CheckTime(now time.Time, skew, maxAhead time.Duration) error {
	return a.claims.inTime(&Expect{Now: now, Skew: min(skew, MaxSkew), MaxAhead: maxAhead})
}
