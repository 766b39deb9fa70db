// Package storetest gives tests a migrated store of their own on each engine: SQLite
// always, PostgreSQL where SEALRING_TEST_POSTGRES names a server that may create databases
// (`make pg` starts one). With CI=true a missing PostgreSQL fails the test.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that creates and drops databases

	"github.com/sealring/sealring/internal/store"
)

// serial tells the databases of one test binary apart.
var serial atomic.Int64

// Each runs test once per engine, as subtests "sqlite" and "postgres".
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Open(t, store.Config{PostgresDSN: PostgresDSN(t), Now: time.Now})) })
}

// SQLite returns an empty store in a temporary directory, closed when the test ends.
func SQLite(t testing.TB) *store.DB {
	t.Helper()
	return Open(t, store.Config{SQLitePath: filepath.Join(t.TempDir(), "sealring.db"), Now: time.Now})
}

// Open opens the store c describes and closes it when the test ends.
func Open(t testing.TB, c store.Config) *store.DB {
	t.Helper()
	db, err := store.New(t.Context(), c)
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// PostgresDSN creates an empty database, dropped when the test ends, and returns how to
// reach it.
func PostgresDSN(t testing.TB) string {
	t.Helper()
	server := os.Getenv("SEALRING_TEST_POSTGRES")
	if server == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("SEALRING_TEST_POSTGRES is not set: run the tests through make check")
		}
		t.Skip("no PostgreSQL: `make pg` starts one and runs the tests on it (Debian package postgresql)")
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatalf("open %s: %v", server, err)
	}
	name := fmt.Sprintf("sealring_%d_%d", os.Getpid(), serial.Add(1))
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		_, _ = admin.ExecContext(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		_ = admin.Close()
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("SEALRING_TEST_POSTGRES is not a URL: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}

// Eventually polls until ok reports true, for at most 10 s.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("10 s passed and not: %s", what)
		}
	}
}
