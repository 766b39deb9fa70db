package rbac

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// reach is a scope with what lies above and below it, management groups included.
type reach struct {
	scope        resource.ID
	above, below []resource.ID
	bounded      bool // the scope is the root, and not everything is below it
}

// reach looks around a scope, in one tenant or, for "", in all.
func (s *Service) reach(ctx context.Context, scope resource.ID, tenant id.Tenant) (r reach, err error) {
	r.scope = scope
	if scope.IsRoot() && tenant != "" && s.hierarchy != nil {
		r.bounded = true
		top, err := resource.ParseID("/providers/Microsoft.Management/managementGroups/" + string(tenant))
		if err != nil {
			return r, fmt.Errorf("name the root of tenant %s: %w", tenant, err)
		}
		r.below, err = s.hierarchy.Below(ctx, top)
		r.below = append(r.below, top)
		return r, err
	}
	if r.above, err = s.above(ctx, scope); err != nil || s.hierarchy == nil || scope.IsRoot() || scope.Subscription() != "" {
		return r, err
	}
	r.below, err = s.hierarchy.Below(ctx, scope)
	return r, err
}

// holds reports whether at is the scope or above it, or, unless atScope, below it.
func (r *reach) holds(at resource.ID, atScope bool) bool {
	if at.Contains(r.scope) || slices.ContainsFunc(r.above, at.Equal) {
		return true
	}
	return !atScope && (!r.bounded && r.scope.Contains(at) || slices.ContainsFunc(r.below, func(b resource.ID) bool { return b.Contains(at) }))
}

// span is a range of paths: one path, or all that continue one with a slash.
type span struct {
	path  []byte
	below bool
}

// low is where the span begins: at the path, or behind it with its slash.
func (s span) low() []byte {
	if s.below && len(s.path) > 1 {
		return append(slices.Clone(s.path), '/')
	}
	return s.path
}

// high is before what the span ends; '0' follows '/'.
func (s span) high() []byte {
	if len(s.path) > 1 {
		return append(slices.Clone(s.path), '0')
	}
	return []byte("0")
}

// spans are the ranges of paths of a reach, in order and without overlap.
func (r *reach) spans(atScope bool) []span {
	var list []span
	for at := r.scope.Key(); at != ""; at = parentKey(at) {
		list = append(list, span{path: []byte(at)})
	}
	for _, a := range r.above {
		list = append(list, span{path: []byte(a.Key())})
	}
	if !atScope {
		if !r.bounded {
			list = append(list, span{path: []byte(r.scope.Key()), below: true})
		}
		for _, b := range r.below {
			list = append(list, span{path: []byte(b.Key())}, span{path: []byte(b.Key()), below: true})
		}
	}
	slices.SortFunc(list, func(a, b span) int {
		if n := bytes.Compare(a.low(), b.low()); n != 0 || a.below == b.below {
			return n
		}
		if b.below {
			return -1
		}
		return 1
	})
	return slices.CompactFunc(list, func(a, b span) bool { return a.below == b.below && bytes.Equal(a.path, b.path) })
}

// parentKey cuts the last segment off a scope's key: "/" above one segment, "" above the root.
func parentKey(key string) string {
	switch i := strings.LastIndexByte(key, '/'); {
	case key == "/" || i < 0:
		return ""
	case i == 0:
		return "/"
	default:
		return key[:i]
	}
}

// AssignmentPage returns up to limit assignments that q selects, by scope and name, those
// behind the position after; next is where to go on, "" at the end. Assignments of deleted
// principals are among them (L-9).
func (s *Service) AssignmentPage(ctx context.Context, q AssignmentQuery, after string, limit int) (list []*Assignment, next string, err error) {
	r, err := s.reach(ctx, q.Scope, q.Tenant)
	if err != nil {
		return nil, "", err
	}
	principals, err := s.principalsOf(ctx, q)
	if err != nil {
		return nil, "", err
	}
	// A position is a name, a blank and a path. Paths hold no line feed, and names no blank.
	afterName, afterPath, _ := strings.Cut(after, " ")
	err = s.db.View(ctx, func(tx *store.Tx) error {
		for _, span := range r.spans(q.AtScope) {
			if len(list) > limit {
				break
			}
			if afterPath != "" && (span.below && bytes.Compare(span.high(), []byte(afterPath)) <= 0 || !span.below && bytes.Compare(span.path, []byte(afterPath)) < 0) {
				continue
			}
			more, err := readSpan(ctx, tx, span, q, principals, afterName, afterPath, limit+1-len(list))
			if err != nil {
				return err
			}
			list = append(list, more...)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = string(last.Name) + " " + last.Scope.Key()
	}
	return list, next, nil
}

// principalsOf returns whose assignments q wants; nil for everybody's.
func (s *Service) principalsOf(ctx context.Context, q AssignmentQuery) ([]id.Object, error) {
	switch {
	case q.Principal == "" && q.AssignedTo == "":
		return nil, nil
	case q.AssignedTo == "":
		return []id.Object{q.Principal}, nil
	}
	groups, _, err := s.directory.Groups(ctx, q.AssignedTo)
	if err != nil {
		return nil, err
	}
	holders := append([]id.Object{q.AssignedTo}, groups...)
	if q.Principal != "" {
		holders = slices.DeleteFunc(holders, func(o id.Object) bool { return o != q.Principal })
	}
	return append(holders, ""), nil // never nil: nobody is not everybody
}

// readSpan reads the assignments of one range of paths, behind a position.
func readSpan(ctx context.Context, tx *store.Tx, sp span, q AssignmentQuery, principals []id.Object, afterName, afterPath string, limit int) ([]*Assignment, error) {
	var where []string
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	if sp.below {
		where = append(where, "scope_path > "+arg(sp.low()), "scope_path < "+arg(sp.high()))
		if afterPath != "" && bytes.Compare([]byte(afterPath), sp.low()) > 0 {
			where = append(where, "(scope_path, name) > ("+arg([]byte(afterPath))+", "+arg(afterName)+")")
		}
	} else {
		where = append(where, "scope_path = "+arg(sp.path))
		if afterPath == string(sp.path) {
			where = append(where, "name > "+arg(afterName))
		}
	}
	if principals != nil {
		marks := make([]string, len(principals))
		for i, p := range principals {
			marks[i] = arg(string(p))
		}
		where = append(where, "principal_id IN ("+strings.Join(marks, ", ")+")")
	}
	if q.Tenant != "" && string(sp.path) == "/" {
		where = append(where, "tenant_id IN ("+arg(string(q.Tenant))+", '')")
	}
	if q.Role != "" {
		where = append(where, "role_id = "+arg(string(q.Role)))
	}
	return readAssignments(ctx, tx, "WHERE "+strings.Join(where, " AND ")+" ORDER BY scope_path, name LIMIT "+arg(limit), args)
}

// ListAssignments returns all that q selects, by scope and name: for lists that are known
// to be short.
func (s *Service) ListAssignments(ctx context.Context, q AssignmentQuery) ([]*Assignment, error) {
	list, _, err := s.AssignmentPage(ctx, q, "", 1<<30)
	return list, err
}

// Exists reports whether the subscription or management group of a scope is there and
// belongs to the tenant; the root, and what cannot be known, counts as there.
func (s *Service) Exists(ctx context.Context, tenant id.Tenant, scope resource.ID) (bool, error) {
	if s.hierarchy == nil || scope.IsRoot() || scope.Subscription() == "" && !isManagementGroup(scope) {
		return true, nil
	}
	at, err := s.hierarchy.Tenant(ctx, scope)
	return at == tenant, err
}
