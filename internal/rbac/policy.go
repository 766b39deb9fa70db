package rbac

import (
	"slices"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac/condition"
	"github.com/sealring/sealring/internal/rbac/holding"
	"github.com/sealring/sealring/internal/rbac/permission"
)

// Policy is an immutable set of roles, assignments and deny assignments, prepared for
// decisions. It is safe for concurrent use, and everything it points to is read only.
type Policy struct {
	roles      *roleTable
	set        *holding.Set
	conditions []condition.Condition // by number; 0 is none
	denies     map[string][]denial   // by key of the scope, in order of names
	depths     uint32                // of the scopes of denies
}

// book makes a Policy, and the next one from what changed. One goroutine at a time.
type book struct {
	holding    holding.Book
	conditions []condition.Condition
	numbers    map[string]uint32 // of conditions, by text
}

// The marks of grants: the number of the condition, and the kind of the principal above it.
const (
	kindShift     = 28
	conditionMask = 1<<kindShift - 1
)

// kinds are the principal types by number.
var kinds = []PrincipalType{"", User, Group, ServicePrincipal, ForeignGroup, Device, UnknownType}

// Compile prepares a policy. An assignment whose role is not among the definitions grants nothing.
func Compile(definitions []*Definition, assignments []*Assignment, denies []*DenyAssignment) *Policy {
	var b book
	return b.fill(definitions, denies, func(yield func(*Assignment)) {
		for _, a := range assignments {
			yield(a)
		}
	})
}

// fill makes the first Policy from all assignments.
func (b *book) fill(definitions []*Definition, denies []*DenyAssignment, each func(yield func(*Assignment))) *Policy {
	p := &Policy{roles: newRoleTable(definitions, nil)}
	p.setDenies(denies)
	p.set = b.holding.Fill(func(yield func(id.Object, holding.Entry)) {
		each(func(a *Assignment) {
			if e, ok := b.entry(p.roles, a); ok {
				yield(a.Principal, e)
			}
		})
	})
	p.roles.roles = append(p.roles.roles, make([]*permission.Set, len(p.roles.ids)-len(p.roles.roles))...)
	p.conditions = b.conditions
	return p
}

// next makes a Policy in which the principals hold what is said here; definitions and
// denies are nil where they did not change.
func (b *book) next(p *Policy, definitions []*Definition, denies []*DenyAssignment, changed map[id.Object][]*Assignment) *Policy {
	n := *p
	if definitions != nil {
		n.roles = newRoleTable(definitions, p.roles)
	}
	if denies != nil {
		n.setDenies(denies)
	}
	entries := make(map[id.Object][]holding.Entry, len(changed))
	var named []RoleID
	for _, list := range changed {
		for _, a := range list {
			named = append(named, a.Role)
		}
	}
	n.roles = n.roles.with(named)
	for principal, list := range changed {
		entries[principal] = nil
		for _, a := range list {
			if e, ok := b.entry(n.roles, a); ok {
				entries[principal] = append(entries[principal], e)
			}
		}
	}
	n.set = b.holding.With(p.set, entries)
	n.conditions = b.conditions
	return &n
}

// entry shapes an assignment for the set; ok is false for one that can grant nothing.
func (b *book) entry(roles *roleTable, a *Assignment) (e holding.Entry, ok bool) {
	e.Name, ok = holding.ParseName(string(a.Name))
	e.Scope, e.Role = a.Scope, roles.number(a.Role)
	e.Mark = b.condition(a.Condition) | uint32(max(slices.Index(kinds, a.PrincipalType), 0))<<kindShift
	return e, ok && !a.Scope.IsZero()
}

// condition gives a condition its number; assignments share the equal ones.
func (b *book) condition(text string) uint32 {
	if text == "" {
		return 0
	}
	if n, known := b.numbers[text]; known {
		return n
	}
	if b.numbers == nil {
		b.numbers, b.conditions = map[string]uint32{}, []condition.Condition{{}}
	}
	n := uint32(len(b.conditions))
	b.conditions = append(b.conditions, condition.OrUnknown(text))
	b.numbers[text] = n
	return n
}

// assignment spells a grant out as an assignment, without its description and its times.
func (p *Policy) assignment(principal id.Object, g holding.Grant) *Assignment {
	a := &Assignment{Name: AssignmentID(g.Name.String()), Scope: p.set.Scope(g), Role: p.roles.ids[g.Role],
		Principal: principal, PrincipalType: kinds[g.Mark>>kindShift]}
	if n := g.Mark & conditionMask; n != 0 {
		a.Condition, a.ConditionVersion = p.conditions[n].Text(), "2.0"
	}
	return a
}

// held returns what a principal holds itself, the longest scope first, then the lowest name.
func (p *Policy) held(principal id.Object) []*Assignment {
	grants := p.set.Of(principal).Grants()
	list := make([]*Assignment, len(grants))
	for i, g := range grants {
		list[i] = p.assignment(principal, g)
	}
	slices.SortFunc(list, byReach)
	return list
}
