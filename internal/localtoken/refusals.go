package localtoken

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/audit"
)

const (
	// flushEvery is how often counted refusals are written to the record.
	flushEvery = time.Minute
	// recordedPerFlush is how many refusals in that time get a record of their own; the
	// rest are counted, so that refusals cannot fill the store.
	recordedPerFlush = 100
)

// recorder is the audit log.
type recorder interface {
	Write(ctx context.Context, e audit.Event) error
}

// RefusalsConfig names what Refusals needs.
type RefusalsConfig struct {
	// Room is the endpoint's name: "imds", "appservice".
	Room  string
	Audit recorder
	Log   *slog.Logger
}

// Refusals remembers what an endpoint refused (S-70, L-2). Malformed requests and probes
// are counted and written as sums; refusals of callers that had a secret, or a process to
// name, are recorded before the answer. It is safe for concurrent use.
type Refusals struct {
	room  string
	audit recorder
	log   *slog.Logger

	mu       sync.Mutex // guards what follows
	pending  map[string]int64
	recorded int
}

// NewRefusals returns an empty Refusals.
func NewRefusals(c RefusalsConfig) (*Refusals, error) {
	if c.Room == "" || c.Audit == nil || c.Log == nil {
		return nil, errors.New("localtoken: Room, Audit and Log are needed")
	}
	return &Refusals{room: c.Room, audit: c.Audit, log: c.Log, pending: map[string]int64{}}, nil
}

// Count counts a refusal under a stable reason.
func (f *Refusals) Count(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending[reason]++
}

// Record writes a refusal durably, with the process as far as it is known; when there are
// too many it is only counted. A log that cannot be written does not turn a refusal into
// anything else.
func (f *Refusals) Record(ctx context.Context, reason string, target string, process *audit.Process) {
	if !f.takeRecord(reason) {
		return
	}
	f.write(ctx, audit.Event{
		Kind: audit.Security, Outcome: audit.Denied, Operation: f.room + ".refuse",
		Target: target, Reason: reason, Process: process,
	})
}

// takeRecord counts and reports whether there is room for a record of its own.
func (f *Refusals) takeRecord(reason string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.recorded >= recordedPerFlush {
		f.pending[reason]++
		return false
	}
	f.recorded++
	return true
}

// Run writes the sums every minute, and once more when ctx ends.
func (f *Refusals) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			f.Flush(last)
			return nil
		case <-tick.C:
			f.Flush(ctx)
		}
	}
}

// Flush writes one event per reason that was counted since the last one.
func (f *Refusals) Flush(ctx context.Context) {
	f.mu.Lock()
	sums := f.pending
	f.pending, f.recorded = map[string]int64{}, 0
	f.mu.Unlock()
	for reason, n := range sums {
		f.write(ctx, audit.Event{
			Kind: audit.Security, Outcome: audit.Denied, Operation: f.room + ".refuse", Reason: reason,
			Details: map[string]string{"count": strconv.FormatInt(n, 10)},
		})
	}
}

// write appends to the audit log and reports trouble to the other one.
func (f *Refusals) write(ctx context.Context, e audit.Event) {
	if err := f.audit.Write(ctx, e); err != nil {
		f.log.ErrorContext(ctx, "a refusal could not be recorded", "room", f.room, "reason", e.Reason, "err", err)
	}
}
