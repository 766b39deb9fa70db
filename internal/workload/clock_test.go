package workload

import (
	"testing"
	"time"
)

// an hour's step of the wall clock, either way, locks no caller out for longer than
// the window, and opens no window for guessing beyond it.
func TestWrongSecretsUnderASteppedClock(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	g := NewGuard(GuardConfig{Now: func() time.Time { return now }})
	exhaust := func() {
		t.Helper()
		for range maxWrong {
			g.WrongSecret("uid 1000")
		}
		if got := g.WrongSecret("uid 1000"); got == Refuse {
			t.Fatal("the limit does not hold")
		}
	}
	for _, step := range []time.Duration{0, -time.Hour, time.Hour, -time.Hour} {
		exhaust()
		now = now.Add(step)
		now = now.Add(wrongWindow)
		if got := g.WrongSecret("uid 1000"); got != Refuse {
			t.Errorf("a window after a step of %v: verdict %v", step, got)
		}
	}
}

// Azure's limit per second counts anew after a step, in either direction.
func TestAzureLimitUnderASteppedClock(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	g := NewGuard(GuardConfig{Now: func() time.Time { return now }, Azure: true})
	w := &Workload{}
	enter := func() bool {
		if g.Enter(w) != nil {
			return false
		}
		g.Leave(w)
		return true
	}
	for _, step := range []time.Duration{0, -time.Hour, 2 * time.Hour, -time.Hour} {
		now = now.Add(step).Add(time.Second)
		for i := range azureRate {
			if !enter() {
				t.Fatalf("after a step of %v: request %d is refused", step, i)
			}
		}
		if enter() {
			t.Errorf("after a step of %v: the limit does not hold", step)
		}
	}
}

// the life of a registration is measured without the wall clock.
func TestRegistrationsDoNotFollowTheWallClock(t *testing.T) {
	now := time.Now()
	w := &Workload{Expires: now.UTC().Truncate(time.Second).Add(time.Minute)}
	w.deadline = now.Add(w.Expires.Sub(now))
	if !w.deadline.Round(0).Equal(w.Expires) {
		t.Errorf("deadline %v, expires %v", w.deadline, w.Expires)
	}
	if w.deadline.String() == w.deadline.Round(0).String() {
		t.Error("the deadline has no monotonic reading")
	}
	if !w.aliveAt(now.Add(58*time.Second)) || w.aliveAt(now.Add(time.Minute)) {
		t.Error("alive at the wrong time")
	}
}
