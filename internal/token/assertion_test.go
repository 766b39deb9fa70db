package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sealring/sealring/internal/token"
)

// certify makes a self-signed certificate, valid for the day around now.
func certify(key crypto.Signer) *x509.Certificate {
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotBefore: now.Add(-12 * time.Hour), NotAfter: now.Add(12 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
}

var (
	rsaCert   = certify(ours)
	otherCert = certify(other)
	ec        = ecKey()
	ecCert    = certify(ec)
	endpoint  = authority + "/" + tenant + "/oauth2/v2.0/token"
)

// expect is what a good assertion agrees with.
func expect() token.Expect {
	return token.Expect{
		Client: app, Audiences: token.AssertionAudiences(authority, tenant), Now: now, Skew: token.MaxSkew, MaxAhead: time.Hour,
		Certificates: []token.Registered{{Certificate: otherCert}, {Certificate: rsaCert}, {Certificate: ecCert}},
	}
}

// assert signs an assertion with the edits made to a good one.
func assert(alg string, key any, head, edits map[string]any) string {
	claims := map[string]any{"iss": app, "sub": app, "aud": endpoint, "exp": now.Unix() + 600, "jti": "j"}
	for k, v := range edits {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	if head == nil {
		head = map[string]any{}
	}
	head["alg"] = alg
	h, _ := json.Marshal(head)
	c, _ := json.Marshal(claims)
	signed := b64.EncodeToString(h) + "." + b64.EncodeToString(c)
	sig, err := jwt.GetSigningMethod(alg).Sign(signed, key)
	if err != nil {
		panic(err)
	}
	return signed + "." + b64.EncodeToString(sig)
}

// der returns text with its ES256 signature turned into ASN.1, as a common client writes it.
func der(text string) string {
	signed := text[:strings.LastIndexByte(text, '.')]
	digest := sha256.Sum256([]byte(signed))
	sig, err := ecdsa.SignASN1(rand.Reader, ec, digest[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + b64.EncodeToString(sig)
}

// DT-35 to DT-42, S-36: what real clients send.
func TestClientAssertionsThatAreAccepted(t *testing.T) {
	s1, s256 := sha1.Sum(rsaCert.Raw), sha256.Sum256(rsaCert.Raw)
	head := func(name, value string) map[string]any { return map[string]any{name: value, "typ": "JWT"} }
	for name, text := range map[string]string{
		"DT-35 PS256, x5t#S256 in padded standard base64": assert("PS256", ours, head("x5t#S256", base64.StdEncoding.EncodeToString(s256[:])), nil),
		"DT-36 PS256, x5t#S256 in unpadded base64url":     assert("PS256", ours, head("x5t#S256", b64.EncodeToString(s256[:])), nil),
		"DT-37 RS256, x5t":                        assert("RS256", ours, head("x5t", b64.EncodeToString(s1[:])), nil),
		"DT-38 RS256, only kid, padded base64url": assert("RS256", ours, head("kid", base64.URLEncoding.EncodeToString(s1[:])), nil),
		"kid in upper-case hexadecimal":           assert("RS256", ours, head("kid", strings.ToUpper(hex.EncodeToString(s1[:]))), nil),
		"DT-39 ES256, raw":                        assert("ES256", ec, nil, nil),
		"DT-39 ES256, ASN.1":                      der(assert("ES256", ec, nil, nil)),
		"no thumbprint at all":                    assert("RS256", ours, nil, nil),
		"PS512":                                   assert("PS512", ours, nil, nil),
		"RS384":                                   assert("RS384", ours, nil, nil),
		"x5c is ignored":                          assert("PS256", ours, map[string]any{"x5c": []string{"AAAA"}}, nil),
		"DT-40 times as text":                     assert("PS256", ours, nil, map[string]any{"exp": fmt.Sprint(now.Unix() + 600), "nbf": fmt.Sprint(now.Unix())}),
		"DT-40 times with a fraction":             assert("PS256", ours, nil, map[string]any{"exp": float64(now.Unix()) + 600.25, "iat": float64(now.Unix()) + 0.5}),
		"DT-41 nbf a second ahead":                assert("PS256", ours, nil, map[string]any{"nbf": now.Unix() + 1}),
		"DT-42 v1 endpoint":                       assert("PS256", ours, nil, map[string]any{"aud": authority + "/" + tenant + "/oauth2/token"}),
		"DT-42 v2 issuer":                         assert("PS256", ours, nil, map[string]any{"aud": authority + "/" + tenant + "/v2.0"}),
		"DT-42 v1 issuer":                         assert("PS256", ours, nil, map[string]any{"aud": authority + "/" + tenant + "/"}),
		"client id in upper case":                 assert("PS256", ours, nil, map[string]any{"iss": strings.ToUpper(app)}),
		"no jti":                                  assert("PS256", ours, nil, map[string]any{"jti": nil}),
		"S-36 exp 60 min ahead":                   assert("PS256", ours, nil, map[string]any{"exp": now.Unix() + 3600}),
		"R-21 ended 299 s ago":                    assert("PS256", ours, nil, map[string]any{"exp": now.Unix() - 299}),
	} {
		got, err := token.VerifyClientAssertion(text, expect())
		if err != nil || got.Client != app {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if client, err := token.UnverifiedClient(text); err != nil || client != app {
			t.Errorf("%s: unverified client %q, %v", name, client, err)
		}
	}
}

// S-26, S-27, S-29, S-33, S-36, S-39: what is refused, and why.
func TestClientAssertionsThatAreRefused(t *testing.T) {
	s1 := sha1.Sum(otherCert.Raw)
	good := assert("RS256", ours, nil, nil)
	hs := b64.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + strings.Split(good, ".")[1]
	mac := hmac.New(sha256.New, rsaCert.Raw)
	mac.Write([]byte(hs))
	lone := func(c *x509.Certificate) func(*token.Expect) {
		return func(e *token.Expect) { e.Certificates = []token.Registered{{Certificate: c}} }
	}
	weak, _ := rsa.GenerateKey(rand.Reader, 1024)
	for name, c := range map[string]struct {
		text   string
		change func(*token.Expect)
		want   error
	}{
		"S-26 HS256 under the certificate":  {hs + "." + b64.EncodeToString(mac.Sum(nil)), nil, token.ErrAlgorithm},
		"S-26 none":                         {assert("none", jwt.UnsafeAllowNoneSignatureType, nil, nil), nil, token.ErrMalformed},
		"S-26 ES256 where the key is RSA":   {assert("ES256", ec, nil, nil), lone(rsaCert), token.ErrAlgorithm},
		"S-26 RS256 where the key is EC":    {good, lone(ecCert), token.ErrAlgorithm},
		"S-26 ES256 with r=s=0":             {assert("ES256", ec, nil, nil)[:100] + strings.Repeat("A", 86), lone(ecCert), nil},
		"S-27 embedded certificate":         {assert("PS256", unregistered(t), map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(rsaCert.Raw)}}, nil), nil, token.ErrSignature},
		"DT-43 thumbprint of another's":     {assert("RS256", ours, map[string]any{"x5t": b64.EncodeToString(make([]byte, 20))}, nil), nil, token.ErrUnknownKey},
		"thumbprint of another registered":  {assert("RS256", ours, map[string]any{"x5t": b64.EncodeToString(s1[:])}, nil), nil, token.ErrSignature},
		"no certificate registered":         {good, func(e *token.Expect) { e.Certificates = nil }, token.ErrUnknownKey},
		"S-36 certificate expired":          {good, func(e *token.Expect) { e.Now = now.Add(12 * time.Hour) }, token.ErrCertificateExpired},
		"S-36 registration ended":           {good, func(e *token.Expect) { e.Certificates[1].End = now }, token.ErrCertificateExpired},
		"S-36 registration begins later":    {good, func(e *token.Expect) { e.Certificates[1].Start = now.Add(1) }, token.ErrCertificateExpired},
		"S-36 aud of another tenant":        {assert("RS256", ours, nil, map[string]any{"aud": strings.Replace(endpoint, tenant, stranger, 1)}), nil, token.ErrAudience},
		"S-36 aud on another path":          {assert("RS256", ours, nil, map[string]any{"aud": endpoint + "/x"}), nil, token.ErrAudience},
		"S-36 aud a list of one":            {assert("RS256", ours, nil, map[string]any{"aud": []string{endpoint}}), nil, token.ErrMalformed},
		"S-36 aud a list of two":            {assert("RS256", ours, nil, map[string]any{"aud": []string{endpoint, "x"}}), nil, token.ErrMalformed},
		"S-36 aud of a look-alike host":     {assert("RS256", ours, nil, map[string]any{"aud": strings.Replace(endpoint, "login.", "login-", 1)}), nil, token.ErrAudience},
		"S-36 aud absent":                   {assert("RS256", ours, nil, map[string]any{"aud": nil}), nil, token.ErrAudience},
		"S-36 iss is not sub":               {assert("RS256", ours, nil, map[string]any{"iss": stranger}), nil, token.ErrSubject},
		"S-36 another client":               {assert("RS256", ours, nil, map[string]any{"iss": stranger, "sub": stranger}), nil, token.ErrSubject},
		"S-36 no exp":                       {assert("RS256", ours, nil, map[string]any{"exp": nil}), nil, token.ErrClaim},
		"S-36 exp beyond an hour and skew":  {assert("RS256", ours, nil, map[string]any{"exp": now.Unix() + 3901}), nil, token.ErrTooLong},
		"S-36 exp beyond an hour, no skew":  {assert("RS256", ours, nil, map[string]any{"exp": now.Unix() + 3660}), func(e *token.Expect) { e.Skew = 0 }, token.ErrTooLong},
		"DT-43 expired":                     {assert("RS256", ours, nil, map[string]any{"exp": now.Unix() - 300}), nil, token.ErrExpired},
		"R-21 nbf beyond the skew":          {assert("RS256", ours, nil, map[string]any{"nbf": now.Unix() + 301}), nil, token.ErrNotYetValid},
		"exp that is not a number":          {assert("RS256", ours, nil, map[string]any{"exp": "0x7fffffff"}), nil, token.ErrMalformed},
		"exp infinite":                      {assert("RS256", ours, nil, map[string]any{"exp": "Inf"}), nil, token.ErrMalformed},
		"exp beyond 2^53":                   {assert("RS256", ours, nil, map[string]any{"exp": 1e300}), nil, token.ErrMalformed},
		"S-33 our access token":             {issue(t, request()).Token.Reveal(), nil, token.ErrUnknownKey},
		"S-33 our access token, key or not": {forge(ours, `{"alg":"RS256"}`, payload(nil)), nil, token.ErrSubject},
		"S-39 RSA of 1024 bits":             {assert("RS256", weak, nil, nil), lone(certify(weak)), token.ErrUnknownKey},
		"S-31 no audiences expected":        {good, func(e *token.Expect) { e.Audiences = nil }, nil},
		"S-31 no client expected":           {good, func(e *token.Expect) { e.Client = "" }, nil},
		"S-31 a skew above 300 s":           {good, func(e *token.Expect) { e.Skew = time.Hour }, nil},
		"S-31 a lifetime above 60 min":      {good, func(e *token.Expect) { e.MaxAhead = 2 * time.Hour }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := expect()
			if c.change != nil {
				c.change(&e)
			}
			_, err := token.VerifyClientAssertion(c.text, e)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// unregistered is an RSA key that nobody registered.
func unregistered(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// S-39: what may be registered.
func TestCheckCertificate(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cert *x509.Certificate
		want error
	}{
		"RSA 2048": {rsaCert, nil}, "P-256": {ecCert, nil},
		"RSA 1024":        {certify(weak), token.ErrKeyWeak},
		"SHA-1 signature": {&x509.Certificate{SignatureAlgorithm: x509.SHA1WithRSA, PublicKey: &ours.PublicKey}, token.ErrKeyWeak},
		"SHA-1 signature of another": {&x509.Certificate{SignatureAlgorithm: x509.SHA1WithRSA, PublicKey: &ours.PublicKey,
			RawSubject: []byte("a"), RawIssuer: []byte("b")}, token.ErrKeyWeak},
		"SHA-1 signature of its own, as the Azure CLI makes it": {&x509.Certificate{SignatureAlgorithm: x509.SHA1WithRSA, PublicKey: &ours.PublicKey,
			RawSubject: []byte("a"), RawIssuer: []byte("a")}, nil},
		"MD5 signature": {&x509.Certificate{SignatureAlgorithm: x509.MD5WithRSA, PublicKey: &ours.PublicKey}, token.ErrKeyWeak},
		"even exponent": {&x509.Certificate{PublicKey: &rsa.PublicKey{N: ours.N, E: 2}}, token.ErrKeyWeak},
		"unknown key":   {&x509.Certificate{PublicKey: 7}, token.ErrKeyWeak},
	} {
		if err := token.CheckCertificate(c.cert); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
