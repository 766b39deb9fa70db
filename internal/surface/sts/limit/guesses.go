package limit

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Guesses lets everybody be wrong some times within a window. It is bounded by who its user
// counts, and safe for concurrent use.
type Guesses[K comparable] struct {
	most   int
	window time.Duration
	now    func() time.Time

	mu    sync.Mutex // guards count
	count map[K]guessed
}

// guessed is how often somebody was wrong since when.
type guessed struct {
	times int
	since time.Time
}

// NewGuesses returns a count of nobody.
func NewGuesses[K comparable](most int, window time.Duration, now func() time.Time) *Guesses[K] {
	return &Guesses[K]{most: most, window: window, now: now, count: map[K]guessed{}}
}

// Spent reports whether somebody has no guess left.
func (g *Guesses[K]) Spent(key K) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.count[key]
	return c.times >= g.most && g.now().Sub(c.since).Abs() < g.window
}

// Wrong counts a wrong guess.
func (g *Guesses[K]) Wrong(key K) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.count[key]
	if g.now().Sub(c.since).Abs() >= g.window {
		c = guessed{since: g.now()}
	}
	c.times++
	g.count[key] = c
}

// Network is what counts as one caller of a remote address, host:port: an IPv4 address, or
// the /64 of an IPv6 address.
func Network(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	address = address.Unmap().WithZone("")
	bits := 32
	if address.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(address, bits).Masked()
}
