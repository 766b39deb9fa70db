package managedidentity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// resolve fills in the ids of newly named user-assigned identities of r. One that does not
// exist, or is of another tenant, is not found; what was attached before is left as it is.
// Errors: ErrIdentityNotFound, ErrNotAllowed.
func (s *Service) resolve(ctx context.Context, tx *store.Tx, patch resource.IdentityPatch, r *resource.Resource) error {
	for n := range r.Identity.UserAssigned {
		a := &r.Identity.UserAssigned[n]
		if !a.Dead() || !patch.Names(a.ID) {
			continue
		}
		u, err := s.userAssignedIn(ctx, tx, a.ID)
		if errors.Is(err, resource.ErrNotFound) || err == nil && u.Tenant != r.Tenant {
			return ErrIdentityNotFound.With("Resource '%s' was not found.", a.ID)
		}
		if err != nil {
			return err
		}
		if err := u.allows(*r); err != nil {
			return err
		}
		a.PrincipalID, a.ClientID = u.PrincipalID, u.ClientID
	}
	return nil
}

// allows applies the identity's own restrictions to a host (CP §2.12). Errors: ErrNotAllowed.
func (u UserAssigned) allows(host resource.Resource) error {
	if u.Regional && u.Resource.Location != resource.CanonicalLocation(host.Location) {
		return ErrNotAllowed.With("The user assigned identity '%s' is restricted to resources in '%s'.", u.Resource.ID, u.Resource.Location)
	}
	if len(u.Providers) == 0 {
		return nil
	}
	kind := strings.ToLower(host.ID.Type())
	for _, p := range u.Providers {
		p = strings.ToLower(p)
		if kind == p || strings.HasPrefix(kind, p+"/") {
			return nil
		}
	}
	return ErrNotAllowed.With("The user assigned identity '%s' does not allow assignment to resources of type '%s'.", u.Resource.ID, host.ID.Type())
}

// switchSystem creates or deletes the service principal of the system-assigned identity
// where the write turns it on or off (CP §2.12, M-1). It appears and disappears in the
// transaction of the resource; turned on again it has new ids (S-47).
func (s *Service) switchSystem(ctx context.Context, tx *store.Tx, stored resource.Resource, r *resource.Resource) error {
	switch {
	case stored.Identity.System && !r.Identity.System:
		return s.deletePrincipal(ctx, tx, stored.Identity.Tenant, stored.Identity.PrincipalID)
	case !stored.Identity.System && r.Identity.System:
		sp, err := s.createPrincipal(ctx, tx, r.Tenant, r.ID, false)
		if err != nil {
			return err
		}
		r.Identity.PrincipalID, r.Identity.ClientID, r.Identity.Tenant = sp.ID, sp.App, sp.Tenant
	}
	return nil
}

// createPrincipal makes the service principal of an identity, named as the resource (DT §6.2).
func (s *Service) createPrincipal(ctx context.Context, tx *store.Tx, tenant id.Tenant, of resource.ID, explicit bool) (directory.ServicePrincipal, error) {
	mark := "isExplicit=False"
	if explicit {
		mark = "isExplicit=True"
	}
	sp, err := s.directory.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{
		Tenant: tenant, Kind: directory.KindManagedIdentity, DisplayName: displayName(of), AlternativeNames: []string{mark, claimID(of)},
	})
	if err != nil {
		return directory.ServicePrincipal{}, fmt.Errorf("create the service principal of %s: %w", of, err)
	}
	return sp, nil
}

// deletePrincipal ends a service principal; one that is gone already stays gone.
func (s *Service) deletePrincipal(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) error {
	err := s.directory.DeleteServicePrincipal(ctx, tx, tenant, object)
	if err != nil && !errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return fmt.Errorf("delete service principal %s: %w", object, err)
	}
	return nil
}

// displayName is the name of a resource's service principal: the first name, then
// type and name of each child, "app/slots/stage" (DT §6.2); at most 256 characters.
func displayName(of resource.ID) string {
	names := strings.Split(of.FullName(), "/")
	kinds := strings.Split(of.Type(), "/")
	out := names[0]
	for n := 1; n < len(names); n++ {
		out += "/" + kinds[n+1] + "/" + names[n]
	}
	return out[:min(len(out), 256)]
}
