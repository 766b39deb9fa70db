package sts_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/token"
)

// tokenOf returns the access token of an answer.
func tokenOf(t *testing.T, rec *httptest.ResponseRecorder) string {
	t.Helper()
	var a struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &a); rec.Code != http.StatusOK || err != nil || a.Token == "" {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	return a.Token
}

func TestTokenV2(t *testing.T) { // DT-23, DT-28, M-5
	w := newWorld(t)
	form := w.form()
	form.Set("scope", "https://vault.azure.net/.default openid offline_access profile")
	rec := w.post("v2.0/", form)
	text := tokenOf(t, rec)
	want := `{"token_type":"Bearer","expires_in":3600,"ext_expires_in":3600,"access_token":"` + text + `"}`
	if rec.Body.String() != want {
		t.Errorf("got  %s\nwant %s", rec.Body, want)
	}
	h := rec.Header()
	if h.Get("Cache-Control") != "no-store, no-cache" || h.Get("Pragma") != "no-cache" || h.Get("Expires") != "-1" ||
		h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("X-Ms-Request-Id") != requestID || h.Get("X-Ms-Ests-Server") == "" {
		t.Errorf("headers %v", h)
	}
	c := w.verify(text, "https://vault.azure.net")
	if c.Object != w.sp.ID || c.App != w.app.App || c.Auth != token.AuthSecret || c.Version != token.V1 || c.Type != token.TypeApp ||
		!c.Expires.Equal(noon.Add(time.Hour)) || !c.NotBefore.Equal(noon.Add(-5*time.Minute)) {
		t.Errorf("claims %+v", c)
	}
	p := payload(t, text)
	if p["scp"] != nil || p["wids"] != nil || p["app_displayname"] != nil || p["xms_mirid"] != nil || p["xms_tcdt"] != float64(noon.Unix()) {
		t.Errorf("payload %v", p)
	}
}

func TestTokenV1(t *testing.T) { // DT-24
	w := newWorld(t)
	form := w.form()
	form.Del("scope")
	form.Set("resource", "https://management.azure.com/")
	rec := w.post("", form)
	text := tokenOf(t, rec)
	want := fmt.Sprintf(`{"token_type":"Bearer","expires_in":"3600","ext_expires_in":"3600","expires_on":"%d","not_before":"%d",`+
		`"resource":"https://management.azure.com/","access_token":"%s"}`, noon.Unix()+3600, noon.Unix()-300, text)
	if rec.Body.String() != want {
		t.Errorf("got  %s\nwant %s", rec.Body, want)
	}
	w.verify(text, "https://management.azure.com/")
}

func TestRequestsThatRealClientsSend(t *testing.T) { // DT-20, DT-21, DT-27, DT-66
	w := newWorld(t)
	tid := string(w.tenant.ID)
	basic := func(r *http.Request) {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(string(w.app.App)+":"+url.QueryEscape(w.secret.Reveal()))))
	}
	for _, c := range []struct {
		name, target string
		set          map[string]string
		header       func(*http.Request)
		audience     string
	}{
		{"a query string of MSAL for JavaScript", "/" + tid + "/oauth2/v2.0/token?client-request-id=x&client_id=y", nil, nil, "https://vault.azure.net"},
		{"unknown parameters", "/" + tid + "/oauth2/v2.0/token", map[string]string{"x-client-SKU": "MSAL.Go", "client_info": "1", "fmi_path": "a/b", "token_type": "pop"}, nil, "https://vault.azure.net"},
		{"HTTP Basic", "/" + tid + "/oauth2/v2.0/token", map[string]string{"client_id": "", "client_secret": ""}, basic, "https://vault.azure.net"},
		{"HTTP Basic with the same client id in the form", "/" + tid + "/oauth2/v2.0/token", map[string]string{"client_secret": ""}, basic, "https://vault.azure.net"},
		{"client id in capitals", "/" + tid + "/oauth2/v2.0/token", map[string]string{"client_id": strings.ToUpper(string(w.app.App))}, nil, "https://vault.azure.net"},
		{"tenant by domain", "/Contoso.example/oauth2/v2.0/token", nil, nil, "https://vault.azure.net"},
		{"tenant in capitals, trailing slash", "/" + strings.ToUpper(tid) + "/OAuth2/V2.0/Token/", nil, nil, "https://vault.azure.net"},
		{"the double slash of az", "/" + tid + "/oauth2/v2.0/token", map[string]string{"scope": "https://management.core.windows.net//.default"}, nil, "https://management.core.windows.net/"},
		{"a GUID as resource", "/" + tid + "/oauth2/v2.0/token", map[string]string{"scope": "797f4846-ba00-4fd7-ba43-dac1f8f63013/.default"}, nil, "797f4846-ba00-4fd7-ba43-dac1f8f63013"},
		{"our own vault name", "/" + tid + "/oauth2/v2.0/token", map[string]string{"scope": "https://vault.sealring.internal:8443/.default"}, nil, "https://vault.sealring.internal:8443"},
		{"scope on the v1.0 endpoint", "/" + tid + "/oauth2/token", nil, nil, "https://vault.azure.net"},
	} {
		form := w.form()
		for k, v := range c.set {
			form.Set(k, v)
		}
		r := postRequest(c.target, form.Encode())
		if c.header != nil {
			c.header(r)
		}
		rec := w.do(r)
		if rec.Code != http.StatusOK {
			t.Errorf("%s: %d %s", c.name, rec.Code, rec.Body)
			continue
		}
		w.verify(tokenOf(t, rec), c.audience)
	}
}

func TestCapabilityAndGraphClaims(t *testing.T) { // DT-3.2, DT-2.13
	w := newWorld(t)
	form := w.form()
	form.Set("scope", "https://graph.microsoft.com/.default")
	form.Set("claims", `{"access_token":{"xms_cc":{"values":["CP1"]}}}`)
	p := payload(t, tokenOf(t, w.post("v2.0/", form)))
	if fmt.Sprint(p["xms_cc"], p["wids"]) != "[CP1] [0997a1d0-0d1d-4acb-b408-d5ca73121e90]" || p["app_displayname"] != "orders" {
		t.Errorf("payload %v", p)
	}
	form.Set("claims", `{"access_token":`)
	if p = payload(t, tokenOf(t, w.post("v2.0/", form))); p["xms_cc"] != nil {
		t.Errorf("rubbish in claims counts: %v", p)
	}
}

func TestRefusals(t *testing.T) { // DT-25, DT-29, DT-30, DT-31, DT-32, DT-2.1, S-5
	w := newWorld(t)
	_, _, otherSecret := w.application()
	const unknown = "0f8fad5b-d9cb-469f-a165-70867728950e"
	for _, c := range []struct {
		name   string
		set    map[string]string // "" removes
		status int
		kind   string
		code   int
	}{
		{"no grant", map[string]string{"grant_type": ""}, 400, "invalid_request", 900144},
		{"another grant", map[string]string{"grant_type": "password"}, 400, "unsupported_grant_type", 70003},
		{"no client id", map[string]string{"client_id": ""}, 400, "invalid_request", 900144},
		{"unknown client id", map[string]string{"client_id": unknown}, 400, "unauthorized_client", 700016},
		{"malformed client id", map[string]string{"client_id": "orders"}, 400, "unauthorized_client", 700016},
		{"client id in braces", map[string]string{"client_id": "{" + string(w.app.App) + "}"}, 400, "unauthorized_client", 700016},
		{"no credential", map[string]string{"client_secret": ""}, 401, "invalid_client", 7000216},
		{"wrong secret", map[string]string{"client_secret": "wrong"}, 401, "invalid_client", 7000215},
		{"another application's secret", map[string]string{"client_secret": otherSecret.Reveal()}, 401, "invalid_client", 7000215},
		{"no scope", map[string]string{"scope": ""}, 400, "invalid_request", 900144},
		{"scope without /.default", map[string]string{"scope": "https://vault.azure.net"}, 400, "invalid_scope", 1002012},
		{"only openid", map[string]string{"scope": "openid profile"}, 400, "invalid_scope", 1002012},
		{"only /.default", map[string]string{"scope": "/.default"}, 400, "invalid_scope", 1002012},
		{"two resources", map[string]string{"scope": "https://vault.azure.net/.default https://graph.microsoft.com/.default"}, 400, "invalid_scope", 70011},
		{"resource on v2.0", map[string]string{"resource": "https://vault.azure.net"}, 400, "invalid_request", 901002},
		{"unknown resource", map[string]string{"scope": "https://nobody.example/.default"}, 400, "invalid_resource", 500011},
		{"secret and assertion", map[string]string{"client_assertion": "x.y.z"}, 400, "invalid_request", 90013},
	} {
		form := w.form()
		for k, v := range c.set {
			if v == "" {
				form.Del(k)
				continue
			}
			form.Set(k, v)
		}
		e := refused(t, c.name, w.post("v2.0/", form), c.status, c.kind, c.code)
		if strings.Contains(e.Description, w.secret.Reveal()) {
			t.Errorf("%s: the secret is in the answer", c.name)
		}
	}
	w.now = noon.Add(time.Hour)
	rec := w.post("v2.0/", w.form())
	if !strings.Contains(rec.Body.String(), "AADSTS7000222") || rec.Code != http.StatusUnauthorized {
		t.Errorf("expired secret: %d %s", rec.Code, rec.Body)
	}
}

func TestExactErrorEnvelope(t *testing.T) { // DT-22, DT-78; source: ours, in the form of DT-4.1
	w := newWorld(t)
	form := w.form()
	form.Set("client_secret", "wrong")
	r := postRequest("/"+string(w.tenant.ID)+"/oauth2/v2.0/token", form.Encode())
	r.Header.Set("Client-Request-Id", "0f8fad5b-d9cb-469f-a165-70867728950e")
	r.Header.Set("Return-Client-Request-Id", "true")
	rec := w.do(r)
	want := `{"error":"invalid_client","error_description":"AADSTS7000215: The client secret is wrong. Send the secret's value, not its id, for the application '` + string(w.app.App) + `'. ` +
		`Trace ID: 00000000-0000-4000-8000-000000000000 Correlation ID: 0f8fad5b-d9cb-469f-a165-70867728950e Timestamp: 2026-05-01 12:00:00Z",` +
		`"error_codes":[7000215],"timestamp":"2026-05-01 12:00:00Z","trace_id":"00000000-0000-4000-8000-000000000000",` +
		`"correlation_id":"0f8fad5b-d9cb-469f-a165-70867728950e","error_uri":"https://login.sealring.internal:8443/error?code=7000215"}`
	if rec.Body.String() != want {
		t.Errorf("got  %s\nwant %s", rec.Body, want)
	}
	if rec.Header().Get("Client-Request-Id") != "0f8fad5b-d9cb-469f-a165-70867728950e" {
		t.Errorf("headers %v", rec.Header())
	}
	q := w.do(postRequest("/"+string(w.tenant.ID)+"/oauth2/v2.0/token?client-request-id=1f8fad5b-d9cb-469f-a165-70867728950e", ""))
	if e := refused(t, "id in the query", q, 400, "invalid_request", 900144); e.CorrelationID != "1f8fad5b-d9cb-469f-a165-70867728950e" {
		t.Errorf("correlation id %q", e.CorrelationID)
	}
}

func TestMalformedRequests(t *testing.T) { // DT-2.1, S-5, S-59
	w := newWorld(t)
	target := "/" + string(w.tenant.ID) + "/oauth2/v2.0/token"
	good := w.form().Encode()
	for name, body := range map[string]string{
		"a parameter twice":             good + "&scope=x",
		"an unknown parameter twice":    good + "&a=1&a=2",
		"twice, differing in case":      good + "&Client_ID=x",
		"a bad escape":                  good + "&a=%zz",
		"a semicolon":                   good + ";a=b",
		"a client id twice, both right": good + "&client_id=" + string(w.app.App),
	} {
		refused(t, name, w.do(postRequest(target, body)), 400, "invalid_request", 9002313)
	}
	refused(t, "65 KiB", w.do(postRequest(target, good+"&a="+strings.Repeat("a", 64<<10))), 413, "invalid_request", 9002313)
	if rec := w.do(postRequest(target, good+"&a="+strings.Repeat("a", 60<<10))); rec.Code != 200 {
		t.Errorf("60 KiB: %d %s", rec.Code, rec.Body)
	}
	r := postRequest(target, good)
	r.Header.Set("Content-Type", "application/json")
	refused(t, "JSON", w.do(r), 400, "invalid_request", 900144)
	for name, header := range map[string]string{
		"bearer": "Bearer abc", "not base64": "Basic ???", "no colon": "Basic " + base64.StdEncoding.EncodeToString([]byte("abc")),
		"bad escape": "Basic " + base64.StdEncoding.EncodeToString([]byte("a:%zz")),
	} {
		r := postRequest(target, good)
		r.Header.Set("Authorization", header)
		refused(t, name, w.do(r), 400, "invalid_request", 9002313)
	}
	r = postRequest(target, good)
	r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(string(w.app.App)+":x")))
	refused(t, "secret in header and body", w.do(r), 400, "invalid_request", 90013)
}

func TestTenantOfTheTokenEndpoint(t *testing.T) { // DT-1.7, DT-8
	w := newWorld(t)
	for tenant, want := range map[string]struct {
		kind string
		code int
	}{
		"common": {"invalid_request", 50059}, "organizations": {"invalid_request", 50059}, "consumers": {"invalid_request", 9001023},
		"nonsense": {"invalid_request", 900023}, "0f8fad5b-d9cb-469f-a165-70867728950e": {"invalid_request", 90002},
	} {
		refused(t, tenant, w.do(postRequest("/"+tenant+"/oauth2/v2.0/token", w.form().Encode())), 400, want.kind, want.code)
	}
}

func TestAnApplicationOfAnotherTenantIsUnknown(t *testing.T) { // S-54
	w := newWorld(t)
	var other directory.Tenant
	err := w.update(func(ctx context.Context, tx *store.Tx) (err error) {
		other, err = w.dir.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "Fabrikam"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "right secret", w.do(postRequest("/"+string(other.ID)+"/oauth2/v2.0/token", w.form().Encode())), 400, "unauthorized_client", 700016)
}

func TestDisabledAndDeletedApplications(t *testing.T) { // DT-34, DT-86, S-42
	w := newWorld(t)
	set := func(fn func(ctx context.Context, tx *store.Tx) error) {
		t.Helper()
		if err := w.update(fn); err != nil {
			t.Fatal(err)
		}
	}
	set(func(ctx context.Context, tx *store.Tx) error {
		return w.dir.SetEnabled(ctx, tx, w.tenant.ID, w.sp.ID, false)
	})
	refused(t, "disabled", w.post("v2.0/", w.form()), 400, "unauthorized_client", 7000112)
	set(func(ctx context.Context, tx *store.Tx) error {
		return w.dir.SetEnabled(ctx, tx, w.tenant.ID, w.sp.ID, true)
	})
	tokenOf(t, w.post("v2.0/", w.form()))
	set(func(ctx context.Context, tx *store.Tx) error {
		return w.dir.DeleteApplication(ctx, tx, w.tenant.ID, w.app.App)
	})
	refused(t, "deleted", w.post("v2.0/", w.form()), 400, "unauthorized_client", 700016)
}

func TestManagedIdentitiesDoNotSignInHere(t *testing.T) { // DT-2.2, M-4
	w := newWorld(t)
	var sp directory.ServicePrincipal
	err := w.update(func(ctx context.Context, tx *store.Tx) (err error) {
		sp, err = w.dir.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: w.tenant.ID, Kind: directory.KindManagedIdentity, DisplayName: "shop"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	form := w.form()
	form.Set("client_id", string(sp.App))
	refused(t, "secret", w.post("v2.0/", form), 401, "invalid_client", 7000215)
	if got := w.signIns()[0]; got.Actor.Object != sp.ID || got.Reason != "AADSTS7000215" || got.Actor.Type != "ManagedIdentity" {
		t.Errorf("record %+v", got)
	}
}

func TestEveryDecisionIsOnRecordBeforeTheAnswer(t *testing.T) { // S-70, M-14, DT-76, D-4
	w := newWorld(t)
	r := postRequest("/"+string(w.tenant.ID)+"/oauth2/v2.0/token", w.form().Encode())
	r.Header.Set("User-Agent", "test/1\x01")
	text := tokenOf(t, w.do(r))
	rows := w.signIns()
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	got := rows[0]
	if got.Outcome != audit.Succeeded || got.Actor.Object != w.sp.ID || got.Actor.App != w.app.App || got.Actor.Tenant != w.tenant.ID ||
		got.Details["uti"] != payload(t, text)["uti"] || got.Details["audience"] != "https://vault.azure.net" || got.Details["credential"] != "secret" ||
		got.Actor.Source != r.RemoteAddr || got.Actor.RequestID != requestID {
		t.Errorf("row %+v", got)
	}
	for change, reason := range map[[2]string]string{
		{"client_secret", "wrong"}: "AADSTS7000215", {"scope", "https://nobody.example/.default"}: "AADSTS500011",
		{"client_id", "0f8fad5b-d9cb-469f-a165-70867728950e"}: "AADSTS700016",
	} {
		form := w.form()
		form.Set(change[0], change[1])
		w.post("v2.0/", form)
		if got := w.signIns()[0]; got.Outcome != audit.Denied || got.Reason != reason || got.Actor.App == "" {
			t.Errorf("%v: row %+v", change, got)
		}
	}
	if strings.Contains(w.logged.String(), w.secret.Reveal()) || strings.Contains(w.logged.String(), text) { // S-65
		t.Error("a secret is in the log")
	}
	for _, row := range w.signIns() {
		if body, _ := json.Marshal(row); strings.Contains(string(body), w.secret.Reveal()) || strings.Contains(string(body), text) {
			t.Error("a secret is in the audit record")
		}
	}
}

func TestNoTokenWithoutARecord(t *testing.T) { // R-11, S-72
	w := newWorld(t)
	tokenOf(t, w.post("v2.0/", w.form())) // the directory is in memory from here on
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	rec := w.post("v2.0/", w.form())
	e := refused(t, "store gone", rec, 503, "temporarily_unavailable", 90033)
	if rec.Header().Get("Retry-After") != "1" || strings.Contains(rec.Body.String(), "access_token") || strings.Contains(e.Description, "sql") {
		t.Errorf("%v %s", rec.Header(), rec.Body)
	}
}

func TestWrongSecretsAreThrottledPerCanonicalClient(t *testing.T) { // S-40, DT-79
	w := newWorld(t)
	app := string(w.app.App)
	spellings := []string{app, strings.ToUpper(app), "{" + app + "}", " " + app}
	try := func(spelling, value string) *httptest.ResponseRecorder {
		form := w.form()
		form.Set("client_id", spelling)
		form.Set("client_secret", value)
		return w.post("v2.0/", form)
	}
	refusedAt := 0
	for i := range 30 {
		if rec := try(spellings[i%len(spellings)], "wrong"); rec.Code == http.StatusTooManyRequests {
			if refusedAt == 0 {
				refusedAt = i
			}
			refused(t, "throttled", rec, 429, "temporarily_unavailable", 90033)
			if rec.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
	}
	if refusedAt != 10 {
		t.Errorf("throttled after %d wrong secrets in different spellings", refusedAt)
	}
	if rec := try(app, w.secret.Reveal()); rec.Code != http.StatusOK {
		t.Errorf("the right secret is locked out: %d %s", rec.Code, rec.Body)
	}
	other, _, _ := w.application()
	if rec := try(string(other.App), "wrong"); rec.Code != http.StatusUnauthorized {
		t.Errorf("another client is throttled too: %d", rec.Code)
	}
	w.now = noon.Add(6 * time.Second)
	if rec := try(app, "wrong"); rec.Code != http.StatusUnauthorized {
		t.Errorf("after the interval: %d", rec.Code)
	}
	before := len(w.signIns())
	for range 50 { // unknown clients are answered, but not recorded without bound
		if rec := try("0f8fad5b-d9cb-469f-a165-70867728950e", "x"); rec.Code != http.StatusBadRequest {
			t.Fatalf("unknown client: %d", rec.Code)
		}
	}
	if n := len(w.signIns()) - before; n > 10 {
		t.Errorf("%d rows for an unknown client", n)
	}
}

func TestSpoofedHeadersChangeNothing(t *testing.T) { // S-41
	w := newWorld(t)
	form := w.form()
	form.Set("client_secret", "wrong")
	plain := w.post("v2.0/", form).Body.String()
	r := postRequest("/"+string(w.tenant.ID)+"/oauth2/v2.0/token", form.Encode())
	r.Host = "attacker.example"
	r.Header.Set("X-Forwarded-Host", "attacker.example")
	r.Header.Set("X-Forwarded-Proto", "http")
	if got := w.do(r).Body.String(); got != plain {
		t.Errorf("got %s", got)
	}
	text := tokenOf(t, w.do(public(postRequest("/"+string(w.tenant.ID)+"/oauth2/v2.0/token", w.form().Encode()))))
	if iss := payload(t, text)["iss"]; iss != authority+"/"+string(w.tenant.ID)+"/" { // L-1
		t.Errorf("issuer by a public name: %v", iss)
	}
}
