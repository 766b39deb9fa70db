package managementgroup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// subscriptions knows all subscriptions; *resource.Service is one.
type subscriptions interface {
	SubscriptionTenants(ctx context.Context) (map[id.Subscription]id.Tenant, error)
}

// Config names what a Service needs.
type Config struct {
	Store         *store.DB
	Audit         *audit.Log
	Subscriptions subscriptions
	Now           func() time.Time
	// Removed is called with the scope of a deleted group in the transaction of its deletion.
	Removed func(context.Context, *store.Tx, resource.ID) error
}

// Service keeps the management groups. It opens its own transactions and is safe for
// concurrent use.
type Service struct {
	db            *store.DB
	log           *audit.Log
	subscriptions subscriptions
	now           func() time.Time
	removed       func(context.Context, *store.Tx, resource.ID) error

	changes atomic.Uint64          // counts the changes heard of on the feed
	current atomic.Pointer[loaded] // the tree in use; stale when changes moved on
	loading sync.Mutex             // held by whoever reads the tables
}

// loaded is a tree and the count of changes before it was read.
type loaded struct {
	changes uint64
	tree    *tree
}

// New returns a Service over the tables of c.Store and subscribes to its feed.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Audit == nil || c.Subscriptions == nil || c.Now == nil || c.Removed == nil {
		return nil, errors.New("managementgroup: Store, Audit, Subscriptions, Now and Removed are needed")
	}
	s := &Service{db: c.Store, log: c.Audit, subscriptions: c.Subscriptions, now: c.Now, removed: c.Removed}
	c.Store.Subscribe(Topic, func([]string) { s.changes.Add(1) })
	c.Store.Subscribe(resource.Topic, func(keys []string) {
		if slices.ContainsFunc(keys, func(k string) bool { return strings.Count(k, "/") == 2 }) { // a subscription
			s.changes.Add(1)
		}
	})
	return s, nil
}

// tenantTree returns the tree with the root of the tenant in it.
func (s *Service) tenantTree(ctx context.Context, tenant id.Tenant) (*tree, *Group, error) {
	t, err := s.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	root := t.groups[string(tenant)]
	if root == nil { // a tenant without subscriptions
		root = &Group{Name: string(tenant), DisplayName: "Tenant Root Group", Tenant: tenant}
	}
	return t, root, nil
}

// List returns the groups of a tenant, the root first, then by name.
func (s *Service) List(ctx context.Context, tenant id.Tenant) ([]Group, error) {
	t, root, err := s.tenantTree(ctx, tenant)
	if err != nil {
		return nil, err
	}
	list := []Group{*root}
	for _, g := range t.groups {
		if g.Tenant == tenant && g.Parent != "" {
			list = append(list, *g)
		}
	}
	slices.SortFunc(list[1:], func(a, b Group) int { return cmp.Compare(fold(a.Name), fold(b.Name)) })
	return list, nil
}

// Get returns a group of the tenant. Errors: ErrNotFound.
func (s *Service) Get(ctx context.Context, tenant id.Tenant, name string) (Group, error) {
	t, root, err := s.tenantTree(ctx, tenant)
	if err != nil {
		return Group{}, err
	}
	if fold(name) == string(tenant) {
		return *root, nil
	}
	if g := t.groups[fold(name)]; g != nil && g.Tenant == tenant {
		return *g, nil
	}
	return Group{}, ErrNotFound.With("The management group '%.100s' was not found.", name)
}

// Children returns what is directly in a group: groups, then subscriptions. Errors: ErrNotFound.
func (s *Service) Children(ctx context.Context, tenant id.Tenant, name string) ([]Child, error) {
	if _, err := s.Get(ctx, tenant, name); err != nil {
		return nil, err
	}
	t, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	return t.inside[fold(name)], nil
}

// Put creates a group or changes its display name and parent. An empty display name or
// parent leaves what is, and for a new group means its name and the root. Errors:
// ErrNotFound for the parent, ErrInvalid, ErrTaken.
func (s *Service) Put(ctx context.Context, n Group) (g Group, created bool, err error) {
	if err := checkName(n.Name); err != nil {
		return g, false, err
	}
	if len(n.DisplayName) > 90 {
		return g, false, ErrInvalid.With("The display name has more than 90 characters.")
	}
	tenants, err := s.subscriptions.SubscriptionTenants(ctx)
	if err != nil {
		return g, false, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		g, created, err = s.put(ctx, tx, n, tenants)
		return err
	})
	return g, created, err
}

// put is Put in a transaction.
func (s *Service) put(ctx context.Context, tx *store.Tx, n Group, tenants map[id.Subscription]id.Tenant) (g Group, created bool, err error) {
	stored, placed, err := readAll(ctx, tx)
	if err != nil {
		return g, false, err
	}
	t := newTree(stored, placed, tenants)
	key, rootKey := fold(n.Name), string(n.Tenant)
	g = Group{Name: n.Name, DisplayName: cmp.Or(n.DisplayName, n.Name), Tenant: n.Tenant, Parent: rootKey}
	created = true
	if old := t.groups[key]; old != nil {
		if old.Tenant != n.Tenant {
			return g, false, ErrTaken.With("The management group name '%s' is taken.", n.Name)
		}
		g, created = *old, false
		g.DisplayName = cmp.Or(n.DisplayName, g.DisplayName)
	}
	switch {
	case key == rootKey:
		created, g.Parent = false, ""
		if n.DisplayName == "" {
			g.DisplayName = "Tenant Root Group"
		}
		if n.Parent != "" {
			return g, false, ErrInvalid.With("The root management group has no parent.")
		}
	case n.Parent != "":
		g.Parent = fold(n.Parent)
	}
	if err := s.checkParent(t, g, created, len(stored)); err != nil {
		return g, false, err
	}
	g.Version++
	g.Updated, g.UpdatedBy = s.now().UTC().Truncate(time.Second), audit.ActorFrom(ctx).Object
	if _, err := tx.Exec(ctx, "DELETE FROM management_group WHERE name_key = $1", key); err != nil {
		return g, false, fmt.Errorf("replace management group %s: %w", g.Name, err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO management_group (name_key, tenant_id, name, display_name, parent_key, version, updated_at, updated_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, key, string(g.Tenant), g.Name, g.DisplayName, g.Parent, g.Version, g.Updated.Unix(), string(g.UpdatedBy))
	if err != nil {
		return g, false, fmt.Errorf("insert management group %s: %w", g.Name, err)
	}
	return g, created, s.changed(ctx, tx, g.ID(), "Microsoft.Management/managementGroups/write")
}

// checkParent refuses parents that are not there, below the group itself, or too deep.
func (s *Service) checkParent(t *tree, g Group, created bool, count int) error {
	if created && count >= maxGroups {
		return ErrInvalid.With("No more management groups can be created (%d exist).", count)
	}
	if g.Parent == "" {
		return nil
	}
	if parent := t.groups[g.Parent]; g.Parent != string(g.Tenant) && (parent == nil || parent.Tenant != g.Tenant) {
		return ErrNotFound.With("The parent management group '%.100s' was not found.", g.Parent)
	}
	if slices.ContainsFunc(t.chains[g.Parent], g.ID().Equal) {
		return ErrInvalid.With("A management group cannot be moved below itself.")
	}
	height := 1
	if !created {
		height = t.height(fold(g.Name))
	}
	if above := max(len(t.chains[g.Parent]), 1); above-1+height > maxLevels {
		return ErrInvalid.With("Management groups can be nested %d levels deep below the root.", maxLevels)
	}
	return nil
}

// height is how many levels of groups there are from one downwards.
func (t *tree) height(key string) int {
	deepest := 0
	for _, c := range t.inside[key] {
		if c.Group != nil {
			deepest = max(deepest, t.height(fold(c.Group.Name)))
		}
	}
	return deepest + 1
}

// Delete removes an empty group. Errors: ErrNotFound, ErrNotEmpty, ErrInvalid for the root.
func (s *Service) Delete(ctx context.Context, tenant id.Tenant, name string) error {
	if fold(name) == string(tenant) {
		return ErrInvalid.With("The root management group cannot be deleted.")
	}
	tenants, err := s.subscriptions.SubscriptionTenants(ctx)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		stored, placed, err := readAll(ctx, tx)
		if err != nil {
			return err
		}
		t := newTree(stored, placed, tenants)
		g := t.groups[fold(name)]
		switch {
		case g == nil || g.Tenant != tenant:
			return ErrNotFound.With("The management group '%.100s' was not found.", name)
		case len(t.inside[fold(name)]) > 0:
			return ErrNotEmpty
		}
		if _, err := tx.Exec(ctx, "DELETE FROM management_group WHERE name_key = $1", fold(name)); err != nil {
			return fmt.Errorf("delete management group %s: %w", name, err)
		}
		if err := s.removed(ctx, tx, g.ID()); err != nil {
			return err
		}
		return s.changed(ctx, tx, g.ID(), "Microsoft.Management/managementGroups/delete")
	})
}

// Place moves a subscription into a group of its tenant. Errors: ErrNotFound,
// resource.ErrSubscriptionNotFound.
func (s *Service) Place(ctx context.Context, tenant id.Tenant, name string, sub id.Subscription) error {
	g, err := s.Get(ctx, tenant, name)
	if err != nil {
		return err
	}
	tenants, err := s.subscriptions.SubscriptionTenants(ctx)
	if err != nil {
		return err
	}
	if tenants[sub] != tenant {
		return resource.ErrSubscriptionNotFound.With("The subscription '%s' could not be found.", sub)
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM management_group_subscription WHERE subscription_id = $1", string(sub)); err != nil {
			return fmt.Errorf("move subscription %s: %w", sub, err)
		}
		// A group that was deleted meanwhile has no say: the subscription is at the root then.
		_, err := tx.Exec(ctx, "INSERT INTO management_group_subscription (subscription_id, group_key) VALUES ($1, $2)", string(sub), fold(g.Name))
		if err != nil {
			return fmt.Errorf("move subscription %s: %w", sub, err)
		}
		return s.changed(ctx, tx, g.ID().Child("subscriptions", string(sub)), "Microsoft.Management/managementGroups/subscriptions/write")
	})
}

// Release takes a subscription out of its group, in the transaction that gives it to another
// tenant; it is then at the root of that one.
func (s *Service) Release(ctx context.Context, tx *store.Tx, sub id.Subscription) error {
	var group string
	found, err := tx.Get(ctx, "SELECT group_key FROM management_group_subscription WHERE subscription_id = $1", []any{string(sub)}, &group)
	if err != nil || !found {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM management_group_subscription WHERE subscription_id = $1", string(sub)); err != nil {
		return fmt.Errorf("take subscription %s out of its group: %w", sub, err)
	}
	g := Group{Name: group}
	return s.changed(ctx, tx, g.ID().Child("subscriptions", string(sub)), "Microsoft.Management/managementGroups/subscriptions/delete")
}

// PlaceOf returns the name of the group that a subscription is in; "" for none of the tenant.
func (s *Service) PlaceOf(ctx context.Context, tenant id.Tenant, sub id.Subscription) (string, error) {
	t, err := s.read(ctx)
	if err != nil || t.tenants[sub] != tenant {
		return "", err
	}
	return t.groups[t.placed[sub]].Name, nil
}

// changed puts a write on the feed and on record, in its transaction (D-3).
func (s *Service) changed(ctx context.Context, tx *store.Tx, target resource.ID, operation string) error {
	tx.Changed(Topic, groupIn(target))
	return s.log.Record(ctx, tx, audit.Event{Kind: audit.Activity, Outcome: audit.Succeeded, Operation: operation, Target: target.String()})
}
