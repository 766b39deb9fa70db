package rbac

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sealring/sealring/internal/rbac/pattern"
	"github.com/sealring/sealring/internal/rbac/permission"
)

// roleTable is the roles by number. Numbers of roles that are gone stay, and grant nothing.
// Apart from what it remembers of actions it is immutable.
type roleTable struct {
	definitions []*Definition // by name
	byID        map[RoleID]*Definition
	numbers     map[RoleID]uint32
	ids         []RoleID
	roles       []*permission.Set // nil: unknown or deleted
	planes      [2]actionCache    // control, data
}

// newRoleTable numbers the definitions, keeping the numbers of old; old may be nil.
func newRoleTable(definitions []*Definition, old *roleTable) *roleTable {
	t := &roleTable{definitions: slices.Clone(definitions), byID: make(map[RoleID]*Definition, len(definitions)), numbers: map[RoleID]uint32{}}
	if old != nil {
		t.numbers, t.ids = maps.Clone(old.numbers), slices.Clone(old.ids)
	}
	sortByName(t.definitions)
	for _, d := range t.definitions {
		t.byID[d.ID] = d
		t.number(d.ID)
	}
	t.roles = make([]*permission.Set, len(t.ids))
	for i, role := range t.ids {
		d := t.byID[role]
		switch {
		case d == nil:
		case old != nil && old.byID[role] == d:
			t.roles[i] = old.roles[i]
		default:
			t.roles[i] = permission.Compile(d.Permissions)
		}
	}
	return t
}

// number gives a role its number, a new one if it has none.
func (t *roleTable) number(role RoleID) uint32 {
	n, known := t.numbers[role]
	if !known {
		n = uint32(len(t.ids))
		t.numbers[role], t.ids = n, append(t.ids, role)
	}
	return n
}

// with returns a table in which all of these roles have numbers.
func (t *roleTable) with(roles []RoleID) *roleTable {
	missing := func(r RoleID) bool { _, known := t.numbers[r]; return !known }
	if !slices.ContainsFunc(roles, missing) {
		return t
	}
	next := newRoleTable(t.definitions, t)
	for _, r := range roles {
		next.number(r)
	}
	next.roles = append(next.roles, make([]*permission.Set, len(next.ids)-len(next.roles))...)
	return next
}

// The bounds of what is remembered of actions: how many, and how long, in bytes.
const (
	mostActions   = 512
	longestAction = 256
)

// actionCache remembers how roles stand to the actions of one plane. The actions that our
// services ask for are few; when others crowd it, it begins anew.
type actionCache struct {
	known atomic.Pointer[map[string]*coverage]
	mu    sync.Mutex // held by whoever adds
}

// coverage is how all roles stand to an action; 0 where nobody asked yet.
type coverage struct {
	folded []byte
	data   bool
	of     []atomic.Uint32 // by number of the role
}

// coverage returns what there is to know of an action, in any letter case.
func (t *roleTable) coverage(action string, data bool) *coverage {
	cache := &t.planes[0]
	if data {
		cache = &t.planes[1]
	}
	if known := cache.known.Load(); known != nil {
		if c := (*known)[action]; c != nil {
			return c
		}
	}
	c := &coverage{folded: pattern.Fold(nil, action), data: data, of: make([]atomic.Uint32, len(t.roles))}
	if len(action) > longestAction {
		return c
	}
	cache.mu.Lock()
	defer cache.mu.Unlock()
	next := map[string]*coverage{}
	if known := cache.known.Load(); known != nil && len(*known) < mostActions {
		next = maps.Clone(*known)
	}
	next[action] = c
	cache.known.Store(&next)
	return c
}

// covers says how the role with that number stands to the action.
func (t *roleTable) covers(c *coverage, role uint32) permission.Coverage {
	stands := permission.Coverage(c.of[role].Load())
	if stands == 0 {
		stands = permission.Never
		if r := t.roles[role]; r != nil {
			stands = r.Covers(c.folded, c.data)
		}
		c.of[role].Store(uint32(stands))
	}
	return stands
}
