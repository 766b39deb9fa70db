package managedidentity

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/token"
)

// Bounds of the caches: entries, not bytes. A token with its key takes about 2 KiB.
const (
	maxHosts      = 16384
	maxPrincipals = 16384
	maxTokensEach = 64 // per identity: audiences times their spellings times hosts
)

// shelf is a bounded map of cells that are made empty and filled later. Whoever fills a
// cell took it from the shelf before it read what it fills it with; an invalidation takes
// the cell off the shelf, so that a fill that raced with it reaches nobody.
type shelf[K comparable, V any] struct {
	most int

	mu    sync.RWMutex // guards cells
	cells map[K]*V
}

// newShelf returns an empty shelf of at most most cells.
func newShelf[K comparable, V any](most int) *shelf[K, V] {
	return &shelf[K, V]{most: most, cells: map[K]*V{}}
}

// at returns the cell of k, a new one if there is none. A full shelf loses an arbitrary one.
func (s *shelf[K, V]) at(k K) *V {
	s.mu.RLock()
	cell, ok := s.cells[k]
	s.mu.RUnlock()
	if ok {
		return cell
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cell, ok := s.cells[k]; ok {
		return cell
	}
	for other := range s.cells {
		if len(s.cells) < s.most {
			break
		}
		delete(s.cells, other)
	}
	cell = new(V)
	s.cells[k] = cell
	return cell
}

// drop takes cells off the shelf.
func (s *shelf[K, V]) drop(keys ...K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		delete(s.cells, k)
	}
}

// clear empties the shelf.
func (s *shelf[K, V]) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cells)
}

// hostCell holds what is known of one host. Staleness: none beyond the change feed's, L-3.
type hostCell struct {
	loading sync.Mutex // held by the one that loads
	host    atomic.Pointer[host]
}

// tokenKey is everything that shows in a token or decides about it, beside the principal
// (S-53). Two requests with equal keys may share a token.
type tokenKey struct {
	tenant   id.Tenant
	app      id.App
	host     string // resource.ID.Key of the host that asks
	identity string // resource.ID.Key of the identity's own resource
	audience string // the claim, in its spelling
	resource id.App // the application that the audience belongs to
	version  token.Version
	capable  bool
	says     string // entitlement.Entitlement.Key
}

// principalTokens are the cached tokens of one identity. Invalidated as a whole by changes
// of its service principal, and by changes of the signing keys.
type principalTokens struct {
	mu  sync.RWMutex // guards all
	all map[tokenKey]Minted
}

// get returns the token of k if it is not yet to be renewed at now: that is due at half
// life, and when the clock stands before its issue (TE §3.4, §8.2).
func (p *principalTokens) get(k tokenKey, now time.Time) (Minted, bool) {
	p.mu.RLock()
	m, ok := p.all[k]
	p.mu.RUnlock()
	if !ok || now.Before(m.Issued.Issued) || !now.Before(m.renewAt()) {
		return Minted{}, false
	}
	return m, true
}

// put keeps a token; a full set loses an arbitrary other one.
func (p *principalTokens) put(k tokenKey, m Minted) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = map[tokenKey]Minted{}
	}
	for other := range p.all {
		if len(p.all) < maxTokensEach {
			break
		}
		delete(p.all, other)
	}
	p.all[k] = m
}

// minting collapses concurrent requests for the same token into one.
type minting struct{ group singleflight.Group }

// follow subscribes the caches to the change feed.
func (s *Service) follow(keepOnChange bool) {
	s.db.Subscribe(resource.Topic, func(keys []string) { s.hosts.drop(keys...) })
	s.db.Subscribe("keyring", func([]string) { s.tokens.clear() })
	s.db.Subscribe(directory.Topic, func(keys []string) {
		for _, k := range keys {
			if object, ok := strings.CutPrefix(k, directory.FloorKey("")); ok {
				s.tokens.drop(id.Object(object)) // revoked
			} else if keepOnChange {
				continue
			} else if object, ok := strings.CutPrefix(k, "p/"); ok {
				s.tokens.drop(id.Object(object))
			} else if strings.HasPrefix(k, "t/") {
				s.tokens.clear() // the tenant's creation time is in every token
			}
		}
	})
}
