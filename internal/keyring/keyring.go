// Package keyring holds the RSA keys that sign access tokens: it makes, publishes, uses,
// retires and revokes them.
//
// The life of a key follows from two instants in its row: published since it was created,
// it signs from ActiveFrom until the next key does, and stays published 48 h longer. Every
// replica computes the same from the same rows, and a crash between two steps has no
// effect. A hold stops the schedule for one key: it is neither succeeded nor removed
// until it is released. Private keys are sealed. A store that was an issuer and whose
// keys are gone or do not open, or that issued under another name, is refused: nothing here
// silently becomes a new issuer.
package keyring

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
)

// Failures of the keyring.
var (
	// ErrKeysLost is a store that was an issuer and whose signing keys are missing or do not open.
	ErrKeysLost = fault.New(fault.Precondition, "the signing keys of this store are missing or do not open")
	// ErrUnknownKey is a key id that names no key.
	ErrUnknownKey = fault.New(fault.NotFound, "no signing key has this id")
	// ErrIssuerChanged is a store whose keys sign for another authority than the one asked for.
	ErrIssuerChanged = fault.New(fault.Precondition, "the signing keys of this store belong to another issuer")
	// ErrHeld is a change that the hold of a key forbids.
	ErrHeld = fault.New(fault.Conflict, "the signing key is held")
	// ErrCannotHold is a hold of a key that has not signed yet, or is gone.
	ErrCannotHold = fault.New(fault.Conflict, "only a key that signs or retires can be held")
	// ErrReason is a forced or irrevocable change without a reason for the record.
	ErrReason = fault.New(fault.Invalid, "a reason is needed")
	// ErrNoActive is a keyring without a key that may sign.
	ErrNoActive = fault.New(fault.Unavailable, "no signing key is active")
)

// topic is ours in the change feed; its keys are key ids.
const topic = "keyring"

// State is where in its life a key is.
type State string

// The states, in order. Revoked is the short way out.
const (
	Prepared State = "prepared" // published, does not sign yet
	Active   State = "active"   // signs
	Retiring State = "retiring" // published, signs no more
	Removed  State = "removed"  // not published, its tokens are refused
	Revoked  State = "revoked"  // the same, at once, by command
)

// The schedule (S/R 6.1, R-15). A token of the next key is accepted for early before the
// key signs here: the clock that signed may be 300 s ahead of ours, and ours may be set
// back for as long as the token's own dates allow. A takeover by command happens handover
// later, when every replica has heard of it.
const (
	activeFor    = 90 * 24 * time.Hour
	publishAhead = 24 * time.Hour
	publishAfter = 48 * time.Hour
	early        = 600 * time.Second
	handover     = 2 * time.Second
)

// Config names what a Keyring needs; all fields.
type Config struct {
	// Authority is what the keys sign for, as in token.IssuerConfig. It never changes.
	Authority string

	Store  *store.DB
	Sealer *seal.Sealer
	Audit  *audit.Log
	Log    *slog.Logger
	Now    func() time.Time
	Rand   io.Reader
}

// Keyring is the set of signing keys, in memory, at most a second behind the store while
// Run runs. It is safe for concurrent use.
type Keyring struct {
	authority string
	db        *store.DB
	sealer    *seal.Sealer
	audit     *audit.Log
	log       *slog.Logger
	now       func() time.Time
	rand      io.Reader

	wake    chan struct{} // has a value when the store changed since the last load
	loading sync.Mutex    // one load at a time, so that a later one wins
	keys    atomic.Pointer[[]*held]
}

// Key is a signing key as others may see it.
type Key struct {
	ID          string // kid and x5t: base64url of the SHA-1 of Certificate
	Public      *rsa.PublicKey
	Certificate []byte // DER, self-signed, for x5c
	Created     time.Time
	ActiveFrom  time.Time
	ActiveUntil time.Time // when the next one takes over; zero if none will yet
	Revoked     time.Time // zero if it was not
	Reason      string    // of the revocation
	HeldFrom    time.Time // zero if it is not held
	HoldReason  string
	State       State
}

// held is a key in memory. The list of them is ordered by the time from which they sign.
type held struct {
	Key
	private *rsa.PrivateKey // nil once removed or revoked
	signed  bool            // false if it was revoked before its time came
	waits   bool            // the one before is held: it does not sign, whatever ActiveFrom says
}

// New loads the keys, or makes the first one in a store that never was an issuer. Errors:
// ErrKeysLost, ErrIssuerChanged.
func New(ctx context.Context, c Config) (*Keyring, error) {
	if c.Authority == "" || c.Store == nil || c.Sealer == nil || c.Audit == nil || c.Log == nil || c.Now == nil || c.Rand == nil {
		return nil, errors.New("keyring: Authority, Store, Sealer, Audit, Log, Now and Rand are needed")
	}
	k := &Keyring{
		authority: c.Authority, db: c.Store, sealer: c.Sealer, audit: c.Audit, log: c.Log, now: c.Now, rand: c.Rand,
		wake: make(chan struct{}, 1),
	}
	c.Store.Subscribe(topic, func([]string) {
		select {
		case k.wake <- struct{}{}:
		default:
		}
	})
	if err := k.begin(ctx); err != nil {
		return nil, err
	}
	if err := k.load(ctx); err != nil {
		return nil, err
	}
	if _, _, err := k.Signer(); err != nil {
		return nil, ErrKeysLost.With("this store was an issuer and none of its signing keys may sign: restore a backup; nothing is made in their place")
	}
	return k, nil
}

// Signer returns the active key. Errors: ErrNoActive.
func (k *Keyring) Signer() (kid string, key crypto.Signer, err error) {
	if h := signing(*k.keys.Load(), k.now()); h != nil {
		return h.ID, h.private, nil
	}
	return "", nil, ErrNoActive
}

// signing returns the key that signs at now; nil if there is none. Where the clock stands
// before the first of them, it was set back, and the first signs all the same.
func signing(keys []*held, now time.Time) *held {
	for _, h := range slices.Backward(keys) {
		if h.private != nil && h.stateAt(now) == Active {
			return h
		}
	}
	for _, h := range keys {
		if h.private != nil && h.stateAt(now) == Prepared && !h.waits {
			return h
		}
	}
	return nil
}

// Key returns the public key under which tokens are accepted now: an active or retiring
// one, or the next one shortly before it signs.
func (k *Keyring) Key(kid string) (crypto.PublicKey, bool) {
	now, keys := k.now(), *k.keys.Load()
	for _, h := range keys {
		if h.ID != kid {
			continue
		}
		switch h.stateAt(now) {
		case Active, Retiring:
			return h.Public, true
		case Prepared:
			return h.Public, !now.Before(h.ActiveFrom.Add(-early)) || h == signing(keys, now)
		}
	}
	return nil, false
}

// Accepts reports whether tokens of a key are accepted now.
func (k *Keyring) Accepts(kid string) bool {
	_, ok := k.Key(kid)
	return ok
}

// Revoked reports whether a key of ours was revoked.
func (k *Keyring) Revoked(kid string) bool {
	now := k.now()
	for _, h := range *k.keys.Load() {
		if h.ID == kid {
			return h.stateAt(now) == Revoked
		}
	}
	return false
}

// Published returns the keys of the key set: prepared, active and retiring.
func (k *Keyring) Published() []Key {
	var out []Key
	for _, key := range shown(*k.keys.Load(), k.now()) {
		if key.State != Removed && key.State != Revoked {
			out = append(out, key)
		}
	}
	return out
}

// List returns all keys that were ever made, in the order in which they sign.
func (k *Keyring) List(ctx context.Context) ([]Key, error) {
	keys, err := k.read(ctx)
	if err != nil {
		return nil, err
	}
	return shown(keys, k.now()), nil
}

// shown is keys with their states at now.
func shown(keys []*held, now time.Time) []Key {
	out := make([]Key, 0, len(keys))
	current := signing(keys, now)
	for _, h := range keys {
		key := h.Key
		key.State = h.stateAt(now)
		if h == current {
			key.State = Active
		}
		out = append(out, key)
	}
	return out
}

// stateAt computes where in its life h is at t.
func (h *held) stateAt(t time.Time) State {
	switch {
	case !h.Revoked.IsZero():
		return Revoked
	case h.waits || t.Before(h.ActiveFrom):
		return Prepared
	case h.ActiveUntil.IsZero() || t.Before(h.ActiveUntil):
		return Active
	case !h.HeldFrom.IsZero() || t.Before(h.ActiveUntil.Add(publishAfter)):
		return Retiring
	}
	return Removed
}
