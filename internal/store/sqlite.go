package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
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

// fullCheckBytes is the size up to which a start compares indexes with tables as well as
// looking at the structure of every page: both take some ten milliseconds there.
const fullCheckBytes = 16 << 20

// smallestPage is the least a SQLite database can have, in bytes.
const smallestPage = 512

// openSQLite opens the file with one writing connection and several reading ones. The
// file and its companions are for the owner alone.
func openSQLite(ctx context.Context, path string) (write, read *sql.DB, err error) {
	if strings.Contains(path, ":memory:") {
		return nil, nil, ErrUnsafe.With("a store in memory keeps nothing")
	}
	if err := localFilesystem(filepath.Dir(path)); err != nil {
		return nil, nil, err
	}
	if err := createPrivate(ctx, path); err != nil {
		return nil, nil, err
	}
	params := url.Values{"_txlock": {"immediate"}}
	for _, s := range settings {
		params.Add("_pragma", s.pragma+"("+s.ask+")")
	}
	dsn := fileURL(path) + "?" + params.Encode()
	if write, err = openKeeping(dsn); err != nil {
		return nil, nil, unavailable("open "+path, err)
	}
	write.SetMaxOpenConns(1)
	if err := verifySQLite(ctx, write); err != nil {
		_ = write.Close()
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	params.Set("_txlock", "deferred")
	params.Add("_pragma", "query_only(ON)")
	dsn = fileURL(path) + "?" + params.Encode()
	if read, err = openKeeping(dsn); err != nil {
		_ = write.Close()
		return nil, nil, unavailable("open "+path, err)
	}
	readers := max(4, runtime.NumCPU())
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return write, read, nil
}

// createPrivate makes a database without tables, of mode 0600, where there is none; SQLite
// gives its companions the mode of the database. It appears under its name whole or not at
// all, so that an empty file is never the remains of a start that was cut off: it is
// damage, and is refused rather than filled.
func createPrivate(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Size() < smallestPage: // SQLite would take it for a new one
		return fmt.Errorf("%w: %s has %d bytes", ErrCorrupt, path, info.Size())
	case err == nil:
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return unavailable("open database", err)
		}
		return f.Close()
	case !errors.Is(err, fs.ErrNotExist):
		return unavailable("open database", err)
	}
	for _, orphan := range []string{"-wal", "-journal"} {
		if _, err := os.Stat(path + orphan); err == nil {
			return fmt.Errorf("%w: %s is missing and its %s is there", ErrCorrupt, path, path+orphan)
		}
	}
	draft := path + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unavailable("make database", err)
	}
	f, err := os.OpenFile(draft, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return unavailable("make database", err)
	}
	if err := errors.Join(writeHeader(ctx, draft), f.Sync(), f.Close()); err != nil {
		return unavailable("make database", err)
	}
	if err := os.Rename(draft, path); err != nil {
		return unavailable("make database", err)
	}
	return syncDir(filepath.Dir(path))
}

// writeHeader turns an empty file into a database in WAL mode, all in one file.
func writeHeader(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", fileURL(path)+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "PRAGMA user_version = 0")
	return errors.Join(err, db.Close())
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return unavailable("open "+dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return unavailable("flush "+dir, err)
	}
	return nil
}

// fileURL spells a path so that nothing in it is taken for a parameter.
func fileURL(path string) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String()
}

// verifySQLite reads back version and settings and runs the quick integrity check.
func verifySQLite(ctx context.Context, db *sql.DB) error {
	var version, state string
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return classifySQLite(err)
	}
	if older(version, oldestSQLite) {
		return ErrUnsafe.With("SQLite %s is older than %s, which loses data", version, oldestSQLite)
	}
	for _, s := range settings {
		var got string
		if err := db.QueryRowContext(ctx, "PRAGMA "+s.pragma).Scan(&got); err != nil {
			return classifySQLite(err)
		}
		if got != s.want {
			return ErrUnsafe.With("SQLite runs with %s = %s instead of %s and may lose commits", s.pragma, got, s.want)
		}
	}
	var pages, bytes int64
	for pragma, into := range map[string]*int64{"page_count": &pages, "page_size": &bytes} {
		if err := db.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(into); err != nil {
			return classifySQLite(err)
		}
	}
	check := "PRAGMA quick_check(1)"
	if pages*bytes <= fullCheckBytes {
		check = "PRAGMA integrity_check(1)"
	}
	if err := db.QueryRowContext(ctx, check).Scan(&state); err != nil {
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
