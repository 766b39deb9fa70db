package relation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Group is a set of principals. It is a principal itself: role assignments name it.
type Group struct {
	Tenant          id.Tenant
	ID              id.Object
	DisplayName     string
	MailNickname    string
	SecurityEnabled bool
	MailEnabled     bool
	// Unified is groupTypes ["Unified"]: such a group can be restored after its deletion.
	Unified bool
	// RoleAssignable groups may be members of directory roles.
	RoleAssignable bool
	// Profile is a JSON object of further properties, kept for Graph and not looked at here.
	Profile json.RawMessage
	Created time.Time // UTC, whole seconds
}

// maxProfile is the largest profile of a group, in bytes.
const maxProfile = 64 << 10

// check refuses what no group has, and puts an empty profile into its one form. Errors: ErrInvalid.
func (g *Group) check() error {
	if n := len([]rune(g.DisplayName)); n < 1 || n > 256 {
		return ErrInvalid.With("the displayName of a group has 1 to 256 characters, not %d", n)
	}
	if n := len(g.MailNickname); n < 1 || n > 64 {
		return ErrInvalid.With("the mailNickname of a group has 1 to 64 characters, not %d", n)
	}
	if len(g.Profile) == 0 {
		g.Profile = json.RawMessage("{}")
	}
	var object map[string]json.RawMessage
	if len(g.Profile) > maxProfile || json.Unmarshal(g.Profile, &object) != nil {
		return ErrInvalid.With("the profile of a group is a JSON object of up to 64 KiB")
	}
	return nil
}

// groupKey stands for a group in the change feed.
func groupKey(object id.Object) string { return "g/" + string(object) }

// CreateGroup makes the group that g describes, with a new object id, owners and members.
// Errors: ErrInvalid, ErrObjectNotFound.
func (s *Service) CreateGroup(ctx context.Context, g Group, owners, members []id.Object) (out Group, err error) {
	err = s.cache.db.Update(ctx, func(tx *store.Tx) error {
		if out, err = s.createGroup(ctx, tx, g); err != nil {
			return err
		}
		for _, o := range owners {
			if err := s.AddOwnerIn(ctx, tx, g.Tenant, out.ID, o); err != nil && !errors.Is(err, ErrRelationExists) {
				return err
			}
		}
		for _, m := range members {
			if err := s.addMember(ctx, tx, g.Tenant, out.ID, m); err != nil && !errors.Is(err, ErrRelationExists) {
				return err
			}
		}
		return nil
	})
	return out, err
}

// createGroup is CreateGroup without owners and members, in a transaction.
func (s *Service) createGroup(ctx context.Context, tx *store.Tx, g Group) (Group, error) {
	g.ID, g.Created = s.ids.Object(), s.now().UTC().Truncate(time.Second)
	g.Profile = slices.Clone(g.Profile)
	if err := g.check(); err != nil {
		return Group{}, err
	}
	_, err := tx.Exec(ctx, `INSERT INTO relation_groups (id, tenant_id, display_name, mail_nickname, security_enabled, mail_enabled, unified,
		role_assignable, profile, created_at, deleted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)`,
		string(g.ID), string(g.Tenant), g.DisplayName, g.MailNickname, g.SecurityEnabled, g.MailEnabled, g.Unified, g.RoleAssignable,
		string(g.Profile), g.Created.Unix())
	if err != nil {
		return Group{}, fmt.Errorf("insert group: %w", err)
	}
	tx.Changed(Topic, groupKey(g.ID))
	return g, s.record(ctx, tx, "directory.group.create", string(g.ID), map[string]string{"display_name": g.DisplayName})
}

// ChangeGroup lets change work on a live group and keeps what it makes of it; ids, creation,
// Unified and RoleAssignable stay. Errors: ErrGroupNotFound, ErrInvalid, and those of change.
func (s *Service) ChangeGroup(ctx context.Context, tenant id.Tenant, object id.Object, change func(*Group) error) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.changeGroup(ctx, tx, tenant, object, change) })
}

// changeGroup is ChangeGroup in a transaction.
func (s *Service) changeGroup(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object, change func(*Group) error) error {
	g, err := loadGroup(ctx, tx, tenant, object)
	if err != nil {
		return err
	}
	if err := change(&g); err != nil {
		return err
	}
	if err := g.check(); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE relation_groups SET display_name = $1, mail_nickname = $2, security_enabled = $3, mail_enabled = $4, profile = $5
		WHERE id = $6 AND deleted_at = 0`, g.DisplayName, g.MailNickname, g.SecurityEnabled, g.MailEnabled, string(g.Profile), string(object))
	if err != nil {
		return fmt.Errorf("update group %s: %w", object, err)
	}
	tx.Changed(Topic, groupKey(object))
	return s.record(ctx, tx, "directory.group.update", string(object), map[string]string{"display_name": g.DisplayName})
}

// DeleteGroup deletes a group: a unified one can be restored, any other is gone for good.
// From the commit on it gives nobody anything. Errors: ErrGroupNotFound.
func (s *Service) DeleteGroup(ctx context.Context, tenant id.Tenant, object id.Object) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.deleteGroup(ctx, tx, tenant, object) })
}

// deleteGroup is DeleteGroup in a transaction.
func (s *Service) deleteGroup(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) error {
	g, err := loadGroup(ctx, tx, tenant, object)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE relation_groups SET deleted_at = $1 WHERE id = $2", max(1, s.now().Unix()), string(object)); err != nil {
		return fmt.Errorf("delete group %s: %w", object, err)
	}
	tx.Changed(Topic, groupKey(object))
	if !g.Unified {
		if err := s.Forget(ctx, tx, tenant, object); err != nil {
			return err
		}
	}
	return s.record(ctx, tx, "directory.group.delete", string(object), map[string]string{"display_name": g.DisplayName})
}

// loadGroup reads a live group in a transaction. Errors: ErrGroupNotFound.
func loadGroup(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) (Group, error) {
	var g *Group
	err := tx.Query(ctx, func(r store.Row) (err error) {
		g, err = scanGroup(r)
		return err
	}, "SELECT "+groupColumns+" FROM relation_groups WHERE id = $1 AND tenant_id = $2 AND deleted_at = 0", string(object), string(tenant))
	if err != nil {
		return Group{}, fmt.Errorf("read group %s: %w", object, err)
	}
	if g == nil {
		return Group{}, ErrGroupNotFound.With("group %s does not exist", object)
	}
	return *g, nil
}

// Group returns a live group. Errors: ErrGroupNotFound, also for one of another tenant (S-54).
func (s *Service) Group(ctx context.Context, tenant id.Tenant, object id.Object) (Group, error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return Group{}, err
	}
	defer s.cache.done()
	if g, ok := st.groups[object]; ok && g.Tenant == tenant {
		return *g, nil
	}
	return Group{}, ErrGroupNotFound.With("group %s does not exist", object)
}

// TenantOf returns the tenant of a live group; false if there is none.
func (s *Service) TenantOf(ctx context.Context, object id.Object) (id.Tenant, bool, error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return "", false, err
	}
	defer s.cache.done()
	if g, ok := st.groups[object]; ok {
		return g.Tenant, true, nil
	}
	return "", false, nil
}

// Groups returns the live groups of the tenant, ordered by id. The list is the caller's, the
// groups are shared and must not be changed.
func (s *Service) Groups(ctx context.Context, tenant id.Tenant) ([]*Group, error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer s.cache.done()
	return st.ordered[tenant], nil
}

// Forget removes all relations of an object that is gone for good.
func (s *Service) Forget(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) error {
	for _, q := range []struct{ key, find, remove string }{
		{
			"e/" + string(tenant) + "/", "SELECT kind || '/' || source || '/' || target FROM relation_edges WHERE tenant_id = $1 AND (source = $2 OR target = $2)",
			"DELETE FROM relation_edges WHERE tenant_id = $1 AND (source = $2 OR target = $2)",
		},
		{
			"r/", "SELECT id FROM relation_app_roles WHERE tenant_id = $1 AND (principal_id = $2 OR resource_id = $2)",
			"DELETE FROM relation_app_roles WHERE tenant_id = $1 AND (principal_id = $2 OR resource_id = $2)",
		},
		{
			"h/", "SELECT id FROM relation_grants WHERE tenant_id = $1 AND (client_id = $2 OR principal_id = $2 OR resource_id = $2)",
			"DELETE FROM relation_grants WHERE tenant_id = $1 AND (client_id = $2 OR principal_id = $2 OR resource_id = $2)",
		},
	} {
		err := tx.Query(ctx, func(r store.Row) error {
			var name string
			if err := r.Scan(&name); err != nil {
				return fmt.Errorf("scan relation: %w", err)
			}
			tx.Changed(Topic, q.key+name)
			return nil
		}, q.find, string(tenant), string(object))
		if err != nil {
			return fmt.Errorf("find relations of %s: %w", object, err)
		}
		if _, err := tx.Exec(ctx, q.remove, string(tenant), string(object)); err != nil {
			return fmt.Errorf("delete relations of %s: %w", object, err)
		}
	}
	return nil
}

// DeletedGroup is a group that can be restored.
type DeletedGroup struct {
	Group
	At time.Time // UTC, whole seconds
}

// DeletedGroups returns the unified groups that were deleted after since, ordered by id.
func (s *Service) DeletedGroups(ctx context.Context, tenant id.Tenant, since time.Time) ([]*DeletedGroup, error) {
	var out []*DeletedGroup
	err := s.cache.db.View(ctx, func(tx *store.Tx) error {
		err := tx.Query(ctx, func(r store.Row) error {
			g, err := scanGroup(r)
			if err == nil {
				out = append(out, &DeletedGroup{Group: *g})
			}
			return err
		}, "SELECT "+groupColumns+" FROM relation_groups WHERE tenant_id = $1 AND deleted_at > $2 AND unified ORDER BY id", string(tenant), since.Unix())
		if err != nil {
			return err
		}
		for _, g := range out {
			var at int64
			if _, err := tx.Get(ctx, "SELECT deleted_at FROM relation_groups WHERE id = $1", []any{string(g.ID)}, &at); err != nil {
				return err
			}
			g.At = time.Unix(at, 0).UTC()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read deleted groups: %w", err)
	}
	return out, nil
}

// RestoreGroup brings a deleted unified group back with its members. Errors: ErrGroupNotFound.
func (s *Service) RestoreGroup(ctx context.Context, tenant id.Tenant, object id.Object) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.restoreGroup(ctx, tx, tenant, object) })
}

// restoreGroup is RestoreGroup in a transaction.
func (s *Service) restoreGroup(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) error {
	n, err := tx.Exec(ctx, "UPDATE relation_groups SET deleted_at = 0 WHERE id = $1 AND tenant_id = $2 AND deleted_at <> 0 AND unified", string(object), string(tenant))
	if err != nil {
		return fmt.Errorf("restore group %s: %w", object, err)
	}
	if n == 0 {
		return ErrGroupNotFound.With("no deleted group has the id %s", object)
	}
	tx.Changed(Topic, groupKey(object))
	return s.record(ctx, tx, "directory.group.restore", string(object), nil)
}
