package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/sealring/sealring/internal/store"
)

// The uses of a data key.
const (
	useSeal = "seal"
	useMAC  = "mac" // never rotated: what was hashed under it could not be compared any more
)

// When a data key is replaced for new values (S/R 6.1). Nonces are random, so the number of
// uses stays well below 2^32.
const (
	maxAge  = 90 * 24 * time.Hour
	maxUses = 1 << 31
)

// tick is how often use counts are written. At 100,000 uses a second it loses 2^23 in a
// crash, little beside what maxUses leaves.
const tick = time.Minute

// InUse reports whether db holds data keys: a new KEK must not be made for it (L-12).
func InUse(ctx context.Context, db *store.DB) (bool, error) {
	var n int64
	err := db.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Get(ctx, "SELECT COUNT(id) FROM data_keys", nil, &n)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("count data keys: %w", err)
	}
	return n > 0, nil
}

// create makes the first data keys, unless another replica was faster.
func (s *Sealer) create(ctx context.Context) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		var last int64
		if _, err := tx.Get(ctx, "SELECT COALESCE(MAX(id), 0) FROM data_keys", nil, &last); err != nil {
			return fmt.Errorf("count data keys: %w", err)
		}
		if last > 0 {
			return nil
		}
		if err := s.add(ctx, tx, 1, useMAC); err != nil {
			return err
		}
		return s.add(ctx, tx, 2, useSeal)
	})
}

// add makes a data key, wrapped under the KEK and bound to its number and use.
func (s *Sealer) add(ctx context.Context, tx *store.Tx, number int64, use string) error {
	random := make([]byte, nonceBytes+keyBytes)
	if _, err := io.ReadFull(s.rand, random); err != nil {
		return fmt.Errorf("draw a data key: %w", err)
	}
	nonce, key := random[:nonceBytes:nonceBytes], random[nonceBytes:]
	wrapped := s.kek.Seal(nonce, nonce, key, wrapping(number, use))
	_, err := tx.Exec(ctx, "INSERT INTO data_keys (id, use, wrapped, created_at, uses) VALUES ($1, $2, $3, $4, 0)",
		number, use, wrapped, s.now().Unix())
	if err != nil {
		return fmt.Errorf("add a data key: %w", err)
	}
	return nil
}

// wrapping is the additional data of a wrapped data key.
func wrapping(number int64, use string) []byte {
	return bind("data key", strconv.FormatInt(number, 10), use)
}

// load opens all data keys of the store. Errors: ErrKEKWrong.
func (s *Sealer) load(ctx context.Context) error {
	keys, mac, current, created := map[int64]cipher.AEAD{}, []byte(nil), int64(0), int64(0)
	err := s.db.View(ctx, func(tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			var number, made int64
			var use string
			var wrapped []byte
			if err := r.Scan(&number, &use, &wrapped, &made); err != nil {
				return fmt.Errorf("scan data key: %w", err)
			}
			plain, err := s.unwrap(number, use, wrapped)
			if err != nil {
				return err
			}
			if use == useMAC {
				mac = plain
				return nil
			}
			current, created = number, made
			keys[number], err = aead(plain)
			return err
		}, "SELECT id, use, wrapped, created_at FROM data_keys ORDER BY id")
	})
	if err != nil {
		return fmt.Errorf("load data keys: %w", err)
	}
	if mac == nil || current == 0 {
		return fmt.Errorf("load data keys: some are missing: %w", ErrKEKWrong)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if current != s.current {
		s.used.Store(0)
	}
	s.keys, s.mac, s.current, s.created = keys, mac, current, time.Unix(created, 0)
	return nil
}

// unwrap opens a data key with the KEK. Errors: ErrKEKWrong.
func (s *Sealer) unwrap(number int64, use string, wrapped []byte) ([]byte, error) {
	if len(wrapped) < nonceBytes {
		return nil, fmt.Errorf("data key %d is cut: %w", number, ErrKEKWrong)
	}
	plain, err := s.kek.Open(nil, wrapped[:nonceBytes], wrapped[nonceBytes:], wrapping(number, use))
	if err != nil {
		return nil, fmt.Errorf("data key %d: %w", number, ErrKEKWrong)
	}
	return plain, nil
}

// Run writes the use counts and rotates the data key when it is due, until ctx ends. A
// failed attempt is made again at the next tick.
func (s *Sealer) Run(ctx context.Context) error {
	for ticks := time.Tick(tick); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
			_ = s.maintain(ctx) // the next tick tries again; the count is kept until then
		}
	}
}

// maintain writes the uses since last time and makes a new data key when the current one is
// old or worn.
func (s *Sealer) maintain(ctx context.Context) error {
	s.mu.RLock()
	current, created := s.current, s.created
	s.mu.RUnlock()
	used := s.used.Swap(0)
	if used == 0 && s.now().Before(created.Add(maxAge)) {
		return nil
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE data_keys SET uses = uses + $1 WHERE id = $2", used, current); err != nil {
			return fmt.Errorf("count uses of data key: %w", err)
		}
		var newest, uses, created int64
		found, err := tx.Get(ctx, "SELECT id, uses, created_at FROM data_keys WHERE use = $1 ORDER BY id DESC LIMIT 1",
			[]any{useSeal}, &newest, &uses, &created)
		if err != nil {
			return fmt.Errorf("read newest data key: %w", err)
		}
		if !found {
			return fmt.Errorf("read newest data key: there is none: %w", ErrKEKWrong)
		}
		if uses < maxUses && s.now().Before(time.Unix(created, 0).Add(maxAge)) {
			return nil
		}
		return s.add(ctx, tx, newest+1, useSeal)
	})
	if err != nil {
		s.used.Add(used)
		return err
	}
	return s.load(ctx)
}

// aead returns AES-256-GCM under key.
func aead(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("use a key: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("use a key: %w", err)
	}
	return gcm, nil
}
