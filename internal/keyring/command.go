package keyring

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
)

// RotateOptions say how Rotate may differ from the schedule.
type RotateOptions struct {
	// Now takes over at once, also with a key that has been published for less than 24 h:
	// verifiers that keep the key set and do not look unknown keys up will refuse its tokens.
	Now bool
	// Force passes over the hold of the active key, which stays held against removal.
	Force bool
	// Reason is for the record; Force needs it.
	Reason string
}

// Rotation is a takeover that was scheduled.
type Rotation struct {
	ID        string    // the key that takes over
	From      time.Time // when, UTC
	Published time.Time // since when verifiers could know it, UTC
}

// Rotate has the next key take over as soon as it has been published for 24 h, or sooner if
// asked. An earlier takeover that is already scheduled stays. Errors: ErrHeld, ErrReason.
func (k *Keyring) Rotate(ctx context.Context, o RotateOptions) (Rotation, error) {
	if o.Force && o.Reason == "" {
		return Rotation{}, ErrReason.With("to rotate in spite of a hold, give a reason for the record")
	}
	if err := k.prepare(ctx); err != nil {
		return Rotation{}, err
	}
	keys, err := k.read(ctx)
	if err != nil {
		return Rotation{}, err
	}
	active, next := k.ends(keys)
	if active == nil || next == nil {
		return Rotation{}, ErrNoActive
	}
	isHeld := !active.HeldFrom.IsZero()
	if isHeld && !o.Force {
		return Rotation{}, heldBy(active)
	}
	from := k.now().UTC().Truncate(time.Second).Add(handover)
	if ready := next.Created.Add(publishAhead); !o.Now && ready.After(from) {
		from = ready
	}
	out := Rotation{ID: next.ID, From: from, Published: next.Created}
	if !isHeld && !from.Before(next.ActiveFrom) {
		out.From = next.ActiveFrom
		return out, nil
	}
	err = k.db.Update(ctx, func(tx *store.Tx) error {
		if isHeld {
			if err := k.moveHold(ctx, tx, active.ID, from); err != nil {
				return err
			}
		}
		if err := k.schedule(ctx, tx, next.ID, from); err != nil {
			return err
		}
		details := map[string]string{"from": from.Format(time.RFC3339), "replaces": active.ID}
		if o.Reason != "" {
			details["reason"] = o.Reason
		}
		if isHeld {
			details["hold"] = active.HoldReason
			return k.record(ctx, tx, audit.Security, "keyring.rotate.force", next.ID, details)
		}
		return k.record(ctx, tx, audit.Activity, "keyring.rotate", next.ID, details)
	})
	if err != nil {
		return Rotation{}, err
	}
	return out, k.load(ctx)
}

// heldBy explains a refusal by the hold of h.
func heldBy(h *held) error {
	return ErrHeld.With("signing key %s is held since %s (%s): release it first, or force it with a reason", h.ID, h.HeldFrom.Format(time.RFC3339), h.HoldReason)
}

// schedule sets when a key that does not sign yet begins to.
func (k *Keyring) schedule(ctx context.Context, tx *store.Tx, kid string, from time.Time) error {
	_, err := tx.Exec(ctx, "UPDATE signing_keys SET active_from = $1 WHERE kid = $2 AND revoked_at = 0", from.Unix(), kid)
	if err != nil {
		return fmt.Errorf("schedule signing key: %w", err)
	}
	tx.Changed(topic, kid)
	return nil
}

// moveHold has a hold begin at from, so that a takeover then does not wait for its release.
func (k *Keyring) moveHold(ctx context.Context, tx *store.Tx, kid string, from time.Time) error {
	if _, err := tx.Exec(ctx, "UPDATE signing_keys SET held_from = $1 WHERE kid = $2 AND held_from > 0", from.Unix(), kid); err != nil {
		return fmt.Errorf("move hold of signing key: %w", err)
	}
	tx.Changed(topic, kid)
	return nil
}

// Hold keeps a key as it is: an active one goes on signing when its time is over, and one
// that retires stays published, until Release. An empty kid means the active key.
// Held again, the first reason stays. Errors: ErrReason, ErrUnknownKey, ErrCannotHold.
func (k *Keyring) Hold(ctx context.Context, kid, reason string) (string, error) {
	if reason == "" {
		return "", ErrReason.With("to hold a signing key, give a reason for the record")
	}
	_, h, err := k.find(ctx, kid)
	if err != nil {
		return "", err
	}
	switch s := h.stateAt(k.now()); {
	case !h.HeldFrom.IsZero() && s != Revoked:
		return h.ID, nil
	case s == Removed || s == Revoked || s == Prepared && kid != "":
		return "", ErrCannotHold.With("signing key %s is %s: only a key that signs or retires can be held", h.ID, s)
	}
	now := k.now().UTC().Truncate(time.Second)
	err = k.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE signing_keys SET held_from = $1, hold_reason = $2 WHERE kid = $3 AND held_from = 0 AND revoked_at = 0",
			now.Unix(), reason, h.ID)
		if err != nil {
			return fmt.Errorf("hold signing key: %w", err)
		}
		if n == 0 {
			return nil // somebody else held or revoked it meanwhile
		}
		tx.Changed(topic, h.ID)
		return k.record(ctx, tx, audit.Security, "keyring.hold", h.ID, map[string]string{"reason": reason})
	})
	if err != nil {
		return "", err
	}
	return h.ID, k.load(ctx)
}

// Release ends a hold. A successor whose time came meanwhile takes over now; a key that
// would be removed by now is. An empty kid means the one key that is held. Errors:
// ErrUnknownKey, ErrHeld where several are held and none is named.
func (k *Keyring) Release(ctx context.Context, kid string) (string, error) {
	if kid == "" {
		var err error
		if kid, err = k.onlyHeld(ctx); err != nil {
			return "", err
		}
	}
	keys, h, err := k.find(ctx, kid)
	if err != nil {
		return "", err
	}
	if h.HeldFrom.IsZero() {
		return h.ID, nil
	}
	from := k.now().UTC().Truncate(time.Second).Add(handover)
	err = k.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE signing_keys SET held_from = 0, hold_reason = '' WHERE kid = $1 AND held_from > 0", h.ID)
		if err != nil {
			return fmt.Errorf("release signing key: %w", err)
		}
		if n == 0 {
			return nil
		}
		if next := after(keys, h); next != nil && next.waits && next.ActiveFrom.Before(from) {
			if err := k.schedule(ctx, tx, next.ID, from); err != nil {
				return err
			}
		}
		tx.Changed(topic, h.ID)
		return k.record(ctx, tx, audit.Security, "keyring.release", h.ID, map[string]string{"hold": h.HoldReason})
	})
	if err != nil {
		return "", err
	}
	return h.ID, k.load(ctx)
}

// onlyHeld returns the key that is held, if it is one.
func (k *Keyring) onlyHeld(ctx context.Context) (string, error) {
	keys, err := k.read(ctx)
	if err != nil {
		return "", err
	}
	var found string
	for _, h := range keys {
		switch {
		case h.HeldFrom.IsZero() || !h.Revoked.IsZero():
		case found != "":
			return "", ErrHeld.With("several signing keys are held: name the one to release")
		default:
			found = h.ID
		}
	}
	if found == "" {
		return "", ErrUnknownKey.With("no signing key is held")
	}
	return found, nil
}

// find reads the keys and the one that kid names; an empty kid names the active one.
// Errors: ErrUnknownKey.
func (k *Keyring) find(ctx context.Context, kid string) ([]*held, *held, error) {
	keys, err := k.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	if kid == "" {
		if h := signing(keys, k.now()); h != nil {
			return keys, h, nil
		}
		return nil, nil, ErrNoActive
	}
	if i := slices.IndexFunc(keys, func(h *held) bool { return h.ID == kid }); i >= 0 {
		return keys, keys[i], nil
	}
	return nil, nil, ErrUnknownKey.With("no signing key has the id %q", kid)
}

// after returns the key that succeeds h; nil if there is none yet.
func after(keys []*held, h *held) *held {
	i := slices.Index(keys, h)
	for _, next := range keys[i+1:] {
		if next.signed {
			return next
		}
	}
	return nil
}

// RevokeOptions say why a key is withdrawn, and whether in spite of a hold.
type RevokeOptions struct {
	Reason string // needed; it is kept
	Force  bool
}

// Revoke withdraws a key at once: it signs nothing, its tokens are refused, the key set
// drops it. If it was active the next one takes over now. Errors: ErrReason,
// ErrUnknownKey, ErrHeld.
func (k *Keyring) Revoke(ctx context.Context, kid string, o RevokeOptions) error {
	if o.Reason == "" {
		return ErrReason.With("to revoke a signing key, give a reason for the record")
	}
	if _, h, err := k.find(ctx, kid); err != nil {
		return err
	} else if !h.HeldFrom.IsZero() && h.Revoked.IsZero() && !o.Force {
		return heldBy(h)
	}
	if err := k.prepare(ctx); err != nil {
		return err
	}
	keys, h, err := k.find(ctx, kid)
	if err != nil {
		return err
	}
	active, next := k.ends(keys)
	now := k.now().UTC().Truncate(time.Second)
	err = k.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE signing_keys SET revoked_at = $1, reason = $2, sealed = $3, active_from = $4 WHERE kid = $5 AND revoked_at = 0",
			now.Unix(), o.Reason, []byte{}, began(h, h == active, now).Unix(), h.ID)
		if err != nil {
			return fmt.Errorf("revoke signing key: %w", err)
		}
		if n == 0 {
			return ErrUnknownKey.With("signing key %s is revoked already", h.ID)
		}
		tx.Changed(topic, h.ID)
		if h == active && next != nil && (next.waits || next.ActiveFrom.After(now)) {
			if err := k.schedule(ctx, tx, next.ID, now); err != nil {
				return err
			}
		}
		details := map[string]string{"reason": o.Reason}
		if !h.HeldFrom.IsZero() {
			details["hold"] = h.HoldReason
		}
		return k.record(ctx, tx, audit.Security, "keyring.revoke", h.ID, details)
	})
	if err != nil {
		return err
	}
	if err := k.load(ctx); err != nil {
		return err
	}
	return k.maintain(ctx)
}

// began is what stays on record as the time from which a revoked key signed: what it was,
// but after now if it never did, and not after now if it did.
func began(h *held, signs bool, now time.Time) time.Time {
	switch {
	case signs && h.ActiveFrom.After(now):
		return now
	case !signs && h.stateAt(now) == Prepared && !h.ActiveFrom.After(now):
		return now.Add(time.Second)
	}
	return h.ActiveFrom
}
