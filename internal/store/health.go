package store

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// How long the change feed may be lost (L-3).
const (
	defaultFeedLimit = 5 * time.Second
	maxFeedLimit     = time.Minute
)

// damage is what an error of the engine says about the files under it.
type damage int

// The degrees of damage.
const (
	harmless   damage = iota // this piece of work failed and nothing else
	unwritable               // an I/O error: what follows may not reach the disk
	corrupt                  // what is there is not what was written
)

// stop is why no further writes are taken. It is never changed.
type stop struct {
	err   error
	final bool // only a restart ends it; otherwise a write of our own that succeeds
}

// Health reports why the store should get no work; nil if it should. After an I/O error
// or on damage every further write fails with ErrUnavailable while reads go on:
// on SQLite until the process is restarted, because a flush that failed once and is
// repeated may report success for data that is gone; on PostgreSQL, which looks after its
// own files, until a write of our own succeeds again.
func (db *DB) Health(ctx context.Context) error {
	if s := db.stopped.Load(); s != nil {
		return s.err
	}
	if err := db.Fresh(); err != nil {
		return err
	}
	return db.View(ctx, func(*Tx) error { return nil })
}

// Fresh fails with ErrUnavailable while the change feed is lost, that is when Run could not
// read it for Config.FeedLimit: what is held in memory may then be older than a decision
// may be (L-3). It costs one atomic load; callers ask on every decision from memory.
func (db *DB) Fresh() error {
	if db.lost.Load() {
		return errLost
	}
	return nil
}

// errLost is what Fresh says.
var errLost = ErrUnavailable.With("the store has not been reachable for some seconds")

// writeFailed wraps a failure of the engine to begin or to commit.
func (db *DB) writeFailed(doing string, err error) error {
	db.notice(err, true)
	return unavailable(doing, err)
}

// notice looks whether err means that nothing more may be written. An error in a
// transaction that only reads stops writes only if it shows damage.
func (db *DB) notice(err error, writing bool) {
	d := db.engine.damage(err)
	if d == harmless || d == unwritable && !writing {
		return
	}
	s := &stop{final: d == corrupt || db.engine.lock == ""}
	if s.final {
		s.err = fmt.Errorf("%w: %w", ErrUnavailable.With("the store met an error of its disk and takes no writes until the server is restarted"), err)
	} else {
		s.err = fmt.Errorf("%w: %w", ErrUnavailable.With("the store met an error of its disk and takes no writes until it is mended"), err)
	}
	for {
		was := db.stopped.Load()
		if was != nil && (was.final || !s.final) || db.stopped.CompareAndSwap(was, s) {
			return // the first of a kind is the one to report
		}
	}
}

// recover tries whether PostgreSQL takes writes again after an I/O error: one line in the
// feed, which nobody listens to.
func (db *DB) recover(ctx context.Context) {
	was := db.stopped.Load()
	if was == nil || was.final {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	err := db.update(ctx, func(tx *Tx) error {
		tx.Changed("store", "probe")
		return nil
	})
	if err == nil {
		db.stopped.CompareAndSwap(was, nil)
	}
}

// damageSQLite reads the result codes of SQLite. Busy and interrupted are harmless.
func damageSQLite(err error) damage {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return damageSystem(err)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return corrupt
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return unwritable
	}
	return harmless
}

// damagePostgres reads SQLSTATE: disk_full, the class of system errors, a server that
// became read-only; data_corrupted and index_corrupted.
func damagePostgres(err error) damage {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return damageSystem(err)
	}
	switch {
	case e.Code == "XX001", e.Code == "XX002":
		return corrupt
	case e.Code == "53100", e.Code == "25006", len(e.Code) == 5 && e.Code[:2] == "58":
		return unwritable
	}
	return harmless
}

// damageSystem reads error numbers of the operating system.
func damageSystem(err error) damage {
	for _, n := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EDQUOT} {
		if errors.Is(err, n) {
			return unwritable
		}
	}
	return harmless
}
