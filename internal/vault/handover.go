package vault

import (
	"context"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// HandOver gives the vaults of a subscription, deleted ones too, to another tenant, in the
// caller's transaction, and returns how many. Their access policies name principals of the
// old tenant, so none is left: nobody reads a secret until the new tenant says who may.
func (s *Service) HandOver(ctx context.Context, tx *store.Tx, sub id.Subscription, to id.Tenant) (int, error) {
	vs, err := s.load(ctx, tx, "subscription_id = $1 ORDER BY name_key", string(sub))
	if err != nil {
		return 0, err
	}
	for n, v := range vs {
		v.Tenant, v.Policies = to, []Policy{}
		if err := s.save(ctx, tx, &v, Type+"/write"); err != nil {
			return n, err
		}
	}
	return len(vs), nil
}
