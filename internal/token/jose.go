package token

import (
	"encoding/base64"
	"strings"
)

// strict is base64url without padding that refuses set trailing bits; line breaks, which the
// decoder would skip, are refused by alphabet.
var strict = base64.RawURLEncoding.Strict()

// maxKeyID is the longest kid that is looked up (S-28).
const maxKeyID = 128

// unverified is a compact JWS taken apart, before anything in it is believed.
type unverified struct {
	signed    string // header and payload as signed, with the dot
	signature []byte
	header    header
	payload   []byte // valid JSON, an object without repeated members
}

// header is what is read of a JOSE header. Members that could bring a key along (jwk, jku,
// x5u, x5c) are skipped: keys come from configuration (S-27).
type header struct {
	alg, typ, kid, x5t, x5tS256 string
}

// parse takes a compact JWS apart, strictly (S-29). Errors: ErrMalformed.
func parse(text string) (unverified, error) {
	if len(text) > MaxBytes || strings.Count(text, ".") != 2 {
		return unverified{}, ErrMalformed
	}
	first, last := strings.IndexByte(text, '.'), strings.LastIndexByte(text, '.')
	u := unverified{signed: text[:last]}
	head, err := decode(text[:first])
	if err != nil {
		return unverified{}, err
	}
	if u.header, err = parseHeader(head); err != nil {
		return unverified{}, err
	}
	if u.payload, err = decode(text[first+1 : last]); err != nil {
		return unverified{}, err
	}
	if u.signature, err = decode(text[last+1:]); err != nil {
		return unverified{}, err
	}
	return u, nil
}

// decode reads one part; an empty one is malformed, which also refuses unsigned tokens.
func decode(part string) ([]byte, error) {
	if part == "" || strings.ContainsAny(part, "\r\n") {
		return nil, ErrMalformed
	}
	out, err := strict.DecodeString(part)
	if err != nil {
		return nil, ErrMalformed
	}
	return out, nil
}

// parseHeader reads a JOSE header. A critical extension, an encrypted or compressed token,
// and a header without an algorithm are refused.
func parseHeader(text []byte) (header, error) {
	var h header
	err := eachMember(text, func(name, raw []byte) error {
		var into *string
		switch string(name) {
		case "alg":
			into = &h.alg
		case "typ":
			into = &h.typ
		case "kid":
			into = &h.kid
		case "x5t":
			into = &h.x5t
		case "x5t#S256":
			into = &h.x5tS256
		case "crit", "enc", "zip", "b64":
			return ErrMalformed
		default:
			return nil
		}
		return readString(raw, into)
	})
	if err != nil {
		return header{}, err
	}
	if h.alg == "" || len(h.kid) > maxKeyID || !printable(h.kid) || h.typ != "" && !strings.EqualFold(h.typ, "JWT") {
		return header{}, ErrMalformed
	}
	return h, nil
}

// printable reports whether s is ASCII without control characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
