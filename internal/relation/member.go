package relation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Memberships returns the live groups that member belongs to, directly or through other
// groups, ordered by id. It reads memory only, but for loading again what the feed says has
// changed. The list is shared and must not be changed.
func (s *Service) Memberships(ctx context.Context, tenant id.Tenant, member id.Object) ([]id.Object, error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer s.cache.done()
	at := end{tenant, memberEdge, member}
	if len(st.edges.back[at]) == 0 {
		return nil, nil
	}
	if known, ok := st.closures.Load(at); ok {
		return known.([]id.Object), nil
	}
	groups := st.above(tenant, member)
	st.closures.Store(at, groups)
	return groups, nil
}

// above finds the live groups over a member. Groups may contain each other in a circle.
func (st *state) above(tenant id.Tenant, member id.Object) []id.Object {
	seen := map[id.Object]bool{}
	for queue := []id.Object{member}; len(queue) > 0; queue = queue[1:] {
		for _, g := range st.edges.back[end{tenant, memberEdge, queue[0]}] {
			if st.groups[g] != nil && !seen[g] {
				seen[g] = true
				queue = append(queue, g)
			}
		}
	}
	out := make([]id.Object, 0, len(seen))
	for g := range seen {
		out = append(out, g)
	}
	slices.Sort(out)
	return out
}

// DirectMemberships returns the live groups that have member as a member of their own,
// ordered by id.
func (s *Service) DirectMemberships(ctx context.Context, tenant id.Tenant, member id.Object) ([]id.Object, error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer s.cache.done()
	return st.liveGroups(st.edges.back[end{tenant, memberEdge, member}]), nil
}

// liveGroups leaves out what is no live group.
func (st *state) liveGroups(list []id.Object) []id.Object {
	out := make([]id.Object, 0, len(list))
	for _, g := range list {
		if st.groups[g] != nil {
			out = append(out, g)
		}
	}
	return out
}

// Members returns the direct members of a live group, or with transitive also those of the
// groups in it, ordered by id; members that do not live are among them. Errors: ErrGroupNotFound.
func (s *Service) Members(ctx context.Context, tenant id.Tenant, group id.Object, transitive bool) ([]id.Object, error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer s.cache.done()
	if g := st.groups[group]; g == nil || g.Tenant != tenant {
		return nil, ErrGroupNotFound.With("group %s does not exist", group)
	}
	direct := st.edges.forward[end{tenant, memberEdge, group}]
	if !transitive {
		return direct, nil
	}
	seen := map[id.Object]bool{}
	for queue := []id.Object{group}; len(queue) > 0; queue = queue[1:] {
		for _, m := range st.edges.forward[end{tenant, memberEdge, queue[0]}] {
			if seen[m] {
				continue
			}
			seen[m] = true
			if st.groups[m] != nil {
				queue = append(queue, m)
			}
		}
	}
	out := make([]id.Object, 0, len(seen))
	for m := range seen {
		out = append(out, m)
	}
	slices.Sort(out)
	return out, nil
}

// AddMember makes a user, a service principal or another group a member of a group.
// Errors: ErrGroupNotFound, ErrObjectNotFound, ErrRelationExists, ErrInvalid for the group itself.
func (s *Service) AddMember(ctx context.Context, tenant id.Tenant, group, member id.Object) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.addMember(ctx, tx, tenant, group, member) })
}

// addMember is AddMember in a transaction.
func (s *Service) addMember(ctx context.Context, tx *store.Tx, tenant id.Tenant, group, member id.Object) error {
	if _, err := loadGroup(ctx, tx, tenant, group); err != nil {
		return err
	}
	if group == member {
		return ErrInvalid.With("a group cannot be a member of itself")
	}
	if _, err := s.kindOf(ctx, tx, tenant, member); err != nil {
		return err
	}
	if err := s.insertEdge(ctx, tx, edge{tenant, memberEdge, group, member}); err != nil {
		return err
	}
	return s.record(ctx, tx, "directory.group.addMember", string(group), map[string]string{"member_id": string(member)})
}

// RemoveMember ends a direct membership. Errors: ErrGroupNotFound, ErrRelationNotFound.
func (s *Service) RemoveMember(ctx context.Context, tenant id.Tenant, group, member id.Object) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.removeMember(ctx, tx, tenant, group, member) })
}

// removeMember is RemoveMember in a transaction.
func (s *Service) removeMember(ctx context.Context, tx *store.Tx, tenant id.Tenant, group, member id.Object) error {
	if _, err := loadGroup(ctx, tx, tenant, group); err != nil {
		return err
	}
	if err := s.deleteEdge(ctx, tx, edge{tenant, memberEdge, group, member}); err != nil {
		return err
	}
	return s.record(ctx, tx, "directory.group.removeMember", string(group), map[string]string{"member_id": string(member)})
}

// kindOf finds a live principal in a transaction. Errors: ErrObjectNotFound.
func (s *Service) kindOf(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) (directory.ObjectKind, error) {
	kind, err := s.directory.PrincipalKind(ctx, tx, tenant, object)
	if err == nil {
		return kind, nil
	}
	if !errors.Is(err, directory.ErrPrincipalNotFound) {
		return "", err
	}
	if _, err := loadGroup(ctx, tx, tenant, object); err == nil {
		return directory.ObjectGroup, nil
	} else if !errors.Is(err, ErrGroupNotFound) {
		return "", fmt.Errorf("look for principal %s: %w", object, err)
	}
	return "", ErrObjectNotFound.With("object %s does not exist", object)
}
