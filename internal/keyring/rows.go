package keyring

import (
	"context"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the wire format names certificates by SHA-1; nothing is trusted by it
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"

	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
)

// bits is the size of a signing key (S-39).
const bits = 2048

// purpose names signing keys to the sealer; they are bound to their key id.
const purpose = "keyring.signing"

// fresh is a key that is not in the store yet.
type fresh struct {
	kid         string
	certificate []byte
	sealed      []byte
	created     time.Time
}

// generate makes a key with its self-signed certificate, whose dates cover more than the
// time in which it is published. It takes some hundred milliseconds and no transaction.
func (k *Keyring) generate(ctx context.Context) (fresh, error) {
	key, err := rsa.GenerateKey(k.rand, bits)
	if err != nil {
		return fresh{}, fmt.Errorf("generate signing key: %w", err)
	}
	serial := make([]byte, 16)
	if _, err := io.ReadFull(k.rand, serial); err != nil {
		return fresh{}, fmt.Errorf("draw serial number: %w", err)
	}
	serial[0] &= 0x7f
	now := k.now().UTC().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: "sealring token signing"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(5, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(k.rand, template, template, &key.PublicKey, key)
	if err != nil {
		return fresh{}, fmt.Errorf("certify signing key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fresh{}, fmt.Errorf("encode signing key: %w", err)
	}
	f := fresh{kid: keyID(der), certificate: der, created: now}
	if f.sealed, err = k.sealer.Seal(ctx, purpose, f.kid, private); err != nil {
		return fresh{}, fmt.Errorf("seal signing key: %w", err)
	}
	return f, nil
}

// keyID is the kid of a certificate: its x5t (DT 1.4).
func keyID(der []byte) string {
	sum := sha1.Sum(der) //nolint:gosec // an identifier, see the import
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// insert adds a key that signs from then on.
func (k *Keyring) insert(ctx context.Context, tx *store.Tx, f fresh, activeFrom time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO signing_keys (kid, certificate, sealed, created_at, active_from, revoked_at, reason)
		VALUES ($1, $2, $3, $4, $5, 0, '')`, f.kid, f.certificate, f.sealed, f.created.Unix(), activeFrom.Unix())
	if err != nil {
		return fmt.Errorf("add signing key: %w", err)
	}
	tx.Changed(topic, f.kid)
	return nil
}

// read loads all keys in the order in which they sign, and when each of them ends. Where one
// was revoked in the second in which it began, its successor began then too, and comes after it.
func (k *Keyring) read(ctx context.Context) ([]*held, error) {
	var keys []*held
	var sealed [][]byte
	err := k.db.View(ctx, func(tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			h, secret := &held{}, []byte(nil)
			var created, activeFrom, revoked, heldFrom int64
			if err := r.Scan(&h.ID, &h.Certificate, &secret, &created, &activeFrom, &revoked, &h.Reason, &heldFrom, &h.HoldReason); err != nil {
				return fmt.Errorf("scan signing key: %w", err)
			}
			h.Created, h.ActiveFrom, h.Revoked, h.HeldFrom = instant(created), instant(activeFrom), instant(revoked), instant(heldFrom)
			h.signed = revoked == 0 || revoked >= activeFrom
			keys, sealed = append(keys, h), append(sealed, secret)
			return nil
		}, `SELECT kid, certificate, sealed, created_at, active_from, revoked_at, reason, held_from, hold_reason
			FROM signing_keys ORDER BY active_from, CASE WHEN revoked_at > 0 THEN 0 ELSE 1 END, created_at, kid`)
	})
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	for i, h := range keys {
		if err := k.open(ctx, h, sealed[i]); err != nil {
			return nil, err
		}
	}
	end(keys)
	return keys, nil
}

// instant is a column of seconds, of which 0 means never.
func instant(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// open checks the certificate of h and unseals its private key, if there is one still.
// Errors: ErrKeysLost.
func (k *Keyring) open(ctx context.Context, h *held, sealed []byte) error {
	cert, err := x509.ParseCertificate(h.Certificate)
	if err != nil || keyID(h.Certificate) != h.ID {
		return lost(h.ID, "has another certificate")
	}
	var ok bool
	if h.Public, ok = cert.PublicKey.(*rsa.PublicKey); !ok {
		return lost(h.ID, "is not an RSA key")
	}
	if len(sealed) == 0 {
		return nil
	}
	der, err := k.sealer.Open(ctx, purpose, h.ID, sealed)
	if errors.Is(err, seal.ErrOpen) {
		return lost(h.ID, "does not open with the key-encryption key")
	}
	if err != nil {
		return fmt.Errorf("signing key %s: %w", h.ID, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return lost(h.ID, "is no private key")
	}
	if h.private, ok = private.(*rsa.PrivateKey); !ok || !h.private.PublicKey.Equal(h.Public) {
		return lost(h.ID, "does not belong to its certificate")
	}
	return nil
}

// lost is a row that was damaged.
func lost(kid, how string) error {
	return ErrKeysLost.With("signing key %s %s: restore a backup; nothing is made in its place", kid, how)
}

// end notes when each key ends: where the next one begins, unless the key was held before
// that. A key that was revoked before it signed anything is no next one.
func end(keys []*held) {
	var next *held
	for _, h := range slices.Backward(keys) {
		if next != nil {
			if h.Revoked.IsZero() && !h.HeldFrom.IsZero() && next.ActiveFrom.After(h.HeldFrom) {
				next.waits = true
			} else {
				h.ActiveUntil = next.ActiveFrom
			}
		}
		if h.signed {
			next = h
		}
	}
}

// load replaces the keys in memory by those of the store.
func (k *Keyring) load(ctx context.Context) error {
	k.loading.Lock()
	defer k.loading.Unlock()
	keys, err := k.read(ctx)
	if err != nil {
		return err
	}
	k.keys.Store(&keys)
	return nil
}
