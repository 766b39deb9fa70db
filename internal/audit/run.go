package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sealring/sealring/internal/store"
)

// Start makes the first checkpoint of this run of the server. Where the run before did not
// end with Stop, it puts on record that the server ended without stopping. Damage of
// the log does not keep a server from starting: it is reported and put on record.
func (c *Checkpoints) Start(ctx context.Context) error {
	var reason string
	var number int64
	err := c.Log.db.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Get(ctx, "SELECT number, reason FROM audit_checkpoints WHERE server = $1 ORDER BY number DESC LIMIT 1",
			[]any{c.Log.server}, &number, &reason)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the audit checkpoints: %w", err)
	}
	if number > 0 && reason != madeAtStop {
		err := c.Log.Write(ctx, Event{
			Kind: Security, Operation: "audit.recovery", Target: c.Log.server, Outcome: Succeeded, Reason: "unclean_stop",
			Details: map[string]string{"checkpoint": fmt.Sprint(number)},
		})
		if err != nil {
			return err
		}
	}
	return c.checkpoint(ctx, madeAtStart)
}

// Run makes checkpoints and deletes what has been kept long enough, until ctx ends. What
// fails is tried again at the next turn.
func (c *Checkpoints) Run(ctx context.Context) error {
	for ticks := time.Tick(checkpointEvery); ; {
		prune := false
		select {
		case <-ctx.Done():
			return nil
		case <-c.Log.full:
		case <-ticks:
			prune = c.Keep > 0
		}
		err := c.checkpoint(ctx, madeOnTime)
		if err == nil && prune {
			err = c.prune(ctx)
		}
		if err != nil && ctx.Err() == nil {
			c.Report.WarnContext(ctx, "audit checkpoint failed; next attempt on schedule", slog.Any("err", err))
		}
	}
}

// Stop makes the last checkpoint, after everything that records has ended: whoever finds
// another one last knows that the server did not stop in order.
func (c *Checkpoints) Stop(ctx context.Context) error { return c.checkpoint(ctx, madeAtStop) }

// Finish makes a checkpoint over what a command recorded, if it recorded anything.
func (c *Checkpoints) Finish(ctx context.Context) error {
	if c.Log.unsigned.Load() == 0 {
		return nil
	}
	return c.checkpoint(ctx, madeByCommand)
}

// checkpoint makes one and exports it. Damage is an alarm and no error.
func (c *Checkpoints) checkpoint(ctx context.Context, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	counted := c.Log.unsigned.Load()
	var s signed
	err := c.Log.db.Update(ctx, func(tx *store.Tx) (err error) {
		s, err = c.add(ctx, tx, reason, nil)
		return err
	})
	if err != nil {
		return c.alarm(ctx, err)
	}
	c.done(ctx, s, counted)
	return nil
}

// done notes a checkpoint that was made and exports it. c.mu is held.
func (c *Checkpoints) done(ctx context.Context, s signed, counted int64) {
	c.number = s.Number
	if c.began == 0 {
		c.began = s.Number
	}
	c.Log.unsigned.Add(-counted)
	if c.File == "" {
		return
	}
	if err := c.export(ctx); err != nil {
		c.Report.WarnContext(ctx, "audit checkpoint not exported; next attempt with the next one", slog.Any("err", err))
	}
}

// alarm reports damage of the log at every turn and puts it on record once in the life of
// the process; what is no damage it returns. c.mu is held.
func (c *Checkpoints) alarm(ctx context.Context, err error) error {
	if !errors.Is(err, ErrBroken) {
		return err
	}
	c.Report.ErrorContext(ctx, "the audit log was changed behind the server: run sealring audit verify; no checkpoint was signed", slog.Any("err", err))
	if c.alarmed {
		return nil
	}
	written := c.Log.Write(ctx, Event{Kind: Security, Operation: "audit.damage", Target: c.Log.server, Outcome: Failed, Reason: "broken", Details: map[string]string{"found": err.Error()}})
	c.alarmed = written == nil
	return written
}
