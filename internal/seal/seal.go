// Package seal encrypts what must not lie readable in the store: private keys, secrets of
// vaults, and whatever else must be recovered and not merely compared.
//
// Data keys encrypt with AES-256-GCM; they lie in the store themselves, wrapped under a
// key-encryption key (KEK) that is in neither the store nor the data directory (L-12,
// S-38). The additional data of every ciphertext names its purpose and what it belongs to,
// so a ciphertext that was moved to another row does not open. A store whose data keys do
// not open is refused: nothing is ever re-created in their place.
package seal

import (
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/store"
)

// Failures of sealing and opening.
var (
	// ErrKEKMissing is a KEK file that does not exist.
	ErrKEKMissing = fault.New(fault.Precondition, "the key-encryption key is missing")
	// ErrKEKWrong is a KEK that does not open the data keys of this store.
	ErrKEKWrong = fault.New(fault.Precondition, "the key-encryption key does not open the data keys of this store")
	// ErrKEKUnsafe is a KEK file that others could read or put there.
	ErrKEKUnsafe = fault.New(fault.Precondition, "the file of the key-encryption key is not safe")
	// ErrKEKMalformed is a text that is not a KEK.
	ErrKEKMalformed = fault.New(fault.Precondition, "the text is not a key-encryption key")
	// ErrOpen is a ciphertext that was changed, moved, or is not one of ours.
	ErrOpen = fault.New(fault.Internal, "a sealed value does not open")
)

// format is the first byte of every sealed value. The number of the data key (8 bytes, big
// endian), a nonce of 12 bytes and the ciphertext with its tag follow.
const format = 1

// The lengths of what stands before the ciphertext.
const (
	nonceBytes = 12
	headBytes  = 1 + 8 + nonceBytes
)

// Config names what a Sealer needs; all fields.
type Config struct {
	Store *store.DB
	KEK   KEK
	Now   func() time.Time
	Rand  io.Reader
}

// Sealer seals and opens. It is safe for concurrent use.
type Sealer struct {
	db   *store.DB
	kek  cipher.AEAD
	now  func() time.Time
	rand io.Reader

	used atomic.Int64 // encryptions under current since they were last written to the store

	mu      sync.RWMutex // guards all below
	keys    map[int64]cipher.AEAD
	current int64     // the newest sealing key
	created time.Time // when it was made
	mac     []byte
}

// New opens the data keys of the store, or makes the first ones in an empty store.
// Errors: ErrKEKWrong.
func New(ctx context.Context, c Config) (*Sealer, error) {
	if c.Store == nil || !c.KEK.set || c.Now == nil || c.Rand == nil {
		return nil, errors.New("seal: Store, KEK, Now and Rand are needed")
	}
	kek, err := aead(c.KEK.key[:])
	if err != nil {
		return nil, err
	}
	s := &Sealer{db: c.Store, kek: kek, now: c.Now, rand: c.Rand, keys: map[int64]cipher.AEAD{}}
	inUse, err := InUse(ctx, c.Store)
	if err != nil {
		return nil, err
	}
	if !inUse {
		if err := s.create(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Seal encrypts plain for one purpose ("vault.secret") and binding, the row it belongs to
// (tenant, id, version). It never touches the store, so it may be called in a transaction.
func (s *Sealer) Seal(_ context.Context, purpose, binding string, plain []byte) ([]byte, error) {
	s.mu.RLock()
	number, key := s.current, s.keys[s.current]
	s.mu.RUnlock()
	s.used.Add(1)
	out := make([]byte, headBytes, headBytes+len(plain)+key.Overhead())
	out[0] = format
	binary.BigEndian.PutUint64(out[1:9], uint64(number))
	if _, err := io.ReadFull(s.rand, out[9:headBytes]); err != nil {
		return nil, fmt.Errorf("draw a nonce: %w", err)
	}
	return key.Seal(out, out[9:headBytes], plain, bind("seal", purpose, binding)), nil
}

// Open decrypts what Seal made for the same purpose and binding. A data key that another
// replica made since is read from the store. Errors: ErrOpen.
func (s *Sealer) Open(ctx context.Context, purpose, binding string, sealed []byte) ([]byte, error) {
	if len(sealed) < headBytes || sealed[0] != format {
		return nil, fmt.Errorf("open %s: %w", purpose, ErrOpen)
	}
	number := int64(binary.BigEndian.Uint64(sealed[1:9]))
	key := s.key(number)
	if key == nil {
		if err := s.load(ctx); err != nil {
			return nil, err
		}
		if key = s.key(number); key == nil {
			return nil, fmt.Errorf("open %s: no data key %d: %w", purpose, number, ErrOpen)
		}
	}
	plain, err := key.Open(nil, sealed[9:headBytes], sealed[headBytes:], bind("seal", purpose, binding))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", purpose, ErrOpen)
	}
	return plain, nil
}

// key returns a data key from memory; nil if it is not there.
func (s *Sealer) key(number int64) cipher.AEAD {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.keys[number]
}

// MAC returns the HMAC-SHA-256 of data under a sealed key of the installation: the same on
// every replica and for ever, different for every purpose, and worthless to somebody who
// holds the database alone. It is what is stored of a client secret (S-40).
func (s *Sealer) MAC(purpose string, data []byte) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	own := hmac.New(sha256.New, s.mac)
	own.Write([]byte(purpose))
	h := hmac.New(sha256.New, own.Sum(nil))
	h.Write(data)
	return h.Sum(nil)
}

// bind joins the parts of additional data so that no two lists of parts give the same bytes.
func bind(parts ...string) []byte {
	var out []byte
	for _, p := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p)))
		out = append(out, p...)
	}
	return out
}
