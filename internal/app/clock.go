package app

import (
	"context"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/store"
)

// ErrClock is a clock that stands before what the store remembers.
var ErrClock = fault.New(fault.Precondition, "the clock of this host is behind what the store remembers")

// maxBehind is how far the clock may stand before the newest instant in the store.
const maxBehind = 300 * time.Second

// checkClock refuses to start, and so to sign, where the clock stands more than five
// minutes before the newest record of the log or the change feed: it would sign tokens
// into the past, bring expired credentials back to life and put records in disorder.
// Config.AcceptClock passes over it for one start. Errors: ErrClock.
func (s *Server) checkClock(ctx context.Context) error {
	newest, err := newestInstant(ctx, s.db)
	if err != nil {
		return err
	}
	now := s.c.Now().UTC()
	if !now.Before(newest.Add(-maxBehind)) {
		return nil
	}
	if !s.c.AcceptClock {
		return ErrClock.With("the clock of this host says %s, but the store has records of %s: nothing is signed until the clock is right; set it, or accept it with --accept-clock",
			now.Format(time.RFC3339), newest.Format(time.RFC3339))
	}
	s.acceptedClock = map[string]string{"clock": now.Format(time.RFC3339), "newest_record": newest.Format(time.RFC3339)}
	return nil
}

// recordClock writes that a clock behind the store was accepted.
func (s *Server) recordClock(ctx context.Context) error {
	if s.acceptedClock == nil {
		return nil
	}
	return s.audit.Write(audit.WithActor(ctx, audit.Actor{Name: "sealring up"}), audit.Event{
		Kind: audit.Security, Operation: "clock.accept", Outcome: audit.Succeeded, Details: s.acceptedClock,
	})
}

// newestInstant is the latest time in the log and at the end of the change feed; the zero
// time of an empty store. Each question is answered by an index.
func newestInstant(ctx context.Context, db *store.DB) (time.Time, error) {
	var newest int64
	err := db.View(ctx, func(tx *store.Tx) error {
		for _, kind := range []audit.Kind{audit.Activity, audit.SignIn, audit.Security} {
			var at int64
			if _, err := tx.Get(ctx, "SELECT COALESCE(MAX(at), 0) FROM audit WHERE kind = $1", []any{string(kind)}, &at); err != nil {
				return fmt.Errorf("read the newest record: %w", err)
			}
			newest = max(newest, at)
		}
		var at int64
		if _, err := tx.Get(ctx, "SELECT at FROM feed ORDER BY seq DESC LIMIT 1", nil, &at); err != nil {
			return fmt.Errorf("read the newest change: %w", err)
		}
		newest = max(newest, at)
		return nil
	})
	if err != nil || newest == 0 {
		return time.Time{}, err
	}
	return time.Unix(newest, 0).UTC(), nil
}
