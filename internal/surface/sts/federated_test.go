package sts_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/federation"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/outbound"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/trust"
)

// The outside issuer of the tests.
const (
	outsideIssuer = "https://issuer.example"
	outsideUser   = "system:serviceaccount:shop:orders"
	exchange      = "api://AzureADTokenExchange"
)

// outside publishes the key of the tests as one of outsideIssuer, unless it is down.
type outside struct{ down atomic.Bool }

func (o *outside) Get(_ context.Context, address string, _ int64) ([]byte, error) {
	switch {
	case o.down.Load():
		return nil, outbound.ErrUnreachable.With("issuer.example did not answer")
	case strings.HasSuffix(address, "/.well-known/openid-configuration"):
		return []byte(`{"issuer":"` + outsideIssuer + `","jwks_uri":"` + outsideIssuer + `/keys"}`), nil
	}
	key := oneRing().key
	return fmt.Appendf(nil, `{"keys":[{"kid":"k","kty":"RSA","n":%q,"e":%q}]}`,
		base64.RawURLEncoding.EncodeToString(key.N.Bytes()), base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())), nil
}

// federation builds the verifier of the world.
func (w *world) federation(now func() time.Time) *federation.Verifier {
	w.t.Helper()
	own, err := token.NewVerifier(token.VerifierConfig{Authority: authority, Keys: oneRing(), Now: now, Skew: token.MaxSkew})
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := federation.New(federation.Config{Authority: authority, Own: own, Principals: w.dir, Client: &w.outside, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// sign makes an assertion of the outside issuer, with edits; nil takes a claim out.
func (w *world) sign(key *rsa.PrivateKey, edits map[string]any) string {
	w.t.Helper()
	claims := jwt.MapClaims{"iss": outsideIssuer, "sub": outsideUser, "aud": []string{exchange}, "iat": w.now.Unix(), "exp": w.now.Unix() + 3600, "jti": "1"}
	for k, v := range edits {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	j := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	j.Header["kid"] = "k"
	text, err := j.SignedString(key)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// trust gives a client a federated credential.
func (w *world) trust(app id.App, issuer, subject, audience string) trust.FederatedCredential {
	w.t.Helper()
	c, _, err := w.trusted.PutFederatedCredential(w.t.Context(), trust.FederatedWrite{Tenant: w.tenant.ID, App: app, Name: "fic",
		Edit: func(c *trust.FederatedCredential) error {
			c.Issuer, c.Subject, c.Audience = issuer, subject, audience
			return nil
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// present asks for a token with an assertion.
func (w *world) present(app id.App, assertion, scope string) *httptest.ResponseRecorder {
	form := w.form()
	form.Del("client_secret")
	form.Set("client_id", string(app))
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion)
	form.Set("scope", scope+"/.default")
	return w.post("v2.0/", form)
}

// identity makes a managed identity of its own, or of a host.
func (w *world) identity(explicit bool) (sp directory.ServicePrincipal) {
	w.t.Helper()
	names := []string{"isExplicit=True", "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders"}
	if !explicit {
		names = []string{"isExplicit=False", "/subscriptions/s/resourcegroups/g/providers/Microsoft.Web/sites/orders"}
	}
	err := w.update(func(ctx context.Context, tx *store.Tx) (err error) {
		sp, err = w.dir.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{
			Tenant: w.tenant.ID, Kind: directory.KindManagedIdentity, DisplayName: "orders", AlternativeNames: names})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return sp
}

// S-37, DT-46: an outside issuer proves an application, and a user-assigned identity.
func TestFederatedAssertionsProveApplicationsAndIdentities(t *testing.T) {
	w := newWorld(t)
	user := w.identity(true)
	for name, c := range map[string]struct {
		sp   directory.ServicePrincipal
		life time.Duration
	}{"application": {w.sp, 0}, "identity": {user, 24 * time.Hour}} {
		fic := w.trust(c.sp.App, outsideIssuer, outsideUser, exchange)
		text := tokenOf(t, w.present(c.sp.App, w.sign(oneRing().key, nil)+"\n", "https://vault.azure.net")) // TE-90
		got := w.verify(text, "https://vault.azure.net")
		if got.Object != c.sp.ID || got.App != c.sp.App || got.Auth != token.AuthAssertion || !got.Federated {
			t.Errorf("%s: %+v", name, got)
		}
		claims := payload(t, text)
		life := time.Duration(claims["exp"].(float64)-claims["iat"].(float64))*time.Second - token.MaxSkew
		if c.life != 0 && life != c.life || c.life == 0 && (life < time.Hour || life > 90*time.Minute) {
			t.Errorf("%s: lives %v", name, life)
		}
		if (claims["xms_mirid"] == user.AlternativeNames[1]) != (name == "identity") || claims["xms_az_rid"] != nil {
			t.Errorf("%s: xms_mirid %v, xms_az_rid %v", name, claims["xms_mirid"], claims["xms_az_rid"])
		}
		row := w.signIns()[0]
		if row.Outcome != audit.Succeeded || row.Details["credential"] != "federated" || row.Details["credential_key_id"] != string(fic.ID) ||
			row.Details["federated_issuer"] != outsideIssuer || row.Details["federated_subject"] != outsideUser || row.Details["uti"] != claims["uti"] {
			t.Errorf("%s: row %+v", name, row)
		}
		if err := w.trusted.RemoveFederatedCredential(t.Context(), w.tenant.ID, c.sp.App, "fic"); err != nil {
			t.Fatal(err)
		}
		refused(t, name+" after deletion", w.present(c.sp.App, w.sign(oneRing().key, nil), "https://vault.azure.net"), 401, "invalid_client", 70025) // DT-53
	}
}

// DT-47, DT-49, DT-51: every refusal has its number, and says what was presented.
func TestRefusedFederatedAssertions(t *testing.T) {
	w := newWorld(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "no credential", w.present(w.app.App, w.sign(oneRing().key, nil), "https://vault.azure.net"), 401, "invalid_client", 70025)
	w.trust(w.app.App, outsideIssuer, outsideUser, exchange)
	for name, c := range map[string]struct {
		key   *rsa.PrivateKey
		edits map[string]any
		code  int
		says  string
	}{
		"a slash behind the issuer":  {oneRing().key, map[string]any{"iss": outsideIssuer + "/"}, 700211, "assertion issuer '" + outsideIssuer + "/'"},
		"another subject":            {oneRing().key, map[string]any{"sub": "x"}, 700213, "No matching federated identity record found for presented assertion subject 'x'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion."},
		"a subject in other letters": {oneRing().key, map[string]any{"sub": strings.ToUpper(outsideUser)}, 7002138, "'" + strings.ToUpper(outsideUser) + "'"},
		"another audience":           {oneRing().key, map[string]any{"aud": []string{"x", "y"}}, 700212, "audience 'x', 'y'"},
		"another key":                {other, nil, 700027, "signature"},
		"the past":                   {oneRing().key, map[string]any{"exp": noon.Unix() - 3600, "iat": noon.Unix() - 7200}, 700024, "2026-05-01T12:00:00Z"},
		"no end":                     {oneRing().key, map[string]any{"exp": nil}, 700027, "exp"},
		"two days":                   {oneRing().key, map[string]any{"exp": noon.Unix() + 48*3600}, 700024, ""},
	} {
		e := refused(t, name, w.present(w.app.App, w.sign(c.key, c.edits), "https://vault.azure.net"), 401, "invalid_client", c.code)
		if !strings.Contains(e.Description, c.says) {
			t.Errorf("%s: %s", name, e.Description)
		}
		if row := w.signIns()[0]; row.Outcome != audit.Denied || row.Reason != fmt.Sprint("AADSTS", c.code) || row.Details["unverified_subject"] == "" {
			t.Errorf("%s: row %+v", name, row)
		}
	}
	fresh := newWorld(t)
	fresh.trust(fresh.app.App, outsideIssuer, outsideUser, exchange)
	fresh.outside.down.Store(true)
	e := refused(t, "an issuer that is down", fresh.present(fresh.app.App, fresh.sign(oneRing().key, nil), "https://vault.azure.net"), 400, "invalid_request", 90061)
	if !strings.Contains(e.Description, "issuer.example") {
		t.Errorf("%s", e.Description)
	}
}

// exchangeToken is a managed identity's token for the exchange.
func (w *world) exchangeToken(sp directory.ServicePrincipal, edit func(r *token.Request)) string {
	w.t.Helper()
	issuer, err := token.NewIssuer(token.IssuerConfig{Authority: authority, Signer: oneRing(), Now: func() time.Time { return w.now }, Rand: zeros{}})
	if err != nil {
		w.t.Fatal(err)
	}
	r := token.Request{Tenant: sp.Tenant, Object: sp.ID, App: sp.App, Audience: token.ExchangeAudience, Version: token.V2, Auth: token.AuthAssertion,
		Lifetime: time.Hour, MIRID: sp.AlternativeNames[1]}
	if edit != nil {
		edit(&r)
	}
	out, err := issuer.Issue(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Token.Reveal()
}

// DT-54, DT-55, DT-56, S-33, M-11, M-15: a managed identity is the credential of an application.
func TestAManagedIdentityIsTheCredentialOfAnApplication(t *testing.T) {
	w := newWorld(t)
	user, system := w.identity(true), w.identity(false)
	own := authority + "/" + string(w.tenant.ID) + "/v2.0"
	w.trust(w.app.App, own, string(user.ID), exchange)
	text := tokenOf(t, w.present(w.app.App, w.exchangeToken(user, nil), "https://vault.azure.net"))
	if got := w.verify(text, "https://vault.azure.net"); got.Object != w.sp.ID || got.MIRID != "" || !got.Federated {
		t.Errorf("%+v", got)
	}
	if row := w.signIns()[0]; row.Details["federated_token_id"] == "" { // joins the row of the identity's own token
		t.Errorf("row %+v", row)
	}
	refused(t, "a person", w.present(w.app.App, w.exchangeToken(user, func(r *token.Request) { r.User = &token.User{Scopes: []string{"x"}} }), "https://vault.azure.net"), 400, "invalid_request", 700229)
	refused(t, "another identity", w.present(w.app.App, w.exchangeToken(system, nil), "https://vault.azure.net"), 401, "invalid_client", 700213)
	refused(t, "a token that was obtained so", w.present(w.app.App, w.exchangeToken(user, func(r *token.Request) { r.Federated = true }), "https://vault.azure.net"), 400, "invalid_request", 700231)
	w.trust(w.app.App, own, string(system.ID), exchange)
	refused(t, "a system-assigned identity", w.present(w.app.App, w.exchangeToken(system, nil), "https://vault.azure.net"), 401, "invalid_client", 700211)
	w.trust(w.app.App, own, string(user.ID), token.ExchangeAudience)
	refused(t, "the exchange by its id", w.present(w.app.App, w.exchangeToken(user, nil), "https://vault.azure.net"), 401, "invalid_client", 700214)

	// An identity of another tenant, where the application's owner trusts that tenant's issuer.
	var theirs directory.ServicePrincipal
	err := w.update(func(ctx context.Context, tx *store.Tx) error {
		tenant, err := w.dir.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "Fabrikam"})
		if err != nil {
			return err
		}
		theirs, err = w.dir.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: tenant.ID, Kind: directory.KindManagedIdentity, DisplayName: "theirs",
			AlternativeNames: user.AlternativeNames})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "another tenant's identity", w.present(w.app.App, w.exchangeToken(theirs, nil), "https://vault.azure.net"), 401, "invalid_client", 700211)
	w.trust(w.app.App, authority+"/"+string(theirs.Tenant)+"/v2.0", string(theirs.ID), exchange)
	assertion := w.exchangeToken(theirs, nil)
	tokenOf(t, w.present(w.app.App, assertion, "https://vault.azure.net"))
	err = w.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := w.dir.RevokeTokens(ctx, tx, theirs.Tenant, theirs.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "a revoked token", w.present(w.app.App, assertion, "https://vault.azure.net"), 401, "invalid_client", 700024)
}

// S-36: where assertions work once, of any number of uses one succeeds, certificate or federated.
func TestSingleUseAssertions(t *testing.T) {
	w := newWorld(t)
	w.trust(w.app.App, outsideIssuer, outsideUser, exchange)
	err := w.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := w.dir.AddCertificate(ctx, tx, w.tenant.ID, w.app.App, "ci", oneRing().der)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	certificate := assertion(t, oneRing(), map[string]any{"aud": authority + "/" + string(w.tenant.ID) + "/v2.0", "iss": w.app.App, "sub": w.app.App, "jti": "c", "exp": noon.Unix() + 600})
	federated := w.sign(oneRing().key, map[string]any{"jti": nil})
	for _, text := range []string{certificate, federated, certificate, federated} {
		tokenOf(t, w.present(w.app.App, text, "https://vault.azure.net"))
	}
	if err := w.trusted.SetSingleUseAssertions(t.Context(), w.tenant.ID, w.app.App, true); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"certificate": certificate, "federated": federated} {
		var won atomic.Int64
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				rec := w.present(w.app.App, text, "https://vault.azure.net")
				var e errorBody
				if json.Unmarshal(rec.Body.Bytes(), &e); rec.Code == 200 {
					won.Add(1)
				} else if len(e.Codes) != 1 || e.Codes[0] != 700263 {
					t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%s: %d of 50 succeeded", name, won.Load())
		}
	}
	tokenOf(t, w.present(w.app.App, w.sign(oneRing().key, map[string]any{"jti": "another"}), "https://vault.azure.net"))
}

// S-36: an assertion that works once works once for all grants together.
func TestSingleUseAssertionsCountInGrantsOfPeople(t *testing.T) {
	w := newWorld(t)
	w.trust(w.app.App, outsideIssuer, outsideUser, exchange)
	w.register(`{"web":{"redirectUris":["https://orders.example/cb"]}}`)
	prove := func(jti string) *httptest.ResponseRecorder {
		rec, _ := w.redeem(string(w.tenant.ID), "grant_type", "refresh_token", "refresh_token", "x", "client_id", string(w.app.App),
			"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", w.sign(oneRing().key, map[string]any{"jti": jti}))
		return rec
	}
	for range 2 {
		refused(t, "reused where that is allowed", prove("a"), 400, "invalid_grant", 70000)
	}
	if err := w.trusted.SetSingleUseAssertions(t.Context(), w.tenant.ID, w.app.App, true); err != nil {
		t.Fatal(err)
	}
	refused(t, "for the first time", prove("b"), 400, "invalid_grant", 70000)
	refused(t, "for the second time", prove("b"), 400, "invalid_request", 700263)
	refused(t, "by another grant", w.present(w.app.App, w.sign(oneRing().key, map[string]any{"jti": "b"}), "https://vault.azure.net"), 400, "invalid_request", 700263)
}

// S-40, R-11: who only knows a client id cannot fill the record with assertions that prove nothing.
func TestWrongAssertionsAreThrottled(t *testing.T) {
	w := newWorld(t)
	w.trust(w.app.App, outsideIssuer, outsideUser, exchange)
	try := func(subject string) *httptest.ResponseRecorder {
		return w.present(w.app.App, w.sign(oneRing().key, map[string]any{"sub": subject}), "https://vault.azure.net")
	}
	counts := map[int]int{}
	for range 100 {
		rec := try("somebody else")
		if counts[rec.Code]++; rec.Code == 429 && rec.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if rows := len(w.signIns()); counts[401] != 60 || counts[429] != 40 || rows != 60 {
		t.Errorf("answers %v, %d rows", counts, rows)
	}
	tokenOf(t, try(outsideUser)) // the right one is not locked out
	w.now = w.now.Add(time.Second)
	if rec := try("somebody else"); rec.Code != 401 {
		t.Errorf("later: %d %s", rec.Code, rec.Body)
	}
}
