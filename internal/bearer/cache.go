package bearer

import (
	"container/list"
	"crypto/sha256"
	"sync"

	"github.com/sealring/sealring/internal/token"
)

// overhead is the memory of an entry beside the texts of its claims, estimated high; the
// texts are not longer than the token.
const overhead = 1024

// digest is the SHA-256 of a token: the cache holds no credential.
type digest [sha256.Size]byte

// keyOf returns the digest of a token.
func keyOf(text string) digest { return sha256.Sum256([]byte(text)) }

// cache remembers the claims of genuine tokens, the least recently used leave first. What
// it holds is never trusted without Recheck, so an entry cannot outlive its token.
type cache struct {
	limit int

	mu      sync.Mutex // guards all below
	size    int
	entries map[digest]*list.Element
	order   *list.List // of *entry, most recently used first
}

// entry is one remembered token.
type entry struct {
	key    digest
	claims *token.Claims
	size   int
}

// newCache returns a cache of at most limit bytes.
func newCache(limit int) *cache {
	return &cache{limit: limit, entries: map[digest]*list.Element{}, order: list.New()}
}

// get returns what is known of a token; nil if nothing is.
func (c *cache) get(key digest) *token.Claims {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry).claims
}

// put remembers a token of n bytes.
func (c *cache) put(key digest, claims *token.Claims, n int) {
	size := n + overhead
	if size > c.limit {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[key]; ok {
		return
	}
	for c.size+size > c.limit {
		c.remove(c.order.Back())
	}
	c.entries[key] = c.order.PushFront(&entry{key: key, claims: claims, size: size})
	c.size += size
}

// drop forgets a token.
func (c *cache) drop(key digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		c.remove(e)
	}
}

// remove takes an element out; c.mu is held.
func (c *cache) remove(e *list.Element) {
	gone := c.order.Remove(e).(*entry)
	delete(c.entries, gone.key)
	c.size -= gone.size
}
