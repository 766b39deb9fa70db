package rbac

import (
	"context"
	"fmt"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// staleness is what the policy in use does not show yet.
type staleness struct {
	all, roles, denies bool
	principals         map[id.Object]bool
}

// mostPrincipals is how many changed principals are read one by one; beyond it all are.
const mostPrincipals = 1000

// follow notes what the feed says, at once or later.
func (s *Service) follow(keys []string) {
	if s.delay != nil {
		s.delay(func() { s.mark(keys) })
		return
	}
	s.mark(keys)
}

// mark notes what is to be read again before the next decision.
func (s *Service) mark(keys []string) {
	s.mu.Lock()
	for _, key := range keys {
		s.stale.note(key)
	}
	s.mu.Unlock()
	s.changes.Add(1)
}

// note adds a key of the feed. One that nobody knows comes from another release: then
// everything is read again.
func (n *staleness) note(key string) {
	kind, name, _ := strings.Cut(key, "/")
	switch kind {
	case "assignment":
		if n.principals == nil {
			n.principals = map[id.Object]bool{}
		}
		n.principals[id.Object(name)] = true
		n.all = n.all || len(n.principals) > mostPrincipals
	case "role":
		n.roles = true
	case "deny":
		n.denies = true
	default:
		n.all = true
	}
}

// add merges what could not be read into what changed meanwhile.
func (n *staleness) add(m staleness) {
	n.all, n.roles, n.denies = n.all || m.all, n.roles || m.roles, n.denies || m.denies
	for p := range m.principals {
		n.note("assignment/" + string(p))
	}
}

// policy returns a policy that holds every change this process has heard of, reading what
// changed if need be. Changes of other processes arrive on the feed within a second (L-3).
func (s *Service) policy(ctx context.Context) (*Policy, error) {
	if l := s.current.Load(); l != nil && l.changes == s.changes.Load() {
		return l.policy, nil
	}
	if !s.filled.Load() { // before the lock: this one writes
		if err := s.fillPaths(ctx); err != nil {
			return nil, err
		}
		s.filled.Store(true)
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	changes := s.changes.Load() // before reading: a change meanwhile makes the result stale
	l := s.current.Load()
	if l != nil && l.changes == changes {
		return l.policy, nil
	}
	s.mu.Lock()
	stale := s.stale
	s.stale = staleness{}
	s.mu.Unlock()
	var p *Policy
	var err error
	if stale.all || l == nil || s.book.holding.Stale(l.policy.set) {
		p, err = s.readAll(ctx)
	} else {
		p, err = s.readChanged(ctx, l.policy, stale)
	}
	if err != nil {
		s.mu.Lock()
		s.stale.add(stale)
		s.mu.Unlock()
		return nil, err
	}
	s.current.Store(&loaded{changes, p})
	return p, nil
}

// readAll reads everything, row by row, into a new policy.
func (s *Service) readAll(ctx context.Context) (*Policy, error) {
	var p *Policy
	fresh := &book{}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		definitions, err := s.readRoles(ctx, tx)
		if err != nil {
			return err
		}
		denies, err := readDenies(ctx, tx, "", nil)
		if err != nil {
			return err
		}
		p = fresh.fill(definitions, denies, func(yield func(*Assignment)) {
			err = eachGrant(ctx, tx, "", nil, yield)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	s.book = fresh
	return p, nil
}

// readRoles reads the custom roles and adds the built-in ones.
func (s *Service) readRoles(ctx context.Context, tx *store.Tx) ([]*Definition, error) {
	custom, err := readDefinitions(ctx, tx)
	return append(append([]*Definition{}, s.builtIn...), custom...), err
}

// readChanged reads what changed and makes the next policy.
func (s *Service) readChanged(ctx context.Context, p *Policy, stale staleness) (*Policy, error) {
	var definitions []*Definition
	var denies []*DenyAssignment
	changed := map[id.Object][]*Assignment{}
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if stale.roles {
			if definitions, err = s.readRoles(ctx, tx); err != nil {
				return err
			}
		}
		if stale.denies {
			if denies, err = readDenies(ctx, tx, "", nil); err != nil {
				return err
			}
			denies = append([]*DenyAssignment{}, denies...) // none is not "unchanged"
		}
		for principal := range stale.principals {
			changed[principal] = nil
			err = eachGrant(ctx, tx, "WHERE principal_id = $1", []any{string(principal)}, func(a *Assignment) {
				changed[principal] = append(changed[principal], a)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.book.next(p, definitions, denies, changed), nil
}

// eachGrant reads what decisions need of the assignments that a WHERE clause selects.
func eachGrant(ctx context.Context, tx *store.Tx, where string, args []any, yield func(*Assignment)) error {
	err := tx.Query(ctx, tx.Sound(ctx, "role assignment", func(r store.Row) error {
		var a Assignment
		var name, scope, role, principal, kind string
		if err := r.Scan(&name, &scope, &role, &principal, &kind, &a.Condition); err != nil {
			return err
		}
		at, err := resource.ParseID(scope)
		if err != nil {
			return fmt.Errorf("role assignment %s has scope %q: %w", name, scope, err)
		}
		a.Name, a.Scope, a.Role, a.Principal, a.PrincipalType = AssignmentID(name), at, RoleID(role), id.Object(principal), PrincipalType(kind)
		yield(&a)
		return nil
	}), "SELECT name, scope, role_id, principal_id, principal_type, condition FROM role_assignment "+where, args...)
	if err != nil {
		return fmt.Errorf("read the grants: %w", err)
	}
	return nil
}

// fillPaths gives the assignments that a release before scope_path wrote their path, and
// the tenant of their principal.
func (s *Service) fillPaths(ctx context.Context) error {
	var missing []*Assignment
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		missing, err = readAssignments(ctx, tx, "WHERE scope_path IS NULL", nil)
		return err
	})
	if err != nil || len(missing) == 0 {
		return err
	}
	for _, a := range missing {
		if a.Tenant, _, err = s.directory.TenantOf(ctx, a.Principal); err != nil {
			return err
		}
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		for _, a := range missing {
			_, err := tx.Exec(ctx, "UPDATE role_assignment SET scope_path = $1, tenant_id = $2 WHERE name = $3", []byte(a.Scope.Key()), string(a.Tenant), string(a.Name))
			if err != nil {
				return fmt.Errorf("give assignment %s its path: %w", a.Name, err)
			}
		}
		return nil
	})
}
