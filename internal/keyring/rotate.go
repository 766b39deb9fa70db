package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
)

// every is how often the schedule is looked at.
const every = time.Minute

// errSettled ends a transaction in which another replica was faster.
var errSettled = errors.New("nothing is left to do")

// begin makes the first key of an empty store, in one transaction with the mark that this
// store is an issuer. With the mark and without keys it refuses.
func (k *Keyring) begin(ctx context.Context) error {
	issuer, n, err := k.count(ctx)
	if err != nil {
		return err
	}
	if issuer && n == 0 {
		return fmt.Errorf("the store was an issuer and has no signing keys: %w", ErrKeysLost)
	}
	if issuer || n > 0 {
		return nil
	}
	first, err := k.generate(ctx)
	if err != nil {
		return err
	}
	err = k.db.Update(ctx, func(tx *store.Tx) error {
		var marks int64
		if _, err := tx.Get(ctx, "SELECT COUNT(id) FROM signing_issuer", nil, &marks); err != nil {
			return fmt.Errorf("read issuer mark: %w", err)
		}
		if marks > 0 {
			return errSettled
		}
		if _, err := tx.Exec(ctx, "INSERT INTO signing_issuer (id, created_at) VALUES (1, $1)", first.created.Unix()); err != nil {
			return fmt.Errorf("mark the store as an issuer: %w", err)
		}
		if err := k.insert(ctx, tx, first, first.created); err != nil {
			return err
		}
		return k.record(ctx, tx, audit.Activity, "keyring.create", first.kid, "")
	})
	if errors.Is(err, errSettled) {
		return nil
	}
	return err
}

// count reports whether the store was an issuer, and how many keys it has.
func (k *Keyring) count(ctx context.Context) (issuer bool, keys int64, err error) {
	err = k.db.View(ctx, func(tx *store.Tx) error {
		var marks int64
		if _, err := tx.Get(ctx, "SELECT COUNT(id) FROM signing_issuer", nil, &marks); err != nil {
			return fmt.Errorf("read issuer mark: %w", err)
		}
		issuer = marks > 0
		if _, err := tx.Get(ctx, "SELECT COUNT(kid) FROM signing_keys", nil, &keys); err != nil {
			return fmt.Errorf("count signing keys: %w", err)
		}
		return nil
	})
	return issuer, keys, err
}

// record appends what happened to a key to the audit log, in the same transaction.
func (k *Keyring) record(ctx context.Context, tx *store.Tx, kind audit.Kind, operation, kid, reason string) error {
	e := audit.Event{Kind: kind, Operation: operation, Target: kid, Outcome: audit.Succeeded}
	if reason != "" {
		e.Details = map[string]string{"reason": reason}
	}
	return k.audit.Record(ctx, tx, e)
}

// Run makes the next key when it is due, follows other replicas and forgets removed private
// keys, until ctx ends. It begins with a look at the schedule.
func (k *Keyring) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := k.maintain(ctx); err != nil && ctx.Err() == nil {
			k.log.WarnContext(ctx, "signing key maintenance failed; next attempt within a minute", "err", err)
		}
		if !k.follow(ctx, tick.C) {
			return nil
		}
	}
}

// follow reloads after every change of the store until the next tick; false when ctx ends.
func (k *Keyring) follow(ctx context.Context, tick <-chan time.Time) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			return true
		case <-k.wake:
			if err := k.load(ctx); err != nil && ctx.Err() == nil {
				k.log.WarnContext(ctx, "signing keys cannot be reloaded; next attempt within a minute", "err", err)
				select {
				case <-ctx.Done():
					return false
				case <-tick:
					k.rouse()
					return true
				}
			}
		}
	}
}

// rouse asks for another load.
func (k *Keyring) rouse() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// maintain does what the schedule asks for: there is always a prepared key, the private
// halves of removed keys are gone, and memory agrees with the store even if a change of
// another replica went unheard.
func (k *Keyring) maintain(ctx context.Context) error {
	if err := k.prepare(ctx); err != nil {
		return err
	}
	if err := k.forget(ctx); err != nil {
		return err
	}
	return k.load(ctx)
}

// prepare makes the next key if there is none. It signs when the active one has done so for
// its time, but not before it was published for long enough.
func (k *Keyring) prepare(ctx context.Context) error {
	keys, err := k.read(ctx)
	if err != nil {
		return err
	}
	if _, next := k.ends(keys); next != nil {
		return nil
	}
	f, err := k.generate(ctx)
	if err != nil {
		return err
	}
	if keys, err = k.read(ctx); err != nil { // it took a while; see again before writing
		return err
	}
	active, next := k.ends(keys)
	if next != nil {
		return nil
	}
	from := f.created.Add(publishAhead)
	if active != nil && active.ActiveFrom.Add(activeFor).After(from) {
		from = active.ActiveFrom.Add(activeFor)
	}
	err = k.db.Update(ctx, func(tx *store.Tx) error {
		var prepared int64
		_, err := tx.Get(ctx, "SELECT COUNT(kid) FROM signing_keys WHERE active_from > $1 AND revoked_at = 0",
			[]any{k.now().Unix()}, &prepared)
		if err != nil {
			return fmt.Errorf("look for a prepared key: %w", err)
		}
		if prepared > 0 {
			return errSettled
		}
		if err := k.insert(ctx, tx, f, from); err != nil {
			return err
		}
		if err := store.Failpoint(store.MidRotation); err != nil {
			return err
		}
		return k.record(ctx, tx, audit.Activity, "keyring.prepare", f.kid, "")
	})
	if err != nil && !errors.Is(err, errSettled) {
		return err
	}
	return k.load(ctx)
}

// ends returns the active key and the prepared one; nil where there is none.
func (k *Keyring) ends(keys []*held) (active, next *held) {
	now := k.now()
	for _, h := range keys {
		switch h.stateAt(now) {
		case Active:
			active = h
		case Prepared:
			if next == nil {
				next = h
			}
		}
	}
	return active, next
}

// forget deletes the private halves of keys that are removed or revoked.
func (k *Keyring) forget(ctx context.Context) error {
	keys, err := k.read(ctx)
	if err != nil {
		return err
	}
	for _, h := range keys {
		if s := h.stateAt(k.now()); h.private == nil || s != Removed && s != Revoked {
			continue
		}
		err := k.db.Update(ctx, func(tx *store.Tx) error {
			if _, err := tx.Exec(ctx, "UPDATE signing_keys SET sealed = $1 WHERE kid = $2", []byte{}, h.ID); err != nil {
				return fmt.Errorf("delete private key: %w", err)
			}
			tx.Changed(topic, h.ID)
			return k.record(ctx, tx, audit.Activity, "keyring.remove", h.ID, "")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Rotate has the next key take over as soon as it has been published for 24 h, and returns
// when that is (UTC). A key that verifiers may not have seen yet never signs; the way
// around that is Revoke.
func (k *Keyring) Rotate(ctx context.Context) (time.Time, error) {
	if err := k.prepare(ctx); err != nil {
		return time.Time{}, err
	}
	keys, err := k.read(ctx)
	if err != nil {
		return time.Time{}, err
	}
	_, next := k.ends(keys)
	if next == nil {
		return time.Time{}, ErrNoActive
	}
	from := k.now().UTC().Truncate(time.Second)
	if ready := next.Created.Add(publishAhead); ready.After(from) {
		from = ready
	}
	if !from.Before(next.ActiveFrom) {
		return next.ActiveFrom, nil
	}
	err = k.db.Update(ctx, func(tx *store.Tx) error {
		if err := k.advance(ctx, tx, next.ID, from); err != nil {
			return err
		}
		return k.record(ctx, tx, audit.Activity, "keyring.rotate", next.ID, "")
	})
	if err != nil {
		return time.Time{}, err
	}
	return from, k.load(ctx)
}

// advance has a key sign from an earlier time on.
func (k *Keyring) advance(ctx context.Context, tx *store.Tx, kid string, from time.Time) error {
	_, err := tx.Exec(ctx, "UPDATE signing_keys SET active_from = $1 WHERE kid = $2 AND active_from > $1 AND revoked_at = 0", from.Unix(), kid)
	if err != nil {
		return fmt.Errorf("advance signing key: %w", err)
	}
	tx.Changed(topic, kid)
	return nil
}

// Revoke withdraws a key at once: it signs nothing, its tokens are refused, the key set
// drops it. If it was active the next one takes over now. The reason is kept.
// Errors: ErrUnknownKey.
func (k *Keyring) Revoke(ctx context.Context, kid, reason string) error {
	if err := k.prepare(ctx); err != nil {
		return err
	}
	keys, err := k.read(ctx)
	if err != nil {
		return err
	}
	active, next := k.ends(keys)
	now := k.now().UTC().Truncate(time.Second)
	err = k.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE signing_keys SET revoked_at = $1, reason = $2, sealed = $3 WHERE kid = $4 AND revoked_at = 0",
			now.Unix(), reason, []byte{}, kid)
		if err != nil {
			return fmt.Errorf("revoke signing key: %w", err)
		}
		if n == 0 {
			return ErrUnknownKey.With("no signing key in use has the id %q", kid)
		}
		tx.Changed(topic, kid)
		if active != nil && active.ID == kid && next != nil {
			if err := k.advance(ctx, tx, next.ID, now); err != nil {
				return err
			}
		}
		return k.record(ctx, tx, audit.Security, "keyring.revoke", kid, reason)
	})
	if err != nil {
		return err
	}
	if err := k.load(ctx); err != nil {
		return err
	}
	return k.maintain(ctx)
}
