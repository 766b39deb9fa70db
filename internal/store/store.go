// Package store opens SQLite or PostgreSQL and runs transactions. It knows no table but
// its own change feed: every other statement stands beside the type it loads.
//
// One statement text serves both engines. Placeholders are written $1, $2 …; columns are
// TEXT, BIGINT, BOOLEAN and BYTEA; times are UTC whole seconds since 1970. Writers are
// serialised on both engines (SQLite has one writer; PostgreSQL takes one advisory lock),
// so a transaction that reads and then writes needs no retry and no isolation level above
// the default, and the suite expects the same of both.
//
// What it refuses: a database of a newer release, a damaged one, settings that do not read
// back as asked, writes after an I/O error (R-6, see Health). It never re-creates a
// store that exists but does not open. Builds with the tag failpoints can be made to fail
// at named places (see Failpoint); others hold nothing of that.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/fault"
)

// Failures of opening and using a store.
var (
	// ErrUnavailable is an engine that cannot be reached or does not accept the work.
	ErrUnavailable = fault.New(fault.Unavailable, "the store is not available")
	// ErrNewer is a database that a newer release has migrated.
	ErrNewer = fault.New(fault.Precondition, "the database was written by a newer release of sealring")
	// ErrCorrupt is a database that exists and cannot be read.
	ErrCorrupt = fault.New(fault.Precondition, "the database is damaged")
	// ErrUnsafe is an engine that runs with settings under which an answered write could be lost.
	ErrUnsafe = fault.New(fault.Precondition, "the database does not run with the settings that durability needs")
)

// Config says which engine to use and how. Exactly one of SQLitePath and PostgresDSN is set.
type Config struct {
	// SQLitePath is the database file; its directory exists. ":memory:" is refused.
	SQLitePath string
	// PostgresDSN is a libpq connection string or URL. It is a secret: it may hold a password.
	PostgresDSN string
	// Now is the clock of the change feed (UTC).
	Now func() time.Time
	// FeedLimit is how long the change feed may be unreadable before Fresh fails: 0 means
	// 5 s, at most 60 s (L-3).
	FeedLimit time.Duration
	// Log hears of rows that Sound leaves out; nil says nothing.
	Log *slog.Logger
}

// DB is an open, migrated store. It is safe for concurrent use.
type DB struct {
	engine engine
	write  *sql.DB // on SQLite one connection; on PostgreSQL the same pool as read
	read   *sql.DB
	now    func() time.Time
	log    *slog.Logger
	last   atomic.Int64 // highest feed sequence delivered to subscribers
	polled atomic.Int64 // when the feed was last read, in nanoseconds; 0 before the first time

	feedLimit time.Duration
	lost      atomic.Bool          // the feed has not been read for feedLimit
	stopped   atomic.Pointer[stop] // why no writes are taken; nil while they are

	turns   atomic.Int64 // writes that have begun
	givenUp atomic.Int64 // writes that still wait and that nobody waits for

	mu          sync.Mutex // guards subscribers, and orders deliveries
	subscribers map[string][]func(keys []string)
}

// New opens the store, checks its settings and brings its tables to this release.
// Errors: ErrUnavailable, ErrNewer, ErrCorrupt, ErrUnsafe.
func New(ctx context.Context, c Config) (*DB, error) {
	db, err := connect(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := db.loadPosition(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// connect opens the engine of c and checks its settings.
func connect(ctx context.Context, c Config) (*DB, error) {
	if (c.SQLitePath == "") == (c.PostgresDSN == "") {
		return nil, errors.New("store: set exactly one of SQLitePath and PostgresDSN")
	}
	if c.Now == nil {
		return nil, errors.New("store: Now is not set")
	}
	if c.FeedLimit == 0 {
		c.FeedLimit = defaultFeedLimit
	}
	if c.FeedLimit < 0 || c.FeedLimit > maxFeedLimit {
		return nil, errors.New("store: FeedLimit is not between 0 and 60 s")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	db := &DB{now: c.Now, log: c.Log, feedLimit: c.FeedLimit, subscribers: map[string][]func([]string){}}
	var err error
	if c.SQLitePath != "" {
		db.engine = sqliteEngine
		db.write, db.read, err = openSQLite(ctx, c.SQLitePath)
	} else {
		db.engine = postgresEngine
		db.write, db.read, err = openPostgres(ctx, c.PostgresDSN)
	}
	if err != nil {
		return nil, err
	}
	return db, nil
}

// Close ends all connections. Transactions that still run fail.
func (db *DB) Close() error {
	err := db.write.Close()
	if db.read != db.write {
		err = errors.Join(err, db.read.Close())
	}
	return err
}

// View runs fn in a read-only transaction that sees one consistent state.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	sqlTx, err := db.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: db.engine.viewLevel})
	if err != nil {
		return unavailable("begin to read", err)
	}
	defer sqlTx.Rollback() //nolint:errcheck // a read-only transaction has nothing to lose
	return fn(&Tx{sql: sqlTx, db: db})
}

// Update runs fn in a transaction that no other writer overlaps, commits it durably and
// then tells subscribers what changed, before it returns. If fn fails nothing is written.
// A store that does not let any write begin is given up on within 2 s.
// Errors: ErrUnavailable, also for every write after an I/O error (see Health).
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	if s := db.stopped.Load(); s != nil {
		return s.err
	}
	return db.update(ctx, fn)
}

// update is Update whatever happened before.
func (db *DB) update(ctx context.Context, fn func(*Tx) error) error {
	if err := Failpoint(BeforeBegin); err != nil {
		return db.writeFailed("begin to write", err)
	}
	sqlTx, err := db.begin(ctx)
	if err != nil {
		return err
	}
	defer sqlTx.Rollback() //nolint:errcheck // after Commit this does nothing
	if err := Failpoint(AfterBegin); err != nil {
		return db.writeFailed("begin to write", err)
	}
	tx := &Tx{sql: sqlTx, db: db, writes: true}
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.appendFeed(ctx); err != nil {
		return err
	}
	if err := Failpoint(BeforeCommit); err != nil {
		return db.writeFailed("commit", err)
	}
	if err := sqlTx.Commit(); err != nil {
		return db.writeFailed("commit", err)
	}
	if err := Failpoint(AfterCommit); err != nil {
		return db.writeFailed("answer", err)
	}
	db.deliverOwn(tx)
	return nil
}

// unavailable wraps an engine's failure to do work that is right in itself.
func unavailable(doing string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
}

// Tx is one transaction. It is not safe for concurrent use and dies with the function
// that received it.
type Tx struct {
	sql     *sql.Tx
	db      *DB
	writes  bool
	changes []change
	last    int64
}

// Exec runs a statement that returns no rows and reports how many it touched.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := tx.sql.ExecContext(ctx, tx.db.engine.rebind(query), args...)
	if err != nil {
		return 0, tx.failed(err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, tx.failed(err)
	}
	return n, nil
}

// Query runs a statement that returns rows and calls scan for each of them.
func (tx *Tx) Query(ctx context.Context, scan func(Row) error, query string, args ...any) error {
	rows, err := tx.sql.QueryContext(ctx, tx.db.engine.rebind(query), args...)
	if err != nil {
		return tx.failed(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err below reports what matters
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return tx.failed(err)
	}
	return nil
}

// failed gives an error of the engine the failure that callers match, and ends writing if
// it is one after which nothing may be written.
func (tx *Tx) failed(err error) error {
	tx.db.notice(err, tx.writes)
	return tx.db.engine.classify(err)
}

// Sound makes of scan one that leaves out a row it fails on, and logs what and why: what
// every decision loads must not be lost to one malformed row (S-67). What is left out
// counts as not there, so use it only where that allows nobody more.
func (tx *Tx) Sound(ctx context.Context, what string, scan func(Row) error) func(Row) error {
	return func(r Row) error {
		if err := scan(r); err != nil {
			tx.db.log.ErrorContext(ctx, "a malformed row is ignored", "row", what, "err", err)
		}
		return nil
	}
}

// Row is a result row to be scanned.
type Row interface{ Scan(dest ...any) error }

// Get reads one row into dest and reports whether there was one.
func (tx *Tx) Get(ctx context.Context, query string, args []any, dest ...any) (bool, error) {
	err := tx.sql.QueryRowContext(ctx, tx.db.engine.rebind(query), args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, tx.failed(err)
	}
	return true, nil
}
