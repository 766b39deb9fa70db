package managedidentity

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
)

// maxHandouts bounds how many pairs of token and process are remembered. A forgotten pair
// is recorded once more when it comes back, which harms nobody.
const maxHandouts = 65536

// flushInterval is how often counts of repeated hand-outs are written.
const flushInterval = time.Minute

// handoutKey is a token in the hands of a process. A process of which nothing is known is
// the zero one.
type handoutKey struct {
	uti   string
	host  string
	pid   int
	start int64
}

// handout counts how often a process got a token again after the recorded first time.
type handout struct {
	repeats atomic.Int64
	event   audit.Event // of the first time
	until   time.Time   // when the token is renewed and nobody gets this one again
}

// handouts remembers who holds which token (D-4).
type handouts struct {
	repeated atomic.Uint64 // hand-outs that were not the first

	mu sync.RWMutex // guards of
	of map[handoutKey]*handout
}

// keyOf names the pair.
func keyOf(uti string, p *audit.Process) handoutKey {
	if p == nil {
		return handoutKey{uti: uti}
	}
	return handoutKey{uti: uti, host: p.Host, pid: p.PID, start: p.StartTime}
}

// repeat counts a further hand-out of a pair; it reports false for one that is not on record.
func (h *handouts) repeat(k handoutKey) bool {
	h.mu.RLock()
	known, ok := h.of[k]
	h.mu.RUnlock()
	if ok {
		known.repeats.Add(1)
		h.repeated.Add(1)
	}
	return ok
}

// remember notes that a pair is on record. Full, it forgets an arbitrary other one.
func (h *handouts) remember(k handoutKey, e audit.Event, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.of[k]; ok {
		return
	}
	for other := range h.of {
		if len(h.of) < maxHandouts {
			break
		}
		delete(h.of, other)
	}
	h.of[k] = &handout{event: e, until: until}
}

// collect returns a row for every count that is not zero, and forgets the pairs whose token
// has been renewed by now. settle ends the round.
func (h *handouts) collect(now time.Time) (rows []audit.Event, settle func(written bool)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	type taken struct {
		from *handout
		n    int64
	}
	var all []taken
	for k, one := range h.of {
		if n := one.repeats.Swap(0); n > 0 {
			all = append(all, taken{one, n})
			rows = append(rows, one.repeated(n))
		}
		if !now.Before(one.until) {
			delete(h.of, k)
		}
	}
	return rows, func(written bool) {
		for _, t := range all {
			if !written {
				t.from.repeats.Add(t.n)
			}
		}
	}
}

// repeated is the row that says that the process got the token n times more.
func (h *handout) repeated(n int64) audit.Event {
	e := h.event
	e.Operation, e.Time = "token.repeat", time.Time{}
	e.Details = maps.Clone(h.event.Details)
	e.Details["count"] = strconv.FormatInt(n, 10)
	return e
}

// Run writes the counts of repeated hand-outs every minute until ctx ends, and once more then.
func (s *Service) Run(ctx context.Context) error {
	for tick := time.Tick(flushInterval); ; {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return s.Flush(last)
		case <-tick:
			_ = s.Flush(ctx) // what could not be written is tried again at the next tick
		}
	}
}

// Flush writes the counts of repeated hand-outs now; what it could not write it counts
// again. Errors: audit.ErrUnavailable.
func (s *Service) Flush(ctx context.Context) error {
	rows, settle := s.handouts.collect(s.now())
	if len(rows) == 0 {
		return nil
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		for _, e := range rows {
			if err := s.log.Record(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	settle(err == nil)
	if err != nil {
		return fmt.Errorf("%w: %w", audit.ErrUnavailable, err)
	}
	return nil
}

// Repeats returns how many cached tokens went to processes that had them already, since the
// start: the hand-outs that are counted and not recorded one by one.
func (s *Service) Repeats() uint64 { return s.handouts.repeated.Load() }
