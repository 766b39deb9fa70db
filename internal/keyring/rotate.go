package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
)

// every is how often the schedule is looked at, and again how soon a failed load of what
// another replica changed is repeated: a revocation must be seen within a second.
const (
	every = time.Minute
	again = 250 * time.Millisecond
)

// errSettled ends a transaction in which another replica was faster.
var errSettled = errors.New("nothing is left to do")

// begin makes the first key of an empty store, in one transaction with the mark that this
// store is an issuer. With the mark and without keys it refuses, and so it does where the
// mark names another authority.
func (k *Keyring) begin(ctx context.Context) error {
	m, err := k.mark(ctx)
	if err != nil {
		return err
	}
	switch {
	case m.issuer && m.keys == 0:
		return ErrKeysLost.With("this store was an issuer and its signing keys are gone: restore a backup; nothing is made in their place")
	case m.issuer && m.authority == "":
		return k.adopt(ctx)
	case m.issuer && m.authority != k.authority:
		return ErrIssuerChanged.With("the signing keys of this store sign for %s and not for %s: restore the installation they belong to, or use another data directory", m.authority, k.authority)
	case m.issuer:
		return nil
	case m.keys > 0:
		return ErrKeysLost.With("this store has signing keys and its mark as an issuer is gone: restore a backup; nothing is made in its place")
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
		if _, err := tx.Exec(ctx, "INSERT INTO signing_issuer (id, created_at, authority) VALUES (1, $1, $2)", first.created.Unix(), k.authority); err != nil {
			return fmt.Errorf("mark the store as an issuer: %w", err)
		}
		if err := k.insert(ctx, tx, first, first.created); err != nil {
			return err
		}
		return k.record(ctx, tx, audit.Activity, "keyring.create", first.kid, nil)
	})
	if errors.Is(err, errSettled) {
		return nil
	}
	return err
}

// Issued reports whether a store ever was an issuer: what such a store has lost must never
// be made anew.
func Issued(ctx context.Context, tx *store.Tx) (bool, error) {
	var marks, keys int64
	if _, err := tx.Get(ctx, "SELECT COUNT(id) FROM signing_issuer", nil, &marks); err != nil {
		return false, fmt.Errorf("read issuer mark: %w", err)
	}
	if _, err := tx.Get(ctx, "SELECT COUNT(kid) FROM signing_keys", nil, &keys); err != nil {
		return false, fmt.Errorf("count signing keys: %w", err)
	}
	return marks+keys > 0, nil
}

// mark is what the store says about itself as an issuer.
type mark struct {
	issuer    bool
	authority string
	keys      int64
}

// mark reads it.
func (k *Keyring) mark(ctx context.Context) (m mark, err error) {
	err = k.db.View(ctx, func(tx *store.Tx) error {
		var err error
		if m.issuer, err = tx.Get(ctx, "SELECT authority FROM signing_issuer", nil, &m.authority); err != nil {
			return fmt.Errorf("read issuer mark: %w", err)
		}
		if _, err := tx.Get(ctx, "SELECT COUNT(kid) FROM signing_keys", nil, &m.keys); err != nil {
			return fmt.Errorf("count signing keys: %w", err)
		}
		return nil
	})
	return m, err
}

// adopt writes the authority into a mark of a release that did not.
func (k *Keyring) adopt(ctx context.Context) error {
	return k.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE signing_issuer SET authority = $1 WHERE authority = ''", k.authority); err != nil {
			return fmt.Errorf("name the authority of the signing keys: %w", err)
		}
		return nil
	})
}

// record appends what happened to a key to the audit log, in the same transaction.
func (k *Keyring) record(ctx context.Context, tx *store.Tx, kind audit.Kind, operation, kid string, details map[string]string) error {
	return k.audit.Record(ctx, tx, audit.Event{Kind: kind, Operation: operation, Target: kid, Outcome: audit.Succeeded, Details: details})
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
				k.log.WarnContext(ctx, "signing keys cannot be reloaded; the next attempt follows", "err", err)
				if !pause(ctx, again) {
					return false
				}
				k.rouse()
			}
		}
	}
}

// pause waits for d; false when ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
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
			[]any{max(k.now().Unix(), latest(active))}, &prepared)
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
		return k.record(ctx, tx, audit.Activity, "keyring.prepare", f.kid, nil)
	})
	if err != nil && !errors.Is(err, errSettled) {
		return err
	}
	return k.load(ctx)
}

// latest is when h began to sign, which lies ahead where the clock was set back.
func latest(h *held) int64 {
	if h == nil {
		return 0
	}
	return h.ActiveFrom.Unix()
}

// ends returns the active key and the prepared one; nil where there is none.
func (k *Keyring) ends(keys []*held) (active, next *held) {
	now := k.now()
	active = signing(keys, now)
	for _, h := range keys {
		if h != active && h.stateAt(now) == Prepared {
			return active, h
		}
	}
	return active, nil
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
			return k.record(ctx, tx, audit.Activity, "keyring.remove", h.ID, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
