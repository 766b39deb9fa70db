package relation

import (
	"context"
	"slices"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// GlobalAdministrator is the template of the directory role that may do everything in a tenant.
const GlobalAdministrator id.Object = "62e90394-69f5-4237-9190-012177145e10"

// targets reads the edges of a kind from an object.
func (s *Service) targets(ctx context.Context, tenant id.Tenant, kind edgeKind, source id.Object) ([]id.Object, error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer s.cache.done()
	return st.edges.forward[end{tenant, kind, source}], nil
}

// sources reads the edges of a kind to an object.
func (s *Service) sources(ctx context.Context, tenant id.Tenant, kind edgeKind, target id.Object) ([]id.Object, error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer s.cache.done()
	return st.edges.back[end{tenant, kind, target}], nil
}

// Owners returns who owns an application, service principal or group, ordered by id; the list
// is shared, and may name principals that do not live any more.
func (s *Service) Owners(ctx context.Context, tenant id.Tenant, object id.Object) ([]id.Object, error) {
	return s.targets(ctx, tenant, ownerEdge, object)
}

// Owned returns what a principal owns, ordered by id, as Owners.
func (s *Service) Owned(ctx context.Context, tenant id.Tenant, owner id.Object) ([]id.Object, error) {
	return s.sources(ctx, tenant, ownerEdge, owner)
}

// Owns reports whether owner owns object.
func (s *Service) Owns(ctx context.Context, tenant id.Tenant, owner, object id.Object) (bool, error) {
	owners, err := s.Owners(ctx, tenant, object)
	_, found := slices.BinarySearch(owners, owner)
	return found, err
}

// AddOwner makes a user or service principal an owner of an object, which the caller knows to
// exist. Errors: ErrObjectNotFound, ErrInvalid for a group, ErrRelationExists.
func (s *Service) AddOwner(ctx context.Context, tenant id.Tenant, object, owner id.Object) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.AddOwnerIn(ctx, tx, tenant, object, owner) })
}

// AddOwnerIn is AddOwner in a transaction of the caller's.
func (s *Service) AddOwnerIn(ctx context.Context, tx *store.Tx, tenant id.Tenant, object, owner id.Object) error {
	kind, err := s.kindOf(ctx, tx, tenant, owner)
	if err != nil {
		return err
	}
	if kind == directory.ObjectGroup {
		return ErrInvalid.With("a group cannot be an owner")
	}
	if err := s.insertEdge(ctx, tx, edge{tenant, ownerEdge, object, owner}); err != nil {
		return err
	}
	return s.record(ctx, tx, "directory.owner.add", string(object), map[string]string{"owner_id": string(owner)})
}

// RemoveOwner ends an ownership. Errors: ErrRelationNotFound.
func (s *Service) RemoveOwner(ctx context.Context, tenant id.Tenant, object, owner id.Object) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.removeOwner(ctx, tx, tenant, object, owner) })
}

// removeOwner is RemoveOwner in a transaction.
func (s *Service) removeOwner(ctx context.Context, tx *store.Tx, tenant id.Tenant, object, owner id.Object) error {
	if err := s.deleteEdge(ctx, tx, edge{tenant, ownerEdge, object, owner}); err != nil {
		return err
	}
	return s.record(ctx, tx, "directory.owner.remove", string(object), map[string]string{"owner_id": string(owner)})
}

// RoleMembers returns who has a directory role, by its template, ordered by id; as Owners.
func (s *Service) RoleMembers(ctx context.Context, tenant id.Tenant, template id.Object) ([]id.Object, error) {
	return s.targets(ctx, tenant, roleEdge, template)
}

// DirectoryRoles returns the templates of the directory roles that a principal has: its own,
// and those of role-assignable groups that it is a direct member of.
func (s *Service) DirectoryRoles(ctx context.Context, tenant id.Tenant, principal id.Object) ([]id.Object, error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer s.cache.done()
	roles := st.edges.back[end{tenant, roleEdge, principal}]
	for _, g := range st.edges.back[end{tenant, memberEdge, principal}] {
		if group := st.groups[g]; group != nil && group.RoleAssignable {
			roles = append(slices.Clip(roles), st.edges.back[end{tenant, roleEdge, g}]...)
		}
	}
	return roles, nil
}

// AddRoleMember gives a principal a directory role. Errors: ErrObjectNotFound,
// ErrRelationExists, ErrInvalid for a group that is not role-assignable.
func (s *Service) AddRoleMember(ctx context.Context, tenant id.Tenant, template, member id.Object) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.AddRoleMemberIn(ctx, tx, tenant, template, member) })
}

// AddRoleMemberIn is AddRoleMember in a transaction of the caller's.
func (s *Service) AddRoleMemberIn(ctx context.Context, tx *store.Tx, tenant id.Tenant, template, member id.Object) error {
	kind, err := s.kindOf(ctx, tx, tenant, member)
	if err != nil {
		return err
	}
	if kind == directory.ObjectGroup {
		if g, err := loadGroup(ctx, tx, tenant, member); err != nil || !g.RoleAssignable {
			return ErrInvalid.With("the group is not role-assignable")
		}
	}
	if err := s.insertEdge(ctx, tx, edge{tenant, roleEdge, template, member}); err != nil {
		return err
	}
	return s.record(ctx, tx, "directory.role.addMember", string(template), map[string]string{"member_id": string(member)})
}

// RemoveRoleMember takes a directory role from a principal. Errors: ErrRelationNotFound.
func (s *Service) RemoveRoleMember(ctx context.Context, tenant id.Tenant, template, member id.Object) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.removeRoleMember(ctx, tx, tenant, template, member) })
}

// removeRoleMember is RemoveRoleMember in a transaction.
func (s *Service) removeRoleMember(ctx context.Context, tx *store.Tx, tenant id.Tenant, template, member id.Object) error {
	if err := s.deleteEdge(ctx, tx, edge{tenant, roleEdge, template, member}); err != nil {
		return err
	}
	return s.record(ctx, tx, "directory.role.removeMember", string(template), map[string]string{"member_id": string(member)})
}
