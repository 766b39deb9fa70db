package store

import (
	"context"
	"fmt"
	"time"
)

// pollInterval is how long a change made by another process stays unseen at most, and
// half of what L-3 allows a decision to be old.
const pollInterval = 250 * time.Millisecond

// pollTimeout bounds one look at the feed.
const pollTimeout = 2 * time.Second

// change is one row of the feed: something of a topic, named by key, is not what it was.
type change struct{ topic, key string }

// Changed notes in the transaction that the object key of topic changed. Subscribers hear
// of it after the commit. Topics are package names; what a key is each package decides.
func (tx *Tx) Changed(topic, key string) {
	tx.changes = append(tx.changes, change{topic, key})
}

// Subscribe has fn called with the keys of topic that changed: for our own transactions
// before Update returns, for those of other processes within pollInterval of their commit.
// Calls never overlap. fn must not use the store. Subscribe before Run and before serving.
func (db *DB) Subscribe(topic string, fn func(keys []string)) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.subscribers[topic] = append(db.subscribers[topic], fn)
}

// Run follows the changes of other processes until ctx ends. A failed look is repeated at
// the next tick; when none succeeds for Config.FeedLimit, Fresh fails until one does.
func (db *DB) Run(ctx context.Context) error {
	lost := time.AfterFunc(db.feedLimit, func() { db.lost.Store(true) })
	defer lost.Stop()
	for tick := time.Tick(pollInterval); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
			if db.poll(ctx) == nil {
				lost.Reset(db.feedLimit)
				db.lost.Store(false)
			}
			db.recover(ctx)
		}
	}
}

// appendFeed writes the noted changes. Writers are serialised, so the sequence has neither
// gaps nor rows that appear late.
func (tx *Tx) appendFeed(ctx context.Context) error {
	if len(tx.changes) == 0 {
		return nil
	}
	var last int64
	if _, err := tx.Get(ctx, "SELECT COALESCE(MAX(seq), 0) FROM feed", nil, &last); err != nil {
		return fmt.Errorf("read the end of the change feed: %w", err)
	}
	at := tx.db.now().Unix()
	for _, c := range tx.changes {
		last++
		if _, err := tx.Exec(ctx, "INSERT INTO feed (seq, topic, key, at) VALUES ($1, $2, $3, $4)", last, c.topic, c.key, at); err != nil {
			return fmt.Errorf("append to the change feed: %w", err)
		}
	}
	tx.last = last
	return nil
}

// loadPosition starts at the end of the feed: caches are filled from the tables.
func (db *DB) loadPosition(ctx context.Context) error {
	return db.View(ctx, func(tx *Tx) error {
		var last int64
		if _, err := tx.Get(ctx, "SELECT COALESCE(MAX(seq), 0) FROM feed", nil, &last); err != nil {
			return fmt.Errorf("read the end of the change feed: %w", err)
		}
		db.last.Store(last)
		return nil
	})
}

// deliverOwn tells subscribers of a transaction of this process. Rows of other processes
// that lie before it are left to poll: delivering one twice is harmless, skipping is not.
func (db *DB) deliverOwn(tx *Tx) {
	if len(tx.changes) == 0 {
		return
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.deliver(tx.changes)
	db.last.CompareAndSwap(tx.last-int64(len(tx.changes)), tx.last)
}

// poll delivers the rows behind the last known one.
func (db *DB) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	if err := Failpoint(BeforeFeed); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	from := db.last.Load()
	last := from
	var changes []change
	err := db.View(ctx, func(tx *Tx) error {
		return tx.Query(ctx, func(r Row) error {
			var c change
			if err := r.Scan(&last, &c.topic, &c.key); err != nil {
				return fmt.Errorf("scan the change feed: %w", err)
			}
			changes = append(changes, c)
			return nil
		}, "SELECT seq, topic, key FROM feed WHERE seq > $1 ORDER BY seq", from)
	})
	if err != nil {
		return err
	}
	db.deliver(changes)
	db.last.Store(last)
	db.polled.Store(db.now().UnixNano())
	return nil
}

// deliver groups changes by topic, in order, and calls the subscribers. db.mu is held.
func (db *DB) deliver(changes []change) {
	keys := map[string][]string{}
	for _, c := range changes {
		keys[c.topic] = append(keys[c.topic], c.key)
	}
	for topic, ks := range keys {
		for _, fn := range db.subscribers[topic] {
			fn(ks)
		}
	}
}
