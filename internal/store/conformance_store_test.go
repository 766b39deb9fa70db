package store_test

import (
	"fmt"
	"testing"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// reading and writing connections of SQLite run with settings that lose nothing; they
// are asked on the connections that serve, not in the file that sets them.
func TestSQLiteRunsWithTheSettingsThatLoseNothing(t *testing.T) {
	db := storetest.SQLite(t)
	ask := func(tx *store.Tx) error {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
			var got any
			if ok, err := tx.Get(t.Context(), "PRAGMA "+pragma, nil, &got); err != nil || !ok {
				return fmt.Errorf("%s: %t, %w", pragma, ok, err)
			}
			if text := fmt.Sprint(got); text != want {
				t.Errorf("%s is %s, want %s", pragma, text, want)
			}
		}
		return nil
	}
	for name, run := range map[string]func() error{
		"reading": func() error { return db.View(t.Context(), ask) },
		"writing": func() error { return db.Update(t.Context(), ask) },
	} {
		if err := run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
