package limit_test

import (
	"testing"
	"time"

	"github.com/sealring/sealring/internal/surface/sts/limit"
)

// a clock that is set back keeps nobody waiting for longer than the limit would.
func TestBucketUnderASteppedClock(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	rate := limit.Rate{Burst: 10, Interval: 6 * time.Second}
	b := limit.NewBucket[string](rate, 100, func() time.Time { return now })
	for _, step := range []time.Duration{0, -time.Hour, time.Hour, -time.Hour} {
		for range rate.Burst {
			b.Take("a")
		}
		if wait := b.Take("a"); wait == 0 || b.Wait("a") != wait || b.Wait("b") != 0 {
			t.Fatal("the limit does not hold")
		}
		now = now.Add(step)
		if wait := b.Take("a"); wait > rate.Interval {
			t.Errorf("after a step of %v: wait %v", step, wait)
		}
		now = now.Add(rate.Interval)
		if wait := b.Take("a"); wait != 0 {
			t.Errorf("after a step of %v and an interval: wait %v", step, wait)
		}
	}
}

func TestGuessesComeBack(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	g := limit.NewGuesses[string](5, 15*time.Minute, func() time.Time { return now })
	for range 5 {
		if g.Spent("a") {
			t.Fatal("spent too early")
		}
		g.Wrong("a")
	}
	if !g.Spent("a") || g.Spent("b") {
		t.Error("after five wrong guesses of a")
	}
	now = now.Add(15 * time.Minute)
	if g.Spent("a") {
		t.Error("after the window")
	}
}

func TestNetworks(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:1": "192.0.2.7/32", "[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "[::ffff:192.0.2.7]:1": "192.0.2.7/32", "[fe80::1%eth0]:1": "fe80::/64", "pipe": "invalid Prefix",
	} {
		if got := limit.Network(remote).String(); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}
