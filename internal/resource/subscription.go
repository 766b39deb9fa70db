package resource

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// PutSubscription creates a subscription or changes its name and tags. Errors: ErrInvalid,
// also for one that belongs to another tenant.
func (s *Service) PutSubscription(ctx context.Context, sub Subscription) error {
	if _, err := id.ParseSubscription(string(sub.ID)); err != nil || sub.Tenant == "" || strings.TrimSpace(sub.Name) == "" {
		return ErrInvalid.With("A subscription needs an id, a tenant and a name.")
	}
	tags, err := encodeTags(sub.Tags)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		stored, err := subscriptionIn(ctx, tx, sub.ID)
		switch {
		case err == nil && stored.Tenant != sub.Tenant:
			return ErrInvalid.With("The subscription belongs to another tenant.")
		case err == nil:
			_, err = tx.Exec(ctx, "UPDATE resource_subscriptions SET name = $1, tags = $2 WHERE id = $3", sub.Name, tags, string(sub.ID))
		default:
			_, err = tx.Exec(ctx, "INSERT INTO resource_subscriptions (id, tenant_id, name, tags, created_at) VALUES ($1, $2, $3, $4, $5)",
				string(sub.ID), string(sub.Tenant), sub.Name, tags, s.now().Unix())
		}
		if err != nil {
			return fmt.Errorf("write subscription %s: %w", sub.ID, err)
		}
		tx.Changed(Topic, SubscriptionID(sub.ID).Key())
		return s.recordWrite(ctx, tx, SubscriptionID(sub.ID), "write")
	})
}

// recordWrite notes a write of target in the activity log, in the write's transaction.
func (s *Service) recordWrite(ctx context.Context, tx *store.Tx, target ID, verb string) error {
	action := target.Type()
	if action == TypeGroup {
		action = "Microsoft.Resources/subscriptions/resourceGroups" // the name in actions
	}
	return s.log.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: action + "/" + verb,
		Target: target.String(), Subscription: target.Subscription(),
	})
}

// Subscription returns one subscription. Errors: ErrSubscriptionNotFound.
func (s *Service) Subscription(ctx context.Context, sub id.Subscription) (Subscription, error) {
	var out Subscription
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		out, err = subscriptionIn(ctx, tx, sub)
		return err
	})
	return out, err
}

// subscriptionIn reads a subscription in a transaction. Errors: ErrSubscriptionNotFound.
func subscriptionIn(ctx context.Context, tx *store.Tx, sub id.Subscription) (Subscription, error) {
	var out Subscription
	var tags string
	var created int64
	found, err := tx.Get(ctx, "SELECT id, tenant_id, name, tags, created_at FROM resource_subscriptions WHERE id = $1", []any{string(sub)},
		&out.ID, &out.Tenant, &out.Name, &tags, &created)
	if err != nil {
		return Subscription{}, fmt.Errorf("read subscription %s: %w", sub, err)
	}
	if !found {
		return Subscription{}, ErrSubscriptionNotFound.With("The subscription '%s' could not be found.", sub)
	}
	out.Created = time.Unix(created, 0).UTC()
	out.Tags, err = decodeTags(tags)
	return out, err
}

// Subscriptions returns the subscriptions of a tenant, by id.
func (s *Service) Subscriptions(ctx context.Context, tenant id.Tenant) ([]Subscription, error) {
	var out []Subscription
	err := s.db.View(ctx, func(tx *store.Tx) error {
		var ids []id.Subscription
		err := tx.Query(ctx, func(r store.Row) error {
			var one id.Subscription
			if err := r.Scan(&one); err != nil {
				return fmt.Errorf("scan subscription: %w", err)
			}
			ids = append(ids, one)
			return nil
		}, "SELECT id FROM resource_subscriptions WHERE tenant_id = $1 ORDER BY id", string(tenant))
		if err != nil {
			return fmt.Errorf("list subscriptions: %w", err)
		}
		for _, one := range ids {
			sub, err := subscriptionIn(ctx, tx, one)
			if err != nil {
				return err
			}
			out = append(out, sub)
		}
		return nil
	})
	return out, err
}
