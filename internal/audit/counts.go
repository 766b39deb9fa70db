package audit

import "sync"

// maxCounted bounds how many kinds of event are told apart: reasons are a closed set of this
// program, and a mistake there must not fill the memory.
const maxCounted = 1000

// Counted is a kind of event in Counts.
type Counted struct {
	Kind    Kind
	Outcome Outcome
	Reason  string // "" for what succeeded
}

// counts counts what was written since the start.
type counts struct {
	mu       sync.Mutex // guards all
	events   map[Counted]uint64
	failures uint64
}

// written counts an event that is in a transaction about to be committed.
func (c *counts) written(e *Event) {
	k := Counted{Kind: e.Kind, Outcome: e.Outcome}
	if e.Outcome != Succeeded {
		k.Reason = e.Reason
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.events == nil {
		c.events = map[Counted]uint64{}
	}
	if _, known := c.events[k]; !known && len(c.events) >= maxCounted {
		k.Reason = "other"
	}
	c.events[k]++
}

// failed counts a batch that could not be written.
func (c *counts) failed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures++
}

// Counts returns how many events of each kind this process wrote since its start, and how
// many writes to the log failed. Events of a transaction that was given up later are counted
// all the same.
func (l *Log) Counts() (events map[Counted]uint64, failures uint64) {
	l.counts.mu.Lock()
	defer l.counts.mu.Unlock()
	events = make(map[Counted]uint64, len(l.counts.events))
	for k, n := range l.counts.events {
		events[k] = n
	}
	return events, l.counts.failures
}

// Waiting returns how many callers wait for the commit of their record.
func (l *Log) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		return 0
	}
	return len(l.open.entries)
}
