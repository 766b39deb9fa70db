package registration

import (
	"context"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// expireEvery is how often deleted objects are looked through, and expireAtOnce how many are
// ended in one transaction.
const (
	expireEvery  = time.Hour
	expireAtOnce = 200
)

// expired finds deleted objects whose time is over; 1 marks those that ended already.
var expired = map[string]string{
	"application":      "SELECT id, tenant_id FROM directory_applications WHERE deleted_at > 1 AND deleted_at <= $1 ORDER BY id LIMIT $2",
	"servicePrincipal": "SELECT id, tenant_id FROM directory_service_principals WHERE deleted_at > 1 AND deleted_at <= $1 ORDER BY id LIMIT $2",
	"user":             "SELECT id, tenant_id FROM directory_users WHERE deleted_at > 1 AND deleted_at <= $1 ORDER BY id LIMIT $2",
	"group":            "SELECT id, tenant_id FROM relation_groups WHERE deleted_at > 1 AND deleted_at <= $1 ORDER BY id LIMIT $2",
}

// Expire ends for good what was deleted more than 30 days ago, with its credentials and
// relations, and reports how many objects that were. It can be cut off and repeated.
func (s *Service) Expire(ctx context.Context) (n int, err error) {
	ctx = audit.WithActor(ctx, audit.Actor{Name: "retention"})
	before := s.now().Add(-Kept).Unix()
	for kind, find := range expired {
		for {
			ended := 0
			err := s.db.Update(ctx, func(tx *store.Tx) error {
				type row struct {
					object id.Object
					tenant id.Tenant
				}
				var rows []row
				err := tx.Query(ctx, func(r store.Row) error {
					var one row
					if err := r.Scan(&one.object, &one.tenant); err != nil {
						return fmt.Errorf("scan deleted object: %w", err)
					}
					rows = append(rows, one)
					return nil
				}, find, before, expireAtOnce)
				if err != nil {
					return fmt.Errorf("find deleted objects: %w", err)
				}
				for _, one := range rows {
					if err := s.end(ctx, tx, one.tenant, one.object, kind); err != nil {
						return err
					}
				}
				ended = len(rows)
				return nil
			})
			n += ended
			if err != nil {
				return n, err
			}
			if ended < expireAtOnce {
				break
			}
		}
	}
	return n, nil
}

// Run ends what was deleted long ago, every hour until ctx ends. What fails is tried again at
// the next turn.
func (s *Service) Run(ctx context.Context) error {
	for ticks := time.Tick(expireEvery); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
		if n, err := s.Expire(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "deleted objects could not be ended; next attempt on schedule", "ended", n, "err", err)
		}
	}
}
