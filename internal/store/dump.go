package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/sealring/sealring/internal/fault"
)

// ErrNotEmpty is a target of Load that holds something already.
var ErrNotEmpty = fault.New(fault.Precondition, "the target of a restore is not empty")

// Sink takes a dump: each table with its rows, in an order in which they can be put back.
// Values are string, int64, bool, []byte or nil.
type Sink interface {
	Table(name string, columns []string) error
	Row(values []any) error
}

// Source gives back what a Sink took.
type Source interface {
	// Table moves to the next table, passing over rows not read; io.EOF at the end.
	Table() (name string, columns []string, err error)
	// Row returns the next row of the table; nil at its end.
	Row() ([]any, error)
}

// Dump writes everything there is, as one consistent state of the store, while others read
// and write, and returns the version of the tables.
func (db *DB) Dump(ctx context.Context, out func(version int64) (Sink, error)) error {
	return db.Inspect(ctx, func(tx *Tx) error {
		version, err := tx.version(ctx)
		if err != nil {
			return err
		}
		sink, err := out(version)
		if err != nil {
			return err
		}
		for _, table := range tables() {
			if there, err := tx.hasTable(ctx, table); err != nil {
				return err
			} else if !there {
				return fmt.Errorf("%w: the table %s is missing", ErrCorrupt, table)
			}
			if err := tx.dump(ctx, table, sink); err != nil {
				return fmt.Errorf("dump table %s: %w", table, err)
			}
		}
		return nil
	})
}

// version is that of the newest migration.
func (tx *Tx) version(ctx context.Context) (version int64, err error) {
	_, err = tx.Get(ctx, "SELECT MAX(version_id) FROM goose_db_version", nil, &version)
	return version, err
}

// booleans are the columns that hold numbers for truths on SQLite.
func (tx *Tx) booleans(ctx context.Context, table string) (names []string, err error) {
	if tx.db.engine.lock != "" {
		return nil, nil
	}
	err = tx.Query(ctx, func(r Row) error {
		var name string
		err := r.Scan(&name)
		names = append(names, name)
		return err
	}, "SELECT name FROM pragma_table_info($1) WHERE type = 'BOOLEAN'", table)
	return names, err
}

// dump writes one table.
func (tx *Tx) dump(ctx context.Context, table string, sink Sink) error {
	booleans, err := tx.booleans(ctx, table)
	if err != nil {
		return err
	}
	rows, err := tx.sql.QueryContext(ctx, "SELECT * FROM "+table) //nolint:gosec // a name of our own
	if err != nil {
		return tx.failed(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err below reports what matters
	columns, err := rows.Columns()
	if err != nil {
		return tx.failed(err)
	}
	if err := sink.Table(table, columns); err != nil {
		return err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return tx.failed(err)
		}
		for i, c := range columns {
			if n, number := values[i].(int64); number && slices.Contains(booleans, c) {
				values[i] = n != 0
			}
		}
		if err := sink.Row(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return tx.failed(err)
	}
	return nil
}

// createTable finds the tables that migrations make.
var createTable = regexp.MustCompile(`(?m)^CREATE TABLE (\w+) \(`)

// tables are all tables of this release in the order of their making, so that what a row
// refers to comes before it.
func tables() []string {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	slices.Sort(files)
	var out []string
	for _, file := range files {
		text, err := migrations.ReadFile(file)
		if err != nil {
			panic(err) // it is part of the program
		}
		for _, m := range createTable.FindAllSubmatch(text, -1) {
			out = append(out, string(m[1]))
		}
	}
	return out
}

// Load fills an empty store of either engine with a dump of tables at version, and lets
// finish change it before anything of it can be seen. It leaves a store that New opens, or,
// after a failure, none. Errors: ErrNotEmpty, ErrNewer, ErrUnavailable.
func Load(ctx context.Context, c Config, version int64, in Source, finish func(*Tx) error) (err error) {
	place := c
	if c.SQLitePath != "" { // it takes its name when it is whole
		if _, err := os.Lstat(c.SQLitePath); !errors.Is(err, fs.ErrNotExist) {
			return ErrNotEmpty.With("%s exists: a restore replaces nothing; move it away, or name another directory", c.SQLitePath)
		}
		place.SQLitePath = c.SQLitePath + ".restoring"
		removeSQLite(place.SQLitePath)
	}
	db, err := openEmpty(ctx, place)
	if err != nil {
		return err
	}
	err = db.load(ctx, version, in, finish)
	if err != nil && c.SQLitePath == "" {
		err = errors.Join(err, db.dropAll(ctx))
	}
	if closed := db.Close(); err == nil {
		err = closed
	}
	if c.SQLitePath == "" {
		return err
	}
	if err != nil {
		removeSQLite(place.SQLitePath)
		return err
	}
	if _, err := os.Lstat(place.SQLitePath + "-wal"); err == nil {
		return unavailable("restore "+c.SQLitePath, errors.New("the database was not closed in order"))
	}
	if err := os.Rename(place.SQLitePath, c.SQLitePath); err != nil {
		return unavailable("restore "+c.SQLitePath, err)
	}
	return syncDir(filepath.Dir(c.SQLitePath))
}

// removeSQLite removes a database that was never used, with its companions.
func removeSQLite(path string) {
	for _, end := range []string{"", "-wal", "-shm", "-journal", ".new"} {
		_ = os.Remove(path + end) // what is left over stops the next attempt, which says so
	}
}

// openEmpty opens an engine without tables of ours. Errors: ErrNotEmpty.
func openEmpty(ctx context.Context, c Config) (db *DB, err error) {
	db, err = connect(ctx, c)
	if err != nil {
		return nil, err
	}
	err = db.View(ctx, func(tx *Tx) error {
		for _, table := range append(tables(), "goose_db_version") {
			if there, err := tx.hasTable(ctx, table); err != nil {
				return err
			} else if there {
				return ErrNotEmpty.With("the database holds the table %s: a restore replaces nothing; name an empty database", table)
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// load makes the tables as they were at version and fills them in one transaction.
func (db *DB) load(ctx context.Context, version int64, in Source, finish func(*Tx) error) error {
	if err := db.migrateTo(ctx, version); err != nil {
		return err
	}
	// Until the rows are there, a server that is started here finds a damaged record and
	// makes nothing in its place.
	err := db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO installation (name, value) VALUES ('restoring', 'true')")
		return err
	})
	if err != nil {
		return err
	}
	return db.Update(ctx, func(tx *Tx) error {
		if db.engine.lock != "" {
			if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
				return err
			}
		}
		for {
			table, columns, err := in.Table()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				err = tx.fill(ctx, table, columns, in)
			}
			if err != nil {
				return err
			}
		}
		return finish(tx)
	})
}

// columnName is what a column may be called; names in a dump are not taken on trust.
var columnName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// fill puts the rows of one table back.
func (tx *Tx) fill(ctx context.Context, table string, columns []string, in Source) error {
	if !slices.Contains(tables(), table) || len(columns) == 0 || slices.ContainsFunc(columns, func(c string) bool { return !columnName.MatchString(c) }) {
		return ErrCorrupt.With("the dump holds the table %q, which this release does not know", table)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM "+table); err != nil { // some migrations put a first row there
		return fmt.Errorf("restore table %s: %w", table, err)
	}
	marks := make([]string, len(columns))
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	insert := "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
	for {
		row, err := in.Row()
		if err != nil || row == nil {
			return err
		}
		if len(row) != len(columns) {
			return ErrCorrupt.With("a row of the table %s in the dump has %d values for %d columns", table, len(row), len(columns))
		}
		if _, err := tx.Exec(ctx, insert, row...); err != nil {
			return fmt.Errorf("restore table %s: %w", table, err)
		}
	}
}

// dropAll takes away what an attempt to restore into an empty PostgreSQL left.
func (db *DB) dropAll(ctx context.Context) error {
	return db.update(context.WithoutCancel(ctx), func(tx *Tx) error {
		names := tables()
		slices.Reverse(names)
		for _, name := range append(names, "goose_db_version") {
			if _, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+name); err != nil {
				return fmt.Errorf("take away the unfinished table %s: %w", name, err)
			}
		}
		return nil
	})
}

// migrateTo makes the tables of a version. Errors: ErrNewer.
func (db *DB) migrateTo(ctx context.Context, version int64) error {
	p, err := db.provider()
	if err != nil {
		return err
	}
	sources := p.ListSources()
	if newest := sources[len(sources)-1].Version; version > newest {
		return ErrNewer.With("the dump is at version %d and this release knows %d: restore it with the release that wrote it", version, newest)
	}
	if !slices.ContainsFunc(sources, func(s *goose.Source) bool { return s.Version == version }) {
		return ErrCorrupt.With("the dump is at version %d, which there never was", version)
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return fmt.Errorf("make the tables: %w", db.engine.classify(err))
	}
	return nil
}
