package store_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // a foreign writer of PostgreSQL

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// hold opens the database as another process would and blocks every writer until the
// returned function is called.
func hold(t *testing.T, driver, dsn, statement string) (release func()) {
	t.Helper()
	other, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"BEGIN", statement} {
		if _, err := conn.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	var once sync.Once
	release = func() {
		once.Do(func() {
			_, _ = conn.ExecContext(context.Background(), "ROLLBACK")
			_ = conn.Close()
			_ = other.Close()
		})
	}
	t.Cleanup(release)
	return release
}

// a store that another process holds fails writes within 2 s, the later ones at once,
// and takes them again by itself; reads go on.
func TestABlockedStoreRefusesWritesInTimeAndResumes(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var db *store.DB
			var release func()
			if engine == "sqlite" {
				path := filepath.Join(t.TempDir(), "b.db")
				db = storetest.Open(t, store.Config{SQLitePath: path, Now: time.Now})
				release = hold(t, "sqlite", "file:"+path, "UPDATE goose_db_version SET is_applied = is_applied")
			} else {
				dsn := storetest.PostgresDSN(t)
				db = storetest.Open(t, store.Config{PostgresDSN: dsn, Now: time.Now})
				release = hold(t, "pgx", dsn, "SELECT pg_advisory_xact_lock(7310593858020254331)")
			}
			ctx := t.Context()
			write := func() error {
				return db.Update(ctx, func(tx *store.Tx) error { tx.Changed("t", "k"); return nil })
			}
			for i, limit := range []time.Duration{2 * time.Second, 500 * time.Millisecond} {
				began := time.Now()
				if err := write(); !errors.Is(err, store.ErrUnavailable) || time.Since(began) > limit {
					t.Errorf("write %d: %v after %s", i, err, time.Since(began))
				}
			}
			if err := db.View(ctx, func(*store.Tx) error { return nil }); err != nil {
				t.Errorf("reading: %v", err)
			}
			release()
			var err error
			for range 100 {
				if err = write(); err == nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
			t.Errorf("does not resume: %v", err)
		})
	}
}

// The positive twin: a queue longer than anyone's patience is served while it moves.
func TestAQueueThatMovesIsServed(t *testing.T) {
	db := storetest.SQLite(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			err := db.Update(t.Context(), func(*store.Tx) error { time.Sleep(100 * time.Millisecond); return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
