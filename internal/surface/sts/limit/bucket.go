// Package limit counts what may be tried only so often at the sign-in room: wrong secrets of
// an application, device codes from an address, wrong user codes of a person.
package limit

import (
	"sync"
	"time"
)

// Rate is how often something may happen: this many times at once, then once per interval.
type Rate struct {
	Burst    int
	Interval time.Duration
}

// Bucket counts by key. Keys whose count has run out are dropped, so that it is bounded by
// what keys its user lets in; beyond Most keys it starts anew, which holds nobody but keeps
// memory. It is safe for concurrent use.
type Bucket[K comparable] struct {
	rate Rate
	most int
	now  func() time.Time

	mu    sync.Mutex      // guards until
	until map[K]time.Time // when the bucket is full again
}

// NewBucket returns a Bucket of at most most keys.
func NewBucket[K comparable](rate Rate, most int, now func() time.Time) *Bucket[K] {
	return &Bucket[K]{rate: rate, most: most, now: now, until: map[K]time.Time{}}
}

// Take counts one try and returns 0, or how long to wait if there were too many.
func (b *Bucket[K]) Take(key K) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, all := b.now(), time.Duration(b.rate.Burst)*b.rate.Interval
	full := b.until[key]
	if full.Before(now) {
		full = now
	}
	if most := now.Add(all); full.After(most) {
		full = most // the clock was set back
		b.until[key] = full
	}
	next := full.Add(b.rate.Interval)
	if over := next.Sub(now) - all; over > 0 {
		return over
	}
	b.until[key] = next
	if len(b.until) > b.most {
		b.drop(now)
	}
	return 0
}

// Wait returns how long to wait until Take lets key pass, without counting anything.
func (b *Bucket[K]) Wait(key K) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, all := b.now(), time.Duration(b.rate.Burst)*b.rate.Interval
	full := b.until[key]
	if full.Before(now) {
		full = now
	}
	if most := now.Add(all); full.After(most) {
		full = most // the clock was set back
	}
	return max(0, full.Add(b.rate.Interval).Sub(now)-all)
}

// drop forgets buckets that are full again, or all if that is too few. b.mu is held.
func (b *Bucket[K]) drop(now time.Time) {
	for key, full := range b.until {
		if !full.After(now) {
			delete(b.until, key)
		}
	}
	if len(b.until) > 2*b.most {
		clear(b.until)
	}
}
