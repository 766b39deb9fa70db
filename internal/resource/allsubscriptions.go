package resource

import (
	"context"
	"fmt"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// SubscriptionTenants returns the tenant of every subscription: for who keeps the tree of
// scopes in memory.
func (s *Service) SubscriptionTenants(ctx context.Context) (map[id.Subscription]id.Tenant, error) {
	out := map[id.Subscription]id.Tenant{}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			var sub id.Subscription
			var tenant id.Tenant
			if err := r.Scan(&sub, &tenant); err != nil {
				return fmt.Errorf("scan subscription: %w", err)
			}
			out[sub] = tenant
			return nil
		}, "SELECT id, tenant_id FROM resource_subscriptions")
	})
	if err != nil {
		return nil, fmt.Errorf("read the tenants of subscriptions: %w", err)
	}
	return out, nil
}
