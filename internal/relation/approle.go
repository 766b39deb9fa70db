package relation

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// AppRoleAssignment says that a principal has an app role at a resource (DT-6.4).
type AppRoleAssignment struct {
	Tenant    id.Tenant
	ID        string // 43 characters of base64url
	Role      string // id of the app role; DefaultAccess is access without a role
	Principal id.Object
	Kind      directory.ObjectKind // of the principal
	Resource  id.Object            // service principal of the resource
	Created   time.Time            // UTC, whole seconds
}

// DefaultAccess is the id of no role: access to a resource that demands an assignment.
const DefaultAccess = "00000000-0000-0000-0000-000000000000"

// AssignAppRole gives a principal an app role at a resource, both of the tenant.
// Errors: ErrObjectNotFound, ErrAppRoleUnknown, ErrRelationExists.
func (s *Service) AssignAppRole(ctx context.Context, a AppRoleAssignment) (out AppRoleAssignment, err error) {
	err = s.cache.db.Update(ctx, func(tx *store.Tx) (err error) {
		out, err = s.assignAppRole(ctx, tx, a)
		return err
	})
	return out, err
}

// assignAppRole is AssignAppRole in a transaction.
func (s *Service) assignAppRole(ctx context.Context, tx *store.Tx, a AppRoleAssignment) (AppRoleAssignment, error) {
	kind, err := s.kindOf(ctx, tx, a.Tenant, a.Principal)
	if err != nil {
		return AppRoleAssignment{}, err
	}
	a.Kind = kind
	resource, roles, err := s.directory.RolesOffered(ctx, tx, a.Tenant, a.Resource)
	if errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return AppRoleAssignment{}, ErrObjectNotFound.With("service principal %s does not exist", a.Resource)
	}
	if err != nil {
		return AppRoleAssignment{}, err
	}
	if !offered(roles, a.Role, kind) {
		return AppRoleAssignment{}, ErrAppRoleUnknown.With("%s does not offer the app role %s to a %s", resource, a.Role, kind)
	}
	var other string
	found, err := tx.Get(ctx, "SELECT id FROM relation_app_roles WHERE tenant_id = $1 AND principal_id = $2 AND resource_id = $3 AND role_id = $4",
		[]any{string(a.Tenant), string(a.Principal), string(a.Resource), a.Role}, &other)
	if err != nil {
		return AppRoleAssignment{}, fmt.Errorf("look for the app role assignment: %w", err)
	}
	if found {
		return AppRoleAssignment{}, ErrRelationExists
	}
	a.ID, a.Created = s.relationID(a.Principal), s.now().UTC().Truncate(time.Second)
	_, err = tx.Exec(ctx, `INSERT INTO relation_app_roles (id, tenant_id, role_id, principal_id, kind, resource_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, a.ID, string(a.Tenant), a.Role, string(a.Principal), string(kind), string(a.Resource), a.Created.Unix())
	if err != nil {
		return AppRoleAssignment{}, fmt.Errorf("insert app role assignment: %w", err)
	}
	tx.Changed(Topic, "r/"+a.ID)
	return a, s.record(ctx, tx, "directory.appRoleAssignment.create", string(a.Principal),
		map[string]string{"assignment_id": a.ID, "app_role_id": a.Role, "resource_id": string(a.Resource)})
}

// offered reports whether a principal of the kind may be assigned the role: groups have the
// roles of users.
func offered(roles []directory.AppRole, role string, kind directory.ObjectKind) bool {
	if role == DefaultAccess {
		return true
	}
	member := directory.MemberUser
	if kind == directory.ObjectServicePrincipal {
		member = directory.MemberApplication
	}
	return slices.ContainsFunc(roles, func(r directory.AppRole) bool {
		return strings.EqualFold(r.ID, role) && r.Enabled && slices.Contains(r.Members, member)
	})
}

// relationID makes an id as Graph's look: the principal's GUID, its first parts byte-swapped,
// and 16 random bytes.
func (s *Service) relationID(principal id.Object) string {
	b := guidBytes(string(principal))
	random := guidBytes(s.ids.Text())
	return base64.RawURLEncoding.EncodeToString(append(b, random...))
}

// guidBytes writes a GUID as Microsoft does: the first three parts little-endian.
func guidBytes(text string) []byte {
	var b []byte
	for hex := strings.ReplaceAll(text, "-", ""); len(hex) >= 2; hex = hex[2:] {
		b = append(b, unhex(hex[0])<<4|unhex(hex[1]))
	}
	if len(b) == 16 {
		slices.Reverse(b[0:4])
		slices.Reverse(b[4:6])
		slices.Reverse(b[6:8])
	}
	return b
}

// unhex is the value of a lower-case hexadecimal digit.
func unhex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

// RemoveAppRole ends an app role assignment. Errors: ErrRelationNotFound.
func (s *Service) RemoveAppRole(ctx context.Context, tenant id.Tenant, assignment string) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.removeAppRole(ctx, tx, tenant, assignment) })
}

// removeAppRole is RemoveAppRole in a transaction.
func (s *Service) removeAppRole(ctx context.Context, tx *store.Tx, tenant id.Tenant, assignment string) error {
	var principal string
	found, err := tx.Get(ctx, "SELECT principal_id FROM relation_app_roles WHERE id = $1 AND tenant_id = $2", []any{assignment, string(tenant)}, &principal)
	if err != nil {
		return fmt.Errorf("read app role assignment: %w", err)
	}
	if !found {
		return ErrRelationNotFound
	}
	if _, err := tx.Exec(ctx, "DELETE FROM relation_app_roles WHERE id = $1", assignment); err != nil {
		return fmt.Errorf("delete app role assignment: %w", err)
	}
	tx.Changed(Topic, "r/"+assignment)
	return s.record(ctx, tx, "directory.appRoleAssignment.delete", principal, map[string]string{"assignment_id": assignment})
}

// AppRoleAssignmentsOf returns what was assigned to a principal itself, ordered by id.
func (s *Service) AppRoleAssignmentsOf(ctx context.Context, tenant id.Tenant, principal id.Object) ([]*AppRoleAssignment, error) {
	return s.assignments(ctx, tenant, principal, func(st *state) map[id.Object][]*AppRoleAssignment { return st.byPrincipal })
}

// AppRoleAssignmentsAt returns what was assigned at a resource, ordered by id.
func (s *Service) AppRoleAssignmentsAt(ctx context.Context, tenant id.Tenant, resource id.Object) ([]*AppRoleAssignment, error) {
	return s.assignments(ctx, tenant, resource, func(st *state) map[id.Object][]*AppRoleAssignment { return st.byResource })
}

// assignments reads an index, and leaves another tenant's out.
func (s *Service) assignments(ctx context.Context, tenant id.Tenant, object id.Object, index func(*state) map[id.Object][]*AppRoleAssignment) ([]*AppRoleAssignment, error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer s.cache.done()
	list := index(st)[object]
	if len(list) > 0 && list[0].Tenant != tenant {
		return nil, nil
	}
	return list, nil
}

// AppRoles returns the values of the app roles that principal has at a resource, ordered: the
// claim `roles`. A user also has the roles of the groups that it is a direct member of; a
// service principal has those only that are its own (DT-3.4). A role that the resource has
// disabled or no longer offers gives nothing. It reads memory only, but for loading again
// what the feed says has changed.
func (s *Service) AppRoles(ctx context.Context, tenant id.Tenant, principal id.Object, resource id.App) ([]string, error) {
	values, _, err := s.AppAccess(ctx, tenant, principal, resource)
	return values, err
}

// AppAccess is AppRoles, and whether anything at all was assigned to the principal at the
// resource, DefaultAccess included (DT-33).
func (s *Service) AppAccess(ctx context.Context, tenant id.Tenant, principal id.Object, resource id.App) (values []string, assigned bool, err error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return nil, false, err
	}
	holders := []id.Object{principal}
	if groups := st.edges.back[end{tenant, memberEdge, principal}]; len(groups) > 0 {
		user, err := s.directory.IsUser(ctx, tenant, principal)
		if err != nil {
			s.cache.done()
			return nil, false, err
		}
		if user {
			holders = append(holders, st.liveGroups(groups)...)
		}
	}
	var list []*AppRoleAssignment
	for _, h := range holders {
		list = append(list, st.byPrincipal[h]...)
	}
	s.cache.done()
	if len(list) == 0 {
		return nil, false, nil
	}
	sp, roles, err := s.directory.AppRolesOf(ctx, tenant, resource)
	if errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	for _, a := range list {
		if a.Tenant != tenant || a.Resource != sp {
			continue
		}
		assigned = true
		for _, r := range roles {
			if r.Enabled && r.Value != "" && strings.EqualFold(r.ID, a.Role) {
				values = append(values, r.Value)
			}
		}
	}
	slices.Sort(values)
	return slices.Compact(values), assigned, nil
}
