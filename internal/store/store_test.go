package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// table makes a table for the suite; the statements run on both engines as they stand.
func table(t *testing.T, db *store.DB) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "CREATE TABLE pairs (k TEXT PRIMARY KEY, v BIGINT NOT NULL, b BYTEA, ok BOOLEAN)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func put(ctx context.Context, tx *store.Tx, k string, v int64) error {
	_, err := tx.Exec(ctx, "INSERT INTO pairs (k, v, b, ok) VALUES ($1, $2, $3, $4)", k, v, []byte{0, 1}, true)
	return err
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		ctx := t.Context()
		boom := errors.New("boom")
		err := db.Update(ctx, func(tx *store.Tx) error {
			if err := put(ctx, tx, "a", 1); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatalf("got %v, want the function's own error", err)
		}
		if err := db.Update(ctx, func(tx *store.Tx) error { return put(ctx, tx, "b", 2) }); err != nil {
			t.Fatal(err)
		}
		err = db.View(ctx, func(tx *store.Tx) error {
			var v int64
			var raw []byte
			var ok bool
			if found, err := tx.Get(ctx, "SELECT v FROM pairs WHERE k = $1", []any{"a"}, &v); found || err != nil {
				return fmt.Errorf("rolled-back row: found %v, %w", found, err)
			}
			if found, err := tx.Get(ctx, "SELECT v, b, ok FROM pairs WHERE k = $1", []any{"b"}, &v, &raw, &ok); !found || err != nil {
				return fmt.Errorf("committed row: found %v, %w", found, err)
			}
			if v != 2 || string(raw) != "\x00\x01" || !ok {
				return fmt.Errorf("row reads back as %d %x %v", v, raw, ok)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestTakenKeyIsErrExists(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		ctx := t.Context()
		twice := func(tx *store.Tx) error { return put(ctx, tx, "a", 1) }
		if err := db.Update(ctx, twice); err != nil {
			t.Fatal(err)
		}
		if err := db.Update(ctx, twice); !errors.Is(err, store.ErrExists) {
			t.Fatalf("got %v, want ErrExists", err)
		}
	})
}

func TestWritersDoNotOverlap(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		ctx := t.Context()
		if err := db.Update(ctx, func(tx *store.Tx) error { return put(ctx, tx, "n", 0) }); err != nil {
			t.Fatal(err)
		}
		const writers, rounds = 8, 10
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range rounds {
					err := db.Update(ctx, func(tx *store.Tx) error {
						var v int64
						if _, err := tx.Get(ctx, "SELECT v FROM pairs WHERE k = 'n'", nil, &v); err != nil {
							return err
						}
						tx.Changed("pairs", "n")
						_, err := tx.Exec(ctx, "UPDATE pairs SET v = $1 WHERE k = 'n'", v+1)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var v, seq int64
		err := db.View(ctx, func(tx *store.Tx) error {
			if _, err := tx.Get(ctx, "SELECT v FROM pairs WHERE k = 'n'", nil, &v); err != nil {
				return err
			}
			_, err := tx.Get(ctx, "SELECT MAX(seq) FROM feed", nil, &seq)
			return err
		})
		if err != nil || v != writers*rounds || seq != writers*rounds {
			t.Fatalf("value %d, feed %d, %v; want %d each", v, seq, err, writers*rounds)
		}
	})
}

func TestSubscribersHearOwnChangesBeforeUpdateReturns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var heard []string
		db.Subscribe("things", func(keys []string) { heard = append(heard, keys...) })
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			tx.Changed("things", "x")
			tx.Changed("other", "y")
			tx.Changed("things", "z")
			return nil
		})
		if err != nil || !slices.Equal(heard, []string{"x", "z"}) {
			t.Fatalf("heard %v, %v", heard, err)
		}
	})
}

func TestOtherProcessesChangesAreHeardWithinASecond(t *testing.T) {
	dsn := func(t *testing.T) []store.Config {
		return []store.Config{
			{SQLitePath: filepath.Join(t.TempDir(), "s.db"), Now: time.Now},
			{PostgresDSN: storetest.PostgresDSN(t), Now: time.Now},
		}
	}
	for _, c := range dsn(t) {
		here, there := storetest.Open(t, c), storetest.Open(t, c)
		heard := make(chan string, 1)
		here.Subscribe("things", func(keys []string) { heard <- keys[0] })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- here.Run(ctx) }()
		err := there.Update(t.Context(), func(tx *store.Tx) error { tx.Changed("things", "far"); return nil })
		if err != nil {
			t.Fatal(err)
		}
		select {
		case key := <-heard:
			if key != "far" {
				t.Errorf("heard %q", key)
			}
		case <-time.After(10 * time.Second):
			t.Error("heard nothing")
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestDamagedAndNewerDatabasesAreRefused(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is not a database. ", 300)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.New(t.Context(), store.Config{SQLitePath: text, Now: time.Now}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a text file: got %v, want ErrCorrupt", err)
	}
	if after, _ := os.ReadFile(text); len(after) != 24*300 {
		t.Errorf("the damaged file was changed: %d bytes", len(after))
	}

	newer := filepath.Join(dir, "newer.db")
	storetest.Open(t, store.Config{SQLitePath: newer, Now: time.Now})
	raw, err := sql.Open("sqlite", newer)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.New(t.Context(), store.Config{SQLitePath: newer, Now: time.Now}); !errors.Is(err, store.ErrNewer) {
		t.Errorf("a newer release's database: got %v, want ErrNewer", err)
	}
}

func TestDatabaseFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	storetest.Open(t, store.Config{SQLitePath: path, Now: time.Now})
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o", suffix, mode)
		}
	}
}
