package sts

import (
	"sync"
	"time"

	"github.com/sealring/sealring/internal/id"
)

// How many wrong secrets a client id may send: this many at once, then one per interval.
const (
	wrongBurst    = 10
	wrongInterval = 6 * time.Second
)

// throttle counts wrong secrets per canonical client id (S-40). Only applications that
// exist get a bucket, so it is bounded by the directory; full buckets are dropped. Client
// ids that do not exist share one bucket, which limits how many are recorded.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex           // guards until
	until map[id.App]time.Time // when the bucket is full again
}

// newThrottle returns a throttle with all buckets full.
func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, until: map[id.App]time.Time{}}
}

// take counts one wrong secret and returns 0, or how long to wait if there were too many.
func (t *throttle) take(app id.App) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	full := t.until[app]
	if full.Before(now) {
		full = now
	}
	if most := now.Add(wrongBurst * wrongInterval); full.After(most) {
		full = most // the clock was set back
		t.until[app] = full
	}
	next := full.Add(wrongInterval)
	if over := next.Sub(now) - wrongBurst*wrongInterval; over > 0 {
		return over
	}
	t.until[app] = next
	if len(t.until) > 1024 {
		t.drop(now)
	}
	return 0
}

// drop forgets buckets that are full again. t.mu is held.
func (t *throttle) drop(now time.Time) {
	for app, full := range t.until {
		if !full.After(now) {
			delete(t.until, app)
		}
	}
}
