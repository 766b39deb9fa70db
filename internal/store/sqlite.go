package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
)

// settings are what R-2 demands of every connection, with the values that must read back.
var settings = []struct{ pragma, ask, want string }{
	{"journal_mode", "WAL", "wal"},
	{"synchronous", "FULL", "2"},
	{"foreign_keys", "ON", "1"},
	{"busy_timeout", "5000", "5000"},
}

// oldestSQLite is the first release without the known WAL defects that R-2 names.
const oldestSQLite = "3.51.3"

// openSQLite opens the file with one writing connection and several reading ones. The
// file and its companions are for the owner alone.
func openSQLite(ctx context.Context, path string) (write, read *sql.DB, err error) {
	if strings.Contains(path, ":memory:") {
		return nil, nil, fmt.Errorf("%w: a store in memory keeps nothing", ErrUnsafe)
	}
	if err := createPrivate(path); err != nil {
		return nil, nil, err
	}
	params := url.Values{"_txlock": {"immediate"}}
	for _, s := range settings {
		params.Add("_pragma", s.pragma+"("+s.ask+")")
	}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String() + "?" + params.Encode()
	if write, err = sql.Open("sqlite", dsn); err != nil {
		return nil, nil, unavailable("open "+path, err)
	}
	write.SetMaxOpenConns(1)
	if err := verifySQLite(ctx, write); err != nil {
		_ = write.Close()
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	params.Set("_txlock", "deferred")
	params.Add("_pragma", "query_only(ON)")
	dsn = (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String() + "?" + params.Encode()
	if read, err = sql.Open("sqlite", dsn); err != nil {
		_ = write.Close()
		return nil, nil, unavailable("open "+path, err)
	}
	readers := max(4, runtime.NumCPU())
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return write, read, nil
}

// createPrivate makes an empty file of mode 0600 where there is none; SQLite gives its
// companions the mode of the database.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return unavailable("open database", err)
	}
	return f.Close()
}

// verifySQLite reads back version and settings and runs the quick integrity check.
func verifySQLite(ctx context.Context, db *sql.DB) error {
	var version, state string
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return classifySQLite(err)
	}
	if older(version, oldestSQLite) {
		return fmt.Errorf("%w: SQLite %s is older than %s", ErrUnsafe, version, oldestSQLite)
	}
	for _, s := range settings {
		var got string
		if err := db.QueryRowContext(ctx, "PRAGMA "+s.pragma).Scan(&got); err != nil {
			return classifySQLite(err)
		}
		if got != s.want {
			return fmt.Errorf("%w: %s is %s instead of %s", ErrUnsafe, s.pragma, got, s.want)
		}
	}
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&state); err != nil {
		return classifySQLite(err)
	}
	if state != "ok" {
		return fmt.Errorf("%w: %s", ErrCorrupt, state)
	}
	return nil
}

// older compares two dotted version numbers.
func older(a, b string) bool {
	var x, y [3]int
	_, _ = fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2])
	_, _ = fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2])
	for i := range x {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}
