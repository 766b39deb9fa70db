package managedidentity

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// renamer is what this package needs of the directory to let identities follow their
// resources; *directory.Directory has it.
type renamer interface {
	SetAlternativeNames(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object, names []string) error
}

// Move is a move of resources between groups.
type Move struct {
	From      resource.ID // the group they are in
	Resources []resource.ID
	To        resource.ID // the group they go to, of any subscription of the tenant
	// Dry asks whether the move can be made, and changes nothing.
	Dry bool
}

// errDry undoes a move that was only asked about.
var errDry = errors.New("only asked")

// Move takes resources to another group (CP §2.13). A system-assigned identity keeps its
// ids, and its names and the resource id in its new tokens follow; what was held at the old
// ids, role assignments above all, is gone, so that nobody inherits it by a name (S-47).
// User-assigned identities cannot be moved. Errors: those of resource.Service.Move.
func (s *Service) Move(ctx context.Context, m Move) error {
	for _, one := range m.Resources {
		if one.Is(Type) {
			return resource.ErrMove.With("The user assigned identity '%s' cannot be moved: create another one in the target resource group, and assign that.", one)
		}
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		moved, before, err := s.resources.Move(ctx, tx, m.From, m.Resources, m.To)
		if err != nil {
			return err
		}
		if m.Dry {
			return errDry
		}
		for n, r := range moved {
			if r.Identity.System {
				if err := s.directory.SetAlternativeNames(ctx, tx, r.Identity.Tenant, r.Identity.PrincipalID, []string{"isExplicit=False", claimID(r.ID)}); err != nil {
					return fmt.Errorf("rename the identity of %s: %w", r.ID, err)
				}
			}
			if err := s.recordMove(ctx, tx, r, before[n]); err != nil {
				return err
			}
		}
		for _, old := range before {
			for _, forget := range s.removed {
				if err := forget(ctx, tx, old); err != nil {
					return fmt.Errorf("forget what is held at %s: %w", old, err)
				}
			}
		}
		return nil
	})
	if errors.Is(err, errDry) {
		return nil
	}
	return err
}

// recordMove notes the move of one thing in the activity log, at its old id.
func (s *Service) recordMove(ctx context.Context, tx *store.Tx, r resource.Resource, before resource.ID) error {
	if r.Hidden {
		return nil
	}
	return s.log.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: "Microsoft.Resources/subscriptions/resourceGroups/moveResources/action",
		Target: before.String(), Subscription: before.Subscription(), Details: map[string]string{"target": r.ID.String()},
	})
}
