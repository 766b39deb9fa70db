package relation_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// plain is a keyed hash for tests that keep no secret.
type plain struct{}

func (plain) MAC(purpose string, data []byte) []byte { return append([]byte(purpose), data...) }

// world is relations over a store of their own, in two tenants.
type world struct {
	*relation.Service
	t             *testing.T
	db            *store.DB
	dir           *directory.Directory
	reg           *registration.Service
	tenant, other id.Tenant
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }
	ids := id.NewSource(rand.Reader)
	log, err1 := audit.New(audit.Config{Store: db, Server: "s1", Now: now})
	dir, err2 := directory.New(directory.Config{Store: db, Audit: log, IDs: ids, Rand: rand.Reader, Now: now, Hasher: plain{}})
	rel, err3 := relation.New(relation.Config{Store: db, Audit: log, Directory: dir, IDs: ids, Now: now})
	reg, err4 := registration.New(registration.Config{Store: db, Audit: log, Directory: dir, Relations: rel, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	w := &world{Service: rel, t: t, db: db, dir: dir, reg: reg}
	for _, to := range []*id.Tenant{&w.tenant, &w.other} {
		w.must(func(ctx context.Context, tx *store.Tx) error {
			made, err := dir.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "t"})
			*to = made.ID
			return err
		})
	}
	return w
}

func (w *world) must(fn func(ctx context.Context, tx *store.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(w.t.Context(), func(tx *store.Tx) error { return fn(w.t.Context(), tx) }); err != nil {
		w.t.Fatal(err)
	}
}

// principal makes a managed identity.
func (w *world) principal(tenant id.Tenant) (sp directory.ServicePrincipal) {
	w.t.Helper()
	w.must(func(ctx context.Context, tx *store.Tx) (err error) {
		sp, err = w.dir.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: tenant, Kind: directory.KindManagedIdentity, DisplayName: "mi"})
		return err
	})
	return sp
}

// group makes a group.
func (w *world) group(name string, unified bool, members ...id.Object) id.Object {
	w.t.Helper()
	g, err := w.CreateGroup(w.t.Context(), relation.Group{Tenant: w.tenant, DisplayName: name, MailNickname: name, SecurityEnabled: true, Unified: unified}, nil, members)
	if err != nil {
		w.t.Fatal(err)
	}
	return g.ID
}

// in checks the transitive groups of a member.
func (w *world) in(name string, member id.Object, want ...id.Object) {
	w.t.Helper()
	got, err := w.Memberships(w.t.Context(), w.tenant, member)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		w.t.Errorf("%s: got %v %v, want %v", name, got, err, want)
	}
}

func TestMembershipsAreTransitiveAndFollowEveryChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, ctx := newWorld(t, db), t.Context()
		sp := w.principal(w.tenant)
		w.in("nobody's member", sp.ID)
		inner := w.group("inner", false, sp.ID)
		outer := w.group("outer", true, inner)
		w.in("nested", sp.ID, inner, outer)
		if err := w.AddMember(ctx, w.tenant, inner, outer); err != nil { // a circle
			t.Fatal(err)
		}
		w.in("in a circle", sp.ID, inner, outer)
		if all, err := w.Members(ctx, w.tenant, outer, true); err != nil || !slices.Contains(all, sp.ID) {
			t.Errorf("transitive members: %v %v", all, err)
		}
		if err := w.DeleteGroup(ctx, w.tenant, outer); err != nil {
			t.Fatal(err)
		}
		w.in("the outer group is deleted", sp.ID, inner)
		if _, err := w.reg.Restore(ctx, w.tenant, outer); err != nil {
			t.Fatal(err)
		}
		w.in("the outer group is restored", sp.ID, inner, outer)
		if err := w.RemoveMember(ctx, w.tenant, inner, sp.ID); err != nil {
			t.Fatal(err)
		}
		w.in("removed", sp.ID)
		if err := w.DeleteGroup(ctx, w.tenant, inner); err != nil {
			t.Fatal(err)
		}
		if _, err := w.reg.Restore(ctx, w.tenant, inner); !errors.Is(err, registration.ErrNotDeleted) {
			t.Errorf("a security group came back: %v", err)
		}
		other := newWorldOver(t, w)
		if got, err := other.Memberships(ctx, w.tenant, inner); err != nil || len(got) != 0 {
			t.Errorf("another replica: %v %v", got, err)
		}
	})
}

// newWorldOver is another reader of the same store.
func newWorldOver(t *testing.T, w *world) *relation.Service {
	t.Helper()
	log, err1 := audit.New(audit.Config{Store: w.db, Server: "s2", Now: time.Now})
	rel, err2 := relation.New(relation.Config{Store: w.db, Audit: log, Directory: w.dir, IDs: id.NewSource(rand.Reader), Now: time.Now})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return rel
}

func TestRelationsDoNotCrossTenants(t *testing.T) { // S-54
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, ctx := newWorld(t, db), t.Context()
		ours, theirs := w.principal(w.tenant), w.principal(w.other)
		g := w.group("g", false)
		if err := w.AddMember(ctx, w.tenant, g, theirs.ID); !errors.Is(err, relation.ErrObjectNotFound) {
			t.Errorf("member of another tenant: %v", err)
		}
		if err := w.AddMember(ctx, w.other, g, theirs.ID); !errors.Is(err, relation.ErrGroupNotFound) {
			t.Errorf("group of another tenant: %v", err)
		}
		if err := w.AddOwner(ctx, w.tenant, g, theirs.ID); !errors.Is(err, relation.ErrObjectNotFound) {
			t.Errorf("owner of another tenant: %v", err)
		}
		if err := w.AddOwner(ctx, w.tenant, g, ours.ID); err != nil {
			t.Errorf("owner of the tenant: %v", err)
		}
		if _, err := w.Group(ctx, w.other, g); !errors.Is(err, relation.ErrGroupNotFound) {
			t.Errorf("seen from another tenant: %v", err)
		}
		graph, err := w.dir.ServicePrincipalByApp(ctx, w.other, directory.GraphApp)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.AssignAppRole(ctx, relation.AppRoleAssignment{Tenant: w.tenant, Principal: ours.ID, Resource: graph.ID, Role: relation.DefaultAccess})
		if !errors.Is(err, relation.ErrObjectNotFound) {
			t.Errorf("resource of another tenant: %v", err)
		}
	})
}

// userReadAll is the public id of a permission of Graph.
const userReadAll = "df021288-bdef-4463-88db-98f22de89214"

func TestAppRoles(t *testing.T) { // DT-73, DT-3.4
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, ctx := newWorld(t, db), t.Context()
		sp := w.principal(w.tenant)
		graph, err := w.dir.ServicePrincipalByApp(ctx, w.tenant, directory.GraphApp)
		if err != nil {
			t.Fatal(err)
		}
		want := func(name string, values ...string) {
			t.Helper()
			got, err := w.AppRoles(ctx, w.tenant, sp.ID, directory.GraphApp)
			if err != nil || !slices.Equal(got, values) {
				t.Errorf("%s: %v %v", name, got, err)
			}
		}
		want("nothing assigned")
		a, err := w.AssignAppRole(ctx, relation.AppRoleAssignment{Tenant: w.tenant, Principal: sp.ID, Resource: graph.ID, Role: userReadAll})
		if err != nil || len(a.ID) != 43 || a.Kind != directory.ObjectServicePrincipal {
			t.Fatalf("assign: %+v %v", a, err)
		}
		want("assigned", "User.Read.All")
		if got, err := w.AppRoles(ctx, w.tenant, sp.ID, directory.KeyVaultApp); err != nil || got != nil {
			t.Errorf("at another resource: %v %v", got, err)
		}
		if _, err := w.AssignAppRole(ctx, a); !errors.Is(err, relation.ErrRelationExists) {
			t.Errorf("twice: %v", err)
		}
		bad := a
		bad.Role = "11111111-1111-4111-8111-111111111111"
		if _, err := w.AssignAppRole(ctx, bad); !errors.Is(err, relation.ErrAppRoleUnknown) {
			t.Errorf("a role the resource does not have: %v", err)
		}
		group := w.group("g", false, sp.ID)
		bad = a
		bad.Principal = group
		if _, err := w.AssignAppRole(ctx, bad); !errors.Is(err, relation.ErrAppRoleUnknown) {
			t.Errorf("an application permission for a group: %v", err)
		}
		if err := w.RemoveAppRole(ctx, w.tenant, a.ID); err != nil {
			t.Fatal(err)
		}
		want("removed")
	})
}

func TestParallelCreationsAreExact(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, ctx := newWorld(t, db), t.Context()
		graph, err := w.dir.ServicePrincipalByApp(ctx, w.tenant, directory.GraphApp)
		if err != nil {
			t.Fatal(err)
		}
		group := w.group("g", false)
		const n = 50
		principals := make([]directory.ServicePrincipal, n)
		for i := range principals {
			principals[i] = w.principal(w.tenant)
		}
		var made, refused [2]int
		var mu sync.Mutex
		var all sync.WaitGroup
		count := func(kind int, err error) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made[kind]++
			case errors.Is(err, relation.ErrRelationExists):
				refused[kind]++
			default:
				t.Error(err)
			}
		}
		for i := range 2 * n { // each one twice
			sp := principals[i%n]
			all.Go(func() { count(0, w.AddMember(ctx, w.tenant, group, sp.ID)) })
			all.Go(func() {
				_, err := w.AssignAppRole(ctx, relation.AppRoleAssignment{Tenant: w.tenant, Principal: sp.ID, Resource: graph.ID, Role: userReadAll})
				count(1, err)
			})
		}
		all.Wait()
		members, err1 := w.Members(ctx, w.tenant, group, false)
		assigned, err2 := w.AppRoleAssignmentsAt(ctx, w.tenant, graph.ID)
		if err := errors.Join(err1, err2); err != nil || made != [2]int{n, n} || refused != [2]int{n, n} || len(members) != n || len(assigned) != n {
			t.Errorf("made %v, refused %v, %d members, %d assignments: %v", made, refused, len(members), len(assigned), err)
		}
	})
}
