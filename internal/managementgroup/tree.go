package managementgroup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// tree is all groups and where the subscriptions are. It is immutable.
type tree struct {
	groups  map[string]*Group          // by folded name, roots included
	chains  map[string][]resource.ID   // by folded name: the group, then those above it
	placed  map[id.Subscription]string // folded names
	tenants map[id.Subscription]id.Tenant
	inside  map[string][]Child // by folded name, in order of names
}

// newTree puts together what was read.
func newTree(stored []*Group, placed map[id.Subscription]string, tenants map[id.Subscription]id.Tenant) *tree {
	t := &tree{groups: map[string]*Group{}, chains: map[string][]resource.ID{}, placed: map[id.Subscription]string{},
		tenants: tenants, inside: map[string][]Child{}}
	for _, g := range stored {
		t.groups[fold(g.Name)] = g
	}
	root := func(tenant id.Tenant) *Group {
		g := t.groups[string(tenant)]
		if g == nil {
			g = &Group{Name: string(tenant), DisplayName: "Tenant Root Group", Tenant: tenant}
			t.groups[string(tenant)] = g
		}
		return g
	}
	for _, g := range stored {
		root(g.Tenant)
	}
	for sub, tenant := range tenants {
		at := placed[sub]
		if g := t.groups[at]; g == nil || g.Tenant != tenant {
			at = fold(root(tenant).Name)
		}
		t.placed[sub] = at
		t.inside[at] = append(t.inside[at], Child{Subscription: sub})
	}
	for key, g := range t.groups {
		t.chain(key, 0)
		if g.Parent != "" {
			t.inside[fold(g.Parent)] = append(t.inside[fold(g.Parent)], Child{Group: g})
		}
	}
	for _, list := range t.inside {
		slices.SortFunc(list, func(a, b Child) int { return cmp.Compare(a.name(), b.name()) })
	}
	return t
}

// name orders children: groups before subscriptions, each by name.
func (c Child) name() string {
	if c.Group != nil {
		return "0" + fold(c.Group.Name)
	}
	return "1" + string(c.Subscription)
}

// chain computes the groups from one up to the root. A circle, which no write can make, ends.
func (t *tree) chain(key string, depth int) []resource.ID {
	if chain, done := t.chains[key]; done {
		return chain
	}
	g := t.groups[key]
	if g == nil || depth > 2*maxLevels {
		return nil
	}
	chain := []resource.ID{g.ID()}
	if g.Parent != "" {
		chain = append(chain, t.chain(fold(g.Parent), depth+1)...)
	}
	t.chains[key] = chain
	return chain
}

// fold is what names compare by; they are ASCII.
func fold(name string) string { return strings.ToLower(name) }

// groupIn returns the folded name of the management group that a scope is or lies in; "" if
// it is none.
func groupIn(scope resource.ID) string {
	rest, ok := strings.CutPrefix(scope.Key(), prefix)
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// read returns a tree that holds every change this process has heard of.
func (s *Service) read(ctx context.Context) (*tree, error) {
	if l := s.current.Load(); l != nil && l.changes == s.changes.Load() {
		return l.tree, nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	changes := s.changes.Load() // before reading: a change meanwhile makes the result stale
	if l := s.current.Load(); l != nil && l.changes == changes {
		return l.tree, nil
	}
	tenants, err := s.subscriptions.SubscriptionTenants(ctx)
	if err != nil {
		return nil, err
	}
	var groups []*Group
	var placed map[id.Subscription]string
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		groups, placed, err = readAll(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	t := newTree(groups, placed, tenants)
	s.current.Store(&loaded{changes, t})
	return t, nil
}

// readAll reads both tables.
func readAll(ctx context.Context, tx *store.Tx) (groups []*Group, placed map[id.Subscription]string, err error) {
	err = tx.Query(ctx, func(r store.Row) error {
		var g Group
		var updated int64
		if err := r.Scan(&g.Name, &g.Tenant, &g.DisplayName, &g.Parent, &g.Version, &updated, &g.UpdatedBy); err != nil {
			return fmt.Errorf("scan management group: %w", err)
		}
		g.Updated = time.Unix(updated, 0).UTC()
		groups = append(groups, &g)
		return nil
	}, "SELECT name, tenant_id, display_name, parent_key, version, updated_at, updated_by FROM management_group")
	if err != nil {
		return nil, nil, fmt.Errorf("read management groups: %w", err)
	}
	placed = map[id.Subscription]string{}
	err = tx.Query(ctx, func(r store.Row) error {
		var sub id.Subscription
		var at string
		if err := r.Scan(&sub, &at); err != nil {
			return fmt.Errorf("scan the place of a subscription: %w", err)
		}
		placed[sub] = at
		return nil
	}, "SELECT subscription_id, group_key FROM management_group_subscription")
	if err != nil {
		return nil, nil, fmt.Errorf("read the places of subscriptions: %w", err)
	}
	return groups, placed, nil
}

// Above implements rbac.Hierarchy: the groups above a scope, nearest first.
func (s *Service) Above(ctx context.Context, scope resource.ID) ([]resource.ID, error) {
	t, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if sub := scope.Subscription(); sub != "" {
		return t.chains[t.placed[sub]], nil
	}
	if chain := t.chains[groupIn(scope)]; len(chain) > 1 {
		return chain[1:], nil
	}
	return nil, nil
}

// Below implements rbac.Hierarchy: the groups and subscriptions below a group.
func (s *Service) Below(ctx context.Context, scope resource.ID) ([]resource.ID, error) {
	t, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var below []resource.ID
	var walk func(key string)
	walk = func(key string) {
		for _, c := range t.inside[key] {
			if c.Group == nil {
				below = append(below, resource.SubscriptionID(c.Subscription))
				continue
			}
			below = append(below, c.Group.ID())
			walk(fold(c.Group.Name))
		}
	}
	if scope.Is(Type) {
		walk(groupIn(scope))
	}
	return below, nil
}

// Exists implements rbac.Hierarchy.
func (s *Service) Exists(ctx context.Context, scope resource.ID) (bool, error) {
	t, err := s.read(ctx)
	if err != nil {
		return false, err
	}
	return t.groups[groupIn(scope)] != nil, nil
}

// Tenant implements rbac.Hierarchy: the tenant that a scope belongs to; "" for the root,
// which every tenant has, and for what is not there.
func (s *Service) Tenant(ctx context.Context, scope resource.ID) (id.Tenant, error) {
	t, err := s.read(ctx)
	if err != nil {
		return "", err
	}
	if sub := scope.Subscription(); sub != "" {
		return t.tenants[sub], nil
	}
	if g := t.groups[groupIn(scope)]; g != nil {
		return g.Tenant, nil
	}
	return "", nil
}
