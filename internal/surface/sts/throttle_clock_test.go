package sts

import (
	"testing"
	"time"
)

// a clock that is set back keeps nobody waiting for longer than the throttle would.
func TestThrottleUnderASteppedClock(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	th := newThrottle(func() time.Time { return now })
	for _, step := range []time.Duration{0, -time.Hour, time.Hour, -time.Hour} {
		for range wrongBurst {
			th.take("a")
		}
		if wait := th.take("a"); wait == 0 {
			t.Fatal("the throttle does not hold")
		}
		now = now.Add(step)
		if wait := th.take("a"); wait > wrongInterval {
			t.Errorf("after a step of %v: wait %v", step, wait)
		}
		now = now.Add(wrongInterval)
		if wait := th.take("a"); wait != 0 {
			t.Errorf("after a step of %v and an interval: wait %v", step, wait)
		}
	}
}
