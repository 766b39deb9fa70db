package vault

import (
	"context"
	"strings"

	"github.com/sealring/sealring/internal/store"
)

// maxKnown bounds the cache of vaults, absent ones included; beyond it starts anew.
const maxKnown = 10_000

// GetByName returns the living vault of a name, in any letter case. It is answered from
// memory; a change made anywhere shows as soon as the change feed has told of it, for
// changes of this process at once. Errors: ErrVaultNotFound.
func (s *Service) GetByName(ctx context.Context, name string) (Vault, error) {
	if !ValidName(name) {
		return Vault{}, ErrVaultNotFound
	}
	k := strings.ToLower(name)
	s.mu.Lock()
	v, ok := s.known[k]
	generation := s.generation
	s.mu.Unlock()
	if !ok {
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			v, _, err = s.byName(ctx, tx, k)
			return err
		})
		if err != nil {
			return Vault{}, err
		}
		if !v.Deleted.IsZero() {
			v = Vault{}
		}
		s.remember(generation, k, v)
	}
	if v.UID == "" {
		return Vault{}, ErrVaultNotFound
	}
	return v, nil
}

// remember keeps what was loaded unless something changed since generation was read.
func (s *Service) remember(generation int64, key string, v Vault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation != generation {
		return
	}
	if len(s.known) >= maxKnown {
		clear(s.known)
	}
	s.known[key] = v
}

// forget drops what the feed says has changed.
func (s *Service) forget(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	for _, k := range keys {
		delete(s.known, k)
	}
}
