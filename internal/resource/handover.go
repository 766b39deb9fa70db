package resource

import (
	"context"
	"fmt"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// HandOver gives a subscription with its groups and resources to another tenant, in the
// caller's transaction, and returns what it was before. The caller ends what the old
// tenant holds there (Bearers, TakeIdentities), and records it. Errors:
// ErrSubscriptionNotFound, ErrInvalid for one that is the tenant's already.
func (s *Service) HandOver(ctx context.Context, tx *store.Tx, sub id.Subscription, to id.Tenant) (Subscription, error) {
	stored, err := subscriptionIn(ctx, tx, sub)
	if err != nil {
		return Subscription{}, err
	}
	if stored.Tenant == to {
		return Subscription{}, ErrInvalid.With("The subscription '%s' belongs to that tenant already.", sub)
	}
	if _, err := tx.Exec(ctx, "UPDATE resource_subscriptions SET tenant_id = $1 WHERE id = $2", string(to), string(sub)); err != nil {
		return Subscription{}, fmt.Errorf("hand over subscription %s: %w", sub, err)
	}
	if _, err := tx.Exec(ctx, "UPDATE resource_groups SET tenant_id = $1 WHERE subscription_id = $2", string(to), string(sub)); err != nil {
		return Subscription{}, fmt.Errorf("hand over the groups of %s: %w", sub, err)
	}
	low, high := below(SubscriptionID(sub))
	if _, err := tx.Exec(ctx, "UPDATE resources SET tenant_id = $1 WHERE path > $2 AND path < $3", string(to), low, high); err != nil {
		return Subscription{}, fmt.Errorf("hand over the resources of %s: %w", sub, err)
	}
	tx.Changed(Topic, SubscriptionID(sub).Key())
	return stored, nil
}

// Bearers returns the resources of a subscription that are user-assigned identities or have
// an identity block, in the order of their keys.
func (s *Service) Bearers(ctx context.Context, tx *store.Tx, sub id.Subscription) ([]Resource, error) {
	low, high := below(SubscriptionID(sub))
	out, err := query(ctx, tx, `WHERE path > $1 AND path < $2 AND (system_identity OR type = $3
		OR path IN (SELECT path FROM resource_attachments WHERE path > $1 AND path < $2)) ORDER BY path`, low, high, strings.ToLower(userAssignedType))
	if err != nil {
		return nil, fmt.Errorf("read the identities of %s: %w", sub, err)
	}
	return out, nil
}

// TakeIdentities leaves in the identity block of a resource no identity: none of its own, and
// of user-assigned ones only their dead keys (CP §3.2). The caller ends its service principal.
func (s *Service) TakeIdentities(ctx context.Context, tx *store.Tx, resource ID) error {
	revision, err := nextRevision(ctx, tx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE resources SET system_identity = $1, principal_id = '', client_id = '', identity_tenant_id = '', revision = $2
		WHERE path = $3`, false, revision, path(resource))
	if err != nil {
		return fmt.Errorf("take the identity of %s: %w", resource, err)
	}
	if _, err := tx.Exec(ctx, "UPDATE resource_attachments SET principal_id = '', client_id = '' WHERE path = $1", path(resource)); err != nil {
		return fmt.Errorf("take the identities of %s: %w", resource, err)
	}
	tx.Changed(Topic, resource.Key())
	return nil
}
