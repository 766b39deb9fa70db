package resource

import (
	"context"
	"fmt"
	"slices"

	"github.com/sealring/sealring/internal/store"
)

// Remove deletes a resource and everything below it, in the caller's transaction, and
// returns what it deleted, children before parents; nothing if it did not exist. The
// caller deletes what other packages hold for them, and records it.
func (s *Service) Remove(ctx context.Context, tx *store.Tx, resource ID) ([]Resource, error) {
	low, high := below(resource)
	gone, err := query(ctx, tx, "WHERE path = $1 OR path > $2 AND path < $3 ORDER BY path DESC", path(resource), low, high)
	if err != nil {
		return nil, fmt.Errorf("read resources below %s: %w", resource, err)
	}
	return gone, erase(ctx, tx, gone)
}

// RemoveGroup deletes a group and everything in it: hosts first, then user-assigned
// identities, then settings, each with children before parents. It returns the deleted
// resources in that order. Errors: ErrGroupNotFound.
func (s *Service) RemoveGroup(ctx context.Context, tx *store.Tx, group ID) ([]Resource, error) {
	if _, err := groupIn(ctx, tx, group); err != nil {
		return nil, err
	}
	low, high := below(group)
	gone, err := query(ctx, tx, "WHERE path > $1 AND path < $2 ORDER BY path DESC", low, high)
	if err != nil {
		return nil, fmt.Errorf("read resources in %s: %w", group, err)
	}
	slices.SortStableFunc(gone, func(a, b Resource) int { return rank(a) - rank(b) })
	if err := erase(ctx, tx, gone); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM resource_groups WHERE path = $1", path(group)); err != nil {
		return nil, fmt.Errorf("delete resource group %s: %w", group, err)
	}
	tx.Changed(Topic, group.Key())
	return gone, s.recordWrite(ctx, tx, group, "delete")
}

// rank orders the deletion of a group (CP §2.13).
func rank(r Resource) int {
	switch {
	case r.Hidden:
		return 2
	case r.ID.Is(userAssignedType):
		return 1
	}
	return 0
}

// erase deletes the rows of resources.
func erase(ctx context.Context, tx *store.Tx, gone []Resource) error {
	for _, r := range gone {
		for _, query := range []string{
			"DELETE FROM resource_attachments WHERE path = $1",
			"DELETE FROM resource_names WHERE path = $1",
			"DELETE FROM resource_sealed WHERE path = $1",
			"DELETE FROM resources WHERE path = $1",
		} {
			if _, err := tx.Exec(ctx, query, path(r.ID)); err != nil {
				return fmt.Errorf("delete %s: %w", r.ID, err)
			}
		}
		tx.Changed(Topic, r.ID.Key())
	}
	return nil
}
