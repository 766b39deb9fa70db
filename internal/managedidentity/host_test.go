package managedidentity_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// M-1, CP-61, CP-62, S-47: the whole life of a system-assigned identity.
func TestSystemIdentityLivesWithItsHost(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		app := f.id(group).Child("Microsoft.Web/sites", "App")
		slot := app.Child("slots", "stage")
		a := f.put(app, f.block("SystemAssigned"))
		s := f.put(slot, f.block("SystemAssigned"))
		if a.Identity.PrincipalID == "" || a.Identity.PrincipalID == s.Identity.PrincipalID {
			t.Fatalf("identities are %+v and %+v", a.Identity, s.Identity)
		}
		sp, err := f.directory.ServicePrincipal(t.Context(), f.tenant, s.Identity.PrincipalID)
		f.check(err)
		wantNames := []string{"isExplicit=False", "/subscriptions/" + subscription + "/resourcegroups/rg/providers/Microsoft.Web/sites/App/slots/stage"}
		if sp.DisplayName != "App/slots/stage" || sp.Kind != directory.KindManagedIdentity || sp.App != s.Identity.ClientID || !slices.Equal(sp.AlternativeNames, wantNames) {
			t.Errorf("the slot's service principal is %+v", sp)
		}
		again := f.put(app, f.block("SystemAssigned"))
		if again.Identity.PrincipalID != a.Identity.PrincipalID {
			t.Error("a later write changed the identity")
		}
		f.put(app, f.block("None"))
		if f.alive(a.Identity.PrincipalID) {
			t.Error("the identity lives after it was switched off")
		}
		if _, err := f.SystemIdentity(t.Context(), app); !errors.Is(err, managedidentity.ErrNoIdentity) {
			t.Errorf("switched off, its system identity is %v", err)
		}
		on := f.put(app, f.block("SystemAssigned"))
		if on.Identity.PrincipalID == a.Identity.PrincipalID || on.Identity.ClientID == a.Identity.ClientID {
			t.Error("switched on again it has an old id")
		}
		existed, err := f.DeleteHost(t.Context(), app, resource.Precondition{})
		if err != nil || !existed {
			t.Fatalf("delete: %v, %v", existed, err)
		}
		if f.alive(on.Identity.PrincipalID) || f.alive(s.Identity.PrincipalID) {
			t.Error("an identity of the deleted app or its slot lives")
		}
		if _, err := f.resources.Get(t.Context(), slot); !errors.Is(err, resource.ErrNotFound) {
			t.Errorf("the slot survived its app: %v", err)
		}
		if !slices.Equal(f.removed, []string{app.String()}) {
			t.Errorf("others were told of %q", f.removed)
		}
		if existed, err := f.DeleteHost(t.Context(), app, resource.Precondition{}); existed || err != nil {
			t.Errorf("deleting again: %v, %v", existed, err)
		}
	})
}

// CP §2.13: a group takes everything with it.
func TestDeleteGroupEndsAllIdentities(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		u := f.create("one")
		r := f.put(f.vm("v"), f.block("SystemAssigned, UserAssigned", "one"))
		if existed, err := f.DeleteGroup(t.Context(), f.id(group)); err != nil || !existed {
			t.Fatalf("delete: %v, %v", existed, err)
		}
		if f.alive(u.PrincipalID) || f.alive(r.Identity.PrincipalID) {
			t.Error("an identity of the deleted group lives")
		}
		if existed, err := f.DeleteGroup(t.Context(), f.id(group)); err != nil || existed {
			t.Errorf("deleting again: %v, %v", existed, err)
		}
	})
}

// CP-55: an unknown identity stops the whole write.
func TestUnknownIdentityLeavesNothingBehind(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		_, _, err := f.PutHost(t.Context(), f.write(f.vm("v"), f.block("SystemAssigned, UserAssigned", "none")))
		if !errors.Is(err, managedidentity.ErrIdentityNotFound) {
			t.Fatalf("error is %v", err)
		}
		if _, err := f.resources.Get(t.Context(), f.vm("v")); !errors.Is(err, resource.ErrNotFound) {
			t.Errorf("the host was written: %v", err)
		}
		every, err := f.directory.AllServicePrincipals(t.Context(), f.tenant)
		var all []*directory.ServicePrincipal
		for _, sp := range every {
			if sp.Kind == directory.KindManagedIdentity {
				all = append(all, sp)
			}
		}
		if err != nil || len(all) != 0 {
			t.Errorf("service principals %+v, %v", all, err)
		}
	})
}

// S-48, CP-59, CP-60: adding an identity needs the second right; keeping one does not.
func TestAddingAnIdentityNeedsTheSecondRight(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		f.create("one")
		f.create("two")
		f.put(f.vm("v"), f.block("UserAssigned", "one"))
		for _, c := range []struct {
			name  string
			patch bool
			block resource.IdentityPatch
			asked []string
			ok    bool
		}{
			{"keeping one by PUT", false, f.block("UserAssigned", "one"), nil, true},
			{"re-sending one by PATCH", true, f.block("UserAssigned", "one"), nil, true},
			{"adding one by PATCH", true, f.block("UserAssigned", "two"), []string{"two"}, false},
			{"adding one by PUT beside a kept one", false, f.block("UserAssigned", "one", "two"), []string{"two"}, false},
			{"adding one that does not exist", true, f.block("UserAssigned", "two-none"), []string{"two-none"}, false},
			{"removing one", true, f.block("UserAssigned", "-one"), nil, true},
			{"adding the removed one again", true, f.block("UserAssigned", "one"), []string{"one"}, false},
		} {
			t.Run(c.name, func(t *testing.T) {
				refuser := &authorizer{refuse: "one two two-none"}
				w := f.write(f.vm("v"), c.block)
				w.Assign = refuser
				var err error
				if c.patch {
					_, err = f.PatchHost(t.Context(), w)
				} else {
					_, _, err = f.PutHost(t.Context(), w)
				}
				if !slices.Equal(refuser.asked, c.asked) || (err == nil) != c.ok || !c.ok && !errors.Is(err, errLinked) {
					t.Errorf("asked for %q, error %v", refuser.asked, err)
				}
			})
		}
		// The positive twin: with the right it is attached.
		f.put(f.vm("v"), f.block("UserAssigned", "one", "two"))
	})
}

// CP-63, S-47: a deleted identity stays as a dead key and revives for nobody.
func TestDeletedIdentityLeavesADeadKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		old := f.create("one")
		f.put(f.vm("v"), f.block("UserAssigned", "one"))
		if _, err := f.mint(f.vm("v"), 1, managedidentity.SelectClient, string(old.ClientID)); err != nil {
			t.Fatal(err)
		}
		if existed, err := f.DeleteUserAssigned(t.Context(), f.uai("ONE"), resource.Precondition{}); err != nil || !existed {
			t.Fatalf("delete: %v, %v", existed, err)
		}
		if f.alive(old.PrincipalID) {
			t.Error("its service principal lives")
		}
		r, err := f.resources.Get(t.Context(), f.vm("v"))
		f.check(err)
		if a, ok := r.Identity.Find(f.uai("one")); !ok || !a.Dead() {
			t.Errorf("the block is %+v", r.Identity)
		}
		fresh := f.create("one")
		for kind, value := range map[managedidentity.SelectorKind]string{
			managedidentity.SelectNone: "", managedidentity.SelectClient: string(old.ClientID), managedidentity.SelectResource: f.uai("one").String(),
		} {
			if m, err := f.mint(f.vm("v"), 1, kind, value); err == nil {
				t.Errorf("selector %q got a token of %+v", kind, m.Identity)
			}
		}
		if hosts, err := f.Hosts(t.Context(), f.uai("one")); err != nil || len(hosts) != 0 {
			t.Errorf("the new identity has hosts %v, %v", hosts, err)
		}
		if fresh.PrincipalID == old.PrincipalID {
			t.Error("the new identity has the old id")
		}
		_, err = f.DeleteUserAssigned(t.Context(), f.uai("one"), resource.Precondition{})
		f.check(err)
		if _, _, err := f.PutHost(t.Context(), f.write(f.vm("v"), f.block("UserAssigned", "one"))); !errors.Is(err, managedidentity.ErrIdentityNotFound) {
			t.Errorf("a PUT with the dead key gave %v", err)
		}
		cleaned, err := f.PatchHost(t.Context(), f.write(f.vm("v"), f.block("UserAssigned", "-one")))
		if err != nil || !cleaned.Identity.IsZero() {
			t.Errorf("removing the dead key gave %+v, %v", cleaned.Identity, err)
		}
	})
}

// M-2, CP-64, CP-68, CP-69: rules of user-assigned identities.
func TestUserAssignedIdentity(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		for _, name := range []string{"ab", "-abc", "a.b.c", string(make([]byte, 0)) + fmt.Sprintf("%0129d", 1)} {
			_, _, err := f.CreateUserAssigned(t.Context(), managedidentity.UserAssignedWrite{ID: f.uai(name), Edit: func(u *managedidentity.UserAssigned, _ bool) error { return nil }})
			if !errors.Is(err, resource.ErrInvalid) {
				t.Errorf("name %q: %v", name, err)
			}
		}
		one := f.create("one")
		if again := f.create("ONE"); again.ClientID != one.ClientID || again.PrincipalID != one.PrincipalID || again.Resource.ID.String() != one.Resource.ID.String() {
			t.Errorf("writing it again gave %+v", again)
		}
		change := func(edit func(u *managedidentity.UserAssigned)) {
			_, created, err := f.CreateUserAssigned(t.Context(), managedidentity.UserAssignedWrite{ID: f.uai("one"), MustExist: true, Edit: func(u *managedidentity.UserAssigned, exists bool) error {
				edit(u)
				return nil
			}})
			if err != nil || created {
				t.Fatalf("change: %v, %v", created, err)
			}
		}
		f.put(f.vm("v"), f.block("UserAssigned", "one"))
		if _, err := f.mint(f.vm("v"), 1, "", ""); err != nil {
			t.Fatal(err)
		}
		change(func(u *managedidentity.UserAssigned) { u.Providers = []string{"microsoft.WEB"} })
		if _, err := f.mint(f.vm("v"), 1, "", ""); !errors.Is(err, managedidentity.ErrNoIdentity) { // S-49
			t.Errorf("an identity restricted since minted: %v", err)
		}
		if _, _, err := f.PutHost(t.Context(), f.write(f.vm("w"), f.block("UserAssigned", "one"))); !errors.Is(err, managedidentity.ErrNotAllowed) {
			t.Errorf("a restricted identity was attached: %v", err)
		}
		change(func(u *managedidentity.UserAssigned) { u.Providers, u.Regional = []string{"Microsoft.Compute"}, true })
		f.put(f.vm("w"), f.block("UserAssigned", "one"))
		elsewhere := f.write(f.vm("x"), f.block("UserAssigned", "one"))
		elsewhere.Edit = func(r *resource.Resource, _ bool) error {
			r.Location = "elsewhere"
			return nil
		}
		if _, _, err := f.PutHost(t.Context(), elsewhere); !errors.Is(err, managedidentity.ErrNotAllowed) {
			t.Errorf("a regional identity was attached elsewhere: %v", err)
		}
		f.create("two")
		page, next, err := f.ListUserAssigned(t.Context(), f.id(group), "", 1)
		if err != nil || len(page) != 1 || next == "" || page[0].ClientID != one.ClientID {
			t.Errorf("first page %+v, %q, %v", page, next, err)
		}
		if page, next, err = f.ListUserAssigned(t.Context(), f.id(group), next, 1); err != nil || len(page) != 1 || next != "" {
			t.Errorf("last page %+v, %q, %v", page, next, err)
		}
		hosts, err := f.Hosts(t.Context(), f.uai("one")) // CP-75
		if err != nil || len(hosts) != 2 {
			t.Errorf("hosts %v, %v", hosts, err)
		}
		if _, err := f.GetUserAssigned(t.Context(), f.uai("none")); !errors.Is(err, resource.ErrNotFound) {
			t.Errorf("a missing identity: %v", err)
		}
	})
}

// parallel writers of one block lose nothing.
func TestParallelAttachAndDetachLoseNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		const n = 25
		var before []string
		for i := range n {
			f.create(fmt.Sprintf("old%d", i))
			f.create(fmt.Sprintf("new%d", i))
			before = append(before, fmt.Sprintf("old%d", i))
		}
		f.put(f.vm("v"), f.block("UserAssigned", before...))
		var wg sync.WaitGroup
		failures := make(chan error, 2*n)
		for i := range n {
			for _, name := range []string{fmt.Sprintf("new%d", i), fmt.Sprintf("-old%d", i)} {
				w := f.write(f.vm("v"), f.block("UserAssigned", name))
				wg.Go(func() {
					_, err := f.PatchHost(t.Context(), w)
					failures <- err
				})
			}
		}
		wg.Wait()
		close(failures)
		for err := range failures {
			f.check(err)
		}
		r, err := f.resources.Get(t.Context(), f.vm("v"))
		f.check(err)
		if len(r.Identity.UserAssigned) != n {
			t.Errorf("%d identities are attached, want %d", len(r.Identity.UserAssigned), n)
		}
		for i := range n {
			if a, ok := r.Identity.Find(f.uai(fmt.Sprintf("new%d", i))); !ok || a.Dead() {
				t.Errorf("new%d was lost", i)
			}
		}
	})
}

// of 100 parallel creations, some of the same name, exactly one of each name creates; the
// others find what it made, and nothing is lost.
func TestParallelCreationsAreAllCounted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		const n, names = 100, 80
		var created atomic.Int64
		made := make([]managedidentity.UserAssigned, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				one, fresh, err := f.CreateUserAssigned(t.Context(), f.wanted(fmt.Sprintf("id%d", i%names)))
				if err != nil {
					t.Error(err)
				}
				if made[i] = one; fresh {
					created.Add(1)
				}
			})
		}
		wg.Wait()
		if created.Load() != names {
			t.Errorf("%d creations, want %d", created.Load(), names)
		}
		seen := map[id.Object]string{}
		for i, one := range made {
			name := fmt.Sprintf("id%d", i%names)
			if other, known := seen[one.PrincipalID]; known && other != name || !f.alive(one.PrincipalID) {
				t.Errorf("%s has the principal %s, alive %v, of %q", name, one.PrincipalID, f.alive(one.PrincipalID), other)
			}
			seen[one.PrincipalID] = name
		}
		if len(seen) != names {
			t.Errorf("%d principals, want %d", len(seen), names)
		}
	})
}

// CP §2.8: conditions on hosts.
func TestHostPreconditions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		first := f.put(f.vm("v"), resource.IdentityPatch{})
		w := f.write(f.vm("v"), resource.IdentityPatch{})
		w.Pre.IfMatch = first.ETag()
		if _, err := f.PatchHost(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if _, err := f.PatchHost(t.Context(), w); !errors.Is(err, resource.ErrPrecondition) {
			t.Errorf("a stale tag gave %v", err)
		}
		if _, err := f.DeleteHost(t.Context(), f.vm("v"), w.Pre); !errors.Is(err, resource.ErrPrecondition) {
			t.Errorf("deleting by a stale tag gave %v", err)
		}
		w.ID = f.vm("none")
		w.Pre = resource.Precondition{}
		if _, err := f.PatchHost(t.Context(), w); !errors.Is(err, resource.ErrNotFound) {
			t.Errorf("patching nothing gave %v", err)
		}
	})
}
