package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sealring/sealring/internal/token"
)

// outside signs an assertion as an outside issuer would.
func outside(t *testing.T, alg string, key any, edits map[string]any) string {
	t.Helper()
	claims := jwt.MapClaims{"iss": "https://issuer.example", "sub": "s", "aud": "a", "exp": now.Unix() + 600, "iat": now.Unix(), "jti": "1"}
	for k, v := range edits {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	j := jwt.NewWithClaims(jwt.GetSigningMethod(alg), claims)
	j.Header["kid"] = "k"
	text, err := j.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAnOutsideAssertionIsTakenApart(t *testing.T) {
	a, err := token.ParseAssertion(outside(t, "RS256", ours, map[string]any{"aud": []string{"a", "b"}, "job_workflow_ref": "w", "groups": []string{"x"}}))
	if err != nil || a.Issuer != "https://issuer.example" || a.Subject != "s" || len(a.Audiences) != 2 || a.ID != "1" || a.KeyID != "k" || a.Algorithm != "RS256" {
		t.Fatalf("%+v %v", a, err)
	}
	if w, ok := a.Claim("job_workflow_ref"); !ok || w != "w" {
		t.Errorf("job_workflow_ref is %q", w)
	}
	for _, bad := range []map[string]any{{"aud": 1}, {"aud": []any{1}}, {"sub": 1}, {"iss": []string{"x"}}, {"exp": "later"}, {"jti": 5}} {
		if _, err := token.ParseAssertion(outside(t, "RS256", ours, bad)); !errors.Is(err, token.ErrMalformed) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// S-26: the key decides which algorithms there are.
func TestSignaturesOfOutsideAssertions(t *testing.T) {
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		alg    string
		sign   any
		verify crypto.PublicKey
		want   error
	}{
		"RS256":                           {"RS256", ours, ours.Public(), nil},
		"PS256":                           {"PS256", ours, ours.Public(), nil},
		"ES256":                           {"ES256", ec, ec.Public(), nil},
		"ES384":                           {"ES384", large, large.Public(), nil},
		"another key":                     {"RS256", ours, other.Public(), token.ErrSignature},
		"RS256 under an elliptic key":     {"RS256", ours, ec.Public(), token.ErrAlgorithm},
		"ES256 under an RSA key":          {"ES256", ec, ours.Public(), token.ErrAlgorithm},
		"ES256 under a P-384 key":         {"ES256", ec, large.Public(), token.ErrAlgorithm},
		"HS256 with the key as a secret":  {"HS256", []byte("public"), ours.Public(), token.ErrAlgorithm},
		"a private key as the public one": {"RS256", ours, ours, token.ErrAlgorithm},
	} {
		a, err := token.ParseAssertion(outside(t, c.alg, c.sign, nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.CheckSignature(c.verify); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTimesOfOutsideAssertions(t *testing.T) {
	for name, c := range map[string]struct {
		edits map[string]any
		want  error
	}{
		"in time":              {nil, nil},
		"expired by 6 minutes": {map[string]any{"exp": now.Unix() - 360}, token.ErrExpired},
		"expired by 4 minutes": {map[string]any{"exp": now.Unix() - 240}, nil},
		"two days ahead":       {map[string]any{"exp": now.Unix() + 2*86400}, token.ErrTooLong},
		"begins in 6 minutes":  {map[string]any{"nbf": now.Unix() + 360}, token.ErrNotYetValid},
		"no end":               {map[string]any{"exp": nil}, token.ErrClaim},
	} {
		a, err := token.ParseAssertion(outside(t, "RS256", ours, c.edits))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.CheckTime(now, token.MaxSkew, 24*time.Hour); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// S-36: what makes two assertions the same.
func TestDigestsOfOutsideAssertions(t *testing.T) {
	digest := func(edits map[string]any) []byte {
		a, err := token.ParseAssertion(outside(t, "RS256", ours, edits))
		if err != nil {
			t.Fatal(err)
		}
		return a.Digest()
	}
	same := digest(nil)
	for name, c := range map[string]struct {
		edits map[string]any
		equal bool
	}{
		"signed again with the same jti": {map[string]any{"iat": now.Unix() - 5}, true},
		"another jti":                    {map[string]any{"jti": "2"}, false},
		"another issuer":                 {map[string]any{"iss": "https://other.example"}, false},
		"no jti":                         {map[string]any{"jti": nil}, false},
	} {
		if got := bytes.Equal(same, digest(c.edits)); got != c.equal {
			t.Errorf("%s: equal = %v", name, got)
		}
	}
	if !bytes.Equal(digest(map[string]any{"jti": nil}), digest(map[string]any{"jti": nil})) {
		t.Error("an assertion without jti is not itself")
	}
}

// DT 2.6: a token that federation gave is marked, and no assertion.
func TestFederatedTokensAreNoAssertions(t *testing.T) {
	r := request()
	r.Audience, r.Version, r.MIRID, r.Federated = token.ExchangeAudience, token.V2, "/subscriptions/s/x", true
	if _, err := verifierAt(t, now).VerifyExchange(issue(t, r).Token.Reveal(), tenant); !errors.Is(err, token.ErrDerived) {
		t.Errorf("%v", err)
	}
	r.Federated, r.NotEarlier = false, now.Add(time.Second)
	if out := issue(t, r); !out.Issued.Equal(now.Add(time.Second)) {
		t.Errorf("issued %v", out.Issued)
	}
}
