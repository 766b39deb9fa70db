package app

import (
	"context"
	"database/sql"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/store/storetest"
)

// databaseAway lets nobody connect to a PostgreSQL database and ends who is connected.
func databaseAway(t *testing.T, c Config) func() {
	t.Helper()
	text, err := os.ReadFile(c.Store.Postgres.DSNFile)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	admin, err := sql.Open("pgx", os.Getenv("SEALRING_TEST_POSTGRES"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	do := func(statement string) {
		if _, err := admin.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	do("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false")
	do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'")
	return func() { do("ALTER DATABASE " + name + " ALLOW_CONNECTIONS true") }
}

// tablesGone takes every table of the store away, so that nothing can be read.
func tablesGone(t *testing.T, c Config) func() {
	t.Helper()
	db, postgres := engineOf(t, c)
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if postgres {
		query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
	}
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil || len(names) < 10 {
		t.Fatalf("%v, %v", names, err)
	}
	rename := func(from, to string) {
		for _, name := range names {
			if _, err := db.ExecContext(context.Background(), "ALTER TABLE "+from+name+" RENAME TO "+to+name); err != nil {
				t.Fatal(err)
			}
		}
	}
	rename("", "away_")
	return func() { rename("away_", "") }
}

// S-72: without its database the server refuses everything that needs it,
// within 2 s, with 503 in the form of each room and not with a decision; keys, discovery and
// liveness go on, readiness ends; and all is served again within 10 s of its return.
func TestWithoutTheDatabase(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		c.Ops.Listen = "127.0.0.1:0"
		a := attackOn(t, c)
		a.vars["ops"] = a.listeners.ops.Addr().String()
		outages := map[string]outage{"every table is gone": tablesGone}
		if c.Store.Postgres.DSNFile != "" {
			outages["nobody can connect"] = databaseAway
		}
		needing, free := a.asks()
		needing["reading a resource"] = free["reading a resource"]
		fromMemory := func() int {
			status, _, _ := a.https(t, http.MethodGet, a.vars["graph"], "/v1.0/servicePrincipals", a.vars["graphtoken"], "")
			return status
		}
		delete(free, "reading a resource")
		if a.vars["header"] == "" {
			delete(needing, "minting, IMDS")
			delete(needing, "minting, App Service")
		}
		ready := func() int {
			got := a.exchange(t, "ops", "GET /readyz HTTP/1.1\r\nHost: "+a.vars["ops"]+"\r\nConnection: close\r\n\r\n", 1)
			if len(got) == 0 {
				return 0
			}
			return got[0].status
		}
		for name, begin := range outages {
			end := begin(t, c)
			storetest.Eventually(t, "it is not ready", func() bool { return ready() == http.StatusServiceUnavailable })
			a.askAll(t, needing, func(what string, q ask, got answer, took time.Duration) {
				ours := name == "every table is gone" && got.status == http.StatusInternalServerError // that is no outage
				if !ours && (got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, q.shape) || got.header.Get("Retry-After") == "") {
					t.Errorf("%s: %s: %d %s %s", name, what, got.status, got.header, got.body)
				}
				for _, s := range append(unsayable, "away_", "eyJ", "5432", "sealring_", "dial", "terminating") {
					if strings.Contains(got.body, s) {
						t.Errorf("%s: %s: says %q: %s", name, what, s, got.body)
					}
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
			// L-3: what is answered from memory goes on for 5 s, and not for longer.
			storetest.Eventually(t, "answers from memory end", func() bool { return fromMemory() == http.StatusServiceUnavailable })
			end()
			storetest.Eventually(t, "it is ready again", func() bool { return ready() == http.StatusOK })
			a.resumed(t)
			if s := fromMemory(); s != http.StatusOK {
				t.Errorf("%s: principals are not listed afterwards: %d", name, s)
			}
			if got := a.vault(t); got != "canary-of-the-vault" {
				t.Errorf("%s: a refused write happened: %s", name, got)
			}
		}
		a.askAll(t, needing, func(what string, q ask, got answer, _ time.Duration) {
			if got.status != q.ok {
				t.Errorf("afterwards: %s: %d %s, want %d", what, got.status, got.body, q.ok)
			}
		})
		if r, err := a.checkpoint.Verify(t.Context(), nil); err != nil || !r.Intact {
			t.Errorf("the log afterwards: %+v, %v", r, err)
		}
	})
}
