package store

import "time"

// Stats is how a store does.
type Stats struct {
	Writes  int64 // writes that have begun since the start
	Waiting int64 // writes that nobody waits for any more and that have not begun
	Stopped bool  // no writes are taken (see Health)
	// Behind is for how long the change feed has not been read: what is held in memory may be
	// this old.
	Behind time.Duration
}

// Stats returns how the store does now, from memory.
func (db *DB) Stats() Stats {
	s := Stats{Writes: db.turns.Load(), Waiting: db.givenUp.Load(), Stopped: db.stopped.Load() != nil}
	if at := db.polled.Load(); at != 0 {
		s.Behind = max(0, db.now().Sub(time.Unix(0, at)))
	}
	return s
}
