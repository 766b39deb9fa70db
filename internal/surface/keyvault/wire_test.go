package keyvault_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/vault"
)

const (
	base = "https://kv-one.vault.sealring.internal:8443"
	v1   = "00000000000000000000000000000001"
	v2   = "00000000000000000000000000000002"
	api  = "?api-version=7.5"
)

// step is one exchange of a golden conversation; the bodies are exact.
// source: documented, RS §1.5, §1.8 (api-version 7.5 unless the target says otherwise).
type step struct {
	say, method, target, body string
	status                    int
	want                      string
}

// play runs steps as the owner of a vault.
func (h *house) play(name string, steps []step) {
	h.t.Helper()
	caller := h.token(owner, func(r *token.Request) { r.Lifetime = 24 * time.Hour })
	for _, s := range steps {
		w := h.do(name, caller, s.method, s.target, s.body)
		if w.Code != s.status || w.Body.String() != s.want {
			h.t.Errorf("%s: %s %s:\n got %d %s\nwant %d %s", s.say, s.method, s.target, w.Code, w.Body, s.status, s.want)
		}
	}
}

// attrs is what 7.5 says of a secret that was made at the beginning.
const attrs = `"attributes":{"enabled":true,"created":1772366400,"updated":1772366400,"recoveryLevel":"Recoverable+Purgeable","recoverableDays":90}`

const notFoundAdvice = ` was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command."}}`

// RS-24, RS-25, RS-28, RS-30, RS-31, RS-32, RS-43
func TestSecretsOnTheWire(t *testing.T) {
	h := newHouse(t, nil)
	h.vault("kv-one", nil)
	first := `{"value":"one","id":"` + base + `/secrets/Se-1/` + v1 + `",` + attrs + `}`
	h.play("kv-one", []step{
		{"set", "PUT", "/secrets/Se-1" + api, `{"value":"one","unknown":{"x":1}}`, 200, first},
		{"get", "GET", "/secrets/Se-1" + api, "", 200, first},
		{"get with a slash behind", "GET", "/secrets/se-1/" + api, "", 200, first},
		{"get with a slash doubled", "GET", "//Secrets//SE-1" + api, "", 200, first},
		{"get with an escaped query name", "GET", "/secrets/Se-1/?api%2Dversion=7.5", "", 200, first},
		{"get a version", "GET", "/secrets/Se-1/" + v1 + api, "", 200, first},
		{"set again, in full", "PUT", "/secrets/SE-1" + api,
			`{"value":"two","contentType":"text/plain","tags":{"b":"2","a":"1"},"attributes":{"enabled":true,"nbf":10,"exp":20}}`, 200,
			`{"value":"two","contentType":"text/plain","id":"` + base + `/secrets/Se-1/` + v2 + `","attributes":{"enabled":true,"nbf":10,"exp":20,` +
				`"created":1772366400,"updated":1772366400,"recoveryLevel":"Recoverable+Purgeable","recoverableDays":90},"tags":{"a":"1","b":"2"}}`},
		{"the first version is still there", "GET", "/secrets/Se-1/" + v1 + api, "", 200, first},
		{"newer members in newer versions only", "GET", "/secrets/Se-1?api-version=2026-04-01", "", 200,
			`{"value":"two","contentType":"text/plain","id":"` + base + `/secrets/Se-1/` + v2 + `","attributes":{"enabled":true,"nbf":10,"exp":20,` +
				`"created":1772366400,"updated":1772366400,"recoveryLevel":"Recoverable+Purgeable","recoverableDays":90},"tags":{"a":"1","b":"2"},"previousVersion":"` + v1 + `"}`},
		{"older members in old versions", "GET", "/secrets/Se-1/" + v1 + "?api-version=7.0", "", 200,
			`{"value":"one","id":"` + base + `/secrets/Se-1/` + v1 + `","attributes":{"enabled":true,"created":1772366400,"updated":1772366400,"recoveryLevel":"Recoverable+Purgeable"}}`},
		{"update one attribute", "PATCH", "/secrets/Se-1/" + api, `{"attributes":{"enabled":false},"value":"ignored"}`, 200,
			`{"contentType":"text/plain","id":"` + base + `/secrets/Se-1/` + v2 + `","attributes":{"enabled":false,"nbf":10,"exp":20,` +
				`"created":1772366400,"updated":1772366400,"recoveryLevel":"Recoverable+Purgeable","recoverableDays":90},"tags":{"a":"1","b":"2"}}`},
		{"get a disabled version", "GET", "/secrets/Se-1" + api, "", 403,
			`{"error":{"code":"Forbidden","message":"Operation get is not allowed on a disabled secret.","innererror":{"code":"SecretDisabled"}}}`},
		{"update tags", "PATCH", "/secrets/Se-1/" + v2 + api, `{"tags":{},"contentType":null,"attributes":{"enabled":true}}`, 200,
			`{"contentType":"text/plain","id":"` + base + `/secrets/Se-1/` + v2 + `","attributes":{"enabled":true,"nbf":10,"exp":20,` +
				`"created":1772366400,"updated":1772366400,"recoveryLevel":"Recoverable+Purgeable","recoverableDays":90},"tags":{}}`},
		{"list", "GET", "/secrets" + api, "", 200,
			`{"value":[{"contentType":"text/plain","id":"` + base + `/secrets/Se-1","attributes":{"enabled":true,"nbf":10,"exp":20,` +
				`"created":1772366400,"updated":1772366400,"recoveryLevel":"Recoverable+Purgeable","recoverableDays":90},"tags":{}}],"nextLink":null}`},
		{"versions", "GET", "/secrets/Se-1/versions" + api + "&maxresults=25", "", 200,
			`{"value":[{"id":"` + base + `/secrets/Se-1/` + v1 + `",` + attrs + `},{"contentType":"text/plain","id":"` + base + `/secrets/Se-1/` + v2 +
				`","attributes":{"enabled":true,"nbf":10,"exp":20,"created":1772366400,"updated":1772366400,"recoveryLevel":"Recoverable+Purgeable",` +
				`"recoverableDays":90},"tags":{}}],"nextLink":null}`},
		{"an absent secret", "GET", "/secrets/none" + api, "", 404,
			`{"error":{"code":"SecretNotFound","message":"A secret with (name/id) none` + notFoundAdvice},
		{"an absent version", "GET", "/secrets/Se-1/" + strings.Repeat("f", 32) + api, "", 404,
			`{"error":{"code":"SecretNotFound","message":"A secret with (name/id) Se-1/` + strings.Repeat("f", 32) + notFoundAdvice},
	})
}

// RS-37, RS-38, RS-39, RS-40, RS-42
func TestDeletionOnTheWire(t *testing.T) {
	h := newHouse(t, nil)
	h.vault("kv-one", nil)
	h.vault("kv-safe", func(s *vault.Settings) {
		yes, days := true, 30
		s.PurgeProtection, s.RetentionDays = &yes, &days
		s.Policies = &[]vault.Policy{{Tenant: tenant, Object: owner, Secrets: []string{"all", "purge"}}}
	})
	const dates = `"recoveryId":"` + base + `/deletedsecrets/Se-1","deletedDate":1772366400,"scheduledPurgeDate":1780142400,`
	caller := h.token(owner, nil)
	h.play("kv-one", []step{
		{"set", "PUT", "/secrets/Se-1" + api, `{"value":"one"}`, 200, `{"value":"one","id":"` + base + `/secrets/Se-1/` + v1 + `",` + attrs + `}`},
	})
	var backup struct{ Value string }
	w := h.do("kv-one", caller, "POST", "/secrets/Se-1/backup"+api, "")
	if err := json.Unmarshal(w.Body.Bytes(), &backup); err != nil || w.Code != 200 || backup.Value == "" {
		t.Fatalf("backup: %d %s", w.Code, w.Body)
	}
	bundle := `{"id":"` + base + `/secrets/Se-1/` + v1 + `",` + attrs + `}`
	h.play("kv-one", []step{
		{"delete", "DELETE", "/secrets/se-1" + api, "", 200, `{` + dates + bundle[1:]},
		{"get after delete", "GET", "/secrets/Se-1" + api, "", 404, `{"error":{"code":"SecretNotFound","message":"A secret with (name/id) Se-1` + notFoundAdvice},
		{"get deleted", "GET", "/deletedsecrets/Se-1" + api, "", 200, `{` + dates + bundle[1:]},
		{"list deleted", "GET", "/deletedsecrets" + api, "", 200,
			`{"value":[{` + dates + `"id":"` + base + `/secrets/Se-1",` + attrs + `}],"nextLink":null}`},
		{"set a deleted name", "PUT", "/secrets/SE-1" + api, `{"value":"x"}`, 409,
			`{"error":{"code":"Conflict","message":"Secret Se-1 is currently in a deleted but recoverable state, and its name cannot be reused; ` +
				`in this state, the secret can only be recovered or purged.","innererror":{"code":"ObjectIsDeletedButRecoverable"}}}`},
		{"recover", "POST", "/deletedsecrets/Se-1/recover" + api, "", 200, bundle},
		{"the value is back", "GET", "/secrets/Se-1" + api, "", 200, `{"value":"one",` + bundle[1:]},
		{"restore onto a living name", "POST", "/secrets/restore" + api, `{"value":"` + backup.Value + `"}`, 409,
			`{"error":{"code":"Conflict","message":"A secret with the name Se-1 exists already in this key vault."}}`},
		{"delete again", "DELETE", "/secrets/Se-1" + api, "", 200, `{` + dates + bundle[1:]},
		{"purge", "DELETE", "/deletedsecrets/Se-1" + api, "", 204, ``},
		{"purge twice", "DELETE", "/deletedsecrets/Se-1" + api, "", 404,
			`{"error":{"code":"SecretNotFound","message":"Deleted Secret not found: Se-1"}}`},
		{"restore", "POST", "/secrets/restore" + api, `{"value":"` + backup.Value + `"}`, 200, bundle},
		{"restored", "GET", "/secrets/Se-1/" + v1 + api, "", 200, `{"value":"one",` + bundle[1:]},
		{"restore a text", "POST", "/secrets/restore" + api, `{"value":"AAAA"}`, 400,
			`{"error":{"code":"BadParameter","message":"the backup is not valid for this key vault"}}`},
	})
	has(t, "set", h.do("kv-safe", caller, "PUT", "/secrets/a"+api, `{"value":"1"}`), 200, `"recoveryLevel":"CustomizedRecoverable","recoverableDays":30`)
	has(t, "delete", h.do("kv-safe", caller, "DELETE", "/secrets/a"+api, ""), 200)
	want(t, "purge under protection", h.do("kv-safe", caller, "DELETE", "/deletedsecrets/a"+api, ""), 403,
		`{"error":{"code":"Forbidden","message":"Operation purge is not allowed because purge protection is enabled for this vault."}}`)
}

// RS-26, RS-29, RS-30, RS-32, RS-35, RS §1.3, RS §1.4
func TestWhatIsNotValid(t *testing.T) {
	h := newHouse(t, nil)
	h.vault("kv-one", nil)
	caller := h.token(owner, nil)
	tags := `{"value":"","tags":{`
	for i := range 16 {
		tags += fmt.Sprintf(`"t%d":"",`, i)
	}
	for name, c := range map[string]struct {
		method, target, body string
		status               int
		part                 string
	}{
		"no api-version":             {"GET", "/secrets/x", "", 400, `"code":"BadParameter","message":"The api-version`},
		"an unknown api-version":     {"GET", "/secrets/x?api-version=7.9", "", 400, "7.9"},
		"a date before the known":    {"GET", "/secrets?api-version=2025-12-31", "", 400, "BadParameter"},
		"a date after the known":     {"GET", "/secrets?api-version=2027-01-01-preview", "", 200, ""},
		"a date that is none":        {"GET", "/secrets?api-version=2027-13-01", "", 400, "BadParameter"},
		"two api-versions":           {"GET", "/secrets?api-version=7.5&api-version=7.4", "", 400, "more than once"},
		"the oldest":                 {"GET", "/secrets?api-version=2016-10-01", "", 200, ""},
		"maxresults 0":               {"GET", "/secrets" + api + "&maxresults=0", "", 400, "maxresults"},
		"maxresults 26":              {"GET", "/secrets" + api + "&maxresults=26", "", 400, "maxresults"},
		"maxresults x":               {"GET", "/secrets" + api + "&maxresults=x", "", 400, "maxresults"},
		"maxresults 1":               {"GET", "/secrets" + api + "&maxresults=1", "", 200, ""},
		"an underscore":              {"PUT", "/secrets/a_b" + api, `{"value":""}`, 400, "The request URI contains an invalid name: a_b"},
		"a full stop":                {"GET", "/secrets/a.b" + api, "", 400, "invalid name: a.b"},
		"a slash in the name":        {"GET", "/secrets/a%2Fb" + api, "", 400, "invalid name: a/b"},
		"dots":                       {"GET", "/secrets/..%2f..%2fkeys" + api, "", 400, "invalid name"},
		"128 characters":             {"PUT", "/secrets/" + strings.Repeat("a", 128) + api, `{"value":""}`, 400, "invalid name"},
		"127 characters":             {"PUT", "/secrets/" + strings.Repeat("a", 127) + api, `{"value":""}`, 200, ""},
		"25600 bytes":                {"PUT", "/secrets/a" + api, `{"value":"` + strings.Repeat("x", 25600) + `"}`, 200, ""},
		"25601 bytes":                {"PUT", "/secrets/a" + api, `{"value":"` + strings.Repeat("x", 25601) + `"}`, 400, "longer than 25600 bytes"},
		"25600 bytes, escaped":       {"PUT", "/secrets/a" + api, `{"value":"` + strings.Repeat(`\u0001`, 25600) + `"}`, 200, ""},
		"3 MiB":                      {"PUT", "/secrets/a" + api, `{"value":"` + strings.Repeat("x", 3<<20) + `"}`, 413, "RequestEntityTooLarge"},
		"no body":                    {"PUT", "/secrets/a" + api, "", 400, "BadParameter"},
		"no value":                   {"PUT", "/secrets/a" + api, `{"Value":"x"}`, 400, "value is required"},
		"a value of null":            {"PUT", "/secrets/a" + api, `{"value":null}`, 400, "value is required"},
		"a value twice":              {"PUT", "/secrets/a" + api, `{"value":"x","value":"y"}`, 400, "BadParameter"},
		"a number as value":          {"PUT", "/secrets/a" + api, `{"value":1}`, 400, "value"},
		"an array":                   {"PUT", "/secrets/a" + api, `[]`, 400, "BadParameter"},
		"a date as text":             {"PUT", "/secrets/a" + api, `{"value":"","attributes":{"exp":"2026-01-01"}}`, 400, "exp"},
		"an end before the start":    {"PUT", "/secrets/a" + api, `{"value":"","attributes":{"exp":1,"nbf":2}}`, 400, "exp"},
		"an expired secret":          {"PUT", "/secrets/a" + api, `{"value":"","attributes":{"exp":1}}`, 200, `"exp":1`},
		"16 tags":                    {"PUT", "/secrets/a" + api, tags[:len(tags)-1] + `}}`, 400, "15 tags"},
		"an unknown path":            {"GET", "/nothing/here" + api, "", 404, `"code":"NotFound"`},
		"a path that is too long":    {"GET", "/secrets/a/b/c" + api, "", 404, `"code":"NotFound"`},
		"keys are not served":        {"GET", "/keys" + api, "", 404, `"code":"NotFound"`},
		"contacts are not served":    {"GET", "/certificates/contacts" + api, "", 404, `"code":"NotFound"`},
		"the overriding of a method": {"POST", "/secrets/a" + api, "", 405, `"code":"MethodNotAllowed"`},
	} {
		has(t, name, h.do("kv-one", caller, c.method, c.target, c.body), c.status, c.part)
	}
	r := httptest.NewRequest(http.MethodPost, base+"/secrets/a"+api, strings.NewReader(`{"value":"x"}`))
	r.Header.Set("Authorization", "Bearer "+caller)
	r.Header.Set("X-HTTP-Method-Override", "PUT") // S-50
	w := h.send("kv-one", r)
	has(t, "override", w, 405)
	if got := w.Header().Get("Allow"); got != "PUT, GET, PATCH, DELETE" {
		t.Errorf("Allow: %q", got)
	}
}

// RS-34, S-52
func TestPaging(t *testing.T) {
	h := newHouse(t, nil)
	h.vault("kv-one", nil)
	h.vault("kv-two", nil)
	caller := h.token(owner, nil)
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		has(t, "set", h.do("kv-one", caller, "PUT", "/secrets/"+n+api, `{"value":"secret-value"}`), 200)
	}
	var links, names []string
	for link := base + "/secrets" + api + "&maxresults=2"; link != ""; {
		var page struct {
			Value    []struct{ ID, Value string }
			NextLink string
		}
		w := h.do("kv-one", caller, "GET", strings.TrimPrefix(link, base), "")
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		for _, x := range page.Value {
			names = append(names, strings.TrimPrefix(x.ID, base+"/secrets/"))
			if x.Value != "" {
				t.Error("a listing has values")
			}
		}
		if link = page.NextLink; link != "" {
			if !strings.HasPrefix(link, base+"/secrets?api-version=7.5&$skiptoken=") || !strings.HasSuffix(link, "&maxresults=2") {
				t.Errorf("nextLink %s", link)
			}
			links = append(links, strings.TrimPrefix(link, base))
		}
	}
	if got := strings.Join(names, " "); got != "a b c d e" || len(links) != 2 {
		t.Errorf("names %s, %d links", got, len(links))
	}
	escaped := strings.Replace(links[0], "$skiptoken", "%24skiptoken", 1)
	has(t, "the escaped spelling", h.do("kv-one", caller, "GET", escaped, ""), 200, "/secrets/c")
	other := object(7)
	if _, err := h.vaults.SetAccessPolicies(t.Context(), vaultID("kv-one"), vault.AddPolicies, []vault.Policy{{Tenant: tenant, Object: other, Secrets: []string{"list"}}}); err != nil {
		t.Fatal(err)
	}
	has(t, "another caller may list", h.do("kv-one", h.token(other, nil), "GET", "/secrets"+api, ""), 200)
	has(t, "but not with this token", h.do("kv-one", h.token(other, nil), "GET", links[0], ""), 400, `"code":"BadParameter"`)
	has(t, "another vault", h.do("kv-two", caller, "GET", links[0], ""), 400)
	has(t, "another collection", h.do("kv-one", caller, "GET", strings.Replace(links[0], "/secrets", "/deletedsecrets", 1), ""), 400)
	has(t, "altered", h.do("kv-one", caller, "GET", strings.Replace(links[0], "&maxresults", "AA&maxresults", 1), ""), 400)
	h.sleep(time.Hour)
	has(t, "too old", h.do("kv-one", caller, "GET", links[0], ""), 400)
}

// RS §1.2.1: the headers of every answer, refusals included.
func TestHeaders(t *testing.T) {
	h := newHouse(t, nil)
	h.vault("kv-one", nil)
	for _, caller := range []string{"", h.token(owner, nil)} {
		r := httptest.NewRequest(http.MethodGet, base+"/secrets"+api, nil)
		if caller != "" {
			r.Header.Set("Authorization", "Bearer "+caller)
		}
		r.Header.Set("x-ms-client-request-id", "0f8fad5b-d9cb-469f-a165-70867728950e")
		got := h.send("kv-one", r).Header()
		for name, want := range map[string]string{
			"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "-1", "Content-Type": "application/json; charset=utf-8",
			"X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=31536000;includeSubDomains",
			"X-Ms-Keyvault-Region": "westeurope", "X-Ms-Client-Request-Id": "0f8fad5b-d9cb-469f-a165-70867728950e",
			"X-Ms-Keyvault-Network-Info": "conn_type=Ipv4;addr=192.0.2.1;act_addr_fam=InterNetwork;",
		} {
			if got.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, got.Get(name), want)
			}
		}
		if len(got.Get("X-Ms-Request-Id")) != 36 {
			t.Errorf("request id %q", got.Get("X-Ms-Request-Id"))
		}
	}
}

// S-56, S-65: neither values nor tokens nor backups appear in any log line.
func TestNothingSecretIsLogged(t *testing.T) {
	h := newHouse(t, nil)
	h.vault("kv-one", nil)
	caller := h.token(owner, nil)
	const canary = "canary-4711"
	for _, s := range [][3]string{
		{"PUT", "/secrets/s" + api, `{"value":"` + canary + `"}`}, {"GET", "/secrets/s" + api, ""}, {"PUT", "/secrets/s" + api, `{"value":"` + canary + `",}`},
		{"PUT", "/secrets/s" + api, `{"value":["` + canary + `"]}`}, {"PUT", "/secrets/s" + api, `{"attributes":{"exp":"` + canary + `"},"value":""}`},
		{"POST", "/secrets/s/backup" + api, ""}, {"POST", "/secrets/restore" + api, `{"value":"` + canary + `"}`}, {"PUT", "/secrets/s", canary},
	} {
		h.do("kv-one", caller, s[0], s[1], s[2])
	}
	h.do("kv-one", caller+"x", "GET", "/secrets/s"+api, "")
	log := h.log.String()
	if n := strings.Count(log, `"room":"keyvault"`); n != 9 {
		t.Errorf("%d access events", n)
	}
	for _, secret := range []string{canary, caller, caller[len(caller)-40:]} {
		if strings.Contains(log, secret) {
			t.Errorf("%.15s… is in the log", secret)
		}
	}
}

// parallel sets over the wire are versions, one of them current.
func TestParallelSetsOnTheWire(t *testing.T) {
	h := newHouse(t, nil)
	h.vault("kv-one", nil)
	caller := h.token(owner, nil)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if w := h.do("kv-one", caller, "PUT", "/secrets/s"+api, fmt.Sprintf(`{"value":"%d"}`, i)); w.Code != 200 {
				t.Errorf("set %d: %d", i, w.Code)
			}
		})
	}
	wg.Wait()
	first := h.do("kv-one", caller, "GET", "/secrets/s/versions"+api, "").Body.String()
	if n := strings.Count(first, `"id":`); n != 25 || strings.Contains(first, `"nextLink":null`) {
		t.Errorf("%d on the first page", n)
	}
}

// Every failure that the vault package declares has a row, or goes by its kind on purpose.
func TestEveryFailureHasAnAnswer(t *testing.T) {
	byKind := []string{ // Resource Manager's side: no route of this room meets them
		"ErrVaultNameTaken", "ErrVaultDeleted", "ErrVaultInvalid", "ErrRetentionFixed", "ErrProtectionFixed", "ErrTooManyPolicies",
		"ErrPolicyInvalid", "ErrChanged",
	}
	table, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../vault/*.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^(?:var )?\t?(Err\w+) += fault\.New`).FindAllStringSubmatch(string(source), -1) {
			declared++
			row := strings.Contains(string(table), "{vault."+m[1]+",")
			if row == slices.Contains(byKind, m[1]) {
				t.Errorf("%s: row %v, by kind %v", m[1], row, !row)
			}
		}
	}
	if declared != 19 {
		t.Errorf("%d failures found", declared)
	}
}
