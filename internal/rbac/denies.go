package rbac

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// mostDenies bounds the deny assignments of an installation: each one at a scope is looked
// at by every decision below it.
const mostDenies = 2000

// ListDenies returns the deny assignments that q selects, by length of scope, then name.
// A principal in q keeps those that concern it: directly, or for AssignedTo through groups
// and as one of everyone.
func (s *Service) ListDenies(ctx context.Context, q AssignmentQuery) ([]*DenyAssignment, error) {
	var all []*DenyAssignment
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		all, err = readDenies(ctx, tx, "", nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	reach, err := s.reach(ctx, q.Scope, q.Tenant)
	if err != nil {
		return nil, err
	}
	var groups []id.Object
	if q.AssignedTo != "" {
		if groups, _, err = s.directory.Groups(ctx, q.AssignedTo); err != nil {
			return nil, err
		}
		groups = append(groups, Everyone)
	}
	all = slices.DeleteFunc(all, func(d *DenyAssignment) bool {
		switch {
		case !reach.holds(d.Scope, q.AtScope):
			return true
		case q.Principal != "" && !slices.Contains(d.Principals, q.Principal):
			return true
		}
		return q.AssignedTo != "" && (!names(d.Principals, q.AssignedTo, groups) || names(d.Exclude, q.AssignedTo, groups))
	})
	slices.SortFunc(all, func(a, b *DenyAssignment) int {
		return byReach(&Assignment{Name: b.Name, Scope: b.Scope}, &Assignment{Name: a.Name, Scope: a.Scope})
	})
	return all, nil
}

// GetDeny returns the deny assignment of that name at that scope. Errors: ErrDenyNotFound.
func (s *Service) GetDeny(ctx context.Context, scope resource.ID, name AssignmentID) (*DenyAssignment, error) {
	var found *DenyAssignment
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		found, err = denyIn(ctx, tx, scope, name)
		return err
	})
	return found, err
}

// denyIn is GetDeny in a transaction.
func denyIn(ctx context.Context, tx *store.Tx, scope resource.ID, name AssignmentID) (*DenyAssignment, error) {
	found, err := readDenies(ctx, tx, "WHERE name = $1", []any{string(name)})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || !found[0].Scope.Equal(scope) {
		return nil, ErrDenyNotFound.With("The deny assignment '%s' is not found.", name)
	}
	return found[0], nil
}

// PutDeny creates or replaces a deny assignment; Created and Updated are set here. Rooms
// demand Microsoft.Authorization/denyAssignments/write at the scope first. Azure lets nobody
// write one (docs/divergences.md); here whoever is forbidden to take it back cannot write
// it. Errors: ErrDenyInvalid, ErrDenyProtected, ErrDenyLocksOut, ErrCondition.
func (s *Service) PutDeny(ctx context.Context, d DenyAssignment) (*DenyAssignment, error) {
	if err := s.checkDeny(ctx, &d); err != nil {
		return nil, err
	}
	now, actor := s.now().UTC().Truncate(time.Second), audit.ActorFrom(ctx).Object
	d.Created, d.CreatedBy, d.Updated, d.UpdatedBy = now, actor, now, actor
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		found, err := readDenies(ctx, tx, "", nil)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(found, func(old *DenyAssignment) bool { return old.Name == d.Name })
		switch {
		case at < 0 && len(found) >= mostDenies:
			return ErrDenyInvalid.With("No more deny assignments can be created (%d exist).", len(found))
		case at >= 0 && found[at].Protected && actor != "":
			return ErrDenyProtected
		case at >= 0 && !found[at].Scope.Equal(d.Scope):
			return ErrDenyInvalid.With("A deny assignment of that name exists at another scope.")
		case at >= 0:
			d.Created, d.CreatedBy = found[at].Created, found[at].CreatedBy
		}
		if err := replaceDeny(ctx, tx, &d); err != nil {
			return err
		}
		return s.denyChanged(ctx, tx, &d, "write")
	})
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// checkDeny applies the rules that need no store.
func (s *Service) checkDeny(ctx context.Context, d *DenyAssignment) error {
	guid, err := ParseAssignmentID(string(d.Name))
	switch {
	case err != nil || guid != d.Name:
		return ErrAssignmentName
	case d.DisplayName == "" || len(d.DisplayName) > 256 || len(d.Description) > 2048:
		return ErrDenyInvalid.With("A deny assignment needs a name of 1 to 256 characters and a description of at most 2048.")
	case d.Scope.IsRoot():
		return ErrDenyInvalid.With("A deny assignment cannot stand at the root, which all tenants share. Use the root management group of the tenant.")
	case len(d.Principals) == 0 || len(d.Principals)+len(d.Exclude) > 200:
		return ErrDenyInvalid.With("A deny assignment names between 1 and 200 principals.")
	case len(d.Permissions) == 0:
		return ErrDenyInvalid.With("A deny assignment needs at least one block of permissions.")
	}
	if err := checkPermissions(d.Permissions, ErrDenyInvalid); err != nil {
		return err
	}
	actor := audit.ActorFrom(ctx).Object
	if actor == "" {
		return nil
	}
	groups, _, err := s.directory.Groups(ctx, actor)
	if err != nil {
		return err
	}
	r := Request{Principal: actor, Action: "Microsoft.Authorization/denyAssignments/delete", Scope: d.Scope}
	if Compile(nil, nil, []*DenyAssignment{d}).Decide(r, Facts{Groups: groups, Now: s.now()}).Deny != nil {
		return ErrDenyLocksOut
	}
	return nil
}

// DeleteDeny removes a deny assignment and returns it. Errors: ErrDenyNotFound, ErrDenyProtected.
func (s *Service) DeleteDeny(ctx context.Context, scope resource.ID, name AssignmentID) (*DenyAssignment, error) {
	var gone *DenyAssignment
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if gone, err = denyIn(ctx, tx, scope, name); err != nil {
			return err
		}
		if gone.Protected && audit.ActorFrom(ctx).Object != "" {
			return ErrDenyProtected
		}
		return s.removeDeny(ctx, tx, gone)
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// removeDeny deletes the row and records it.
func (s *Service) removeDeny(ctx context.Context, tx *store.Tx, d *DenyAssignment) error {
	if _, err := tx.Exec(ctx, "DELETE FROM deny_assignment WHERE name = $1", string(d.Name)); err != nil {
		return fmt.Errorf("delete deny assignment %s: %w", d.Name, err)
	}
	return s.denyChanged(ctx, tx, d, "delete")
}

// denyChanged puts a write on the feed and on record, in its transaction (D-3).
func (s *Service) denyChanged(ctx context.Context, tx *store.Tx, d *DenyAssignment, verb string) error {
	tx.Changed(Topic, "deny/"+string(d.Name))
	return s.log.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: "Microsoft.Authorization/denyAssignments/" + verb,
		Target: d.ID(), Subscription: d.Scope.Subscription(),
		Details: map[string]string{"deny_assignment_name": d.DisplayName, "scope": d.Scope.String()},
	})
}

// replaceDeny writes a deny assignment over the one of the same name, if any.
func replaceDeny(ctx context.Context, tx *store.Tx, d *DenyAssignment) error {
	permissions, err := json.Marshal(d.Permissions)
	if err != nil {
		return fmt.Errorf("encode permissions: %w", err)
	}
	principals, err := json.Marshal(d.Principals)
	if err != nil {
		return fmt.Errorf("encode principals: %w", err)
	}
	exclude, err := json.Marshal(d.Exclude)
	if err != nil {
		return fmt.Errorf("encode excluded principals: %w", err)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM deny_assignment WHERE name = $1", string(d.Name)); err != nil {
		return fmt.Errorf("replace deny assignment %s: %w", d.Name, err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO deny_assignment (name, scope, subscription, display_name, description, permissions, exact_scope,
		principals, exclude, protected, created_at, created_by, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		string(d.Name), d.Scope.String(), string(d.Scope.Subscription()), d.DisplayName, d.Description, string(permissions), d.ExactScope,
		string(principals), string(exclude), d.Protected, d.Created.Unix(), string(d.CreatedBy), d.Updated.Unix(), string(d.UpdatedBy))
	if err != nil {
		return fmt.Errorf("insert deny assignment %s: %w", d.Name, err)
	}
	return nil
}

// readDenies reads the deny assignments that a WHERE clause selects. A row that cannot be
// read is a failure: to leave it out would allow what it forbids.
func readDenies(ctx context.Context, tx *store.Tx, where string, args []any) ([]*DenyAssignment, error) {
	var list []*DenyAssignment
	err := tx.Query(ctx, func(r store.Row) error {
		var d DenyAssignment
		var name, scope, permissions, principals, exclude, createdBy, updatedBy string
		var created, updated int64
		err := r.Scan(&name, &scope, &d.DisplayName, &d.Description, &permissions, &d.ExactScope, &principals, &exclude, &d.Protected,
			&created, &createdBy, &updated, &updatedBy)
		if err != nil {
			return fmt.Errorf("scan a deny assignment: %w", err)
		}
		if d.Scope, err = resource.ParseID(scope); err != nil {
			return fmt.Errorf("deny assignment %s has scope %q: %w", name, scope, err)
		}
		if err := json.Unmarshal([]byte(permissions), &d.Permissions); err != nil {
			return fmt.Errorf("permissions of deny assignment %s: %w", name, err)
		}
		if err := json.Unmarshal([]byte(principals), &d.Principals); err != nil {
			return fmt.Errorf("principals of deny assignment %s: %w", name, err)
		}
		if err := json.Unmarshal([]byte(exclude), &d.Exclude); err != nil {
			return fmt.Errorf("excluded principals of deny assignment %s: %w", name, err)
		}
		d.Name = AssignmentID(name)
		d.Created, d.CreatedBy = time.Unix(created, 0).UTC(), id.Object(createdBy)
		d.Updated, d.UpdatedBy = time.Unix(updated, 0).UTC(), id.Object(updatedBy)
		list = append(list, &d)
		return nil
	}, `SELECT name, scope, display_name, description, permissions, exact_scope, principals, exclude, protected,
		created_at, created_by, updated_at, updated_by FROM deny_assignment `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read deny assignments: %w", err)
	}
	return list, nil
}
