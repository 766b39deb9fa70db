package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sealring/sealring/internal/store"
)

// pageRecords is how many records are read by one statement: every statement stays far
// below the engines' time-outs, however long the log.
const pageRecords = 2000

// row is a record as it is kept.
type row struct {
	seq  int64
	at   int64
	body string
	prev []byte
	hash []byte
	// What is kept beside body to be searched: it must be what body says.
	kind, tenant, principal, operation, target, subscription, correlation string
}

// rows calls do for the records of a chain from one on, in order, until it fails. Errors:
// those of do.
func rows(ctx context.Context, tx *store.Tx, server string, from int64, do func(row) error) error {
	for {
		n := 0
		err := tx.Query(ctx, func(r store.Row) error {
			var x row
			err := r.Scan(&x.seq, &x.at, &x.kind, &x.tenant, &x.principal, &x.operation, &x.target, &x.subscription, &x.correlation, &x.body, &x.prev, &x.hash)
			if err != nil {
				return fmt.Errorf("scan audit record: %w", err)
			}
			n, from = n+1, x.seq+1
			return do(x)
		}, `SELECT seq, at, kind, tenant_id, principal_id, operation, target, subscription_id, correlation_id, body, prev, hash
			FROM audit WHERE server = $1 AND seq >= $2 ORDER BY seq LIMIT $3`, server, from, pageRecords)
		if err != nil || n < pageRecords {
			return err
		}
	}
}

// claim is a record that a checkpoint signed.
type claim struct {
	seq        int64
	hash       []byte
	checkpoint int64
}

// walk follows one chain. The zero walk with its server set begins at record 1.
type walk struct {
	server string
	last   int64  // the last good record, or the one before the first kept
	head   []byte // its hash
	claims []claim
	good   int64 // records that hold
}

// bad is the first record of a chain that does not hold.
func (w *walk) bad(seq int64, format string, args ...any) *Problem {
	return &Problem{Server: w.server, Record: seq, What: fmt.Sprintf(format, args...)}
}

// step checks the next record; the error is a *Problem.
func (w *walk) step(r row) error {
	switch {
	case r.seq > w.last+1:
		return w.bad(w.last+1, "it is missing, and the next there is is %d", r.seq)
	case r.seq <= w.last:
		return w.bad(r.seq, "it lies before the beginning that was signed")
	case !bytes.Equal(r.hash, link(r.prev, w.server, r.seq, []byte(r.body))):
		return w.bad(r.seq, "its text does not match its hash")
	case !bytes.Equal(r.prev, w.head):
		return w.bad(r.seq, "it does not follow the record before it")
	case !r.consistent():
		return w.bad(r.seq, "what is kept beside its text does not match its text")
	}
	for ; len(w.claims) > 0 && w.claims[0].seq <= r.seq; w.claims = w.claims[1:] {
		if c := w.claims[0]; c.seq == r.seq && !bytes.Equal(c.hash, r.hash) {
			return w.bad(r.seq, "it is not the record that checkpoint %d signed", c.checkpoint)
		}
	}
	w.last, w.head = r.seq, r.hash
	w.good++
	return nil
}

// end checks that nothing that was signed is missing behind the last record.
func (w *walk) end() error {
	if len(w.claims) == 0 {
		return nil
	}
	c := w.claims[len(w.claims)-1]
	return w.bad(w.last+1, "it is missing, and checkpoint %d signed records up to %d", c.checkpoint, c.seq)
}

// consistent reports whether the columns say what the text says.
func (r row) consistent() bool {
	var e Event
	if json.Unmarshal([]byte(r.body), &e) != nil {
		return false
	}
	return r.at == e.Time.Unix() && r.kind == string(e.Kind) && r.tenant == string(e.Actor.Tenant) &&
		r.principal == string(e.Actor.Object) && r.operation == strings.ToLower(e.Operation) && r.target == strings.ToLower(e.Target) &&
		r.subscription == strings.ToLower(string(e.Subscription)) && r.correlation == e.Actor.CorrelationID
}

// errEnough ends a walk early.
var errEnough = errors.New("enough")
