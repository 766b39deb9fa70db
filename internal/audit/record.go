package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/store"
)

// ErrUnavailable is a log that cannot take a record; what it should describe must not happen.
var ErrUnavailable = fault.New(fault.Unavailable, "the audit log cannot be written")

// writeTimeout bounds how long a request waits for the log: within the 2 s of R-11, with
// room for the answer.
const writeTimeout = 1800 * time.Millisecond

// Config names what a Log needs.
type Config struct {
	Store *store.DB
	// Server names this server's chain: stable across restarts, unique among replicas.
	Server string
	Now    func() time.Time
}

// Log appends events. It is safe for concurrent use.
type Log struct {
	db     *store.DB
	server string
	now    func() time.Time

	unsigned atomic.Int64  // records appended since the last checkpoint, roughly
	full     chan struct{} // has a value when a checkpoint is due by their number

	counts counts

	commit sync.Mutex // held while a batch is written; taken before mu
	mu     sync.Mutex // guards open and the entries of an open batch
	open   *batch
}

// batch is a set of events that share one commit.
type batch struct {
	entries []*Event
	writing bool // the store has taken the batch; guarded by Log.mu, as entries are until then
	done    chan struct{}
	err     error
}

// New returns a Log that continues the chain of c.Server.
func New(c Config) (*Log, error) {
	if c.Store == nil || c.Server == "" || c.Now == nil {
		return nil, errors.New("audit: Store, Server and Now are needed")
	}
	return &Log{db: c.Store, server: c.Server, now: c.Now, full: make(chan struct{}, 1)}, nil
}

// Record appends e in the transaction of the write that it describes. The actor of ctx is
// filled in where e names none. A failure must fail the transaction. Errors: ErrUnavailable.
func (l *Log) Record(ctx context.Context, tx *store.Tx, e Event) error {
	if e.Actor == (Actor{}) {
		e.Actor = ActorFrom(ctx)
	}
	h, err := l.head(ctx, tx)
	if err != nil {
		return err
	}
	return l.append(ctx, tx, &h, e)
}

// head is where a chain ends: the number of the last record and its hash; zero if there is none.
type head struct {
	seq  int64
	hash []byte
}

// head reads the end of this server's chain.
func (l *Log) head(ctx context.Context, tx *store.Tx) (h head, err error) {
	h.hash = []byte{}
	_, err = tx.Get(ctx, "SELECT seq, hash FROM audit WHERE server = $1 ORDER BY seq DESC LIMIT 1", []any{l.server}, &h.seq, &h.hash)
	if err != nil {
		return h, fmt.Errorf("%w: read the head of the chain: %w", ErrUnavailable, err)
	}
	return h, nil
}

// append adds a record behind h and moves h to it. The actor is e's: in a batch, ctx is of
// one caller and e may be another's.
func (l *Log) append(ctx context.Context, tx *store.Tx, h *head, e Event) error {
	if err := store.Failpoint(store.BeforeAudit); err != nil {
		return err
	}
	if e.Time.IsZero() {
		e.Time = l.now()
	}
	e.Time = e.Time.UTC().Truncate(time.Second)
	e = clean(e)
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode audit event: %w", err)
	}
	next := head{seq: h.seq + 1, hash: link(h.hash, l.server, h.seq+1, body)}
	_, err = tx.Exec(ctx, `INSERT INTO audit (server, seq, at, kind, tenant_id, principal_id, operation, target, subscription_id, correlation_id, body, prev, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		l.server, next.seq, e.Time.Unix(), string(e.Kind), string(e.Actor.Tenant), string(e.Actor.Object),
		strings.ToLower(e.Operation), strings.ToLower(e.Target), strings.ToLower(string(e.Subscription)), e.Actor.CorrelationID, string(body), h.hash, next.hash)
	if err != nil {
		return fmt.Errorf("%w: append: %w", ErrUnavailable, err)
	}
	*h = next
	l.counts.written(&e)
	if l.unsigned.Add(1) >= checkpointRecords {
		select {
		case l.full <- struct{}{}:
		default:
		}
	}
	return store.Failpoint(store.AfterAudit)
}

// link is the hash of a record: over the one before it, the server, the number and the
// text, each preceded by its length.
func link(prev []byte, server string, seq int64, body []byte) []byte {
	h := sha256.New()
	for _, part := range [][]byte{prev, []byte(server), binary.BigEndian.AppendUint64(nil, uint64(seq)), body} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return h.Sum(nil)
}

// Write appends e durably before it returns; callers that arrive while a commit is under
// way share the next one. A store that hangs counts as failed: the answer comes within 2 s
// all the same. An event whose caller was told of a failure may still be on record, if its
// commit was under way by then. Errors: ErrUnavailable.
func (l *Log) Write(ctx context.Context, e Event) error {
	if e.Actor == (Actor{}) {
		e.Actor = ActorFrom(ctx)
	}
	if e.Time.IsZero() {
		e.Time = l.now()
	}
	b, leads := l.join(&e)
	if leads {
		go l.flush(context.WithoutCancel(ctx), b) // it ends with the store's own time-outs
	}
	late := time.NewTimer(writeTimeout)
	defer late.Stop()
	select {
	case <-b.done:
		return b.err
	case <-late.C:
		l.leave(b, &e)
		return fmt.Errorf("%w: it does not answer", ErrUnavailable)
	case <-ctx.Done():
		l.leave(b, &e)
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

// join adds e to the batch that is not yet being written; whoever opened it leads it.
func (l *Log) join(e *Event) (b *batch, leads bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open, leads = &batch{done: make(chan struct{})}, true
	}
	l.open.entries = append(l.open.entries, e)
	return l.open, leads
}

// leave takes e out of a batch that is not yet being written, so that an outage neither
// fills the memory nor puts on record, hours later, what was refused.
func (l *Log) leave(b *batch, e *Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !b.writing {
		b.entries = slices.DeleteFunc(b.entries, func(other *Event) bool { return other == e })
	}
}

// staying returns the events of b whose callers still wait, now that the store takes them;
// from here on nobody leaves.
func (l *Log) staying(b *batch) []*Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.writing = true
	return b.entries
}

// flush waits for the commit under way, closes b to newcomers and writes it.
func (l *Log) flush(ctx context.Context, b *batch) {
	l.commit.Lock()
	defer l.commit.Unlock()
	defer close(b.done)
	defer func() { // one request's panic ends its batch, not the process that serves all others (S-67)
		if p := recover(); p != nil {
			b.err = fmt.Errorf("%w: panic: %v\n%s", ErrUnavailable, p, debug.Stack())
		}
	}()
	l.mu.Lock()
	l.open = nil
	waiting := len(b.entries)
	l.mu.Unlock()
	if waiting == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := l.db.Update(ctx, func(tx *store.Tx) error {
		h, err := l.head(ctx, tx)
		if err != nil {
			return err
		}
		for _, e := range l.staying(b) {
			if err := l.append(ctx, tx, &h, *e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		l.counts.failed()
		b.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// sortedKeys are the keys of m in order.
func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
