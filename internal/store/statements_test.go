package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// A statement that is compiled once serves after failures, after a change of the schema, and
// many readers at once.
func TestKeptStatementsAnswerAsNewOnes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		does(t, db, "CREATE TABLE kept (n BIGINT PRIMARY KEY, word TEXT NOT NULL)")
		for i := range 5 {
			does(t, db, "INSERT INTO kept (n, word) VALUES ($1, $2)", i, fmt.Sprint("w", i))
		}
		failing := db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO kept (n, word) VALUES ($1, $2)", 1, "again")
			return err
		})
		if failing == nil {
			t.Error("a second row under one key was taken")
		}
		does(t, db, "INSERT INTO kept (n, word) VALUES ($1, $2)", 100, "after a failure")
		does(t, db, "ALTER TABLE kept ADD COLUMN more TEXT")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					var word string
					found := false
					err := db.View(t.Context(), func(tx *store.Tx) (err error) {
						found, err = tx.Get(t.Context(), "SELECT word FROM kept WHERE n = $1", []any{100}, &word)
						return err
					})
					if err != nil || !found || word != "after a failure" {
						t.Errorf("%q, %v, %v", word, found, err)
						return
					}
				}
			})
		}
		all.Wait()
	})
}

// A query inside itself gets a statement of its own.
func TestAKeptStatementServesOneAtATime(t *testing.T) {
	db := storetest.SQLite(t)
	does(t, db, "CREATE TABLE kept (n BIGINT PRIMARY KEY)")
	for i := range 5 {
		does(t, db, "INSERT INTO kept (n) VALUES ($1)", i)
	}
	const below = "SELECT n FROM kept WHERE n < $1 ORDER BY n"
	var pairs []string
	err := db.View(t.Context(), func(tx *store.Tx) error {
		var outer int64
		return tx.Query(t.Context(), func(r store.Row) error {
			if err := r.Scan(&outer); err != nil {
				return err
			}
			return tx.Query(t.Context(), func(r store.Row) error {
				var inner int64
				err := r.Scan(&inner)
				pairs = append(pairs, fmt.Sprint(outer, inner))
				return err
			}, below, outer)
		}, below, 3)
	})
	if err != nil || fmt.Sprint(pairs) != "[1 0 2 0 2 1]" {
		t.Errorf("%v, %v", pairs, err)
	}
}

// A query whose context ends is not kept in a state that spoils the next.
func TestAKeptStatementSurvivesAnEndedContext(t *testing.T) {
	db := storetest.SQLite(t)
	does(t, db, "CREATE TABLE kept (n BIGINT PRIMARY KEY)")
	const slow = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < $1) SELECT COUNT(*) FROM c"
	count := func(ctx context.Context, upTo int64) (n int64, err error) {
		err = db.View(ctx, func(tx *store.Tx) error {
			_, err := tx.Get(ctx, slow, []any{upTo}, &n)
			return err
		})
		return n, err
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if _, err := count(ctx, 1<<40); err == nil {
			t.Error("an endless query ended")
		}
		cancel()
		if n, err := count(t.Context(), 10); err != nil || n != 10 {
			t.Errorf("afterwards: %d, %v", n, err)
		}
	}
}

// does executes one statement in a transaction of its own.
func does(t *testing.T, db *store.DB, statement string, args ...any) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
