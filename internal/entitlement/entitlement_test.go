package entitlement_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/entitlement"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// plain is a keyed hash for tests that keep no secret.
type plain struct{}

func (plain) MAC(purpose string, data []byte) []byte { return append([]byte(purpose), data...) }

// world is a tenant with a caller and an application that it calls.
type world struct {
	*entitlement.Service
	t      testing.TB
	rel    *relation.Service
	reg    *registration.Service
	tenant id.Tenant
	caller directory.ServicePrincipal
	api    directory.ServicePrincipal
}

// roleID is the id of the one app role of the application.
const roleID = "22222222-2222-4222-8222-222222222222"

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx, db, now := t.Context(), storetest.SQLite(t), func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }
	ids := id.NewSource(rand.Reader)
	log, err1 := audit.New(audit.Config{Store: db, Server: "s1", Now: now})
	dir, err2 := directory.New(directory.Config{Store: db, Audit: log, IDs: ids, Rand: rand.Reader, Now: now, Hasher: plain{}})
	rel, err3 := relation.New(relation.Config{Store: db, Audit: log, Directory: dir, IDs: ids, Now: now})
	reg, err4 := registration.New(registration.Config{Store: db, Audit: log, Directory: dir, Relations: rel, Now: now, Log: slog.New(slog.DiscardHandler)})
	s, err5 := entitlement.New(entitlement.Config{Directory: dir, Relations: rel, Graph: "https://graph.example"})
	w := &world{Service: s, t: t, rel: rel, reg: reg}
	err6 := db.Update(ctx, func(tx *store.Tx) error {
		tenant, err := dir.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "t"})
		if err != nil {
			return err
		}
		w.tenant = tenant.ID
		w.caller, err = dir.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: w.tenant, Kind: directory.KindManagedIdentity, DisplayName: "mi"})
		return err
	})
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Fatal(err)
	}
	app, err := reg.CreateApplication(ctx, w.tenant, func(a *directory.Application) (registration.Credentials, error) {
		a.DisplayName = "api"
		a.AppRoles = []directory.AppRole{{ID: roleID, Members: []string{"Application", "User"}, DisplayName: "r", Enabled: true, Value: "Orders.Read"}}
		return registration.Credentials{}, nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if w.api, err = reg.CreateServicePrincipal(ctx, w.tenant, app.App, func(*directory.ServicePrincipal) error { return nil }, nil); err != nil {
		t.Fatal(err)
	}
	return w
}

// at asks for the caller's entitlement at the application.
func (w *world) at() (entitlement.Entitlement, error) {
	return w.At(w.t.Context(), w.tenant, w.caller.ID, false, w.api.App)
}

// claims sets groupMembershipClaims of the application.
func (w *world) claims(kind string) {
	w.t.Helper()
	err := w.reg.UpdateApplication(w.t.Context(), w.tenant, w.api.App, func(a *directory.Application) (registration.Credentials, error) {
		a.GroupClaims = kind
		return registration.Credentials{}, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// group makes a group that the caller is in.
func (w *world) group(name string, security bool, members ...id.Object) id.Object {
	w.t.Helper()
	g, err := w.rel.CreateGroup(w.t.Context(), relation.Group{Tenant: w.tenant, DisplayName: name, MailNickname: name, SecurityEnabled: security}, nil, members)
	if err != nil {
		w.t.Fatal(err)
	}
	return g.ID
}

func TestAResourceThatDemandsAnAssignment(t *testing.T) { // DT-33, DT-73
	w := newWorld(t)
	if e, err := w.at(); err != nil || e.Key() != "" {
		t.Errorf("nothing demanded, nothing assigned: %+v %v", e, err)
	}
	err := w.reg.UpdateServicePrincipal(t.Context(), w.tenant, w.api.ID, func(sp *directory.ServicePrincipal) error { sp.RoleRequired = true; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.at(); !errors.Is(err, entitlement.ErrNotAssigned) {
		t.Errorf("demanded, not assigned: %v", err)
	}
	a, err := w.rel.AssignAppRole(t.Context(), relation.AppRoleAssignment{Tenant: w.tenant, Principal: w.caller.ID, Resource: w.api.ID, Role: relation.DefaultAccess})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := w.at(); err != nil || len(e.Roles) != 0 {
		t.Errorf("default access: %+v %v", e, err)
	}
	if _, err := w.rel.AssignAppRole(t.Context(), relation.AppRoleAssignment{Tenant: w.tenant, Principal: w.caller.ID, Resource: w.api.ID, Role: roleID}); err != nil {
		t.Fatal(err)
	}
	if err := w.rel.RemoveAppRole(t.Context(), w.tenant, a.ID); err != nil {
		t.Fatal(err)
	}
	if e, err := w.at(); err != nil || !slices.Equal(e.Roles, []string{"Orders.Read"}) || e.Key() == "" {
		t.Errorf("a role: %+v %v", e, err)
	}
}

func TestGroupsInTokens(t *testing.T) { // DT-74, DT-3.4
	w := newWorld(t)
	inner := w.group("inner", true, w.caller.ID)
	outer := w.group("outer", true, inner)
	mail := w.group("mail", false, w.caller.ID)
	if _, err := w.rel.AssignAppRole(t.Context(), relation.AppRoleAssignment{Tenant: w.tenant, Principal: outer, Resource: w.api.ID, Role: relation.DefaultAccess}); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string][]id.Object{
		"": nil, "None": nil, "SecurityGroup": {inner, outer}, "All": {inner, outer, mail}, "ApplicationGroup": {outer}, "DirectoryRole": nil,
	} {
		w.claims(kind)
		e, err := w.at()
		var texts []string
		for _, o := range want {
			texts = append(texts, string(o))
		}
		slices.Sort(texts)
		if err != nil || !slices.Equal(e.Groups, texts) || e.GroupsEndpoint != "" {
			t.Errorf("%q: %+v %v, want %v", kind, e, err, texts)
		}
	}
	w.claims("SecurityGroup")
	for i := range 199 {
		w.group(fmt.Sprint("g", i), true, w.caller.ID)
	}
	e, err := w.at()
	if err != nil || e.Groups != nil || e.GroupsEndpoint != "https://graph.example/v1.0/servicePrincipals/"+string(w.caller.ID)+"/getMemberObjects" {
		t.Errorf("201 groups: %+v %v", e, err)
	}
}

func TestTokensForGraphCarryDirectoryRoles(t *testing.T) {
	w := newWorld(t)
	ask := func() string {
		e, err := w.At(t.Context(), w.tenant, w.caller.ID, false, directory.GraphApp)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(e.DirectoryRoles, " ")
	}
	if got := ask(); got != "0997a1d0-0d1d-4acb-b408-d5ca73121e90" {
		t.Errorf("no role: %s", got)
	}
	if err := w.rel.AddRoleMember(t.Context(), w.tenant, relation.GlobalAdministrator, w.caller.ID); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != "0997a1d0-0d1d-4acb-b408-d5ca73121e90 "+string(relation.GlobalAdministrator) {
		t.Errorf("an administrator: %s", got)
	}
	if e, err := w.At(t.Context(), w.tenant, w.caller.ID, false, directory.KeyVaultApp); err != nil || e.Key() != "" {
		t.Errorf("at a resource that asks the directory itself: %+v %v", e, err)
	}
}

// BenchmarkAt is what every token costs beside its making: nothing where the resource asks the
// directory itself, a walk through memory where it does not.
func BenchmarkAt(b *testing.B) {
	w := newWorld(b)
	w.claims("SecurityGroup")
	for i := range 10 {
		w.group(fmt.Sprint("g", i), true, w.caller.ID)
	}
	for name, resource := range map[string]id.App{"vault": directory.KeyVaultApp, "graph": directory.GraphApp, "own service, ten groups": w.api.App} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e, err := w.At(b.Context(), w.tenant, w.caller.ID, false, resource)
				if err != nil {
					b.Fatal(err)
				}
				_ = e.Key()
			}
		})
	}
}
