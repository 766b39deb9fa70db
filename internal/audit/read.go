package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Stored is an event with its place in the log.
type Stored struct {
	Event
	Server string
	Seq    int64
}

// Filter selects events; a zero field selects all. From is inclusive, To exclusive.
type Filter struct {
	Kind          Kind
	Tenant        id.Tenant
	Principal     id.Object
	CorrelationID string
	From, To      time.Time
	Limit         int // 0 means 1,000
}

// List returns matching events, newest first.
func (l *Log) List(ctx context.Context, f Filter) ([]Stored, error) {
	to, limit := f.To, f.Limit
	if to.IsZero() {
		to = time.Unix(1<<40, 0)
	}
	if limit == 0 {
		limit = 1000
	}
	var out []Stored
	err := l.db.View(ctx, func(tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			var s Stored
			var body string
			if err := r.Scan(&s.Server, &s.Seq, &body); err != nil {
				return fmt.Errorf("scan audit record: %w", err)
			}
			if err := json.Unmarshal([]byte(body), &s.Event); err != nil {
				return fmt.Errorf("decode audit record %s/%d: %w", s.Server, s.Seq, err)
			}
			out = append(out, s)
			return nil
		}, `SELECT server, seq, body FROM audit
			WHERE ($1 = '' OR kind = $1) AND ($2 = '' OR tenant_id = $2) AND ($3 = '' OR principal_id = $3)
			  AND ($4 = '' OR correlation_id = $4) AND at >= $5 AND at < $6
			ORDER BY at DESC, server, seq DESC LIMIT $7`,
			string(f.Kind), string(f.Tenant), string(f.Principal), f.CorrelationID, max(0, f.From.Unix()), to.Unix(), limit)
	})
	return out, err
}
