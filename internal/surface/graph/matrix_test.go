package graph_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/surface/graph"
	"github.com/sealring/sealring/internal/surface/graph/model"
)

// update rewrites the matrix; a person reads the difference.
var update = flag.Bool("update", false, "rewrite testdata/matrix.txt")

// sample is what the matrix puts in place of the parameters of a path.
type sample map[string]string

// cast are the callers of the matrix and the objects that it names.
type cast struct {
	w       *world
	callers map[string]directory.ServicePrincipal
	tokens  map[string]string
	sample  sample
}

// application registers an application of the tenant with its service principal.
func (w *world) application(name string, owners ...id.Object) (directory.Application, directory.ServicePrincipal) {
	w.t.Helper()
	a, err := w.reg.CreateApplication(w.t.Context(), w.tenant.ID, func(a *directory.Application) (registration.Credentials, error) {
		a.DisplayName = name
		return registration.Credentials{}, nil
	}, owners)
	if err != nil {
		w.t.Fatal(err)
	}
	sp, err := w.reg.CreateServicePrincipal(w.t.Context(), w.tenant.ID, a.App, func(*directory.ServicePrincipal) error { return nil }, owners)
	if err != nil {
		w.t.Fatal(err)
	}
	return a, sp
}

// group makes a group of the tenant.
func (w *world) group(name string, members ...id.Object) relation.Group {
	w.t.Helper()
	g, err := w.rel.CreateGroup(w.t.Context(), relation.Group{Tenant: w.tenant.ID, DisplayName: name, MailNickname: name, SecurityEnabled: true}, nil, members)
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

// user makes a user of the tenant without a password.
func (w *world) user(name string) directory.User {
	w.t.Helper()
	u, err := w.dir.CreateUser(w.t.Context(), directory.NewUser{Tenant: w.tenant.ID, UPN: name + "@contoso.example", DisplayName: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

// newCast makes everything that the matrix asks for.
func newCast(t *testing.T) *cast {
	t.Helper()
	w := newWorld(t)
	c := &cast{w: w, callers: map[string]directory.ServicePrincipal{}}
	for _, name := range []string{"nobody", "reader", "owner", "writer", "admin"} {
		c.callers[name] = w.identity(w.tenant.ID, name, false)
	}
	c.callers["stranger"] = w.identity(w.other.ID, "stranger", false)
	w.permit(c.callers["reader"], "Directory.Read.All", "Application.Read.All", "AuditLog.Read.All", "RoleManagement.Read.Directory")
	w.permit(c.callers["owner"], "Application.ReadWrite.OwnedBy")
	w.permit(c.callers["writer"], "Application.ReadWrite.All", "Group.ReadWrite.All", "User.ReadWrite.All")
	for name, tenant := range map[string]id.Tenant{"admin": w.tenant.ID, "stranger": w.other.ID} {
		if err := w.rel.AddRoleMember(t.Context(), tenant, relation.GlobalAdministrator, c.callers[name].ID); err != nil {
			t.Fatal(err)
		}
	}
	c.tokens = map[string]string{}
	for name, sp := range c.callers {
		c.tokens[name] = w.token(sp, graphURL)
	}
	app, sp := w.application("sample", c.callers["owner"].ID)
	g, u := w.group("sample", c.callers["nobody"].ID), w.user("sample")
	c.sample = sample{
		"applications": string(app.ID), "servicePrincipals": string(sp.ID), "groups": string(g.ID), "users": string(u.ID), "directoryObjects": string(g.ID),
		"member": string(c.callers["nobody"].ID), "owner": string(c.callers["owner"].ID), "type": "microsoft.graph.group", "assignment": "x", "grant": "x",
		"tenant": string(w.tenant.ID), "domain": "contoso.example", "role": "88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "credential": "x", "row": "x",
	}
	return c
}

// target is a path with the parameters filled in.
func (c *cast) target(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			name := strings.Trim(p, "{}")
			if name == "id" {
				name = parts[0]
			}
			if _, ok := c.sample[name]; !ok {
				c.w.t.Fatalf("%s: the matrix does not know what to put for %s", pattern, p)
			}
			parts[i] = c.sample[name]
		}
	}
	return "/v1.0/" + strings.Join(parts, "/")
}

// ask sends a request as one of the callers and says how it was taken: "yes" where the caller
// may, whatever came of it.
func (c *cast) ask(caller, method, pattern string) string {
	r := httptest.NewRequest(method, graphURL+c.target(pattern), strings.NewReader("{}"))
	r.Header.Set("ConsistencyLevel", "eventual")
	if caller != "anonymous" {
		r.Header.Set("Authorization", "Bearer "+c.tokens[caller])
	}
	rec := httptest.NewRecorder()
	c.w.room.ServeHTTP(rec, r)
	switch {
	case rec.Code == http.StatusUnauthorized, rec.Code == http.StatusForbidden:
		return fmt.Sprint(rec.Code)
	case rec.Code >= 500:
		c.w.t.Errorf("%s %s as %s: %d %s", method, pattern, caller, rec.Code, rec.Body)
	case caller == "stranger" && rec.Code == http.StatusNotFound:
		return "404"
	}
	return "yes"
}

// S-54, S-71, DT-103, M-10: every route against every caller; a route that is not in the
// matrix fails, and so does a line without a route.
func TestEveryRouteAgainstEveryCaller(t *testing.T) {
	c := newCast(t)
	callers := []string{"anonymous", "stranger", "nobody", "reader", "owner", "writer", "admin"}
	var out strings.Builder
	fmt.Fprintln(&out, "# route | "+strings.Join(callers, " | "))
	routes := graph.Routes(&model.Domain{Directory: c.w.dir, Relations: c.w.rel, Registrations: c.w.reg}, c.w.log)
	for _, route := range routes {
		line := route.Method + " " + route.Path
		for _, caller := range callers {
			line += " | " + c.ask(caller, route.Method, route.Path)
		}
		fmt.Fprintln(&out, line)
	}
	const file = "testdata/matrix.txt"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	was := map[string]bool{}
	for line := range strings.Lines(string(want)) {
		was[line] = true
	}
	for line := range strings.Lines(out.String()) {
		if !was[line] {
			t.Errorf("not in the matrix: %s", strings.TrimSpace(line))
		}
		delete(was, line)
	}
	for line := range was {
		t.Errorf("in the matrix only: %s", strings.TrimSpace(line))
	}
}

// M-10: a managed identity with a permission, without it, and without it again; its token
// stays the same all the while.
func TestAPermissionCountsFromItsGrantToItsEnd(t *testing.T) {
	w := newWorld(t)
	mi := w.identity(w.tenant.ID, "app", false)
	text := "Bearer " + w.token(mi, graphURL)
	get := func() int {
		r := httptest.NewRequest(http.MethodGet, graphURL+"/v1.0/users", nil)
		r.Header.Set("Authorization", text)
		rec := httptest.NewRecorder()
		w.room.ServeHTTP(rec, r)
		return rec.Code
	}
	if got := get(); got != http.StatusForbidden {
		t.Errorf("without the permission: %d", got)
	}
	w.permit(mi, "User.Read.All")
	if got := get(); got != http.StatusOK {
		t.Errorf("with the permission: %d", got)
	}
	list, err := w.rel.AppRoleAssignmentsOf(t.Context(), w.tenant.ID, mi.ID)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	if err := w.rel.RemoveAppRole(t.Context(), w.tenant.ID, list[0].ID); err != nil {
		t.Fatal(err)
	}
	if got := get(); got != http.StatusForbidden {
		t.Errorf("without it again: %d", got)
	}
	err = w.db.Update(t.Context(), func(tx *store.Tx) error { return w.dir.SetEnabled(t.Context(), tx, w.tenant.ID, mi.ID, false) })
	if err != nil {
		t.Fatal(err)
	}
	if got := get(); got != http.StatusUnauthorized {
		t.Errorf("disabled: %d", got)
	}
}
