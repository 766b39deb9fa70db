package managementlock_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managementlock"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// The scopes of the tests.
var (
	sub     = resource.SubscriptionID(id.Subscription("bbbbbbbb-0000-4000-8000-000000000001"))
	group   = resource.GroupID("bbbbbbbb-0000-4000-8000-000000000001", "rg1")
	beside  = resource.GroupID("bbbbbbbb-0000-4000-8000-000000000001", "rg10")
	machine = group.Child("Microsoft.Compute/virtualMachines", "vm")
)

// TestWhatIsLocked: a lock holds at its scope and below, and keeps what is above from going.
func TestWhatIsLocked(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }
		log, err := audit.New(audit.Config{Store: db, Server: "s1", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		s, err := managementlock.New(managementlock.Config{Store: db, Audit: log, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		put := func(scope resource.ID, name string, level managementlock.Level, want error) {
			t.Helper()
			if _, _, err := s.Put(t.Context(), managementlock.Lock{Scope: scope, Name: name, Level: level}); !errors.Is(err, want) {
				t.Errorf("%s at %s: %v, want %v", name, scope, err, want)
			}
		}
		blocked := func(scope resource.ID, deletion, below bool) int {
			t.Helper()
			at, err := s.Blocking(t.Context(), scope, deletion, below)
			if err != nil {
				t.Fatal(err)
			}
			return len(at)
		}
		put(group, "keep", managementlock.CanNotDelete, nil)
		put(group, "KEEP", managementlock.CanNotDelete, nil) // the same one
		put(machine, "still", managementlock.ReadOnly, nil)
		put(group, "x", "Other", managementlock.ErrInvalid)
		put(group, "a/b", managementlock.ReadOnly, managementlock.ErrInvalid)
		put(resource.Root(), "x", managementlock.ReadOnly, managementlock.ErrInvalid)
		for n := range 19 {
			put(group, fmt.Sprintf("l%d", n), managementlock.CanNotDelete, nil)
		}
		put(group, "more", managementlock.CanNotDelete, managementlock.ErrTooMany)
		for _, c := range []struct {
			scope           resource.ID
			deletion, below bool
			want            int
		}{
			{machine, true, true, 2}, {machine, false, false, 1}, {machine.Child("extensions", "e"), false, false, 1}, {group, false, false, 0},
			{group, true, true, 2}, {group, true, false, 1}, {sub, true, true, 2}, {sub, true, false, 0}, {beside, true, true, 0},
		} {
			if got := blocked(c.scope, c.deletion, c.below); got != c.want {
				t.Errorf("%+v: %d scopes", c, got)
			}
		}
		if list, err := s.List(t.Context(), sub, false); err != nil || len(list) != 21 {
			t.Errorf("%d locks, %v", len(list), err)
		}
		if list, err := s.List(t.Context(), machine, true); err != nil || len(list) != 21 {
			t.Errorf("%d locks at and above the machine, %v", len(list), err)
		}
		if l, err := s.Get(t.Context(), group, "Keep"); err != nil || l.Name != "keep" {
			t.Errorf("%+v, %v", l, err)
		}
		if err := s.Delete(t.Context(), beside, "keep"); !errors.Is(err, managementlock.ErrNotFound) {
			t.Errorf("at another scope: %v", err)
		}
		err = db.Update(t.Context(), func(tx *store.Tx) error { return s.RemoveScope(context.WithoutCancel(t.Context()), tx, group) })
		if err != nil || blocked(machine, true, true) != 0 {
			t.Errorf("after the group is gone: %v", err)
		}
	})
}
