package rbac

import (
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/id"
)

// Policy is an immutable set of roles, assignments and deny assignments, prepared for
// decisions. It is safe for concurrent use, and everything it points to is read only.
type Policy struct {
	definitions []*Definition // by name
	roles       map[RoleID]*Definition
	assignments []*Assignment // by length of scope, then name
	byName      map[AssignmentID]*Assignment
	holders     map[id.Object]*holder
	denies      []denial // longest scope first, then lowest name
}

// holder is everything assigned to one principal. depths has a bit for every depth of
// scope that occurs, so that most scopes above a request need no look-up.
type holder struct {
	depths uint64
	at     map[string][]grant // by key of the scope, in order of names
}

// grant is an assignment with its role.
type grant struct {
	assignment *Assignment
	role       *compiledRole
}

// denial is a compiled deny assignment.
type denial struct {
	assignment *DenyAssignment
	blocks     *compiledRole
	everyone   bool
}

// Compile prepares a policy. An assignment whose role is not among the definitions grants nothing.
func Compile(definitions []*Definition, assignments []*Assignment, denies []*DenyAssignment) *Policy {
	p := &Policy{
		definitions: slices.Clone(definitions),
		roles:       make(map[RoleID]*Definition, len(definitions)),
		assignments: slices.Clone(assignments),
		byName:      make(map[AssignmentID]*Assignment, len(assignments)),
		holders:     map[id.Object]*holder{},
	}
	sortByName(p.definitions)
	for _, d := range definitions {
		p.roles[d.ID] = d
	}
	slices.SortFunc(p.assignments, func(a, b *Assignment) int {
		if n := len(a.Scope.Key()) - len(b.Scope.Key()); n != 0 {
			return n
		}
		return strings.Compare(string(a.Name), string(b.Name))
	})
	compiled := map[RoleID]*compiledRole{}
	for _, a := range p.assignments {
		p.byName[a.Name] = a
		definition := p.roles[a.Role]
		if definition == nil || a.Scope.IsZero() {
			continue
		}
		role := compiled[a.Role]
		if role == nil {
			role = compileBlocks(definition.Permissions, false)
			compiled[a.Role] = role
		}
		p.hold(a, role)
	}
	for _, d := range denies {
		p.denies = append(p.denies, denial{d, compileBlocks(d.Permissions, true), slices.Contains(d.Principals, Everyone)})
	}
	slices.SortFunc(p.denies, func(a, b denial) int {
		if n := len(b.assignment.Scope.Key()) - len(a.assignment.Scope.Key()); n != 0 {
			return n
		}
		return strings.Compare(string(a.assignment.Name), string(b.assignment.Name))
	})
	return p
}

// hold enters an assignment under its principal.
func (p *Policy) hold(a *Assignment, role *compiledRole) {
	h := p.holders[a.Principal]
	if h == nil {
		h = &holder{at: map[string][]grant{}}
		p.holders[a.Principal] = h
	}
	key := a.Scope.Key()
	h.at[key] = append(h.at[key], grant{a, role})
	h.depths |= depthBit(depthOf(key))
}

// depthOf counts the segments of a scope's key; 0 for the root.
func depthOf(key string) int {
	if key == "/" {
		return 0
	}
	return strings.Count(key, "/")
}

// depthBit is the bit of a depth; everything deeper than 62 shares the last one.
func depthBit(depth int) uint64 { return 1 << min(depth, 63) }
