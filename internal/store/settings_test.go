package store

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// each setting that does not read back as asked stops the start and is named.
func TestEachSettingIsReadBack(t *testing.T) {
	for pragma, other := range map[string]string{
		"journal_mode": "DELETE", "synchronous": "NORMAL", "foreign_keys": "OFF", "busy_timeout": "1",
	} {
		query := ""
		for _, s := range settings {
			value := s.ask
			if s.pragma == pragma {
				value = other
			}
			query += "&_pragma=" + s.pragma + "(" + value + ")"
		}
		db, err := sql.Open("sqlite", fileURL(filepath.Join(t.TempDir(), "s.db"))+"?"+query[1:])
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		err = verifySQLite(t.Context(), db)
		_ = db.Close()
		if !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), pragma) {
			t.Errorf("%s = %s: %v", pragma, other, err)
		}
	}
}

// versions compare by number.
func TestOlderVersions(t *testing.T) {
	for version, want := range map[string]bool{
		"3.51.2": true, "3.9.0": true, "2.99.99": true, "3.51.3": false, "3.51.10": false, "3.100.0": false, "4.0.0": false,
	} {
		if older(version, oldestSQLite) != want {
			t.Errorf("%s older than %s: want %v", version, oldestSQLite, want)
		}
	}
}
