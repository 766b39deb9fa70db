package managementgroup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managementgroup"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

const (
	mine   = id.Tenant("aaaaaaaa-0000-4000-8000-000000000001")
	theirs = id.Tenant("aaaaaaaa-0000-4000-8000-000000000002")
	one    = id.Subscription("bbbbbbbb-0000-4000-8000-000000000001")
	two    = id.Subscription("bbbbbbbb-0000-4000-8000-000000000002")
)

// subscriptions are who has which.
type subscriptions map[id.Subscription]id.Tenant

func (s subscriptions) SubscriptionTenants(context.Context) (map[id.Subscription]id.Tenant, error) {
	return s, nil
}

// open makes a service; removed collects the scopes of deleted groups.
func open(t *testing.T, db *store.DB, removed *[]string) *managementgroup.Service {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }
	log, err := audit.New(audit.Config{Store: db, Server: "s1", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	s, err := managementgroup.New(managementgroup.Config{Store: db, Audit: log, Subscriptions: subscriptions{one: mine, two: theirs}, Now: now,
		Removed: func(_ context.Context, _ *store.Tx, scope resource.ID) error {
			*removed = append(*removed, scope.String())
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// above spells what is above a scope.
func above(t *testing.T, s *managementgroup.Service, scope resource.ID) string {
	t.Helper()
	list, err := s.Above(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, g := range list {
		names = append(names, g.Name())
	}
	return strings.Join(names, " ")
}

// TestTheTree: groups, places and what is above them, as they change.
func TestTheTree(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var removed []string
		s, ctx := open(t, db, &removed), t.Context()
		put := func(g managementgroup.Group, want error) {
			t.Helper()
			if _, _, err := s.Put(ctx, g); !errors.Is(err, want) {
				t.Errorf("%+v: %v, want %v", g, err, want)
			}
		}
		sub := resource.SubscriptionID(one)
		if got := above(t, s, sub); got != string(mine) {
			t.Errorf("a subscription begins below %q", got)
		}
		put(managementgroup.Group{Name: "Top", Tenant: mine}, nil)
		put(managementgroup.Group{Name: "low", Tenant: mine, Parent: "TOP"}, nil)
		put(managementgroup.Group{Name: "top", Tenant: theirs}, managementgroup.ErrTaken)
		put(managementgroup.Group{Name: "x", Tenant: theirs, Parent: "top"}, managementgroup.ErrNotFound)
		put(managementgroup.Group{Name: "top", Tenant: mine, Parent: "low"}, managementgroup.ErrInvalid)
		put(managementgroup.Group{Name: "top", Tenant: mine, Parent: "top"}, managementgroup.ErrInvalid)
		put(managementgroup.Group{Name: "a/b", Tenant: mine}, managementgroup.ErrInvalid)
		put(managementgroup.Group{Name: string(mine), Tenant: mine, Parent: "top"}, managementgroup.ErrInvalid)
		put(managementgroup.Group{Name: string(mine), Tenant: mine, DisplayName: "All of us"}, nil)
		if err := s.Place(ctx, mine, "LOW", one); err != nil {
			t.Fatal(err)
		}
		if err := s.Place(ctx, mine, "low", two); !errors.Is(err, resource.ErrSubscriptionNotFound) {
			t.Errorf("another tenant's subscription: %v", err)
		}
		if got := above(t, s, sub.Child("Microsoft.Authorization/locks", "l")); got != "low Top "+string(mine) {
			t.Errorf("above: %q", got)
		}
		if got := above(t, s, managementgroup.ID("top")); got != string(mine) {
			t.Errorf("above top: %q", got)
		}
		below, err := s.Below(ctx, managementgroup.ID(string(mine)))
		if err != nil || len(below) != 3 {
			t.Errorf("below the root: %v, %v", below, err)
		}
		for scope, want := range map[string]id.Tenant{sub.String(): mine, "/": "", managementgroup.ID("low").String(): mine, resource.SubscriptionID(two).String(): theirs} {
			at, err := resource.ParseID(scope)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.Tenant(ctx, at); err != nil || got != want {
				t.Errorf("%s belongs to %q, %v", scope, got, err)
			}
		}
		if err := s.Delete(ctx, mine, "top"); !errors.Is(err, managementgroup.ErrNotEmpty) {
			t.Errorf("a group with one in it: %v", err)
		}
		if err := s.Delete(ctx, theirs, "low"); !errors.Is(err, managementgroup.ErrNotFound) {
			t.Errorf("another tenant's group: %v", err)
		}
		if err := s.Delete(ctx, mine, string(mine)); !errors.Is(err, managementgroup.ErrInvalid) {
			t.Errorf("the root: %v", err)
		}
		put(managementgroup.Group{Name: "low", Tenant: mine, Parent: string(mine)}, nil)
		if got := above(t, s, sub); got != "low "+string(mine) {
			t.Errorf("after the move: %q", got)
		}
		if err := s.Delete(ctx, mine, "top"); err != nil || len(removed) != 1 || removed[0] != managementgroup.ID("Top").String() {
			t.Errorf("%v, removed %v", err, removed)
		}
		if g, err := s.Get(ctx, mine, string(mine)); err != nil || g.DisplayName != "All of us" {
			t.Errorf("%+v, %v", g, err)
		}
	})
}

// TestGroupsAreSixLevelsDeep at most, also when a tree is moved.
func TestGroupsAreSixLevelsDeep(t *testing.T) {
	var removed []string
	s, parent := open(t, storetest.SQLite(t), &removed), string(mine)
	for n := range 7 {
		name := fmt.Sprintf("g%d", n)
		_, _, err := s.Put(t.Context(), managementgroup.Group{Name: name, Tenant: mine, Parent: parent})
		if (err == nil) != (n < 6) || err != nil && !errors.Is(err, managementgroup.ErrInvalid) {
			t.Errorf("level %d: %v", n+1, err)
		}
		parent = name
	}
	for _, name := range []string{"a", "b"} {
		if _, _, err := s.Put(t.Context(), managementgroup.Group{Name: name, Tenant: mine, Parent: map[string]string{"b": "a"}[name]}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Put(t.Context(), managementgroup.Group{Name: "a", Tenant: mine, Parent: "g4"}); !errors.Is(err, managementgroup.ErrInvalid) {
		t.Errorf("two levels below the fifth: %v", err)
	}
	if _, _, err := s.Put(t.Context(), managementgroup.Group{Name: "a", Tenant: mine, Parent: "g3"}); err != nil {
		t.Errorf("two levels below the fourth: %v", err)
	}
}
