package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealring/sealring/internal/store"
)

// prune deletes the oldest records that were kept long enough, a page in each transaction,
// together with a checkpoint that remembers where the chain now begins. The newest
// record of a chain always stays, and what does not verify is not deleted.
func (c *Checkpoints) prune(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for more := true; more; {
		counted := c.Log.unsigned.Load()
		var s signed
		err := c.Log.db.Update(ctx, func(tx *store.Tx) (err error) {
			s, more, err = c.prunePage(ctx, tx)
			return err
		})
		if err != nil {
			return c.alarm(ctx, err)
		}
		if more {
			c.done(ctx, s, counted)
		}
	}
	return nil
}

// cut is what to delete of one chain: the records from first up to, not with, keep.
type cut struct {
	server      string
	first, keep int64
}

// prunePage deletes a page of one chain and reports whether there was anything to delete.
func (c *Checkpoints) prunePage(ctx context.Context, tx *store.Tx) (s signed, more bool, err error) {
	cutoff := c.Log.now().Add(-c.Keep).Unix()
	last, err := newest(ctx, tx)
	if err != nil || last.Body == "" {
		return s, false, err
	}
	keys, _, err := c.keys(ctx, tx)
	if err != nil {
		return s, false, err
	}
	if err := last.check(keys); err != nil {
		return s, false, fmt.Errorf("the newest checkpoint: %w", err)
	}
	var due cut
	for _, m := range last.Chains {
		if due, err = dueOf(ctx, tx, m, cutoff); err != nil {
			return s, false, err
		}
		if due.keep > due.first {
			break
		}
	}
	if due.keep <= due.first {
		return s, false, nil
	}
	err = c.Log.Record(ctx, tx, Event{
		Kind: Security, Operation: "audit.prune", Target: due.server, Outcome: Succeeded, Reason: "retention",
		Details: map[string]string{"first": fmt.Sprint(due.first), "last": fmt.Sprint(due.keep - 1)},
	})
	if err != nil {
		return s, false, err
	}
	s, err = c.add(ctx, tx, madeByRetention, func(st *statement) error {
		if err := pruneCheckpoints(ctx, tx, st, cutoff); err != nil {
			return err
		}
		return pruneRecords(ctx, tx, st, due)
	})
	return s, err == nil, err
}

// dueOf finds what of a chain is older than cutoff, a page at most, and never beyond what
// the newest checkpoint signed.
func dueOf(ctx context.Context, tx *store.Tx, m mark, cutoff int64) (cut, error) {
	due := cut{server: m.Server, first: m.First, keep: m.Last}
	var young int64
	found, err := tx.Get(ctx, "SELECT seq FROM audit WHERE server = $1 AND seq >= $2 AND at >= $3 ORDER BY seq LIMIT 1", []any{m.Server, m.First, cutoff}, &young)
	if err != nil {
		return due, fmt.Errorf("find old audit records: %w", err)
	}
	if found {
		due.keep = min(due.keep, young)
	}
	due.keep = min(due.keep, m.First+pageRecords)
	return due, nil
}

// pruneRecords checks and deletes one cut and moves the mark.
func pruneRecords(ctx context.Context, tx *store.Tx, st *statement, due cut) error {
	for i := range st.Chains {
		m := &st.Chains[i]
		if m.Server != due.server {
			continue
		}
		w := walk{server: m.Server, last: m.First - 1, head: m.Before}
		err := rows(ctx, tx, m.Server, m.First, func(r row) error {
			if r.seq >= due.keep {
				return errEnough
			}
			return w.step(r)
		})
		if p, ok := errors.AsType[*Problem](err); ok {
			return ErrBroken.With("%s", p.Error())
		}
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		if w.last != due.keep-1 {
			return ErrBroken.With("%s", w.bad(w.last+1, "it is missing").Error())
		}
		m.First, m.Before = due.keep, w.head
	}
	if _, err := tx.Exec(ctx, "DELETE FROM audit WHERE server = $1 AND seq < $2", due.server, due.keep); err != nil {
		return fmt.Errorf("delete old audit records: %w", err)
	}
	return nil
}

// pruneCheckpoints deletes checkpoints older than cutoff, but for the newest.
func pruneCheckpoints(ctx context.Context, tx *store.Tx, st *statement, cutoff int64) error {
	oldest := st.Number - 1
	if _, err := tx.Get(ctx, "SELECT number FROM audit_checkpoints WHERE at >= $1 ORDER BY number LIMIT 1", []any{cutoff}, &oldest); err != nil {
		return fmt.Errorf("find old audit checkpoints: %w", err)
	}
	st.Oldest = max(st.Oldest, oldest)
	if _, err := tx.Exec(ctx, "DELETE FROM audit_checkpoints WHERE number < $1", st.Oldest); err != nil {
		return fmt.Errorf("delete old audit checkpoints: %w", err)
	}
	return nil
}
