package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// ErrPosition is a place to read on from that Query did not give.
var ErrPosition = fault.New(fault.Invalid, "the position in the log is not valid")

// defaultLimit is how many events a query returns that names no limit.
const defaultLimit = 1000

// Stored is an event with its place in the log.
type Stored struct {
	Event
	Server string
	Seq    int64
}

// Position is where a query that has returned s reads on.
func (s *Stored) Position() string { return position{s.Time.Unix(), s.Seq, s.Server}.String() }

// Filter selects events; a zero field selects all.
type Filter struct {
	Kinds         []Kind
	Tenant        id.Tenant // of the actor
	Principal     id.Object // the actor
	CorrelationID string
	Subscription  id.Subscription
	// Target is a resource id in any letter case: events on it and on what lies below.
	Target string
	// Namespace begins the operation, in any letter case: "Microsoft.Authorization".
	Namespace string
	From, To  time.Time // From is inclusive, To exclusive
	After     string    // what a page before said in Next
	Limit     int       // 0 means 1,000
}

// Page is a part of the log, newest first.
type Page struct {
	Events []Stored
	Next   string // where to read on; "" at the end
}

// List returns the newest matching events, newest first.
func (l *Log) List(ctx context.Context, f Filter) ([]Stored, error) {
	page, err := l.Query(ctx, f)
	return page.Events, err
}

// Query returns a page of the matching events. Reading on from Next neither repeats an event
// nor leaves one out, whatever was appended meanwhile. Errors: ErrPosition.
func (l *Log) Query(ctx context.Context, f Filter) (Page, error) {
	from, err := parsePosition(f.After)
	if err != nil {
		return Page{}, err
	}
	if f.Limit == 0 {
		f.Limit = defaultLimit
	}
	kinds := f.Kinds
	if len(kinds) == 0 {
		kinds = []Kind{Activity, SignIn, Security}
	}
	var found []Stored
	err = l.db.View(ctx, func(tx *store.Tx) error {
		for _, kind := range kinds { // each by its own index
			if err := query(ctx, tx, kind, f, from, &found); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Page{}, err
	}
	slices.SortFunc(found, func(a, b Stored) int {
		return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.Server, b.Server), cmp.Compare(b.Seq, a.Seq))
	})
	if len(found) <= f.Limit {
		return Page{Events: found}, nil
	}
	last := found[f.Limit-1]
	return Page{Events: found[:f.Limit], Next: last.Position()}, nil
}

// query appends to found the events of one kind behind from, one more than the limit.
func query(ctx context.Context, tx *store.Tx, kind Kind, f Filter, from position, found *[]Stored) error {
	to := int64(1) << 40
	if !f.To.IsZero() {
		to = f.To.Unix()
	}
	target, namespace := strings.ToLower(strings.TrimSuffix(f.Target, "/")), strings.ToLower(f.Namespace)
	return tx.Query(ctx, func(r store.Row) error {
		var s Stored
		var body string
		if err := r.Scan(&s.Server, &s.Seq, &body); err != nil {
			return fmt.Errorf("scan audit record: %w", err)
		}
		if err := json.Unmarshal([]byte(body), &s.Event); err != nil {
			return fmt.Errorf("decode audit record %s/%d: %w", s.Server, s.Seq, err)
		}
		*found = append(*found, s)
		return nil
	}, `SELECT server, seq, body FROM audit
		WHERE kind = $1 AND ($2 = '' OR tenant_id = $2) AND ($3 = '' OR principal_id = $3) AND ($4 = '' OR correlation_id = $4)
		  AND ($5 = '' OR subscription_id = $5)
		  AND ($6 = '' OR target = $6 OR target LIKE $7 ESCAPE '~')
		  AND ($8 = '' OR operation LIKE $9 ESCAPE '~')
		  AND at >= $10 AND at < $11
		  AND (at < $12 OR at = $12 AND (server > $13 OR server = $13 AND seq < $14))
		ORDER BY at DESC, server, seq DESC LIMIT $15`,
		string(kind), string(f.Tenant), string(f.Principal), f.CorrelationID, strings.ToLower(string(f.Subscription)),
		target, literally(target)+"/%", namespace, literally(namespace)+"/%",
		max(0, f.From.Unix()), to, from.at, from.server, from.seq, f.Limit+1)
}

// literally escapes s for LIKE.
func literally(s string) string {
	return strings.NewReplacer("~", "~~", "%", "~%", "_", "~_").Replace(s)
}

// position is the place of an event in the order of Query.
type position struct {
	at, seq int64
	server  string
}

// String implements fmt.Stringer.
func (p position) String() string { return fmt.Sprintf("%d.%d.%s", p.at, p.seq, p.server) }

// parsePosition reads what String wrote; "" is before everything. Errors: ErrPosition.
func parsePosition(text string) (position, error) {
	if text == "" {
		return position{at: 1 << 40}, nil
	}
	at, rest, _ := strings.Cut(text, ".")
	seq, server, _ := strings.Cut(rest, ".")
	var p position
	var bad [2]error
	p.at, bad[0] = strconv.ParseInt(at, 10, 64)
	p.seq, bad[1] = strconv.ParseInt(seq, 10, 64)
	p.server = server
	if bad[0] != nil || bad[1] != nil || server == "" {
		return p, ErrPosition
	}
	return p, nil
}
