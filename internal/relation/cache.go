package relation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// state is all relations in memory. Objects behind pointers and lists are replaced, never
// changed, once they can be read.
type state struct {
	groups      map[id.Object]*Group
	ordered     map[id.Tenant][]*Group // by object id
	edges       edges
	assignments map[string]*AppRoleAssignment
	byPrincipal map[id.Object][]*AppRoleAssignment // by id
	byResource  map[id.Object][]*AppRoleAssignment // by id
	grants      map[string]*Grant
	granted     map[id.Tenant][]*Grant // by id
	// closures are the transitive groups of members that were asked for, until a group or a
	// membership changes.
	closures *sync.Map
}

// newState returns the state of an empty store.
func newState() *state {
	return &state{
		groups: map[id.Object]*Group{}, ordered: map[id.Tenant][]*Group{}, edges: newEdges(),
		assignments: map[string]*AppRoleAssignment{}, byPrincipal: map[id.Object][]*AppRoleAssignment{}, byResource: map[id.Object][]*AppRoleAssignment{},
		grants: map[string]*Grant{}, granted: map[id.Tenant][]*Grant{}, closures: &sync.Map{},
	}
}

// cache holds the state and the keys that are newer in the store. A reader that finds such
// keys loads them first, so it sees every write that was delivered before it asked.
type cache struct {
	db *store.DB

	refresh sync.Mutex // held while loading; taken before mu and staleMu

	// fresh is true while everything is loaded and stale is empty; set under staleMu.
	fresh atomic.Bool

	mu     sync.RWMutex // guards state and loaded
	state  *state
	loaded bool

	staleMu sync.Mutex // guards stale and gen; the innermost lock
	stale   map[string]uint64
	gen     uint64
}

// newCache returns an empty cache that loads everything on first use.
func newCache(db *store.DB) *cache {
	return &cache{db: db, stale: map[string]uint64{}, state: newState()}
}

// invalidate notes keys of the change feed. It does not use the store.
func (c *cache) invalidate(keys []string) {
	c.staleMu.Lock()
	defer c.staleMu.Unlock()
	c.gen++
	c.fresh.Store(false)
	for _, k := range keys {
		c.stale[k] = c.gen
	}
}

// read returns the state with mu held for reading; call done when finished with it.
func (c *cache) read(ctx context.Context) (*state, error) {
	if err := c.db.Fresh(); err != nil {
		return nil, err
	}
	if !c.fresh.Load() {
		if err := c.load(ctx); err != nil {
			return nil, err
		}
	}
	c.mu.RLock()
	return c.state, nil
}

// done ends a read.
func (c *cache) done() { c.mu.RUnlock() }

// load brings the state to what the store held when load began, or later.
func (c *cache) load(ctx context.Context) error {
	c.refresh.Lock()
	defer c.refresh.Unlock()
	c.staleMu.Lock()
	wanted := maps.Clone(c.stale)
	c.staleMu.Unlock()
	c.mu.RLock()
	all := !c.loaded
	c.mu.RUnlock()
	if !all && len(wanted) == 0 {
		return nil // another reader has loaded meanwhile
	}
	var rows loadedRows
	err := c.db.View(ctx, func(tx *store.Tx) error {
		if all {
			return rows.readAll(ctx, tx)
		}
		return rows.read(ctx, tx, slices.Collect(maps.Keys(wanted)))
	})
	if err != nil {
		return fmt.Errorf("load relations: %w", err)
	}
	c.mu.Lock()
	for k := range wanted {
		c.state.remove(k)
	}
	c.state.add(rows)
	c.loaded = true
	c.mu.Unlock()
	c.staleMu.Lock()
	for k, gen := range wanted {
		if c.stale[k] == gen {
			delete(c.stale, k)
		}
	}
	c.fresh.Store(len(c.stale) == 0)
	c.staleMu.Unlock()
	return nil
}

// remove takes what a feed key names out of every index.
func (s *state) remove(key string) {
	kind, name, _ := strings.Cut(key, "/")
	switch kind {
	case "g":
		s.closures = &sync.Map{}
		if g, ok := s.groups[id.Object(name)]; ok {
			delete(s.groups, g.ID)
			s.ordered[g.Tenant] = slices.DeleteFunc(slices.Clone(s.ordered[g.Tenant]), func(o *Group) bool { return o == g })
		}
	case "e":
		s.closures = &sync.Map{}
		if e, ok := parseEdge(name); ok {
			s.edges.remove(e)
		}
	case "r":
		if a, ok := s.assignments[name]; ok {
			delete(s.assignments, name)
			drop(s.byPrincipal, a.Principal, a)
			drop(s.byResource, a.Resource, a)
		}
	case "h":
		if g, ok := s.grants[name]; ok {
			delete(s.grants, name)
			s.granted[g.Tenant] = slices.DeleteFunc(slices.Clone(s.granted[g.Tenant]), func(o *Grant) bool { return o == g })
		}
	}
}

// drop takes an assignment out of an index.
func drop(in map[id.Object][]*AppRoleAssignment, at id.Object, a *AppRoleAssignment) {
	list := slices.DeleteFunc(slices.Clone(in[at]), func(o *AppRoleAssignment) bool { return o == a })
	if len(list) == 0 {
		delete(in, at)
		return
	}
	in[at] = list
}

// add puts loaded rows into every index.
func (s *state) add(rows loadedRows) {
	groups := map[id.Tenant][]*Group{}
	for _, g := range rows.groups {
		s.groups[g.ID] = g
		groups[g.Tenant] = append(groups[g.Tenant], g)
	}
	merge(s.ordered, groups, func(g *Group) string { return string(g.ID) })
	s.edges.add(rows.edges)
	byPrincipal, byResource := map[id.Object][]*AppRoleAssignment{}, map[id.Object][]*AppRoleAssignment{}
	for _, a := range rows.assignments {
		s.assignments[a.ID] = a
		byPrincipal[a.Principal] = append(byPrincipal[a.Principal], a)
		byResource[a.Resource] = append(byResource[a.Resource], a)
	}
	merge(s.byPrincipal, byPrincipal, func(a *AppRoleAssignment) string { return a.ID })
	merge(s.byResource, byResource, func(a *AppRoleAssignment) string { return a.ID })
	grants := map[id.Tenant][]*Grant{}
	for _, g := range rows.grants {
		s.grants[g.ID] = g
		grants[g.Tenant] = append(grants[g.Tenant], g)
	}
	merge(s.granted, grants, func(g *Grant) string { return g.ID })
}

// merge adds new elements to ordered lists, in new lists.
func merge[K comparable, V any](into, more map[K][]V, key func(V) string) {
	for k, list := range more {
		all := append(slices.Clone(into[k]), list...)
		slices.SortFunc(all, func(a, b V) int { return strings.Compare(key(a), key(b)) })
		into[k] = all
	}
}
