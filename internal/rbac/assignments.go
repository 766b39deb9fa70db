package rbac

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// ListAssignments returns what q selects, by length of scope, then name. Assignments of
// deleted principals are among them (L-9).
func (s *Service) ListAssignments(ctx context.Context, q AssignmentQuery) ([]*Assignment, error) {
	p, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	holders := []id.Object{q.AssignedTo}
	if q.AssignedTo != "" {
		groups, _, err := s.directory.Groups(ctx, q.AssignedTo)
		if err != nil {
			return nil, err
		}
		holders = append(holders, groups...)
	}
	var list []*Assignment
	for _, a := range p.assignments {
		if !a.Scope.Contains(q.Scope) && (q.AtScope || !q.Scope.Contains(a.Scope)) {
			continue
		}
		if q.Principal != "" && a.Principal != q.Principal || q.AssignedTo != "" && !slices.Contains(holders, a.Principal) {
			continue
		}
		list = append(list, a)
	}
	return list, nil
}

// GetAssignment returns the assignment of that name at that scope. Errors: ErrAssignmentNotFound.
func (s *Service) GetAssignment(ctx context.Context, scope resource.ID, name AssignmentID) (*Assignment, error) {
	p, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	a := p.byName[name]
	if a == nil || !a.Scope.Equal(scope) {
		return nil, ErrAssignmentNotFound.With("The role assignment '%s' is not found.", name)
	}
	return a, nil
}

// PutAssignment creates an assignment, or changes the description of the one of that
// name; created is false for the latter. It does not ask whether the actor may: rooms
// demand Microsoft.Authorization/roleAssignments/write at the scope first (S-46).
// Errors: ErrAssignmentExists, ErrAssignmentImmutable, ErrAssignmentLimit,
// ErrAssignmentScope, ErrPrincipalNotFound, ErrPrincipalType, ErrRoleNotFound,
// ErrRoleNotAssignable, ErrCondition.
func (s *Service) PutAssignment(ctx context.Context, n NewAssignment) (a *Assignment, created bool, err error) {
	if n.PrincipalType, err = s.checkPrincipal(ctx, n.Principal, n.PrincipalType); err != nil {
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

// checkPrincipal returns the type of a principal of the directory. There is no
// replication delay here, so a type in the request does not stand in for the principal.
func (s *Service) checkPrincipal(ctx context.Context, principal id.Object, said PrincipalType) (PrincipalType, error) {
	kind, found, err := s.directory.PrincipalType(ctx, principal)
	switch {
	case err != nil:
		return "", err
	case !found:
		return "", ErrPrincipalNotFound.With("Principal %s does not exist in the directory of this installation.", principal)
	case said != "" && said != kind:
		return "", ErrPrincipalType.With("The principal %s is of type %s, not %s.", principal, kind, said)
	}
	return kind, nil
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
		case old.Description == n.Description:
			return old, false, nil
		}
	}
	if len(same) == 1 {
		a := same[0]
		a.Description, a.Updated, a.UpdatedBy = n.Description, now, actor
		_, err := tx.Exec(ctx, "UPDATE role_assignment SET description = $1, updated_at = $2, updated_by = $3 WHERE name = $4",
			a.Description, now.Unix(), string(actor), string(a.Name))
		if err != nil {
			return nil, false, fmt.Errorf("change role assignment %s: %w", a.Name, err)
		}
		return a, false, s.assignmentChanged(ctx, tx, a, "write")
	}
	if err := s.checkLimit(ctx, tx, n.Scope.Subscription()); err != nil {
		return nil, false, err
	}
	a := &Assignment{Name: n.Name, Scope: n.Scope, Role: n.Role, Principal: n.Principal, PrincipalType: n.PrincipalType,
		Description: n.Description, Created: now, Updated: now, CreatedBy: actor, UpdatedBy: actor}
	if err := insertAssignment(ctx, tx, a); err != nil {
		return nil, false, err
	}
	return a, true, s.assignmentChanged(ctx, tx, a, "write")
}

// checkNew applies the rules that do not depend on other assignments.
func (s *Service) checkNew(ctx context.Context, tx *store.Tx, n NewAssignment) error {
	if n.Condition != "" {
		return ErrCondition
	}
	if !n.Scope.IsRoot() && n.Scope.Subscription() == "" {
		return ErrAssignmentScope.With("Roles cannot be assigned at the scope '%s'.", n.Scope)
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
	if role == nil {
		return ErrRoleNotFound.With("The specified role definition with ID '%s' does not exist.", n.Role)
	}
	if !assignableAt(role, n.Scope) {
		return ErrRoleNotAssignable.With("The role '%s' is not assignable at the scope '%s'.", role.Name, n.Scope)
	}
	return nil
}

// assignableAt reports whether a role may be assigned at scope.
func assignableAt(d *Definition, scope resource.ID) bool {
	return slices.ContainsFunc(d.AssignableScopes, func(s resource.ID) bool { return s.Contains(scope) })
}

// checkLimit refuses one assignment too many in a subscription. Errors: ErrAssignmentLimit.
func (s *Service) checkLimit(ctx context.Context, tx *store.Tx, sub id.Subscription) error {
	if sub == "" {
		return nil
	}
	count := 0
	if _, err := tx.Get(ctx, "SELECT COUNT(*) FROM role_assignment WHERE subscription = $1", []any{string(sub)}, &count); err != nil {
		return fmt.Errorf("count the role assignments of %s: %w", sub, err)
	}
	if count >= s.limit {
		return ErrAssignmentLimit.With("No more role assignments can be created (%d exist in the subscription).", count)
	}
	return nil
}

// DeleteAssignment removes the assignment and returns it. An ordinary principal cannot
// remove the last Owner of a subscription; the installation itself can.
// Errors: ErrAssignmentNotFound, ErrLastOwner.
func (s *Service) DeleteAssignment(ctx context.Context, scope resource.ID, name AssignmentID) (*Assignment, error) {
	alive, err := s.livingOwners(ctx)
	if err != nil {
		return nil, err
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
	p, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	alive := map[id.Object]bool{}
	for _, a := range p.assignments {
		if a.Role != Owner {
			continue
		}
		if _, live, err := s.directory.Groups(ctx, a.Principal); err != nil {
			return nil, err
		} else if live {
			alive[a.Principal] = true
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
	if !slices.ContainsFunc(others, func(a *Assignment) bool { return alive[a.Principal] }) {
		return ErrLastOwner
	}
	return nil
}

// RemoveScope deletes the assignments at and below scope in the caller's transaction, so
// that a later resource of the same name inherits nothing (S-47). It returns how many.
func (s *Service) RemoveScope(ctx context.Context, tx *store.Tx, scope resource.ID) (int, error) {
	if scope.IsZero() || scope.IsRoot() {
		return 0, fmt.Errorf("remove the assignments of scope %q: %w", scope, ErrAssignmentScope)
	}
	below, err := readAssignments(ctx, tx, "WHERE subscription = $1", []any{string(scope.Subscription())})
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, a := range below {
		if !scope.Contains(a.Scope) {
			continue
		}
		if err := s.removeAssignment(ctx, tx, a); err != nil {
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
	tx.Changed(Topic, string(a.Name))
	return s.log.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: "Microsoft.Authorization/roleAssignments/" + verb,
		Target: a.ID(), Subscription: a.Scope.Subscription(),
		Details: map[string]string{"principal_id": string(a.Principal), "principal_type": string(a.PrincipalType),
			"role_id": string(a.Role), "scope": a.Scope.String()},
	})
}
