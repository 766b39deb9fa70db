package resource

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/store"
)

// ErrMove is a move that cannot be made (CP §2.13).
var ErrMove = fault.New(fault.Invalid, "the resources cannot be moved")

// Move takes resources with everything below them from one group to another of the same
// tenant, in the caller's transaction: all of them or none. It returns what was moved as it
// is stored now, and the ids of before in the same order; parents come before children. The
// caller tells other packages, and records it. Errors: ErrGroupNotFound, ErrNotFound, ErrMove.
func (s *Service) Move(ctx context.Context, tx *store.Tx, from ID, resources []ID, to ID) (moved []Resource, before []ID, err error) {
	source, err := groupIn(ctx, tx, from)
	if err != nil {
		return nil, nil, err
	}
	target, err := groupIn(ctx, tx, to)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case source.Tenant != target.Tenant:
		return nil, nil, ErrGroupNotFound.With("Resource group '%s' could not be found.", to.Name())
	case source.ID.Equal(target.ID):
		return nil, nil, ErrMove.With("The source and the target resource group of a move must differ.")
	case len(resources) == 0:
		return nil, nil, ErrMove.With("The resources to move must be listed.")
	}
	seen := map[string]bool{}
	for _, one := range resources {
		switch {
		case seen[one.Key()]:
			return nil, nil, ErrMove.With("The resource '%s' is listed twice.", one)
		case !one.GroupScope().Equal(source.ID) || !one.Scope().Equal(source.ID):
			return nil, nil, ErrMove.With("The resource '%s' is not in the resource group '%s'.", one, source.ID.Name())
		case one.Parent().IsResource():
			return nil, nil, ErrMove.With("The resource '%s' moves with the resource that it belongs to, and not alone.", one)
		}
		seen[one.Key()] = true
		rows, olds, err := s.moveOne(ctx, tx, one, target)
		if err != nil {
			return nil, nil, err
		}
		moved, before = append(moved, rows...), append(before, olds...)
	}
	return moved, before, nil
}

// moveOne moves one resource with what is below it.
func (s *Service) moveOne(ctx context.Context, tx *store.Tx, one ID, target Group) (moved []Resource, before []ID, err error) {
	low, high := below(one)
	rows, err := query(ctx, tx, "WHERE path = $1 OR path > $2 AND path < $3 ORDER BY path", path(one), low, high)
	if err != nil {
		return nil, nil, fmt.Errorf("read resources below %s: %w", one, err)
	}
	if len(rows) == 0 || !rows[0].ID.Equal(one) {
		return nil, nil, ErrNotFound.With("The Resource '%s/%s' under resource group '%s' was not found.", one.Type(), one.FullName(), one.Group())
	}
	for n := range rows {
		if rows[n].Hidden {
			if err := s.unsealIn(ctx, tx, &rows[n]); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := erase(ctx, tx, rows); err != nil {
		return nil, nil, err
	}
	for _, r := range rows {
		old := r.ID
		r.ID = newID(target.ID.text + old.text[len(old.GroupScope().text):])
		if _, err := s.GetIn(ctx, tx, r.ID); !errors.Is(err, ErrNotFound) {
			if err != nil {
				return nil, nil, err
			}
			return nil, nil, ErrMove.With("The resource '%s' exists already.", r.ID)
		}
		if err := claimName(ctx, tx, r.ID); err != nil {
			return nil, nil, err
		}
		if r.Revision, err = nextRevision(ctx, tx); err != nil {
			return nil, nil, err
		}
		r.Changed = s.stamp(ctx)
		if err := write(ctx, tx, &r); err != nil {
			return nil, nil, err
		}
		if err := s.sealIn(ctx, tx, &r); err != nil {
			return nil, nil, err
		}
		tx.Changed(Topic, r.ID.Key())
		moved, before = append(moved, r), append(before, old)
	}
	return moved, before, nil
}
