package workload

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/fault"
)

// ErrBusy is a request above a limit; it is refused at once, never queued (S-13).
var ErrBusy = fault.New(fault.Throttled, "too many requests; try again in a second")

// The limits.
const (
	// maxFlight and maxFlightEach bound the requests under way, over all and per workload:
	// far above real use, so that one runaway program leaves room for the others.
	maxFlight     = 2048
	maxFlightEach = 1024
	// azureRate and azureFlight are the limits of a machine's metadata service on Azure:
	// requests per second and at once (token-endpoints.md §8.4).
	azureRate   = 20
	azureFlight = 5
	// maxWrong wrong secrets within wrongWindow from one caller are answered; more are
	// only counted (S-9).
	maxWrong    = 20
	wrongWindow = time.Minute
	// maxWrongCallers bounds the memory of wrong secrets.
	maxWrongCallers = 1024
)

// GuardConfig names what a Guard needs.
type GuardConfig struct {
	// Now is the clock.
	Now func() time.Time
	// Azure applies Azure's numbers, 20 a second and 5 at once per node (D-8). They are
	// shared evenly among the workloads that ask, so one cannot use up another's part (S-13).
	Azure bool
}

// Guard bounds what callers of the node endpoints may use up. It is safe for concurrent use.
type Guard struct {
	now    func() time.Time
	azure  bool
	flight atomic.Int64

	mu     sync.Mutex // guards what follows, and Workload.rate
	second int64
	asking int // workloads that asked in this second
	before int // workloads that asked in the second before
	wrong  map[string]window
}

// window counts one caller's wrong secrets since its beginning.
type window struct {
	began time.Time
	count int
}

// passed reports whether the window is over, or lies ahead because the clock was set back.
func (w window) passed(now time.Time) bool {
	age := now.Sub(w.began)
	return age < 0 || age >= wrongWindow
}

// bucket counts the requests of one workload in one second.
type bucket struct {
	second int64
	count  int
}

// NewGuard returns a Guard. A nil Now is a programmer's mistake and panics at first use.
func NewGuard(c GuardConfig) *Guard {
	return &Guard{now: c.Now, azure: c.Azure, wrong: map[string]window{}}
}

// Enter admits a request of w, to be followed by Leave, or refuses it. Errors: ErrBusy.
func (g *Guard) Enter(w *Workload) error {
	if g.flight.Add(1) > maxFlight {
		g.flight.Add(-1)
		return ErrBusy
	}
	each := w.flight.Add(1)
	if each > maxFlightEach || g.azure && !g.azureAdmits(w, each) {
		g.Leave(w)
		return ErrBusy
	}
	return nil
}

// Leave ends what Enter admitted.
func (g *Guard) Leave(w *Workload) {
	w.flight.Add(-1)
	g.flight.Add(-1)
}

// azureAdmits applies an even share of Azure's limits to w, which has flight requests under way.
func (g *Guard) azureAdmits(w *Workload, flight int64) bool {
	second := g.now().Unix()
	g.mu.Lock()
	defer g.mu.Unlock()
	if second != g.second {
		g.before = g.asking
		if second != g.second+1 {
			g.before = 0
		}
		g.second, g.asking = second, 0
	}
	if w.rate.second != second {
		w.rate = bucket{second: second}
		g.asking++
	}
	sharers := max(g.asking, g.before, 1)
	if w.rate.count >= max(azureRate/sharers, 1) || flight > int64(max(azureFlight/sharers, 1)) {
		return false
	}
	w.rate.count++
	return true
}

// Verdict says what to do about a wrong secret.
type Verdict int

// The verdicts.
const (
	Refuse Verdict = iota // answer 401 and record it
	Alert                 // answer 429 and record an alarm: the limit was just passed
	Ignore                // answer 429; the alarm was raised
)

// WrongSecret counts a wrong secret of caller, which is named by what the kernel says of
// it ("uid 1000") or else by its address. A right secret is served all the while: with 256
// bits nothing is guessed, and a neighbour of the same user must not be locked out.
func (g *Guard) WrongSecret(caller string) Verdict {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	w, ok := g.wrong[caller]
	if !ok && len(g.wrong) >= maxWrongCallers {
		g.forget(now)
	}
	if !ok || w.passed(now) {
		w = window{began: now}
	}
	w.count++
	g.wrong[caller] = w
	switch {
	case w.count <= maxWrong:
		return Refuse
	case w.count == maxWrong+1:
		return Alert
	}
	return Ignore
}

// forget drops the windows that have passed, or all if none has. The lock is held.
func (g *Guard) forget(now time.Time) {
	for caller, w := range g.wrong {
		if w.passed(now) {
			delete(g.wrong, caller)
		}
	}
	if len(g.wrong) >= maxWrongCallers {
		clear(g.wrong)
	}
}
