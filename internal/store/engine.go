package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sealring/sealring/internal/fault"
)

// ErrExists is a row whose key, or another unique value, is taken.
var ErrExists = fault.New(fault.Conflict, "it exists already")

// engine is what differs between the two databases. There are two values and no more.
type engine struct {
	dialect   goose.Dialect
	lock      string // statement that waits for other writers; "" where the engine has one writer
	viewLevel sql.IsolationLevel
	rebind    func(query string) string
	classify  func(err error) error
	damage    func(err error) damage
}

// The two engines.
var (
	sqliteEngine = engine{
		dialect: goose.DialectSQLite3, rebind: numbered(), classify: classifySQLite, damage: damageSQLite,
	}
	postgresEngine = engine{
		dialect: goose.DialectPostgres, viewLevel: sql.LevelRepeatableRead,
		lock:   "SELECT pg_advisory_xact_lock(7310593858020254331)",
		rebind: func(query string) string { return query }, classify: classifyPostgres, damage: damagePostgres,
	}
)

// numbered returns a function that turns $1 into ?1, the spelling of positional
// parameters in SQLite, and remembers each answer. Statements hold no $ elsewhere.
func numbered() func(string) string {
	var known sync.Map
	return func(query string) string {
		if done, ok := known.Load(query); ok {
			return done.(string)
		}
		done := strings.ReplaceAll(query, "$", "?")
		known.Store(query, done)
		return done
	}
}

// classifySQLite gives an error of the driver the failure that callers match.
func classifySQLite(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT:
		if c := e.Code(); c == sqlite3.SQLITE_CONSTRAINT_UNIQUE || c == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
			return fmt.Errorf("%w: %w", ErrExists, err)
		}
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// classifyPostgres gives an error of the server the failure that callers match.
func classifyPostgres(err error) error {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return classifyConnection(err)
	}
	switch {
	case e.Code == "23505":
		return fmt.Errorf("%w: %w", ErrExists, err)
	case strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57"), strings.HasPrefix(e.Code, "58"), e.Code == "25006":
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case e.Code == "XX001", e.Code == "XX002":
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// classifyConnection tells a connection that broke from a row that does not scan.
func classifyConnection(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	_, network := errors.AsType[net.Error](err)
	if network || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
