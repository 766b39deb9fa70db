package rbac

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// assignmentColumns are what readAssignments and insertAssignment name.
const assignmentColumns = `name, scope, role_id, principal_id, principal_type, description, condition, condition_version, delegated_id,
	tenant_id, created_at, created_by, updated_at, updated_by`

// readAssignments reads the assignments that a WHERE clause selects; all for "".
func readAssignments(ctx context.Context, tx *store.Tx, where string, args []any) ([]*Assignment, error) {
	var list []*Assignment
	err := tx.Query(ctx, tx.Sound(ctx, "role assignment", func(r store.Row) error {
		var a Assignment
		var name, scope, role, principal, kind, createdBy, updatedBy string
		var created, updated int64
		if err := r.Scan(&name, &scope, &role, &principal, &kind, &a.Description, &a.Condition, &a.ConditionVersion, &a.DelegatedID,
			&a.Tenant, &created, &createdBy, &updated, &updatedBy); err != nil {
			return err
		}
		at, err := resource.ParseID(scope)
		if err != nil {
			return fmt.Errorf("role assignment %s has scope %q: %w", name, scope, err)
		}
		a.Name, a.Scope, a.Role, a.Principal, a.PrincipalType = AssignmentID(name), at, RoleID(role), id.Object(principal), PrincipalType(kind)
		a.Created, a.CreatedBy = time.Unix(created, 0).UTC(), id.Object(createdBy)
		a.Updated, a.UpdatedBy = time.Unix(updated, 0).UTC(), id.Object(updatedBy)
		list = append(list, &a)
		return nil
	}), "SELECT "+assignmentColumns+" FROM role_assignment "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read role assignments: %w", err)
	}
	return list, nil
}

// insertAssignment writes a new row.
func insertAssignment(ctx context.Context, tx *store.Tx, a *Assignment) error {
	_, err := tx.Exec(ctx, "INSERT INTO role_assignment ("+assignmentColumns+`, scope_key, scope_path, subscription)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		string(a.Name), a.Scope.String(), string(a.Role), string(a.Principal), string(a.PrincipalType), a.Description,
		a.Condition, a.ConditionVersion, a.DelegatedID, string(a.Tenant), a.Created.Unix(), string(a.CreatedBy), a.Updated.Unix(), string(a.UpdatedBy),
		a.Scope.Key(), []byte(a.Scope.Key()), string(a.Scope.Subscription()))
	if err != nil {
		return fmt.Errorf("insert role assignment %s: %w", a.Name, err)
	}
	return nil
}

// readDefinitions reads all custom roles.
func readDefinitions(ctx context.Context, tx *store.Tx) ([]*Definition, error) {
	var list []*Definition
	err := tx.Query(ctx, tx.Sound(ctx, "role definition", func(r store.Row) error {
		d := Definition{Type: Custom}
		var role, tenant, permissions, scopes, createdBy, updatedBy string
		var created, updated int64
		if err := r.Scan(&role, &tenant, &d.Name, &d.Description, &permissions, &scopes, &created, &createdBy, &updated, &updatedBy); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(permissions), &d.Permissions); err != nil {
			return fmt.Errorf("permissions of role %s: %w", role, err)
		}
		if err := json.Unmarshal([]byte(scopes), &d.AssignableScopes); err != nil {
			return fmt.Errorf("assignable scopes of role %s: %w", role, err)
		}
		d.ID, d.Tenant = RoleID(role), id.Tenant(tenant)
		d.Created, d.CreatedBy = time.Unix(created, 0).UTC(), id.Object(createdBy)
		d.Updated, d.UpdatedBy = time.Unix(updated, 0).UTC(), id.Object(updatedBy)
		list = append(list, &d)
		return nil
	}), `SELECT id, tenant_id, name, description, permissions, assignable_scopes, created_at, created_by, updated_at, updated_by
		FROM role_definition ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("read role definitions: %w", err)
	}
	return list, nil
}

// readDefinition reads one custom role; nil if there is none. Custom roles are few.
func readDefinition(ctx context.Context, tx *store.Tx, role RoleID) (*Definition, error) {
	all, err := readDefinitions(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if d.ID == role {
			return d, nil
		}
	}
	return nil, nil
}

// replaceDefinition writes a custom role over the one of the same id, if any.
func replaceDefinition(ctx context.Context, tx *store.Tx, d *Definition) error {
	permissions, err := json.Marshal(d.Permissions)
	if err != nil {
		return fmt.Errorf("encode permissions: %w", err)
	}
	scopes, err := json.Marshal(d.AssignableScopes)
	if err != nil {
		return fmt.Errorf("encode assignable scopes: %w", err)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM role_definition WHERE id = $1", string(d.ID)); err != nil {
		return fmt.Errorf("replace role definition %s: %w", d.ID, err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO role_definition (id, tenant_id, name, name_key, description, permissions, assignable_scopes,
		created_at, created_by, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		string(d.ID), string(d.Tenant), d.Name, string(d.Tenant)+" "+nameKey(d.Name), d.Description, string(permissions), string(scopes),
		d.Created.Unix(), string(d.CreatedBy), d.Updated.Unix(), string(d.UpdatedBy))
	if err != nil {
		return fmt.Errorf("insert role definition %s: %w", d.ID, err)
	}
	return nil
}
