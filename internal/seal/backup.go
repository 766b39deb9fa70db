package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/sealring/sealring/internal/fault"
)

// ErrOtherKEK is a backup that another key-encryption key made, or that was altered.
var ErrOtherKEK = fault.New(fault.Precondition, "the key-encryption key does not open the backup")

// stanza names our way of wrapping the key of an age file (age-encryption.org/v1).
const stanza = "sealring-kek"

// BackupKey wraps the key of a backup under the key-encryption key of an installation, so
// that a backup opens with what opens the store, and with nothing else. It serves as age's
// recipient and identity.
type BackupKey struct {
	// Installation is written in the clear: it says which key-encryption key is needed. An
	// identity may leave it empty.
	Installation string
	// KEK returns the key-encryption key of an installation.
	KEK func(installation string) (KEK, error)
	// Rand draws nonces; only a recipient needs it.
	Rand io.Reader
}

// aead derives the key that wraps, so that the KEK itself has one purpose (S-32).
func (b BackupKey) aead(installation string) (cipher.AEAD, error) {
	k, err := b.KEK(installation)
	if err != nil {
		return nil, err
	}
	if !k.set {
		return nil, ErrKEKMissing
	}
	key, err := hkdf.Key(sha256.New, k.key[:], nil, "sealring backup "+installation, keyBytes)
	if err != nil {
		return nil, fmt.Errorf("derive the key of backups: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("derive the key of backups: %w", err)
	}
	return cipher.NewGCM(block)
}

// Wrap implements age.Recipient.
func (b BackupKey) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	a, err := b.aead(b.Installation)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, a.NonceSize())
	if _, err := io.ReadFull(b.Rand, nonce); err != nil {
		return nil, fmt.Errorf("draw a nonce: %w", err)
	}
	return []*age.Stanza{{Type: stanza, Args: []string{b.Installation}, Body: a.Seal(nonce, nonce, fileKey, []byte(b.Installation))}}, nil
}

// Unwrap implements age.Identity. Errors: ErrOtherKEK, and those of finding the key.
func (b BackupKey) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type != stanza || len(s.Args) != 1 || b.Installation != "" && s.Args[0] != b.Installation {
			continue
		}
		a, err := b.aead(s.Args[0])
		if err != nil {
			return nil, err
		}
		if len(s.Body) < a.NonceSize() {
			return nil, ErrOtherKEK
		}
		fileKey, err := a.Open(nil, s.Body[:a.NonceSize()], s.Body[a.NonceSize():], []byte(s.Args[0]))
		if err != nil {
			return nil, ErrOtherKEK
		}
		return fileKey, nil
	}
	return nil, errors.Join(age.ErrIncorrectIdentity, ErrOtherKEK)
}
