package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// count reads how many pairs there are.
func count(t *testing.T, db *store.DB) (n int64) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Get(t.Context(), "SELECT COUNT(*) FROM pairs", nil, &n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// write adds a pair.
func write(t *testing.T, db *store.DB, k string) error {
	t.Helper()
	return db.Update(t.Context(), func(tx *store.Tx) error { return put(t.Context(), tx, k, 1) })
}

// after a disk that was full once SQLite gets no further write until it is opened
// anew; reads go on. The error is the engine's own: a limit on the file's pages.
func TestAFullSQLiteTakesNoWritesUntilItIsOpenedAgain(t *testing.T) {
	c := store.Config{SQLitePath: t.TempDir() + "/s.db", Now: time.Now}
	db := storetest.Open(t, c)
	ctx := t.Context()
	table(t, db)
	if err := write(t, db, "before"); err != nil {
		t.Fatal(err)
	}
	if err := db.Health(ctx); err != nil {
		t.Fatalf("healthy: %v", err)
	}
	err := db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "PRAGMA max_page_count = 1"); err != nil {
			return err
		}
		for i := range 1000 {
			_, err := tx.Exec(ctx, "INSERT INTO pairs (k, v, b) VALUES ($1, 1, $2)", fmt.Sprint(i), make([]byte, 4096))
			if err != nil {
				_, _ = tx.Exec(ctx, "PRAGMA max_page_count = 1000000") // room again, and still no trust
				return err
			}
		}
		return errors.New("the file has no limit")
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a full file: %v", err)
	}
	for range 2 {
		if err := write(t, db, "after"); !errors.Is(err, store.ErrUnavailable) || fault.KindOf(err) != fault.Unavailable {
			t.Errorf("a write after it: %v", err)
		}
	}
	if err := db.Health(ctx); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("health after it: %v", err)
	}
	if n := count(t, db); n != 1 {
		t.Errorf("%d pairs are read, want the one from before", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := storetest.Open(t, c)
	if err := errors.Join(write(t, again, "after"), again.Health(ctx)); err != nil || count(t, again) != 2 {
		t.Errorf("opened again: %v, %d pairs", err, count(t, again))
	}
}

// which errors of PostgreSQL end writing, and that a write of ours that succeeds
// ends that, but not after damage. An error that says nothing of the disk changes nothing.
func TestPostgresTakesWritesAgainOnceOneSucceeds(t *testing.T) {
	for state, want := range map[string]string{
		"53100": "recovers", "58030": "recovers", "25006": "recovers", "XX001": "refuses", "P0001": "unharmed", "40001": "unharmed",
	} {
		t.Run(state, func(t *testing.T) {
			db := storetest.Open(t, store.Config{PostgresDSN: storetest.PostgresDSN(t), Now: time.Now})
			ctx := t.Context()
			table(t, db)
			err := db.Update(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(ctx, "DO $$ BEGIN RAISE EXCEPTION 'ours' USING ERRCODE = '"+state+"'; END $$")
				return err
			})
			if err == nil {
				t.Fatal("no error")
			}
			if err := write(t, db, "at once"); (err == nil) != (want == "unharmed") {
				t.Errorf("the next write: %v", err)
			}
			if err := db.Health(ctx); (err == nil) != (want == "unharmed") {
				t.Errorf("health: %v", err)
			}
			if want != "recovers" {
				return
			}
			run(t, db)
			storetest.Eventually(t, "healthy again", func() bool { return db.Health(ctx) == nil })
			if err := write(t, db, "later"); err != nil {
				t.Error(err)
			}
		})
	}
}

// run follows the feed until the test ends.
func run(t *testing.T, db *store.DB) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- db.Run(t.Context()) }()
	t.Cleanup(func() { <-done })
}

// L-3: a feed that cannot be read for the limit is lost, and found again.
func TestALostFeedIsNotFresh(t *testing.T) {
	db := storetest.Open(t, store.Config{PostgresDSN: storetest.PostgresDSN(t), Now: time.Now, FeedLimit: 300 * time.Millisecond})
	ctx := t.Context()
	run(t, db)
	if err := errors.Join(db.Fresh(), db.Health(ctx)); err != nil {
		t.Fatal(err)
	}
	rename := func(from, to string) {
		err := db.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "ALTER TABLE "+from+" RENAME TO "+to)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	rename("feed", "hidden")
	storetest.Eventually(t, "the feed is lost", func() bool { return errors.Is(db.Fresh(), store.ErrUnavailable) })
	if err := db.Health(ctx); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("health: %v", err)
	}
	rename("hidden", "feed")
	storetest.Eventually(t, "the feed is found", func() bool { return db.Fresh() == nil })
}

// S-67: a panic in a transaction releases it, on both engines: nothing is written and the
// next writer does not wait.
func TestAPanicReleasesTheWriter(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_ = db.Update(t.Context(), func(tx *store.Tx) error {
				if err := put(t.Context(), tx, "half", 1); err != nil {
					return err
				}
				panic("ours")
			})
		}()
		if err := write(t, db, "next"); err != nil || count(t, db) != 1 {
			t.Errorf("next write: %v, %d pairs", err, count(t, db))
		}
		if err := db.Health(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// S-67: a row that does not scan is left out where the caller says that nobody gains by it,
// and is an error elsewhere.
func TestAMalformedRowIsLeftOutOfASoundQuery(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		table(t, db)
		for _, k := range []string{"a", "not a number", "b"} {
			if err := write(t, db, k); err != nil {
				t.Fatal(err)
			}
		}
		ctx := t.Context()
		var seen []string
		scan := func(r store.Row) error {
			var k string
			var b []byte
			if err := r.Scan(&k, &b); err != nil || len(k) > 1 {
				return errors.Join(errors.New("malformed"), err)
			}
			seen = append(seen, k)
			return nil
		}
		const all = "SELECT k, b FROM pairs ORDER BY k"
		if err := db.View(ctx, func(tx *store.Tx) error { return tx.Query(ctx, scan, all) }); err == nil {
			t.Error("no error without Sound")
		}
		seen = nil
		err := db.View(ctx, func(tx *store.Tx) error { return tx.Query(ctx, tx.Sound(ctx, "pair", scan), all) })
		if err != nil || fmt.Sprint(seen) != "[a b]" {
			t.Errorf("with Sound: %v, %v", seen, err)
		}
	})
}
