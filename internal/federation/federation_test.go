package federation_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sealring/sealring/internal/federation"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/outbound"
	"github.com/sealring/sealring/internal/token"
)

// What every test uses.
const (
	authority = "https://login.sealring.internal:8443"
	tenant    = "11111111-1111-4111-8111-111111111111"
	other     = "22222222-2222-4222-8222-222222222222"
	object    = "33333333-3333-4333-8333-333333333333"
	issuer    = "https://issuer.example"
	subject   = "system:serviceaccount:shop:orders"
	audience  = "api://AzureADTokenExchange"
)

// noon is when every test begins.
var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// rsaKey makes a key, once for all tests that ask for the same name.
var rsaKey = func() func(name string) *rsa.PrivateKey {
	made := map[string]*rsa.PrivateKey{}
	var mu sync.Mutex
	return func(name string) *rsa.PrivateKey {
		mu.Lock()
		defer mu.Unlock()
		if made[name] == nil {
			k, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				panic(err)
			}
			made[name] = k
		}
		return made[name]
	}
}()

// b64 spells an integer as key sets do.
func b64(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

// keySet writes a key set of the keys under their ids.
func keySet(keys map[string]crypto.PublicKey) []byte {
	var all []string
	for kid, k := range keys {
		switch k := k.(type) {
		case *rsa.PublicKey:
			all = append(all, fmt.Sprintf(`{"kid":%q,"kty":"RSA","use":"sig","n":%q,"e":"AQAB"}`, kid, b64(k.N)))
		case *ecdsa.PublicKey:
			point, err := k.Bytes() // 4, x and y
			if err != nil {
				panic(err)
			}
			half := base64.RawURLEncoding.EncodeToString
			all = append(all, fmt.Sprintf(`{"kid":%q,"kty":"EC","crv":"P-256","x":%q,"y":%q}`, kid, half(point[1:33]), half(point[33:])))
		}
	}
	return []byte(`{"keys":[` + strings.Join(all, ",") + `]}`)
}

// web is the outside: what it answers at which address, and what it was asked.
type web struct {
	mu      sync.Mutex
	answers map[string]string
	asked   []string
	down    bool
	slow    chan struct{} // answers come when it is closed; nil: at once
}

func (w *web) Get(_ context.Context, address string, limit int64) ([]byte, error) {
	if w.slow != nil {
		<-w.slow
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, address)
	text, ok := w.answers[address]
	if w.down || !ok || int64(len(text)) > limit {
		return nil, outbound.ErrUnreachable
	}
	return []byte(text), nil
}

// publish lets an issuer publish keys.
func (w *web) publish(issuer string, keys map[string]crypto.PublicKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	base := strings.TrimSuffix(issuer, "/")
	metadata, err := json.Marshal(map[string]string{"issuer": issuer, "jwks_uri": base + "/keys"})
	if err != nil {
		panic(err)
	}
	w.answers[base+"/.well-known/openid-configuration"], w.answers[base+"/keys"] = string(metadata), string(keySet(keys))
}

// count is how often anything was asked.
func (w *web) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

// world is a verifier, its outside and its clock.
type world struct {
	*federation.Verifier
	web
	t     *testing.T
	now   time.Time
	from  time.Time // tokens of ours are accepted from then on
	dead  bool
	issue *token.Issuer
}

func (w *world) Alive(context.Context, id.Tenant, id.Object) (bool, error) { return !w.dead, nil }
func (w *world) TokensFrom(context.Context, id.Object) (time.Time, error)  { return w.from, nil }
func (w *world) Key(kid string) (crypto.PublicKey, bool) {
	return rsaKey("ours").Public(), kid == "ours"
}
func (w *world) Signer() (string, crypto.Signer, error) { return "ours", rsaKey("ours"), nil }

// newWorld returns a world in which issuer publishes the key "a".
func newWorld(t *testing.T, edit func(c *federation.Config)) *world {
	t.Helper()
	w := &world{t: t, now: noon, web: web{answers: map[string]string{}}}
	now := func() time.Time { return w.now }
	w.publish(issuer, map[string]crypto.PublicKey{"a": rsaKey("a").Public()})
	own, err := token.NewVerifier(token.VerifierConfig{Authority: authority, Keys: w, Now: now, Skew: token.MaxSkew})
	if err != nil {
		t.Fatal(err)
	}
	if w.issue, err = token.NewIssuer(token.IssuerConfig{Authority: authority, Signer: w, Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	c := federation.Config{Authority: authority, Own: own, Principals: w, Client: &w.web, Now: now, Log: slog.New(slog.DiscardHandler)}
	if edit != nil {
		edit(&c)
	}
	if w.Verifier, err = federation.New(c); err != nil {
		t.Fatal(err)
	}
	return w
}

// assert signs an assertion with the edits made to a good one; nil removes a claim.
func (w *world) assert(alg, kid string, key any, edits map[string]any) string {
	w.t.Helper()
	claims := jwt.MapClaims{"iss": issuer, "sub": subject, "aud": []string{audience}, "iat": w.now.Unix(), "exp": w.now.Unix() + 600}
	for k, v := range edits {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	j := jwt.NewWithClaims(jwt.GetSigningMethod(alg), claims)
	if kid != "" {
		j.Header["kid"] = kid
	}
	text, err := j.SignedString(key)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// check verifies text against credentials.
func (w *world) check(text string, credentials ...federation.Credential) error {
	w.t.Helper()
	a, err := token.ParseAssertion(text)
	if err != nil {
		return err
	}
	_, err = w.Verify(w.t.Context(), text, a, credentials)
	return err
}

// good is a credential that a good assertion fits.
var good = federation.Credential{ID: "1", Issuer: issuer, Subject: subject, Audience: audience}

// with is good with one field changed.
func with(edit func(c *federation.Credential)) federation.Credential {
	c := good
	edit(&c)
	return c
}

// S-37, DT-46, DT-47, DT-48: everything is compared byte for byte, and nothing is asked before it fits.
func TestAssertionsMatchExactly(t *testing.T) {
	w := newWorld(t, nil)
	text := w.assert("RS256", "a", rsaKey("a"), nil)
	if err := w.check(text, good); err != nil {
		t.Fatal(err)
	}
	asked := w.count()
	for name, c := range map[string]struct {
		credential federation.Credential
		want       error
	}{
		"a slash at the end of the issuer":      {with(func(c *federation.Credential) { c.Issuer += "/" }), federation.ErrIssuer},
		"an issuer in other letters":            {with(func(c *federation.Credential) { c.Issuer = strings.ToUpper(issuer) }), federation.ErrIssuer},
		"an issuer with a port":                 {with(func(c *federation.Credential) { c.Issuer += ":443" }), federation.ErrIssuer},
		"a subject in other letters":            {with(func(c *federation.Credential) { c.Subject = strings.ToUpper(subject) }), federation.ErrSubjectCase},
		"a subject with a space behind it":      {with(func(c *federation.Credential) { c.Subject += " " }), federation.ErrSubject},
		"a subject with a NUL behind it":        {with(func(c *federation.Credential) { c.Subject += "\x00" }), federation.ErrSubject},
		"a subject with a look-alike":           {with(func(c *federation.Credential) { c.Subject = strings.Replace(subject, "o", "о", 1) }), federation.ErrSubject},
		"a prefix of the subject":               {with(func(c *federation.Credential) { c.Subject = strings.TrimSuffix(subject, "s") }), federation.ErrSubject},
		"a wildcard in the subject":             {with(func(c *federation.Credential) { c.Subject = "system:serviceaccount:shop:*" }), federation.ErrSubject},
		"another audience":                      {with(func(c *federation.Credential) { c.Audience = "api://other" }), federation.ErrAudience},
		"an audience in other letters":          {with(func(c *federation.Credential) { c.Audience = strings.ToLower(audience) }), federation.ErrAudience},
		"the id of the exchange":                {with(func(c *federation.Credential) { c.Audience = token.ExchangeAudience }), federation.ErrAudience},
		"an expression that the subject is not": {with(func(c *federation.Credential) { c.Subject, c.Expression = "", "claims['sub'] eq 'x'" }), federation.ErrSubject},
		"neither subject nor expression":        {with(func(c *federation.Credential) { c.Subject = "" }), federation.ErrSubject},
	} {
		if err := w.check(text, c.credential); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.check(text); !errors.Is(err, federation.ErrNone) {
		t.Errorf("no credential: %v", err)
	}
	if err := w.check(w.assert("RS256", "a", rsaKey("a"), map[string]any{"sub": nil}), with(func(c *federation.Credential) { c.Subject = "" })); !errors.Is(err, federation.ErrSubject) {
		t.Errorf("no subject on either side: %v", err)
	}
	if w.count() != asked {
		t.Errorf("refusals made %d requests", w.count()-asked)
	}
	flexible := with(func(c *federation.Credential) {
		c.Subject, c.Expression = "", "claims['sub'] matches 'system:serviceaccount:shop:*'"
	})
	for name, credentials := range map[string][]federation.Credential{
		"an expression": {flexible}, "the second of two": {with(func(c *federation.Credential) { c.Subject = "x" }), good},
		"behind one with another audience": {with(func(c *federation.Credential) { c.Audience = "x" }), good},
	} {
		if err := w.check(text, credentials...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// S-26, S-27, S-28: the key decides, and it is the issuer's own.
func TestSignaturesAndTimes(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *federation.Config) {
		c.Issuers = []federation.Issuer{{URL: "https://chosen.example", Algorithms: []string{"ES256"}}}
	})
	keys := map[string]crypto.PublicKey{"a": rsaKey("a").Public(), "ec": curve.Public()}
	w.publish(issuer, keys)
	w.publish("https://chosen.example", keys)
	w.publish("https://other.example", map[string]crypto.PublicKey{"a": rsaKey("other").Public()})
	chosen := with(func(c *federation.Credential) { c.Issuer = "https://chosen.example" })
	elsewhere := with(func(c *federation.Credential) { c.Issuer = "https://other.example" })
	inline := with(func(c *federation.Credential) { c.Issuer, c.KeySet = "https://nowhere.example", string(keySet(keys)) })
	from := func(c federation.Credential) map[string]any { return map[string]any{"iss": c.Issuer} }
	for name, c := range map[string]struct {
		text       string
		credential federation.Credential
		want       error
	}{
		"RS256":                                {w.assert("RS256", "a", rsaKey("a"), nil), good, nil},
		"a number as text for the end":         {w.assert("RS256", "a", rsaKey("a"), map[string]any{"exp": fmt.Sprint(noon.Unix() + 60)}), good, nil},
		"PS256, which nobody has allowed":      {w.assert("PS256", "a", rsaKey("a"), nil), good, token.ErrAlgorithm},
		"ES256, which nobody has allowed":      {w.assert("ES256", "ec", curve, nil), good, token.ErrAlgorithm},
		"ES256, which the operator has":        {w.assert("ES256", "ec", curve, from(chosen)), chosen, nil},
		"RS256, which the operator has not":    {w.assert("RS256", "a", rsaKey("a"), from(chosen)), chosen, token.ErrAlgorithm},
		"ES256 of a key that was given":        {w.assert("ES256", "ec", curve, from(inline)), inline, nil},
		"HS256 keyed with the public key":      {w.assert("HS256", "a", rsaKey("a").N.Bytes(), nil), good, token.ErrAlgorithm},
		"HS256 of an issuer with keys":         {w.assert("HS256", "a", rsaKey("a").N.Bytes(), from(inline)), inline, token.ErrAlgorithm},
		"no kid":                               {w.assert("RS256", "", rsaKey("a"), nil), good, token.ErrUnknownKey},
		"a key of another issuer":              {w.assert("RS256", "a", rsaKey("a"), from(elsewhere)), elsewhere, token.ErrSignature},
		"a key under another's kid":            {w.assert("RS256", "a", rsaKey("other"), nil), good, token.ErrSignature},
		"a kid that is a path":                 {w.assert("RS256", "../../dev/null", rsaKey("a"), nil), good, token.ErrUnknownKey},
		"an end 6 minutes ago":                 {w.assert("RS256", "a", rsaKey("a"), map[string]any{"exp": noon.Unix() - 360}), good, token.ErrExpired},
		"an end 25 hours ahead":                {w.assert("RS256", "a", rsaKey("a"), map[string]any{"exp": noon.Unix() + 25*3600}), good, token.ErrTooLong},
		"a start 6 minutes ahead":              {w.assert("RS256", "a", rsaKey("a"), map[string]any{"nbf": noon.Unix() + 360}), good, token.ErrNotYetValid},
		"no end":                               {w.assert("RS256", "a", rsaKey("a"), map[string]any{"exp": nil}), good, token.ErrClaim},
		"a key set of the credential, unknown": {w.assert("RS256", "b", rsaKey("a"), from(inline)), inline, token.ErrUnknownKey},
	} {
		if err := w.check(c.text, c.credential); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, address := range w.asked {
		if strings.HasPrefix(address, "https://nowhere.example") {
			t.Errorf("%s was asked although its keys were given", address)
		}
	}
	only := newWorld(t, func(c *federation.Config) { c.RS256Only = true })
	if err := only.check(only.assert("ES256", "ec", curve, from(inline)), inline); !errors.Is(err, token.ErrAlgorithm) {
		t.Errorf("ES256 in Azure's manner: %v", err)
	}
	if err := only.check(only.assert("RS256", "a", rsaKey("a"), from(inline)), inline); err != nil {
		t.Errorf("RS256 in Azure's manner: %v", err)
	}
}

// An issuer without a public endpoint is configured with its keys, and never asked.
func TestIssuersWithConfiguredKeys(t *testing.T) {
	private := with(func(c *federation.Credential) { c.Issuer = "https://kubernetes.default.svc.cluster.local" })
	w := newWorld(t, func(c *federation.Config) {
		c.Issuers = []federation.Issuer{{URL: private.Issuer, Keys: keySet(map[string]crypto.PublicKey{"k8s": rsaKey("a").Public()})}}
	})
	claims := map[string]any{"iss": private.Issuer, "aud": []string{audience}, "kubernetes.io": map[string]any{"namespace": "shop", "serviceaccount": map[string]any{"name": "orders", "uid": "u"}}}
	if err := w.check(w.assert("RS256", "k8s", rsaKey("a"), claims), private); err != nil {
		t.Error(err)
	}
	if err := w.check(w.assert("RS256", "new", rsaKey("a"), claims), private); !errors.Is(err, token.ErrUnknownKey) {
		t.Error(err)
	}
	if w.count() != 0 {
		t.Errorf("asked %v", w.asked)
	}
	for name, issuers := range map[string][]federation.Issuer{
		"no issuer": {{Algorithms: []string{"ES256"}}}, "twice": {{URL: "https://a"}, {URL: "https://a"}}, "no key": {{URL: "https://a", Keys: []byte("{}")}}, "an empty file": {{URL: "https://a", Keys: []byte{}}},
		"a symmetric algorithm": {{URL: "https://a", Algorithms: []string{"HS256"}}}, "no algorithm": {{URL: "https://a", Algorithms: []string{"none"}}},
	} {
		c := federation.Config{Authority: authority, Own: nil, Principals: w, Client: &w.web, Now: time.Now, Log: slog.Default(), Issuers: issuers}
		if c.Own, _ = token.NewVerifier(token.VerifierConfig{Authority: authority, Keys: w, Now: time.Now}); c.Own == nil {
			t.Fatal("no verifier")
		}
		if _, err := federation.New(c); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// exchangeToken is the token of a managed identity for the exchange, with edits.
func (w *world) exchangeToken(edit func(r *token.Request)) string {
	w.t.Helper()
	r := token.Request{
		Tenant: tenant, Object: object, App: other, Audience: token.ExchangeAudience, Version: token.V2, Auth: token.AuthAssertion, Lifetime: time.Hour,
		MIRID: "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders",
	}
	if edit != nil {
		edit(&r)
	}
	out, err := w.issue.Issue(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Token.Reveal()
}

// DT-55, DT-56, S-33: a managed identity's token proves an application, and no other token of ours does.
func TestOurOwnIssuerIsCheckedWithoutTheNetwork(t *testing.T) {
	w := newWorld(t, nil)
	own := federation.Credential{ID: "1", Issuer: authority + "/" + tenant + "/v2.0", Subject: object, Audience: audience}
	for name, c := range map[string]struct {
		text       string
		credential federation.Credential
		want       error
	}{
		"a user-assigned identity":  {w.exchangeToken(nil), own, nil},
		"the id of the exchange":    {w.exchangeToken(nil), federation.Credential{Issuer: own.Issuer, Subject: object, Audience: token.ExchangeAudience}, federation.ErrAudienceForm},
		"the object id in capitals": {w.exchangeToken(func(r *token.Request) { r.Object = "abcdabcd-abcd-4bcd-8bcd-abcdabcdabcd" }), federation.Credential{Issuer: own.Issuer, Subject: "ABCDABCD-abcd-4bcd-8bcd-abcdabcdabcd", Audience: audience}, federation.ErrSubjectCase},
		"another tenant's issuer":   {w.exchangeToken(func(r *token.Request) { r.Tenant = other }), own, federation.ErrIssuer},
		"a system-assigned identity": {w.exchangeToken(func(r *token.Request) {
			r.MIRID = "/subscriptions/s/resourcegroups/g/providers/Microsoft.Web/sites/web"
		}), own, federation.ErrNotUserAssigned},
		"an application":                       {w.exchangeToken(func(r *token.Request) { r.MIRID = "" }), own, token.ErrKind},
		"a person":                             {w.exchangeToken(func(r *token.Request) { r.User = &token.User{Scopes: []string{"user_impersonation"}} }), own, token.ErrKind},
		"a token that federation gave":         {w.exchangeToken(func(r *token.Request) { r.Federated = true }), own, token.ErrDerived},
		"a token for something else":           {w.exchangeToken(func(r *token.Request) { r.Audience = "https://vault.azure.net" }), own, federation.ErrAudience},
		"an assertion of somebody else's make": {w.assert("RS256", "ours", rsaKey("a"), map[string]any{"iss": own.Issuer, "sub": object, "idtyp": "app", "ver": "2.0"}), own, token.ErrSignature},
		"a version 1 issuer of ours":           {w.assert("RS256", "a", rsaKey("a"), map[string]any{"iss": authority + "/" + tenant + "/"}), with(func(c *federation.Credential) { c.Issuer = authority + "/" + tenant + "/" }), token.ErrKind},
	} {
		if err := w.check(c.text, c.credential); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Across two tenants: the credential names the other one's issuer.
	if err := w.check(w.exchangeToken(func(r *token.Request) { r.Tenant = other }), federation.Credential{Issuer: authority + "/" + other + "/v2.0", Subject: object, Audience: audience}); err != nil {
		t.Errorf("another tenant's identity: %v", err)
	}
	text := w.exchangeToken(nil)
	w.from = noon.Add(time.Second)
	if err := w.check(text, own); !errors.Is(err, federation.ErrEnded) {
		t.Errorf("revoked: %v", err)
	}
	w.from, w.dead = time.Time{}, true
	if err := w.check(text, own); !errors.Is(err, federation.ErrEnded) {
		t.Errorf("deleted: %v", err)
	}
	if w.count() != 0 {
		t.Errorf("asked %v", w.asked)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("e30.e30.AA", subject)
	f.Add(`eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoicyIsImF1ZCI6WyJhcGk6Ly9BenVyZUFEVG9rZW5FeGNoYW5nZSJdLCJleHAiOjF9.AAAA`, "s")
	f.Fuzz(func(t *testing.T, text, subject string) {
		w := newWorld(t, nil)
		if err := w.check(text, with(func(c *federation.Credential) { c.Subject = subject })); err == nil {
			t.Fatalf("%q is accepted", text)
		}
	})
}
