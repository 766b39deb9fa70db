package rbac

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// ListDefinitions returns the roles q selects, by name. At the root all are listed.
func (s *Service) ListDefinitions(ctx context.Context, q DefinitionQuery) ([]*Definition, error) {
	p, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	r, err := s.reach(ctx, q.Scope, q.Tenant)
	if err != nil {
		return nil, err
	}
	var list []*Definition
	for _, d := range p.roles.definitions {
		if q.Tenant != "" && d.Tenant != "" && d.Tenant != q.Tenant {
			continue
		}
		if q.Name != "" && nameKey(d.Name) != nameKey(q.Name) || q.Type != "" && d.Type != q.Type {
			continue
		}
		visible := slices.ContainsFunc(d.AssignableScopes, func(at resource.ID) bool {
			return r.holds(at, true) || q.Scope.IsRoot() || q.Below && r.holds(at, false)
		})
		if visible {
			list = append(list, d)
		}
	}
	return list, nil
}

// GetDefinition returns a role. Errors: ErrDefinitionNotFound.
func (s *Service) GetDefinition(ctx context.Context, role RoleID) (*Definition, error) {
	p, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	if d := p.roles.byID[role]; d != nil {
		return d, nil
	}
	return nil, ErrDefinitionNotFound.With("The specified role definition with ID '%s' does not exist.", role)
}

// PutDefinition creates or replaces a custom role. Rooms demand
// Microsoft.Authorization/roleDefinitions/write on every assignable scope first (S-46).
// Errors: ErrDefinitionBuiltIn, ErrDefinitionInvalid, ErrDefinitionTaken, ErrDefinitionLimit, ErrCondition.
func (s *Service) PutDefinition(ctx context.Context, n NewDefinition) (d *Definition, created bool, err error) {
	if err := s.checkDefinition(n); err != nil {
		return nil, false, err
	}
	now, actor := s.now().UTC().Truncate(time.Second), audit.ActorFrom(ctx).Object
	d = &Definition{ID: n.ID, Tenant: n.Tenant, Name: strings.TrimSpace(n.Name), Type: Custom, Description: n.Description, Permissions: n.Permissions,
		AssignableScopes: n.AssignableScopes, Created: now, CreatedBy: actor, Updated: now, UpdatedBy: actor}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		all, err := readDefinitions(ctx, tx)
		if err != nil {
			return err
		}
		created = true
		mine := 0
		for _, old := range all {
			if old.Tenant != d.Tenant && old.Tenant != "" {
				if old.ID == d.ID {
					return ErrDefinitionTaken.With("The role definition ID '%s' is taken.", d.ID)
				}
				continue
			}
			mine++
			if old.ID == d.ID {
				created, d.Created, d.CreatedBy = false, old.Created, old.CreatedBy
			} else if nameKey(old.Name) == nameKey(d.Name) {
				return ErrDefinitionTaken.With("A custom role with the name '%s' already exists.", d.Name)
			}
		}
		if created && mine >= s.roleLimit {
			return ErrDefinitionLimit.With("No more custom roles can be created (%d exist in the tenant).", mine)
		}
		if err := replaceDefinition(ctx, tx, d); err != nil {
			return err
		}
		return s.definitionChanged(ctx, tx, d, "write")
	})
	if err != nil {
		return nil, false, err
	}
	return d, created, nil
}

// checkDefinition applies the rules of CP §5.2 that need no store.
func (s *Service) checkDefinition(n NewDefinition) error {
	if s.builtInID[n.ID] != nil {
		return ErrDefinitionBuiltIn
	}
	if guid, err := ParseRoleID(string(n.ID)); err != nil || guid != n.ID {
		return ErrDefinitionName
	}
	name := strings.TrimSpace(n.Name)
	if name == "" || len(name) > 512 || len(n.Description) > 2048 {
		return ErrDefinitionInvalid.With("A role needs a name of 1 to 512 characters and a description of at most 2048.")
	}
	if slices.ContainsFunc(s.builtIn, func(d *Definition) bool { return nameKey(d.Name) == nameKey(name) }) {
		return ErrDefinitionTaken.With("A built-in role has the name '%s'.", name)
	}
	if len(n.AssignableScopes) == 0 {
		return ErrDefinitionInvalid.With("A custom role needs at least one assignable scope.")
	}
	return checkScopes(n)
}

// checkScopes applies the rules of CP §5.2 for assignable scopes: no root, no wildcard, at
// most one management group, and no data actions with one. Then it checks the permissions.
func checkScopes(n NewDefinition) error {
	groups := 0
	for _, at := range n.AssignableScopes {
		switch {
		case strings.Contains(at.Key(), "*"):
			return ErrDefinitionInvalid.With("The assignable scope '%s' holds a wildcard.", at)
		case isManagementGroup(at):
			groups++
		case at.Subscription() == "":
			return ErrDefinitionInvalid.With("The assignable scope '%s' is not a management group, a subscription, a resource group or a resource.", at)
		}
	}
	if groups > 1 {
		return ErrDefinitionInvalid.With("A custom role can have only one management group among its assignable scopes.")
	}
	for _, p := range n.Permissions {
		if groups > 0 && len(p.DataActions)+len(p.NotDataActions) > 0 {
			return ErrDefinitionInvalid.With("A custom role with a management group among its assignable scopes cannot have data actions.")
		}
	}
	return checkPermissions(n.Permissions, ErrDefinitionInvalid)
}

// checkPermissions checks the patterns and conditions of blocks. Errors: the given one, ErrCondition.
func checkPermissions(blocks []Permission, invalid *fault.Error) error {
	for _, p := range blocks {
		if err := checkCondition(p.Condition, p.ConditionVersion); err != nil {
			return err
		}
		for _, pattern := range p.Patterns() {
			if pattern == "" || len(pattern) > 4096 {
				return invalid.With("An action is empty or has more than 4096 characters.")
			}
		}
	}
	return nil
}

// DeleteDefinition removes a custom role and returns it.
// Errors: ErrDefinitionNotFound, ErrDefinitionBuiltIn, ErrDefinitionInUse.
func (s *Service) DeleteDefinition(ctx context.Context, role RoleID) (*Definition, error) {
	if s.builtInID[role] != nil {
		return nil, ErrDefinitionBuiltIn
	}
	var gone *Definition
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		var err error
		if gone, err = readDefinition(ctx, tx, role); err != nil {
			return err
		}
		if gone == nil {
			return ErrDefinitionNotFound.With("The specified role definition with ID '%s' does not exist.", role)
		}
		uses := 0
		if _, err := tx.Get(ctx, "SELECT COUNT(*) FROM role_assignment WHERE role_id = $1", []any{string(role)}, &uses); err != nil {
			return fmt.Errorf("count the assignments of role %s: %w", role, err)
		}
		if uses > 0 {
			return ErrDefinitionInUse
		}
		if _, err := tx.Exec(ctx, "DELETE FROM role_definition WHERE id = $1", string(role)); err != nil {
			return fmt.Errorf("delete role definition %s: %w", role, err)
		}
		return s.definitionChanged(ctx, tx, gone, "delete")
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// definitionChanged puts a write on the feed and on record, in its transaction (D-3).
func (s *Service) definitionChanged(ctx context.Context, tx *store.Tx, d *Definition, verb string) error {
	tx.Changed(Topic, "role/"+string(d.ID))
	return s.log.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: "Microsoft.Authorization/roleDefinitions/" + verb,
		Target: d.WireID(d.AssignableScopes[0]), Subscription: d.AssignableScopes[0].Subscription(),
		Details: map[string]string{"role_id": string(d.ID), "role_name": d.Name},
	})
}

// HandOver takes from a subscription, the scope of owner, what its old tenant holds there, in
// the caller's transaction: assignments, deny assignments, and custom roles of which no
// assignable scope is left. Then it makes the assignment owner, of a principal that the caller
// has looked up. It returns how many assignments and roles there were. Errors: of PutAssignment.
func (s *Service) HandOver(ctx context.Context, tx *store.Tx, owner NewAssignment) (assignments, roles int, err error) {
	if assignments, err = s.RemoveScope(ctx, tx, owner.Scope); err != nil {
		return assignments, 0, err
	}
	all, err := readDefinitions(ctx, tx)
	if err != nil {
		return assignments, 0, err
	}
	for _, d := range all {
		left := slices.DeleteFunc(slices.Clone(d.AssignableScopes), owner.Scope.Contains)
		verb := "write"
		switch {
		case len(left) == len(d.AssignableScopes):
			continue
		case len(left) > 0:
			d.AssignableScopes = left
			err = replaceDefinition(ctx, tx, d)
		default:
			roles, verb = roles+1, "delete"
			_, err = tx.Exec(ctx, "DELETE FROM role_definition WHERE id = $1", string(d.ID))
		}
		if err != nil {
			return assignments, roles, err
		}
		if err := s.definitionChanged(ctx, tx, d, verb); err != nil {
			return assignments, roles, err
		}
	}
	_, _, err = s.putAssignment(ctx, tx, owner)
	return assignments, roles, err
}
