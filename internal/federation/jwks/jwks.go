// Package jwks reads JSON Web Key Sets (RFC 7517) of other issuers: public keys for checking
// signatures and nothing else.
//
// A set has at most 100 keys that count, as the public service looks at; those behind them
// and those of other kinds or uses are left out, as are keys too weak to trust (S-39). Two
// keys with one id make the set unusable (S-28), as do private or symmetric keys: who
// publishes those has no secret left. Nothing here does I/O.
package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/fault"
)

// ErrInvalid is a text that is no key set, or one without a key that can be used.
var ErrInvalid = fault.New(fault.Invalid, "the key set is not valid")

// The limits of a set (S-34, S-28, S-39).
const (
	MaxBytes  = 1 << 20
	MaxKeys   = 100
	maxKeyID  = 128
	minRSA    = 2048
	maxRSA    = 8192
	maxPublic = 1 << 31
)

// Key is one public key.
type Key struct {
	ID     string
	Public crypto.PublicKey // *rsa.PublicKey or *ecdsa.PublicKey on P-256, P-384 or P-521
	// Algorithm is the one that the set pins the key to; "" if it pins none.
	Algorithm string
}

// Set is the keys of one issuer by their ids. It is not changed after Parse.
type Set map[string]Key

// wireSet and wireKey are the members that are looked at.
type (
	wireSet struct {
		Keys []json.RawMessage `json:"keys"`
	}
	wireKey struct {
		Kty string           `json:"kty"`
		Kid string           `json:"kid"`
		Use string           `json:"use"`
		Alg string           `json:"alg"`
		Ops []string         `json:"key_ops"`
		N   string           `json:"n"`
		E   string           `json:"e"`
		Crv string           `json:"crv"`
		X   string           `json:"x"`
		Y   string           `json:"y"`
		D   *json.RawMessage `json:"d"`
		K   *json.RawMessage `json:"k"`
	}
)

// Parse reads a set. Errors: ErrInvalid.
func Parse(text []byte) (Set, error) {
	if len(text) > MaxBytes {
		return nil, ErrInvalid.With("The key set is larger than %d bytes.", MaxBytes)
	}
	var w wireSet
	if json.Unmarshal(text, &w) != nil || w.Keys == nil {
		return nil, ErrInvalid.With("The key set is not a JSON object with the member 'keys'.")
	}
	set := Set{}
	for _, raw := range w.Keys[:min(len(w.Keys), MaxKeys)] {
		var k wireKey
		if json.Unmarshal(raw, &k) != nil {
			continue
		}
		if k.D != nil || k.K != nil || k.Kty == "oct" {
			return nil, ErrInvalid.With("The key set holds a private or symmetric key: publish public keys only.")
		}
		key, ok := k.key()
		if !ok {
			continue
		}
		if _, taken := set[key.ID]; taken {
			return nil, ErrInvalid.With("The key set has two keys with the id '%s'.", key.ID)
		}
		set[key.ID] = key
	}
	if len(set) == 0 {
		return nil, ErrInvalid.With("The key set has no key for signatures that can be used: RSA of at least %d bits, or P-256, P-384 or P-521, with the member 'kid'.", minRSA)
	}
	return set, nil
}

// key turns a member of the set into a Key; false for one that is not for us.
func (k *wireKey) key() (Key, bool) {
	if k.Kid == "" || len(k.Kid) > maxKeyID || strings.ContainsFunc(k.Kid, func(c rune) bool { return c < ' ' || c > '~' }) ||
		k.Use != "" && k.Use != "sig" || len(k.Ops) > 0 && !slices.Contains(k.Ops, "verify") {
		return Key{}, false
	}
	out := Key{ID: k.Kid, Algorithm: k.Alg}
	switch k.Kty {
	case "RSA":
		n, e := number(k.N), number(k.E)
		if n == nil || e == nil || n.BitLen() < minRSA || n.BitLen() > maxRSA || n.Bit(0) == 0 ||
			!e.IsInt64() || e.Int64() < 3 || e.Int64() >= maxPublic || e.Int64()%2 == 0 {
			return Key{}, false
		}
		out.Public = &rsa.PublicKey{N: n, E: int(e.Int64())}
		return out, true
	case "EC":
		public, ok := k.point()
		out.Public = public
		return out, ok
	}
	return Key{}, false
}

// point reads an elliptic key and checks that it lies on its curve.
func (k *wireKey) point() (*ecdsa.PublicKey, bool) {
	curve, ok := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.Crv]
	x, y := number(k.X), number(k.Y)
	if !ok || x == nil || y == nil {
		return nil, false
	}
	size := (curve.Params().BitSize + 7) / 8
	if x.BitLen() > 8*size || y.BitLen() > 8*size {
		return nil, false
	}
	point := make([]byte, 1+2*size)
	point[0] = 4 // uncompressed (SEC 1 §2.3.3)
	x.FillBytes(point[1 : 1+size])
	y.FillBytes(point[1+size:])
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	return public, err == nil
}

// number reads a base64url integer (RFC 7518 §6); nil if it is none.
func number(text string) *big.Int {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(raw) == 0 || len(raw) > maxRSA/8+1 {
		return nil
	}
	return new(big.Int).SetBytes(raw)
}
