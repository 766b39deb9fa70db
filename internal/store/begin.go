package store

import (
	"context"
	"database/sql"
	"time"
)

// When a write gives up waiting for its turn: once no write of this process has begun for
// patience, looked at every glance (R-11: 503 within 2 s). A long queue that moves is no
// reason to give up.
const (
	glance   = 250 * time.Millisecond
	patience = 6 * glance
)

// errBlocked is what a write says that gave up, or did not try because others just did.
var errBlocked = ErrUnavailable.With("the store takes no writes: another process holds it, or it does not answer")

// begin starts a transaction that no other writer overlaps. The engines' own time-outs
// (busy_timeout, lock_timeout) are longer than a request may wait, and SQLite's cannot be
// cut short, so the wait happens beside the request. While one that was given up still
// waits, the store is known to be blocked and the others are told at once.
func (db *DB) begin(ctx context.Context) (*sql.Tx, error) {
	if db.givenUp.Load() > 0 {
		return nil, errBlocked
	}
	begun := make(chan beginning, 1)
	go func() { begun <- db.beginNow(ctx) }()
	ticks := time.NewTicker(glance)
	defer ticks.Stop()
	last, idle := db.turns.Load(), time.Duration(0)
	for {
		select {
		case b := <-begun:
			return b.tx, b.err
		case <-ctx.Done():
			go abandon(begun)
			return nil, unavailable("wait for other writers", context.Cause(ctx))
		case <-ticks.C:
		}
		if now := db.turns.Load(); now != last {
			last, idle = now, 0
		} else if idle += glance; idle >= patience {
			db.givenUp.Add(1)
			go func() {
				defer db.givenUp.Add(-1)
				abandon(begun)
			}()
			return nil, errBlocked
		}
	}
}

// beginning is how an attempt to begin ended.
type beginning struct {
	tx  *sql.Tx
	err error
}

// abandon undoes what nobody waits for any more.
func abandon(begun <-chan beginning) {
	if b := <-begun; b.tx != nil {
		_ = b.tx.Rollback() // nothing was written
	}
}

// beginNow waits as long as the engine does.
func (db *DB) beginNow(ctx context.Context) beginning {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return beginning{err: db.writeFailed("begin to write", err)}
	}
	if db.engine.lock != "" {
		if _, err := tx.ExecContext(ctx, db.engine.lock); err != nil {
			_ = tx.Rollback() // it failed already
			return beginning{err: db.writeFailed("wait for other writers", err)}
		}
	}
	db.turns.Add(1)
	return beginning{tx: tx}
}
