package sts_test

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// The goldens' source: documented, specification of the discovery documents, DT-1.2 to 1.5.
func TestDiscoveryDocuments(t *testing.T) { // DT-1, DT-2, DT-3, DT-7, DT-12
	w := newWorld(t)
	tid := string(w.tenant.ID)
	for name, target := range map[string]string{
		"openid_v2.json":        "/" + tid + "/v2.0/.well-known/openid-configuration",
		"openid_v1.json":        "/" + tid + "/.well-known/openid-configuration",
		"openid_v2_common.json": "/common/v2.0/.well-known/openid-configuration",
		"keys_v2.json":          "/" + tid + "/discovery/v2.0/keys",
		"keys_v1.json":          "/common/discovery/keys",
		"instance.json":         "/common/discovery/instance?api-version=1.1&authorization_endpoint=" + url.QueryEscape(authority+"/"+tid+"/oauth2/v2.0/authorize"),
		"userrealm.json":        "/common/userrealm/ann@contoso.example?api-version=1.0",
	} {
		rec := w.get(target)
		if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/json; charset=utf-8" || rec.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", name, rec.Code, rec.Header())
		}
		if name != "userrealm.json" && rec.Header().Get("Cache-Control") != "max-age=86400, private" {
			t.Errorf("%s: cached as %q", name, rec.Header().Get("Cache-Control"))
		}
		if rec.Header().Get("X-Ms-Request-Id") != requestID {
			t.Errorf("%s: no request id", name)
		}
		w.golden(name, rec.Body.Bytes())
	}
}

func TestSameDocumentUnderEveryNameOfTheTenant(t *testing.T) { // DT-2, DT-5, DT-6
	w := newWorld(t)
	tid := string(w.tenant.ID)
	want := w.get("/" + tid + "/v2.0/.well-known/openid-configuration").Body.String()
	for _, target := range []string{
		"/" + tid + "/v2.0/.well-known/openid-configuration?", "/" + strings.ToUpper(tid) + "/V2.0/.well-known/OpenID-Configuration",
		"/contoso.example/v2.0/.well-known/openid-configuration", "/CONTOSO.example/v2.0/.well-known/openid-configuration/",
	} {
		if got := w.get(target).Body.String(); got != want {
			t.Errorf("%s: %s", target, got)
		}
	}
}

func TestLinksFollowTheEntryAndTheIssuerNever(t *testing.T) { // L-1, L-6, S-41, DT-4
	w := newWorld(t)
	target := "/" + string(w.tenant.ID) + "/v2.0/.well-known/openid-configuration"
	plain := w.get(target).Body.String()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "attacker.example"
	r.Header.Set("X-Forwarded-Host", "attacker.example")
	r.Header.Set("Forwarded", "host=attacker.example")
	if got := w.do(r).Body.String(); got != plain {
		t.Errorf("headers change the document: %s", got)
	}
	var d struct {
		Issuer   string `json:"issuer"`
		Endpoint string `json:"token_endpoint"`
		Graph    string `json:"msgraph_host"`
	}
	if err := json.Unmarshal(w.do(public(httptest.NewRequest(http.MethodGet, target, nil))).Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Issuer != authority+"/"+string(w.tenant.ID)+"/v2.0" || d.Endpoint != "https://login.microsoftonline.com/"+string(w.tenant.ID)+"/oauth2/v2.0/token" ||
		d.Graph != "graph.microsoft.com" {
		t.Errorf("by a public name: %+v", d)
	}
}

func TestUnknownTenants(t *testing.T) { // DT-8, DT-1.7
	w := newWorld(t)
	for _, c := range []struct {
		tenant, kind string
		code         int
	}{
		{"0f8fad5b-d9cb-469f-a165-70867728950e", "invalid_tenant", 90002},
		{"fabrikam.example", "invalid_tenant", 90002},
		{"nonsense", "invalid_request", 900023},
		{"a_b.c", "invalid_request", 900023},
		{"consumers", "invalid_request", 9001023},
	} {
		for _, path := range []string{"/v2.0/.well-known/openid-configuration", "/.well-known/openid-configuration", "/discovery/v2.0/keys", "/discovery/keys"} {
			refused(t, c.tenant+path, w.get("/"+c.tenant+path), http.StatusBadRequest, c.kind, c.code)
		}
	}
}

func TestEveryKeyIsItsCertificate(t *testing.T) { // DT-9, DT-10
	w := newWorld(t)
	for path, hasIssuer := range map[string]bool{"/discovery/v2.0/keys": true, "/discovery/keys": false} {
		var set struct {
			Keys []struct {
				Kty, Use, Kid, X5t, N, E, Issuer string
				X5c                              []string
			}
		}
		if err := json.Unmarshal(w.get("/common"+path).Body.Bytes(), &set); err != nil || len(set.Keys) == 0 {
			t.Fatalf("%s: %v", path, err)
		}
		for _, k := range set.Keys {
			der, err := base64.StdEncoding.DecodeString(k.X5c[0])
			if err != nil {
				t.Fatal(err)
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha1.Sum(der)
			public := cert.PublicKey.(*rsa.PublicKey)
			if k.Kty != "RSA" || k.Use != "sig" || k.Kid != k.X5t || k.X5t != base64.RawURLEncoding.EncodeToString(sum[:]) ||
				k.N != base64.RawURLEncoding.EncodeToString(public.N.Bytes()) || k.E != "AQAB" || hasIssuer != (k.Issuer != "") {
				t.Errorf("%s: %+v", path, k)
			}
		}
	}
}

func TestInstanceDiscovery(t *testing.T) { // DT-13, DT-14
	w := newWorld(t)
	ask := func(version, endpoint string) *httptest.ResponseRecorder {
		return w.get("/common/discovery/instance?api-version=" + version + "&authorization_endpoint=" + url.QueryEscape(endpoint))
	}
	for endpoint, want := range map[string]string{
		authority + "/common/oauth2/v2.0/authorize":                         authority + "/common/v2.0/.well-known/openid-configuration",
		"https://LOGIN.sealring.internal:8443/t/oauth2/v2.0/authorize":      authority + "/t/v2.0/.well-known/openid-configuration",
		"https://login.sealring.internal/t/oauth2/v2.0/authorize":           authority + "/t/v2.0/.well-known/openid-configuration", // as MSAL for Python asks
		"https://login.microsoftonline.com/common/oauth2/authorize":         "https://login.microsoftonline.com/common/.well-known/openid-configuration",
		"https://localhost:8443/contoso.example/oauth2/v2.0/authorize":      "https://localhost:8443/contoso.example/v2.0/.well-known/openid-configuration",
		"https://sts.windows.net/contoso.example/oauth2/v2.0/authorize?x=y": "https://sts.windows.net/contoso.example/v2.0/.well-known/openid-configuration",
	} {
		for _, version := range []string{"1.0", "1.1"} {
			var d struct {
				Endpoint string `json:"tenant_discovery_endpoint"`
				Version  string `json:"api-version"`
				Metadata []struct{ Aliases []string }
			}
			rec := ask(version, endpoint)
			if err := json.Unmarshal(rec.Body.Bytes(), &d); err != nil || d.Endpoint != want || d.Version != version || len(d.Metadata) != 1 || len(d.Metadata[0].Aliases) != 6 {
				t.Errorf("%s: %d %s", endpoint, rec.Code, rec.Body)
			}
		}
	}
	for _, foreign := range []string{"https://attacker.example/common/oauth2/v2.0/authorize", "https://login.sealring.internal:9/x/oauth2/v2.0/authorize"} {
		refused(t, foreign, ask("1.1", foreign), http.StatusBadRequest, "invalid_instance", 50049)
	}
	for _, bad := range []string{"", "http://login.sealring.internal:8443/common/", "https://u@login.sealring.internal:8443/common/", authority} {
		refused(t, bad, ask("1.1", bad), http.StatusBadRequest, "invalid_request", 90013)
	}
	refused(t, "version", ask("2.0", authority+"/common/"), http.StatusBadRequest, "invalid_request", 90013)
}

func TestPathsAndMethods(t *testing.T) { // DT-26, S-64
	w := newWorld(t)
	tid := string(w.tenant.ID)
	for _, path := range []string{"/", "/x", "/" + tid + "//oauth2/v2.0/token", "/" + tid + "/oauth2/v2.0/token/x", "/%2e%2e/discovery/keys", "/a%2Fb/discovery/keys",
		"/debug/pprof", "/metrics", "/" + tid + "/oauth2/v2.0/authorize/x", "/" + tid + "/%00/keys"} {
		refused(t, path, w.get(path), http.StatusNotFound, "invalid_request", 90013)
	}
	for _, path := range []string{"/" + tid + "/oauth2/v2.0/token", "/" + tid + "/oauth2/token", "/common/oauth2/v2.0/token"} {
		refused(t, path, w.get(path), http.StatusMethodNotAllowed, "invalid_request", 900561)
		rec := w.do(httptest.NewRequest(http.MethodOptions, path, nil))
		if rec.Code != http.StatusNoContent || rec.Header().Get("Access-Control-Allow-Methods") != "POST, OPTIONS" || rec.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("OPTIONS %s: %d %v", path, rec.Code, rec.Header())
		}
	}
	refused(t, "POST keys", w.do(postRequest("/common/discovery/keys", "")), http.StatusMethodNotAllowed, "invalid_request", 90013)
	if rec := w.get("/error?code=7000215"); rec.Code != 200 || !strings.HasPrefix(rec.Body.String(), "AADSTS7000215: ") {
		t.Errorf("error page: %d %s", rec.Code, rec.Body)
	}
	for _, code := range []string{"", "1", "-1", "x"} {
		refused(t, "error page "+code, w.get("/error?code="+code), http.StatusNotFound, "invalid_request", 90013)
	}
}
