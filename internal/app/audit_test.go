package app

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// inTime is the 2 s of R-11, and a second for a machine that runs other tests beside.
const inTime = 3 * time.Second

// outage makes the log of a running server unwritable behind its back and returns how to
// end that.
type outage func(t *testing.T, c Config) (end func())

// engineOf opens the store of c as another process would.
func engineOf(t *testing.T, c Config) (db *sql.DB, postgres bool) {
	t.Helper()
	driver, dsn := "sqlite", "file:"+c.SQLitePath()+"?_pragma=busy_timeout(10000)"
	if file := c.Store.Postgres.DSNFile; file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		driver, dsn, postgres = "pgx", strings.TrimSpace(string(text)), true
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, postgres
}

// tableGone takes the table of records away.
func tableGone(t *testing.T, c Config) func() {
	t.Helper()
	db, _ := engineOf(t, c)
	do := func(statement string) {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	do("ALTER TABLE audit RENAME TO audit_away")
	return func() { do("ALTER TABLE audit_away RENAME TO audit") }
}

// writerHeld blocks every writer.
func writerHeld(t *testing.T, c Config) func() {
	t.Helper()
	db, postgres := engineOf(t, c)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hold := []string{"PRAGMA busy_timeout = 5000", "BEGIN IMMEDIATE"}
	if postgres {
		hold = []string{"BEGIN", "SELECT pg_advisory_xact_lock(7310593858020254331)"}
	}
	for _, s := range hold {
		if _, err := conn.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	var once sync.Once
	release := func() {
		once.Do(func() { _, _ = conn.ExecContext(context.Background(), "ROLLBACK"); _ = conn.Close() })
	}
	t.Cleanup(release)
	return release
}

// ask is one thing that a caller wants.
type ask struct {
	listener, raw string
	ok            int    // the status of success
	shape         string // what the failure's body holds: the room's own form
}

// asks are what must be on record before it is answered, and what needs no record.
func (a *attacked) asks() (recorded, free map[string]ask) {
	https := func(method, host, path, token, body string) string {
		head := method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
		if token != "" {
			head += "Content-Type: application/json\r\nAuthorization: Bearer " + token + "\r\n"
		} else if body != "" {
			head += "Content-Type: application/x-www-form-urlencoded\r\n"
		}
		return head + "\r\n" + body
	}
	local := func(host, path, header string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + header + "\r\n\r\n"
	}
	v := a.vars
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {v["client"]}, "scope": {"https://vault.azure.net/.default"}, "client_secret": {v["secret"]}}
	wrong := url.Values{"grant_type": {"client_credentials"}, "client_id": {v["client"]}, "scope": {"https://vault.azure.net/.default"}, "client_secret": {"wrong"}}
	sts := "/" + v["tenant"] + "/oauth2/v2.0/token"
	recorded = map[string]ask{
		"minting, App Service":     {"node", local(v["node"], "/msi/token?api-version=2019-08-01&resource=https://vault.azure.net", "X-IDENTITY-HEADER: "+v["header"]), 200, `"statusCode":503`},
		"minting, IMDS":            {"imds", local(v["imds"], "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net", "Metadata: true"), 200, `"error_description":`},
		"sign-in":                  {"tls", https("POST", v["login"], sts, "", form.Encode()), 200, `"error_codes":`},
		"sign-in, refused":         {"tls", https("POST", v["login"], sts, "", wrong.Encode()), 401, `"error_codes":`},
		"reading a secret":         {"tls", https("GET", v["vault"], "/secrets/s1?api-version=7.4", v["vaulttoken"], ""), 200, `"error":{"code":`},
		"writing a secret":         {"tls", https("PUT", v["vault"], "/secrets/s1?api-version=7.4", v["vaulttoken"], `{"value":"canary-new"}`), 200, `"error":{"code":`},
		"writing a resource group": {"tls", https("PUT", v["arm"], "/subscriptions/"+v["sub"]+"/resourcegroups/other?api-version=2022-09-01", v["armtoken"], `{"location":"local"}`), 201, `"error":{"code":`},
		"making an identity":       {"tls", https("PUT", v["arm"], v["group"]+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uai1?api-version=2023-01-31", v["armtoken"], `{"location":"local"}`), 201, `"error":{"code":`},
		"granting a role": {"tls", https("PUT", v["arm"], v["group"]+"/providers/Microsoft.Authorization/roleAssignments/33333333-2222-4333-8444-555555555555?api-version=2022-04-01", v["armtoken"],
			`{"properties":{"principalId":"`+v["admin"]+`","principalType":"ServicePrincipal","roleDefinitionId":"/subscriptions/`+v["sub"]+`/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"}}`), 201, `"error":{"code":`},
	}
	free = map[string]ask{
		"discovery":                {"tls", https("GET", v["login"], "/"+v["tenant"]+"/v2.0/.well-known/openid-configuration", "", ""), 200, ""},
		"keys":                     {"tls", https("GET", v["login"], "/"+v["tenant"]+"/discovery/v2.0/keys", "", ""), 200, ""},
		"health":                   {"ops", local(v["ops"], "/livez", "Accept: */*"), 200, ""},
		"reading a resource":       {"tls", https("GET", v["arm"], v["group"]+"?api-version=2022-09-01", v["armtoken"], ""), 200, ""},
		"the challenge of a vault": {"tls", https("GET", v["vault"], "/secrets/s1?api-version=7.4", "", ""), 401, ""},
	}
	return recorded, free
}

// askAll asks all at once and gives each answer to check.
func (a *attacked) askAll(t *testing.T, asks map[string]ask, check func(name string, q ask, got answer, took time.Duration)) {
	t.Helper()
	var wg sync.WaitGroup
	for name, q := range asks {
		wg.Go(func() {
			began := time.Now()
			got := a.exchange(t, q.listener, q.raw, 1)
			if len(got) == 0 {
				t.Errorf("%s: no answer", name)
				return
			}
			check(name, q, got[0], time.Since(began))
		})
	}
	wg.Wait()
}

// what must be on record is refused within 2 s, in the form of its room and with
// nothing in it, while the log cannot be written or hangs; what needs no record goes on;
// and service resumes by itself.
func TestNoServiceWithoutTheLog(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		c.Ops.Listen = "127.0.0.1:0"
		a := attackOn(t, c)
		a.vars["ops"] = a.listeners.ops.Addr().String()
		recorded, free := a.asks()
		if a.vars["header"] == "" { // callers are not known on this system
			delete(recorded, "minting, IMDS")
			delete(recorded, "minting, App Service")
		}
		for name, begin := range map[string]outage{"the table is gone": tableGone, "another process holds the store": writerHeld} {
			end := begin(t, c)
			a.askAll(t, recorded, func(what string, q ask, got answer, took time.Duration) {
				if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, q.shape) {
					t.Errorf("%s: %s: %d %s", name, what, got.status, got.body)
				}
				if strings.Contains(got.body, "eyJ") || strings.Contains(got.body, "canary") || strings.Contains(got.body, "audit_") {
					t.Errorf("%s: %s: hands out %s", name, what, got.body)
				}
				if took > inTime {
					t.Errorf("%s: %s: took %s", name, what, took)
				}
			})
			a.askAll(t, free, func(what string, q ask, got answer, took time.Duration) {
				if got.status != q.ok || took > inTime {
					t.Errorf("%s: %s: %d after %s, want %d", name, what, got.status, took, q.ok)
				}
			})
			end()
			a.resumed(t)
			if got := a.vault(t); got != "canary-of-the-vault" {
				t.Errorf("%s: the refused write of a secret happened: %s", name, got)
			}
		}
		a.askAll(t, recorded, func(what string, q ask, got answer, _ time.Duration) {
			if got.status != q.ok {
				t.Errorf("afterwards: %s: %d %s, want %d", what, got.status, got.body, q.ok)
			}
		})
		if r, err := a.checkpoint.Verify(t.Context(), nil); err != nil || !r.Intact {
			t.Errorf("the log afterwards: %+v, %v", r, err)
		}
	})
}

// resumed waits until a secret can be read again, a second more than SQLite waits for a
// writer.
func (a *attacked) resumed(t *testing.T) {
	t.Helper()
	status := 0
	for range 120 {
		if status, _, _ = a.https(t, "GET", a.vars["vault"], "/secrets/s1?api-version=7.4", a.vars["vaulttoken"], ""); status == http.StatusOK {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("does not resume: %d", status)
}

// vault reads the secret.
func (a *attacked) vault(t *testing.T) string {
	t.Helper()
	_, _, body := a.https(t, "GET", a.vars["vault"], "/secrets/s1?api-version=7.4", a.vars["vaulttoken"], "")
	_, rest, _ := strings.Cut(body, `"value":"`)
	value, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return fmt.Sprintf("unreadable: %q", body)
	}
	return value
}
