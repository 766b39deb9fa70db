package jwks_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/federation/jwks"
)

// b64 spells an integer as key sets do.
func b64(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

// rsaKey returns the members of a new RSA key.
func rsaKey(t *testing.T, bits int) string {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`"kty":"RSA","n":%q,"e":"AQAB"`, b64(k.N))
}

func TestWhichKeysOfASetCount(t *testing.T) {
	strong, weak := rsaKey(t, 2048), rsaKey(t, 1024)
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve := fmt.Sprintf(`"kty":"EC","crv":"P-256","x":%q,"y":%q`, b64(k.X), b64(k.Y))
	off := fmt.Sprintf(`"kty":"EC","crv":"P-256","x":%q,"y":%q`, b64(k.X), b64(k.X))
	for name, c := range map[string]struct {
		keys string
		want int // 0: refused
	}{
		"an RSA key":                         {`{"kid":"a",` + strong + `}`, 1},
		"an elliptic key":                    {`{"kid":"a",` + curve + `}`, 1},
		"both":                               {`{"kid":"a",` + strong + `},{"kid":"b",` + curve + `}`, 2},
		"a key for encryption beside one":    {`{"kid":"a","use":"enc",` + strong + `},{"kid":"b","use":"sig",` + strong + `}`, 1},
		"an operation other than verifying":  {`{"kid":"a","key_ops":["encrypt"],` + strong + `}`, 0},
		"an unknown kind beside one":         {`{"kid":"a","kty":"OKP","crv":"Ed25519","x":"AA"},{"kid":"b",` + strong + `}`, 1},
		"a key without an id":                {`{` + strong + `}`, 0},
		"a key with a long id":               {`{"kid":"` + strings.Repeat("k", 129) + `",` + strong + `}`, 0},
		"an RSA key of 1024 bits":            {`{"kid":"a",` + weak + `}`, 0},
		"an RSA key with an even exponent":   {`{"kid":"a",` + strings.Replace(strong, "AQAB", "AQAA", 1) + `}`, 0},
		"a point that is not on the curve":   {`{"kid":"a",` + off + `}`, 0},
		"two keys with one id":               {`{"kid":"a",` + strong + `},{"kid":"a",` + curve + `}`, 0},
		"a private key":                      {`{"kid":"a","d":"AQAB",` + strong + `}`, 0},
		"a symmetric key":                    {`{"kid":"a","kty":"oct","k":"AAAA"},{"kid":"b",` + strong + `}`, 0},
		"nothing":                            {``, 0},
		"a member that is no object":         {`"x",{"kid":"a",` + strong + `}`, 1},
		"a key behind a hundred that do not": {strings.Repeat(`{"kid":"x"},`, 100) + `{"kid":"a",` + strong + `}`, 0},
	} {
		set, err := jwks.Parse([]byte(`{"keys":[` + c.keys + `]}`))
		if len(set) != c.want || (c.want == 0) != errors.Is(err, jwks.ErrInvalid) {
			t.Errorf("%s: %d keys, %v", name, len(set), err)
		}
	}
	for _, text := range []string{"", "null", "[]", "{}", `{"keys":{}}`, `{"keys":null}`, `<html>`, `{"keys":[` + strings.Repeat(" ", jwks.MaxBytes) + `]}`} {
		if _, err := jwks.Parse([]byte(text)); !errors.Is(err, jwks.ErrInvalid) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"keys":[{"kid":"a","kty":"RSA","n":"AQAB","e":"AQAB"}]}`)
	f.Add(`{"keys":[{"kid":"a","kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		set, err := jwks.Parse([]byte(text))
		if (err == nil) != (len(set) > 0) {
			t.Fatalf("%d keys with the error %v", len(set), err)
		}
		for id, k := range set {
			if id != k.ID || id == "" || k.Public == nil {
				t.Fatalf("key %q: %+v", id, k)
			}
		}
	})
}
