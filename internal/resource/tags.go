package resource

import (
	"context"
	"fmt"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
)

// Tags returns the tags of a subscription, a group or a resource. Errors: ErrNotFound,
// ErrSubscriptionNotFound, ErrGroupNotFound.
func (s *Service) Tags(ctx context.Context, scope ID) (tags map[string]string, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		tags, err = s.tagsIn(ctx, tx, scope)
		return err
	})
	return tags, err
}

// tagsIn is Tags in a transaction.
func (s *Service) tagsIn(ctx context.Context, tx *store.Tx, scope ID) (map[string]string, error) {
	switch {
	case scope.IsResource():
		r, err := s.GetIn(ctx, tx, scope)
		return r.Tags, err
	case scope.Group() != "":
		g, err := groupIn(ctx, tx, scope)
		return g.Tags, err
	}
	sub, err := subscriptionIn(ctx, tx, scope.Subscription())
	return sub.Tags, err
}

// Retag changes the tags of a subscription, a group or a resource: they are the same ones
// that its body shows (CP §2.13). Errors: those of Tags, ErrInvalid.
func (s *Service) Retag(ctx context.Context, scope ID, edit func(tags map[string]string) map[string]string) (tags map[string]string, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		stored, err := s.tagsIn(ctx, tx, scope)
		if err != nil {
			return err
		}
		copied := map[string]string{}
		for name, value := range stored {
			copied[name] = value
		}
		tags = edit(copied)
		if err := s.writeTags(ctx, tx, scope, tags); err != nil {
			return err
		}
		return s.log.Record(ctx, tx, audit.Event{Kind: audit.Activity, Outcome: audit.Succeeded, Operation: "Microsoft.Resources/tags/write",
			Target: scope.String(), Subscription: scope.Subscription()})
	})
	return tags, err
}

// writeTags stores the tags of a scope that exists.
func (s *Service) writeTags(ctx context.Context, tx *store.Tx, scope ID, tags map[string]string) error {
	text, err := encodeTags(tags)
	if err != nil {
		return err
	}
	switch {
	case scope.IsResource():
		r, err := s.GetIn(ctx, tx, scope)
		if err != nil {
			return err
		}
		r.Tags = tags
		_, err = s.Save(ctx, tx, r)
		return err
	case scope.Group() != "":
		revision, err := nextRevision(ctx, tx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE resource_groups SET tags = $1, revision = $2 WHERE path = $3", text, revision, path(scope))
		if err != nil {
			return fmt.Errorf("tag %s: %w", scope, err)
		}
	default:
		if _, err := tx.Exec(ctx, "UPDATE resource_subscriptions SET tags = $1 WHERE id = $2", text, string(scope.Subscription())); err != nil {
			return fmt.Errorf("tag %s: %w", scope, err)
		}
	}
	tx.Changed(Topic, scope.Key())
	return nil
}
