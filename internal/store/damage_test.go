package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// realDatabase writes a database with every table and some thousand rows, and returns its
// bytes, with nothing left in the log.
func realDatabase(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.db")
	db := storetest.Open(t, store.Config{SQLitePath: path, Now: time.Now})
	table(t, db)
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for i := range 2000 {
			if err := put(t.Context(), tx, fmt.Sprintf("key number %d", i), int64(i)); err != nil {
				return err
			}
			tx.Changed("pairs", fmt.Sprint(i))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return good
}

// open tries a file with these bytes and reports what New says, and whether the file is
// what it was.
func open(t *testing.T, content []byte) (err error, untouched bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.New(t.Context(), store.Config{SQLitePath: path, Now: time.Now})
	if db != nil {
		_ = db.Close()
	}
	after, readErr := os.ReadFile(path)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return err, bytes.Equal(after, content)
}

// a file that is cut, empty or overwritten in its structure does not open, is not
// changed, and is not begun anew. The twin: the same bytes undamaged open.
func TestDamagedFilesAreRefusedUntouched(t *testing.T) {
	good := realDatabase(t)
	if err, _ := open(t, good); err != nil {
		t.Fatalf("undamaged: %v", err)
	}
	damaged := map[string][]byte{
		"an empty file": {}, "one byte": good[:1], "half a header": good[:50], "one page": good[:4096],
		"all but the last page": good[:len(good)-4096], "cut within a page": good[:len(good)/2+123], "zeroes": make([]byte, len(good)),
	}
	for page := 1; page < len(good)/4096; page += 1 + len(good)/4096/20 {
		bad := bytes.Clone(good)
		for i := range 8 {
			bad[page*4096+i] ^= 0xa5 // the header of the page's tree
		}
		damaged[fmt.Sprintf("the header of page %d", page+1)] = bad
	}
	for name, content := range damaged {
		if err, untouched := open(t, content); !errors.Is(err, store.ErrCorrupt) || !untouched {
			t.Errorf("%s: %v, untouched %v", name, err, untouched)
		}
	}
}

// one flipped bit in each page. SQLite has no checksums of pages, so a bit within a
// value that no index repeats goes unseen here, and is for the seals and hashes above to
// find; what must never happen is a refused file that was changed, or a panic. The test
// says how many were seen.
func TestFlippedBitsNeverChangeARefusedFile(t *testing.T) {
	good := realDatabase(t)
	seen, pages := 0, len(good)/4096
	for page := range pages {
		bad := bytes.Clone(good)
		bad[page*4096+(page*1031)%4096] ^= 1 << (page % 8)
		err, untouched := open(t, bad)
		if err == nil {
			continue
		}
		seen++
		if !untouched {
			t.Errorf("page %d: %v, and the file was changed", page+1, err)
		}
	}
	t.Logf("a start saw %d of %d flipped bits, one in each page", seen, pages)
	if seen == 0 {
		t.Error("none was seen")
	}
}

// companions. A missing -shm is nothing; a log without its database is damage, and a
// torn log ends at its last whole commit, as after a crash.
func TestCompanionsOfTheFile(t *testing.T) {
	dir := t.TempDir()
	live := filepath.Join(dir, "s.db")
	db := storetest.Open(t, store.Config{SQLitePath: live, Now: time.Now})
	table(t, db)
	for _, k := range []string{"first", "second"} {
		if err := write(t, db, k); err != nil {
			t.Fatal(err)
		}
	}
	copyOf := func(name string, cut int64, suffixes ...string) string {
		path := filepath.Join(t.TempDir(), name)
		for _, s := range suffixes {
			raw, err := os.ReadFile(live + s)
			if err != nil {
				t.Fatal(err)
			}
			if s == "-wal" {
				raw = raw[:int64(len(raw))-cut]
			}
			if err := os.WriteFile(path+s, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	whole := storetest.Open(t, store.Config{SQLitePath: copyOf("whole", 0, "", "-wal"), Now: time.Now})
	if n := count(t, whole); n != 2 {
		t.Errorf("without -shm: %d pairs", n)
	}
	torn := storetest.Open(t, store.Config{SQLitePath: copyOf("torn", 100, "", "-wal"), Now: time.Now})
	if n := count(t, torn); n != 1 {
		t.Errorf("with a torn log: %d pairs, want the first", n)
	}
	if _, err := store.New(t.Context(), store.Config{SQLitePath: copyOf("orphan", 0, "-wal"), Now: time.Now}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a log without its database: %v", err)
	}
}

// a start that was cut off while it made the file leaves nothing in the way of
// the next one.
func TestAHalfMadeFileIsMadeAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	if err := os.WriteFile(path+".new", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	db := storetest.Open(t, store.Config{SQLitePath: path, Now: time.Now})
	table(t, db)
	if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the draft is still there: %v", err)
	}
}

// a database whose account of its own tables is not what migrations leave.
func TestADamagedVersionIsRefused(t *testing.T) {
	for name, statement := range map[string]string{
		"no version at all":      "DELETE FROM goose_db_version",
		"only the first":         "DELETE FROM goose_db_version WHERE version_id > 0",
		"one in the middle lost": "DELETE FROM goose_db_version WHERE version_id = 4",
		"the tables are gone":    "DROP TABLE feed",
	} {
		for _, engine := range []string{"sqlite", "pgx"} {
			t.Run(name+" "+engine, func(t *testing.T) {
				c := store.Config{SQLitePath: filepath.Join(t.TempDir(), "s.db"), Now: time.Now}
				source := c.SQLitePath
				if engine == "pgx" {
					c = store.Config{PostgresDSN: storetest.PostgresDSN(t), Now: time.Now}
					source = c.PostgresDSN
				}
				if err := storetest.Open(t, c).Close(); err != nil {
					t.Fatal(err)
				}
				storetest.Open(t, c) // the twin: it opens as often as you like
				raw, err := sql.Open(engine, source)
				if err != nil {
					t.Fatal(err)
				}
				defer raw.Close()
				if _, err := raw.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
				if _, err := store.New(context.Background(), c); !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("got %v, want ErrCorrupt", err)
				}
			})
		}
	}
}

// nothing in a path is taken for a setting.
func TestAPathIsNoSetting(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"s.db?_pragma=synchronous(OFF)", "100%41.db", "a b#c.db"} {
		path := filepath.Join(dir, name)
		storetest.Open(t, store.Config{SQLitePath: path, Now: time.Now})
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// PostgreSQL whose role commits without flushing is refused, naming the setting;
// the twin is every other test.
func TestPostgresThatMayLoseCommitsIsRefused(t *testing.T) {
	for _, value := range []string{"off", "local", "remote_write"} {
		dsn := storetest.PostgresDSN(t)
		raw, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		var name string
		if err := raw.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
		_, err = raw.ExecContext(t.Context(), "ALTER DATABASE "+name+" SET synchronous_commit = "+value)
		_ = raw.Close()
		if err != nil {
			t.Fatal(err)
		}
		_, err = store.New(t.Context(), store.Config{PostgresDSN: dsn, Now: time.Now})
		if !errors.Is(err, store.ErrUnsafe) || !strings.Contains(err.Error(), "synchronous_commit is "+value) {
			t.Errorf("%s: %v", value, err)
		}
	}
}
