package sts_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/relation"
)

// M-10, DT-33, DT-67, DT-73: a service of the tenant's own, with an app role, a name and a
// version of tokens, that gives tokens only to whom was assigned to it.
func TestTokensForAServiceOfTheTenant(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	reg, err := registration.New(registration.Config{Audit: w.log, Directory: w.dir, Relations: w.relations, Store: w.db, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const role = "22222222-2222-4222-8222-222222222222"
	app, err := reg.CreateApplication(ctx, w.tenant.ID, func(a *directory.Application) (registration.Credentials, error) {
		a.DisplayName = "orders"
		a.AppRoles = []directory.AppRole{{ID: role, Members: []string{"Application"}, DisplayName: "r", Enabled: true, Value: "Orders.Read"}}
		return registration.Credentials{}, nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	uri := "api://" + string(app.App)
	version := func(n int) {
		t.Helper()
		err := reg.UpdateApplication(ctx, w.tenant.ID, app.App, func(a *directory.Application) (registration.Credentials, error) {
			a.IdentifierURIs, a.TokenVersion = []string{uri}, n
			return registration.Credentials{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	version(1)
	sp, err := reg.CreateServicePrincipal(ctx, w.tenant.ID, app.App, func(sp *directory.ServicePrincipal) error { sp.RoleRequired = true; return nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	form := w.form()
	form.Set("scope", uri+"/.default")
	rec := w.post("v2.0/", form)
	if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "AADSTS501051") {
		t.Errorf("not assigned: %d %s", rec.Code, rec.Body)
	}
	if row := w.signIns()[0]; row.Reason != "AADSTS501051" {
		t.Errorf("on record: %+v", row)
	}
	assigned, err := w.relations.AssignAppRole(ctx, relation.AppRoleAssignment{Tenant: w.tenant.ID, Principal: w.sp.ID, Resource: sp.ID, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	for n, audience := range map[int]string{1: uri, 2: string(app.App)} {
		version(n)
		c := w.verify(tokenOf(t, w.post("v2.0/", form)), audience)
		if !slices.Equal(c.Roles, []string{"Orders.Read"}) || fmt.Sprint(c.Version) != fmt.Sprint(n) {
			t.Errorf("version %d: %+v", n, c)
		}
	}
	if err := w.relations.RemoveAppRole(ctx, w.tenant.ID, assigned.ID); err != nil {
		t.Fatal(err)
	}
	if rec := w.post("v2.0/", form); rec.Code != http.StatusBadRequest {
		t.Errorf("taken away: %d %s", rec.Code, rec.Body)
	}
}
