package keyvault_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/surface/keyvault"
	"github.com/sealring/sealring/internal/token"
)

const challenge = `Bearer authorization="` + authority + `/` + string(tenant) + `", resource="` + parent + `"`

// RS-11, RS-12, RS-13, RS-14, RS-15: the challenge comes before anything else is looked at.
func TestChallenge(t *testing.T) {
	h := newHouse(t, nil)
	h.vault("kv-one", nil)
	for name, c := range map[string][2]string{
		"a read":                  {"GET", "/secrets/x?api-version=7.5"},
		"a write without a body":  {"PUT", "/secrets/x"},
		"an invalid name":         {"GET", "/secrets/a_b?api-version=7.5"},
		"an unknown api-version":  {"GET", "/secrets/x?api-version=1.0"},
		"an unknown path":         {"GET", "/keys"},
		"the root":                {"GET", "/"},
		"a method of no path":     {"DELETE", "/secrets"},
		"a query that is not one": {"GET", "/secrets?%zz"},
	} {
		w := h.do("kv-one", "", c[0], c[1], "")
		want(t, name, w, 401, `{"error":{"code":"Unauthorized","message":"AKV10000: Request is missing a Bearer or PoP token."}}`)
		if got := w.Header().Values("WWW-Authenticate"); len(got) != 1 || got[0] != challenge {
			t.Errorf("%s: challenge %q", name, got)
		}
	}
	// The label compares without case; the tenant in the header is the vault's (RS §1.1).
	has(t, "upper case", h.do("KV-One", "", "GET", "/secrets/x", ""), 401)
	w := h.do("kv-none", "", "GET", "/secrets/x", "")
	has(t, "unknown vault", w, 404, `"code":"VaultNotFound"`)
	if w.Header().Get("WWW-Authenticate") != "" {
		t.Error("an unknown vault challenges")
	}
}

// RS-1, RS-2, RS-9, RS-10, RS-20, RS-21, RS-23, RS §1.2.5
func TestTokens(t *testing.T) {
	h := newHouse(t, nil)
	h.vault("kv-one", nil)
	audience := func(a string) string { return h.token(owner, func(r *token.Request) { r.Audience = a }) }
	good := h.token(owner, nil)
	unsigned := good[:strings.LastIndex(good, ".")+1]
	for name, c := range map[string]struct {
		authorization string
		status        int
		message       string
	}{
		"the public audience":              {"Bearer " + good, 200, ""},
		"the scheme in lower case":         {"bearer " + good, 200, ""},
		"the public audience with a slash": {"Bearer " + audience("https://vault.azure.net/"), 200, ""},
		"our own audience":                 {"Bearer " + audience(parent), 200, ""},
		"our own audience with a slash":    {"Bearer " + audience(parent+"/"), 200, ""},
		"the application id":               {"Bearer " + audience(keyvault.AppID), 200, ""},
		"a v2 token":                       {"Bearer " + h.token(owner, func(r *token.Request) { r.Version, r.Audience = token.V2, keyvault.AppID }), 200, ""},

		"our own audience without the port": {"Bearer " + audience("https://vault.sealring.internal"), 401, "AKV10022: Invalid audience. Expected https://vault.azure.net"},
		"the vault's own name":              {"Bearer " + audience("https://kv-one.vault.sealring.internal:8443"), 401, "AKV10022"},
		"another letter case":               {"Bearer " + audience("https://VAULT.azure.net"), 401, "AKV10022"},
		"a longer name":                     {"Bearer " + audience("https://vault.azure.net.evil.example"), 401, "AKV10022"},
		"another tenant":                    {"Bearer " + h.token(owner, func(r *token.Request) { r.Tenant = stranger }), 401, "AKV10032: Invalid issuer."},
		"no signature":                      {"Bearer " + unsigned, 401, ""},
		"a wrong signature":                 {"Bearer " + unsigned + strings.Repeat("A", 342), 401, "AKV10046"},
		"proof of possession":               {"PoP " + good, 401, "AKV10000"},
		"two tokens":                        {"Bearer " + good + " " + good, 401, "AKV10000"},
		"17 KB":                             {"Bearer " + strings.Repeat("a", 17<<10), 401, "The token is not accepted"},
	} {
		r := httptest.NewRequest(http.MethodGet, "https://kv-one"+suffix+"/secrets?api-version=7.5", nil)
		r.Header.Set("Authorization", c.authorization)
		r.Header.Set("x-ms-tokenboundauth", "true")
		w := h.send("kv-one", r)
		has(t, name, w, c.status, c.message)
		if c.status == 401 && w.Header().Get("WWW-Authenticate") != challenge {
			t.Errorf("%s: challenge %q", name, w.Header().Get("WWW-Authenticate"))
		}
	}
	plain := httptest.NewRequest(http.MethodGet, "http://kv-one"+suffix+"/secrets?api-version=7.5", nil)
	plain.Header.Set("Authorization", "Bearer "+good)
	has(t, "plain HTTP", h.send("kv-one", plain), 401)

	h.sleep(time.Hour + 5*time.Minute - time.Second)
	has(t, "expired within the skew", h.do("kv-one", good, "GET", "/secrets?api-version=7.5", ""), 200)
	h.sleep(time.Minute)
	has(t, "expired", h.do("kv-one", good, "GET", "/secrets?api-version=7.5", ""), 401, "AKV10001")
}

// RS-20
func TestStrictSwitches(t *testing.T) {
	h := newHouse(t, func(c *keyvault.Config) { c.StrictAudience, c.StrictVersions = true, true })
	h.vault("kv-one", nil)
	slash := h.token(owner, func(r *token.Request) { r.Audience = "https://vault.azure.net/" })
	has(t, "slash", h.do("kv-one", slash, "GET", "/secrets?api-version=7.5", ""), 401, "AKV10022")
	has(t, "no slash", h.do("kv-one", h.token(owner, nil), "GET", "/secrets?api-version=7.5", ""), 200)
	has(t, "a version to come", h.do("kv-one", h.token(owner, nil), "GET", "/secrets?api-version=2030-01-01", ""), 400)
}
