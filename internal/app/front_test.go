package app

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/launch"
)

// named is a room that says its name and what it learnt of its entry.
func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := httpd.EntryFrom(r.Context())
		w.Header().Set("Base", e.Base)
		w.Header().Set("Authority", e.Authority)
		w.Header().Set("Label", e.Label)
		w.Header().Set("Parent", e.Parent)
		if e.Public {
			w.Header().Set("Public", "yes")
		}
		_, _ = w.Write([]byte(name))
	})
}

// L-6: the Host header alone selects the room and the names in its answers, with and
// without a port and in any case; a name that is not ours reaches no room.
func TestFrontChoosesTheRoomByTheNameAsked(t *testing.T) {
	f := newFront(installation{domain: "sealring.internal", port: 8443}, "18443")
	f.sts, f.arm, f.graph, f.vault = named("sts"), named("arm"), named("graph"), named("vault")
	const (
		ourLogin, publicLogin = "https://login.sealring.internal:8443", "https://login.microsoftonline.com"
		local                 = "https://localhost:18443"
	)
	for _, tt := range []struct{ host, path, room, base, authority, label string }{
		{"login.sealring.internal:8443", "/", "sts", ourLogin, ourLogin, ""},
		{"login.sealring.internal", "/", "sts", ourLogin, ourLogin, ""},
		{"login.sealring.internal:1", "/", "sts", ourLogin, ourLogin, ""},
		{"LOGIN.Sealring.Internal:8443", "/", "sts", ourLogin, ourLogin, ""},
		{"management.sealring.internal:8443", "/", "arm", "https://management.sealring.internal:8443", ourLogin, ""},
		{"management.sealring.internal", "/", "arm", "https://management.sealring.internal:8443", ourLogin, ""},
		{"graph.sealring.internal:8443", "/", "graph", "https://graph.sealring.internal:8443", ourLogin, ""},
		{"kv.vault.sealring.internal:8443", "/secrets", "vault", "https://kv.vault.sealring.internal:8443", ourLogin, "kv"},
		{"KV.vault.sealring.internal", "/secrets", "vault", "https://kv.vault.sealring.internal:8443", ourLogin, "kv"},

		{"login.microsoftonline.com", "/", "sts", publicLogin, publicLogin, ""},
		{"login.microsoftonline.com:443", "/", "sts", publicLogin, publicLogin, ""},
		{"Login.MicrosoftOnline.com", "/", "sts", publicLogin, publicLogin, ""},
		{"login.windows.net", "/", "sts", "https://login.windows.net", publicLogin, ""},
		{"login.microsoft.com", "/", "sts", "https://login.microsoft.com", publicLogin, ""},
		{"sts.windows.net", "/", "sts", "https://sts.windows.net", publicLogin, ""},
		{"management.azure.com", "/", "arm", "https://management.azure.com", publicLogin, ""},
		{"management.core.windows.net", "/", "arm", "https://management.core.windows.net", publicLogin, ""},
		{"graph.microsoft.com", "/", "graph", "https://graph.microsoft.com", publicLogin, ""},
		{"kv.vault.azure.net", "/", "vault", "https://kv.vault.azure.net", publicLogin, "kv"},
		{"kv.vault.azure.net:443", "/", "vault", "https://kv.vault.azure.net", publicLogin, "kv"},

		{"localhost:18443", "/t/oauth2/v2.0/token", "sts", local, local, ""},
		{"localhost", "/common/discovery/instance", "sts", local, local, ""},
		{"LOCALHOST:18443", "/subscriptions/s", "arm", local, local, ""},
		{"127.0.0.1:18443", "/Subscriptions/s", "arm", local, local, ""},
		{"[::1]:18443", "/providers/x", "arm", local, local, ""},
		{"localhost:18443", "/tenants", "arm", local, local, ""},
		{"localhost:18443", "/metadata/endpoints", "arm", local, local, ""},
		{"localhost:18443", "/v1.0/servicePrincipals", "graph", local, local, ""},
		{"localhost:18443", "/beta/servicePrincipals", "graph", local, local, ""},

		{host: "", path: "/"}, {host: "example.com", path: "/"}, {host: "sealring.internal:8443", path: "/"},
		{host: "other.sealring.internal", path: "/"}, {host: "vault.sealring.internal", path: "/"}, {host: "vault.azure.net", path: "/"},
		{host: "a.b.vault.sealring.internal", path: "/"}, {host: "a.b.vault.azure.net", path: "/"}, {host: ".vault.azure.net", path: "/"},
		{host: "login.sealring.internal.example.com", path: "/"}, {host: "xlogin.sealring.internal", path: "/"},
		{host: "evil-login.microsoftonline.com", path: "/"}, {host: "login.sealring.internal.", path: "/"}, {host: "10.0.0.1:18443", path: "/"},
	} {
		r := httptest.NewRequest(http.MethodGet, tt.path, nil)
		r.Host = tt.host
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		if tt.room == "" {
			if w.Code != http.StatusMisdirectedRequest {
				t.Errorf("%q: %d, want 421", tt.host, w.Code)
			}
			continue
		}
		h := w.Header()
		if w.Body.String() != tt.room || h.Get("Base") != tt.base || h.Get("Authority") != tt.authority || h.Get("Label") != tt.label {
			t.Errorf("%s%s: %s %v", tt.host, tt.path, w.Body, h)
		}
		if public := h.Get("Public") == "yes"; public != (tt.authority == publicLogin) {
			t.Errorf("%s: public is %v", tt.host, public)
		}
	}
}

// Port 443 stands in no URL of ours.
func TestNamesOnThePortOfHTTPSCarryNoPort(t *testing.T) {
	f := newFront(installation{domain: "example.org", port: 443}, "8443")
	if f.own.Authority != "https://login.example.org" || f.own.VaultSuffix != "vault.example.org" {
		t.Errorf("got %+v", f.own)
	}
}

// D-9: `run --azure-names` sends here exactly the public names that are served here.
func TestPublicNamesAreTheSameForTheProxyAndTheServer(t *testing.T) {
	served := []string{"*." + publicVaultDomain}
	for host := range publicHosts {
		served = append(served, host)
	}
	for _, name := range served {
		if !slices.Contains(launch.PublicNames, name) {
			t.Errorf("%s is served, and a program's requests for it leave for Azure", name)
		}
	}
	f := newFront(installation{domain: "sealring.internal", port: 8443}, "18443")
	f.sts, f.arm, f.graph, f.vault = named("sts"), named("arm"), named("graph"), named("vault")
	for _, name := range launch.PublicNames {
		r := httptest.NewRequest(http.MethodGet, "https://"+strings.Replace(name, "*", "v", 1)+"/", nil)
		if room, entry := f.choose(r); room == nil || !entry.Public {
			t.Errorf("requests for %s come here, and nothing answers", name)
		}
	}
}
