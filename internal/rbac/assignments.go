package rbac

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac/condition"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// GetAssignment returns the assignment of that name at that scope. Errors: ErrAssignmentNotFound.
func (s *Service) GetAssignment(ctx context.Context, scope resource.ID, name AssignmentID) (*Assignment, error) {
	a, err := s.AssignmentByName(ctx, name)
	if err == nil && !a.Scope.Equal(scope) {
		return nil, ErrAssignmentNotFound.With("The role assignment '%s' is not found.", name)
	}
	return a, err
}

// AssignmentByName returns an assignment, wherever it is. Errors: ErrAssignmentNotFound.
func (s *Service) AssignmentByName(ctx context.Context, name AssignmentID) (*Assignment, error) {
	var found []*Assignment
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		found, err = readAssignments(ctx, tx, "WHERE name = $1", []any{string(name)})
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, ErrAssignmentNotFound.With("The role assignment '%s' is not found.", name)
	}
	return found[0], nil
}

// PutAssignment creates an assignment, or changes description and condition of the one of
// that name; created is false for the latter. It does not ask whether the actor may: rooms
// demand Microsoft.Authorization/roleAssignments/write at the scope first (S-46).
// Errors: ErrAssignmentExists, ErrAssignmentImmutable, ErrAssignmentLimit,
// ErrAssignmentScope, ErrPrincipalNotFound, ErrPrincipalType, ErrRoleNotFound,
// ErrRoleNotAssignable, ErrCondition.
func (s *Service) PutAssignment(ctx context.Context, n NewAssignment) (a *Assignment, created bool, err error) {
	if n.Tenant == "" && s.hierarchy != nil {
		if n.Tenant, err = s.hierarchy.Tenant(ctx, n.Scope); err != nil {
			return nil, false, err
		}
	}
	if n.PrincipalType, err = s.checkPrincipal(ctx, n); err != nil {
		return nil, false, err
	}
	if n.Tenant == "" { // at the root
		if n.Tenant, _, err = s.directory.TenantOf(ctx, n.Principal); err != nil {
			return nil, false, err
		}
	}
	if n.above, err = s.place(ctx, n.Scope); err != nil {
		return nil, false, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		a, created, err = s.putAssignment(ctx, tx, n)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return a, created, nil
}

// checkPrincipal returns the type of a principal of the directory. Without a replication
// delay a type in the request does not stand in for the principal. One
// of another tenant is refused like one that does not exist (S-54).
func (s *Service) checkPrincipal(ctx context.Context, n NewAssignment) (PrincipalType, error) {
	kind, found, err := s.directory.PrincipalType(ctx, n.Principal)
	if err == nil && found && n.Tenant != "" {
		var from id.Tenant
		from, found, err = s.directory.TenantOf(ctx, n.Principal)
		found = found && from == n.Tenant
	}
	switch {
	case err != nil:
		return "", err
	case !found && kind == "" && n.PrincipalType != "" && s.delay != nil:
		return n.PrincipalType, nil // Azure believes that it will be there in a moment
	case !found:
		return "", ErrPrincipalNotFound.With("Principal %s does not exist in the directory of this installation.", n.Principal)
	case n.PrincipalType != "" && n.PrincipalType != kind:
		return "", ErrPrincipalType.With("The principal %s is of type %s, not %s.", n.Principal, kind, n.PrincipalType)
	}
	return kind, nil
}

// TypeOf returns what a principal of a tenant is; UnknownType for one that it does not hold.
func (s *Service) TypeOf(ctx context.Context, tenant id.Tenant, principal id.Object) (PrincipalType, error) {
	foreign, err := s.foreign(ctx, Request{Tenant: tenant, Principal: principal})
	if err != nil || foreign {
		return UnknownType, err
	}
	kind, found, err := s.directory.PrincipalType(ctx, principal)
	if err == nil && !found {
		kind = UnknownType
	}
	return kind, err
}

// putAssignment is PutAssignment in a transaction.
func (s *Service) putAssignment(ctx context.Context, tx *store.Tx, n NewAssignment) (*Assignment, bool, error) {
	if err := s.checkNew(ctx, tx, n); err != nil {
		return nil, false, err
	}
	now, actor := s.now().UTC().Truncate(time.Second), audit.ActorFrom(ctx).Object
	same, err := readAssignments(ctx, tx, "WHERE name = $1 OR scope_key = $2 AND principal_id = $3 AND role_id = $4",
		[]any{string(n.Name), n.Scope.Key(), string(n.Principal), string(n.Role)})
	if err != nil {
		return nil, false, err
	}
	for _, old := range same {
		switch {
		case old.Name != n.Name:
			return nil, false, ErrAssignmentExists.With("The role assignment already exists. The ID of the conflicting role assignment is %s.", old.Name)
		case !old.Scope.Equal(n.Scope) || old.Principal != n.Principal || old.Role != n.Role:
			return nil, false, ErrAssignmentImmutable
		case old.Description == n.Description && old.Condition == n.Condition && old.ConditionVersion == n.ConditionVersion:
			return old, false, nil
		}
	}
	if len(same) == 1 {
		a := same[0]
		a.Description, a.Condition, a.ConditionVersion, a.Updated, a.UpdatedBy = n.Description, n.Condition, n.ConditionVersion, now, actor
		_, err := tx.Exec(ctx, `UPDATE role_assignment SET description = $1, condition = $2, condition_version = $3, updated_at = $4,
			updated_by = $5 WHERE name = $6`, a.Description, a.Condition, a.ConditionVersion, now.Unix(), string(actor), string(a.Name))
		if err != nil {
			return nil, false, fmt.Errorf("change role assignment %s: %w", a.Name, err)
		}
		return a, false, s.assignmentChanged(ctx, tx, a, "write")
	}
	if err := s.checkLimit(ctx, tx, n.Scope); err != nil {
		return nil, false, err
	}
	a := &Assignment{Name: n.Name, Tenant: n.Tenant, Scope: n.Scope, Role: n.Role, Principal: n.Principal, PrincipalType: n.PrincipalType,
		Description: n.Description, Condition: n.Condition, ConditionVersion: n.ConditionVersion, DelegatedID: n.DelegatedID, Created: now, Updated: now, CreatedBy: actor, UpdatedBy: actor}
	if err := insertAssignment(ctx, tx, a); err != nil {
		return nil, false, err
	}
	return a, true, s.assignmentChanged(ctx, tx, a, "write")
}

// checkNew applies the rules that do not depend on other assignments.
func (s *Service) checkNew(ctx context.Context, tx *store.Tx, n NewAssignment) error {
	if err := checkCondition(n.Condition, n.ConditionVersion); err != nil {
		return err
	}
	if !n.Scope.IsRoot() && n.Scope.Subscription() == "" && !isManagementGroup(n.Scope) {
		return ErrAssignmentScope.With("Roles cannot be assigned at the scope '%s'.", n.Scope)
	}
	if len(n.Description) > 1024 || len(n.DelegatedID) > 2048 {
		return ErrAssignmentInvalid.With("The description of a role assignment has at most 1024 characters, and the id of a delegated identity 2048.")
	}
	if guid, err := ParseAssignmentID(string(n.Name)); err != nil || guid != n.Name {
		return ErrAssignmentName
	}
	role := s.builtInID[n.Role]
	if role == nil {
		var err error
		if role, err = readDefinition(ctx, tx, n.Role); err != nil {
			return err
		}
	}
	if role == nil || role.Tenant != "" && n.Tenant != "" && role.Tenant != n.Tenant {
		return ErrRoleNotFound.With("The specified role definition with ID '%s' does not exist.", n.Role)
	}
	if !assignableAt(role, n.Scope, n.above) {
		return ErrRoleNotAssignable.With("The role '%s' is not assignable at the scope '%s'.", role.Name, n.Scope)
	}
	return nil
}

// checkCondition checks the syntax of a condition; its version must be 2.0 with one, and
// nothing without. Errors: ErrCondition.
func checkCondition(text, version string) error {
	c, err := condition.Parse(text)
	switch {
	case err != nil:
		return ErrCondition.With("%s", fault.Message(err))
	case c.IsZero() && version != "" && version != "2.0":
		return ErrCondition.With("The condition version '%.16s' is not supported. The supported version is 2.0.", version)
	case !c.IsZero() && version != "2.0":
		return ErrCondition.With("A condition needs the conditionVersion 2.0.")
	}
	return nil
}

// place returns the management groups above a scope at which something is assigned.
// Errors: ErrAssignmentScope for a management group that is not there.
func (s *Service) place(ctx context.Context, scope resource.ID) ([]resource.ID, error) {
	if isManagementGroup(scope) {
		there := false
		if s.hierarchy != nil {
			var err error
			if there, err = s.hierarchy.Exists(ctx, scope); err != nil {
				return nil, err
			}
		}
		if !there {
			return nil, ErrAssignmentScope.With("The management group '%s' does not exist.", scope.Name())
		}
	}
	return s.above(ctx, scope)
}

// isManagementGroup reports whether scope is the id of a management group.
func isManagementGroup(scope resource.ID) bool {
	return scope.Is("Microsoft.Management/managementGroups")
}

// assignableAt reports whether a role may be assigned at scope, below these management groups.
func assignableAt(d *Definition, scope resource.ID, above []resource.ID) bool {
	return slices.ContainsFunc(d.AssignableScopes, func(s resource.ID) bool {
		return s.Contains(scope) || slices.ContainsFunc(above, s.Equal)
	})
}

// checkLimit refuses one assignment too many in a subscription or at a management group.
// Errors: ErrAssignmentLimit.
func (s *Service) checkLimit(ctx context.Context, tx *store.Tx, scope resource.ID) error {
	column, value, limit, where := "subscription", string(scope.Subscription()), s.limit, "subscription"
	if value == "" {
		column, value, limit, where = "scope_key", scope.Key(), s.groupLimit, "management group"
	}
	count := 0
	if _, err := tx.Get(ctx, "SELECT COUNT(*) FROM role_assignment WHERE "+column+" = $1", []any{value}, &count); err != nil {
		return fmt.Errorf("count the role assignments of %s: %w", scope, err)
	}
	if count >= limit {
		return ErrAssignmentLimit.With("No more role assignments can be created (%d exist in the %s).", count, where)
	}
	return nil
}

// DeleteAssignment removes the assignment and returns it. An ordinary principal cannot
// remove the last Owner of a subscription; the installation itself can.
// Errors: ErrAssignmentNotFound, ErrLastOwner.
func (s *Service) DeleteAssignment(ctx context.Context, scope resource.ID, name AssignmentID) (*Assignment, error) {
	known, err := s.AssignmentByName(ctx, name)
	if err != nil {
		return nil, err
	}
	var alive map[id.Object]bool
	if known.Role == Owner {
		if alive, err = s.livingOwners(ctx); err != nil {
			return nil, err
		}
	}
	var gone *Assignment
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		found, err := readAssignments(ctx, tx, "WHERE name = $1", []any{string(name)})
		if err != nil {
			return err
		}
		if len(found) == 0 || !found[0].Scope.Equal(scope) {
			return ErrAssignmentNotFound.With("The role assignment '%s' is not found.", name)
		}
		gone = found[0]
		if err := s.keepOneOwner(ctx, tx, gone, alive); err != nil {
			return err
		}
		return s.removeAssignment(ctx, tx, gone)
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// livingOwners returns the principals with an Owner assignment that are alive. It is asked
// before the write begins, since the directory may read the store.
func (s *Service) livingOwners(ctx context.Context) (map[id.Object]bool, error) {
	var owners []*Assignment
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		owners, err = readAssignments(ctx, tx, "WHERE role_id = $1", []any{string(Owner)})
		return err
	})
	if err != nil {
		return nil, err
	}
	alive := map[id.Object]bool{}
	for _, a := range owners {
		if _, asked := alive[a.Principal]; asked {
			continue
		}
		if _, alive[a.Principal], err = s.directory.Groups(ctx, a.Principal); err != nil {
			return nil, err
		}
	}
	return alive, nil
}

// keepOneOwner refuses to remove the last Owner of a subscription, or of the root: the
// last one held by a living principal there or above (S-46). Errors: ErrLastOwner.
func (s *Service) keepOneOwner(ctx context.Context, tx *store.Tx, gone *Assignment, alive map[id.Object]bool) error {
	protected := gone.Scope.IsRoot() || gone.Scope.Is(resource.TypeSubscription)
	if gone.Role != Owner || !protected || audit.ActorFrom(ctx).Object == "" {
		return nil
	}
	others, err := readAssignments(ctx, tx, "WHERE role_id = $1 AND name <> $2 AND scope_key IN ('/', $3)",
		[]any{string(Owner), string(gone.Name), gone.Scope.Key()})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(others, func(a *Assignment) bool { return alive[a.Principal] && (a.Tenant == gone.Tenant || a.Tenant == "") }) {
		return ErrLastOwner
	}
	return nil
}

// RemoveScope deletes the assignments and deny assignments at and below scope in the
// caller's transaction, so that a later resource of the same name inherits nothing (S-47).
// It returns how many.
func (s *Service) RemoveScope(ctx context.Context, tx *store.Tx, scope resource.ID) (int, error) {
	if scope.IsZero() || scope.IsRoot() {
		return 0, fmt.Errorf("remove the assignments of scope %q: %w", scope, ErrAssignmentScope)
	}
	at := span{path: []byte(scope.Key()), below: true}
	gone, err := readAssignments(ctx, tx, "WHERE scope_path = $1 OR scope_path > $2 AND scope_path < $3", []any{at.path, at.low(), at.high()})
	if err != nil {
		return 0, err
	}
	for n, a := range gone {
		if err := s.removeAssignment(ctx, tx, a); err != nil {
			return n, err
		}
	}
	denies, err := readDenies(ctx, tx, "WHERE subscription = $1", []any{string(scope.Subscription())})
	if err != nil {
		return len(gone), err
	}
	removed := len(gone)
	for _, d := range denies {
		if !scope.Contains(d.Scope) {
			continue
		}
		if err := s.removeDeny(ctx, tx, d); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// removeAssignment deletes the row and records it.
func (s *Service) removeAssignment(ctx context.Context, tx *store.Tx, a *Assignment) error {
	if _, err := tx.Exec(ctx, "DELETE FROM role_assignment WHERE name = $1", string(a.Name)); err != nil {
		return fmt.Errorf("delete role assignment %s: %w", a.Name, err)
	}
	return s.assignmentChanged(ctx, tx, a, "delete")
}

// assignmentChanged puts a write on the feed and on record, in its transaction (D-3).
func (s *Service) assignmentChanged(ctx context.Context, tx *store.Tx, a *Assignment, verb string) error {
	tx.Changed(Topic, "assignment/"+string(a.Principal))
	return s.log.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: "Microsoft.Authorization/roleAssignments/" + verb,
		Target: a.ID(), Subscription: a.Scope.Subscription(),
		Details: map[string]string{"principal_id": string(a.Principal), "principal_type": string(a.PrincipalType),
			"role_id": string(a.Role), "scope": a.Scope.String()},
	})
}
