package resource

import (
	"context"
	"fmt"
	"strings"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
)

// Registration returns what a subscription decided about a namespace, in the words of
// answers; "" if it decided nothing.
func (s *Service) Registration(ctx context.Context, subscription ID, namespace string) (state string, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Get(ctx, "SELECT state FROM resource_registrations WHERE subscription_id = $1 AND namespace = $2",
			[]any{string(subscription.Subscription()), strings.ToLower(namespace)}, &state)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read registration of %s: %w", namespace, err)
	}
	return state, nil
}

// Register keeps what a subscription decides about a namespace.
func (s *Service) Register(ctx context.Context, subscription ID, namespace, state string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		sub, folded := string(subscription.Subscription()), strings.ToLower(namespace)
		if _, err := tx.Exec(ctx, "DELETE FROM resource_registrations WHERE subscription_id = $1 AND namespace = $2", sub, folded); err != nil {
			return fmt.Errorf("replace registration of %s: %w", namespace, err)
		}
		_, err := tx.Exec(ctx, "INSERT INTO resource_registrations (subscription_id, namespace, state) VALUES ($1, $2, $3)", sub, folded, state)
		if err != nil {
			return fmt.Errorf("write registration of %s: %w", namespace, err)
		}
		tx.Changed(Topic, subscription.Key())
		return s.log.Record(ctx, tx, audit.Event{Kind: audit.Activity, Outcome: audit.Succeeded, Operation: namespace + "/register/action",
			Target: subscription.String(), Subscription: subscription.Subscription(), Details: map[string]string{"state": state}})
	})
}
