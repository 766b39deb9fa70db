package sts_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/token"
)

// assertion signs claims as MSAL does: PS256 with the certificate's SHA-256 in the header.
func assertion(t *testing.T, r *ring, claims map[string]any) string {
	t.Helper()
	sum := sha256.Sum256(r.der)
	encode := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	signed := encode(map[string]string{"alg": "PS256", "typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}) + "." + encode(claims)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPSS(rand.Reader, r.key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestCertificateAssertion(t *testing.T) { // S-36, DT-36, DT-42, DT-43
	w := newWorld(t)
	client, tid := string(w.app.App), string(w.tenant.ID)
	good := map[string]any{
		"aud": authority + "/" + tid + "/oauth2/v2.0/token", "iss": client, "sub": client, "jti": "1",
		"nbf": noon.Unix(), "exp": noon.Add(10 * time.Minute).Unix(),
	}
	send := func(change map[string]any, domain string) *httptest.ResponseRecorder {
		claims := map[string]any{}
		for k, v := range good {
			claims[k] = v
		}
		for k, v := range change {
			claims[k] = v
		}
		form := w.form()
		form.Del("client_secret")
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion(t, oneRing(), claims))
		return w.do(postRequest("/"+domain+"/oauth2/v2.0/token", form.Encode()))
	}
	refused(t, "no certificate registered", send(nil, tid), 401, "invalid_client", 700027)
	err := w.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := w.dir.AddCertificate(ctx, tx, w.tenant.ID, w.app.App, "ci", oneRing().der)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ aud, domain string }{
		"v2.0 endpoint": {authority + "/" + tid + "/oauth2/v2.0/token", tid}, "v1.0 endpoint": {authority + "/" + tid + "/oauth2/token", tid},
		"issuer": {authority + "/" + tid + "/v2.0", tid}, "by domain": {authority + "/contoso.example/oauth2/v2.0/token", "contoso.example"},
		"tenant in capitals": {authority + "/" + strings.ToUpper(tid) + "/oauth2/v2.0/token", strings.ToUpper(tid)},
	} {
		text := tokenOf(t, send(map[string]any{"aud": c.aud}, c.domain))
		if got := w.verify(text, "https://vault.azure.net"); got.Auth != token.AuthAssertion || got.Object != w.sp.ID {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if row := w.signIns()[0]; row.Details["credential"] != "certificate" || row.Details["credential_key_id"] == "" {
		t.Errorf("row %+v", row)
	}
	for name, c := range map[string]struct {
		change map[string]any
		code   int
	}{
		"another tenant's endpoint": {map[string]any{"aud": authority + "/0f8fad5b-d9cb-469f-a165-70867728950e/oauth2/v2.0/token"}, 700023},
		"a look-alike host":         {map[string]any{"aud": "https://login.sealring.internal.attacker.example/" + tid + "/oauth2/v2.0/token"}, 700023},
		"another path":              {map[string]any{"aud": authority + "/" + tid + "/oauth2/v2.0/authorize"}, 700023},
		"expired":                   {map[string]any{"exp": noon.Add(-10 * time.Minute).Unix(), "nbf": noon.Add(-20 * time.Minute).Unix()}, 700024},
		"61 minutes ahead":          {map[string]any{"exp": noon.Add(67 * time.Minute).Unix()}, 700024},
		"subject of somebody else":  {map[string]any{"sub": "0f8fad5b-d9cb-469f-a165-70867728950e"}, 700021},
		"issuer of somebody else":   {map[string]any{"iss": "https://issuer.example"}, 70025},
	} {
		refused(t, name, send(c.change, tid), 401, "invalid_client", c.code)
	}
	form := w.form()
	form.Del("client_secret")
	form.Set("client_assertion", assertion(t, oneRing(), good))
	refused(t, "without its type", w.post("v2.0/", form), 400, "invalid_request", 90013)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", "x.y.z")
	refused(t, "rubbish", w.post("v2.0/", form), 401, "invalid_client", 700027)
	form.Set("client_assertion", tokenOf(t, w.post("v2.0/", w.form())))
	refused(t, "an access token", w.post("v2.0/", form), 401, "invalid_client", 70025)
	form.Set("client_assertion", assertion(t, oneRing(), good))
	form.Del("client_id")
	tokenOf(t, w.post("v2.0/", form)) // RFC 7521 §4.2: the assertion names the client
}
