package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/sealring/sealring/internal/store"
)

// sealPurpose is what the signing key is sealed for: it opens for nothing else (S-32).
const sealPurpose = "audit.checkpoint"

// keyCreated is the operation under which the making of a key is on record.
const keyCreated = "audit.key.create"

// keyID names a key: the first 16 bytes of the SHA-256 of its public half.
func keyID(public ed25519.PublicKey) string {
	h := sha256.Sum256(public)
	return hex.EncodeToString(h[:16])
}

// keys opens the signing keys. The public halves come from the sealed private ones: a row
// that somebody put there without the key-encryption key does not open. private is the
// newest; nil if there is none.
func (c *Checkpoints) keys(ctx context.Context, tx *store.Tx) (public map[string]ed25519.PublicKey, private ed25519.PrivateKey, err error) {
	type row struct {
		id     string
		sealed []byte
	}
	var rows []row
	err = tx.Query(ctx, func(r store.Row) error {
		var k row
		if err := r.Scan(&k.id, &k.sealed); err != nil {
			return fmt.Errorf("scan audit key: %w", err)
		}
		rows = append(rows, k)
		return nil
	}, "SELECT id, sealed FROM audit_keys ORDER BY created_at, id")
	if err != nil {
		return nil, nil, fmt.Errorf("read the audit keys: %w", err)
	}
	public = map[string]ed25519.PublicKey{}
	for _, k := range rows {
		seed, err := c.Sealer.Open(ctx, sealPurpose, k.id, k.sealed)
		if err != nil || len(seed) != ed25519.SeedSize {
			return nil, nil, fmt.Errorf("%w: %w", ErrBroken.With("the key %s that signs audit checkpoints does not open", cleanText(k.id)), err)
		}
		private = ed25519.NewKeyFromSeed(seed)
		public[k.id] = private.Public().(ed25519.PublicKey)
	}
	return public, private, nil
}

// newKey makes a signing key, and puts that on record: an installation has one for ever,
// and where the record says that there was one, none is made in its place. Errors: ErrBroken.
func (c *Checkpoints) newKey(ctx context.Context, tx *store.Tx) (ed25519.PrivateKey, error) {
	var seq int64
	lost, err := tx.Get(ctx, "SELECT seq FROM audit WHERE kind = $1 AND operation = $2 LIMIT 1", []any{string(Security), keyCreated}, &seq)
	if err != nil {
		return nil, fmt.Errorf("look for an earlier audit key: %w", err)
	}
	if lost {
		return nil, ErrBroken.With("the key that signs audit checkpoints is gone")
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(c.Rand, seed); err != nil {
		return nil, fmt.Errorf("draw an audit key: %w", err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	id := keyID(key.Public().(ed25519.PublicKey))
	sealed, err := c.Sealer.Seal(ctx, sealPurpose, id, seed)
	if err != nil {
		return nil, fmt.Errorf("seal an audit key: %w", err)
	}
	_, err = tx.Exec(ctx, "INSERT INTO audit_keys (id, sealed, created_at) VALUES ($1, $2, $3)", id, sealed, c.Log.now().Unix())
	if err != nil {
		return nil, fmt.Errorf("keep an audit key: %w", err)
	}
	return key, c.Log.Record(ctx, tx, Event{Kind: Security, Operation: keyCreated, Target: id, Outcome: Succeeded})
}
