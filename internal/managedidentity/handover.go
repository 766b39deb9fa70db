package managedidentity

import (
	"context"
	"errors"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// Ending names what is needed to end the identities of a subscription; all of it but Removed.
type Ending struct {
	Audit     *audit.Log
	Resources *resource.Service
	Directory people
	Trust     credentials
	// Removed are those of Config.
	Removed []func(ctx context.Context, tx *store.Tx, scope resource.ID) error
}

// Ended counts identities that have ended.
type Ended struct {
	System       int `json:"system_assigned"`
	UserAssigned int `json:"user_assigned"`
}

// EndIn ends every identity of a subscription that goes to another tenant, in the caller's
// transaction (CP §2.13). Hosts lose their own: switched on again it has new ids. Identities
// that are resources are deleted, since they live by a service principal of the old tenant;
// hosts anywhere keep their dead keys (CP §3.2), and those of the subscription also the keys
// of identities from elsewhere.
func EndIn(ctx context.Context, tx *store.Tx, e Ending, sub id.Subscription) (n Ended, err error) {
	if e.Audit == nil || e.Resources == nil || e.Directory == nil || e.Trust == nil {
		return n, errors.New("managedidentity: Audit, Resources, Directory and Trust are needed")
	}
	s := &Service{log: e.Audit, resources: e.Resources, directory: e.Directory, trust: e.Trust, removed: e.Removed}
	bearers, err := e.Resources.Bearers(ctx, tx, sub)
	if err != nil {
		return n, err
	}
	for _, r := range bearers {
		if r.ID.Is(Type) {
			n.UserAssigned++
			err = s.endUserAssigned(ctx, tx, r.ID)
		} else {
			err = s.endOwn(ctx, tx, r, &n)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// endUserAssigned deletes an identity as its deletion does.
func (s *Service) endUserAssigned(ctx context.Context, tx *store.Tx, identity resource.ID) error {
	gone, err := s.resources.Remove(ctx, tx, identity)
	if err != nil {
		return err
	}
	return s.bury(ctx, tx, identity, gone)
}

// endOwn takes the identities of a host.
func (s *Service) endOwn(ctx context.Context, tx *store.Tx, r resource.Resource, n *Ended) error {
	if r.Identity.System {
		n.System++
		if err := s.deletePrincipal(ctx, tx, r.Identity.Tenant, r.Identity.PrincipalID); err != nil {
			return err
		}
	}
	if err := s.resources.TakeIdentities(ctx, tx, r.ID); err != nil {
		return err
	}
	return s.record(ctx, tx, r.ID, "write", false)
}
