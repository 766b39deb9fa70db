package graph_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/token"
)

func TestAnOwnerActsWithinTheScopesOfTheToken(t *testing.T) { // DT-7.1
	w := newWorld(t)
	u := w.user("alice")
	app, _ := w.application("hers", u.ID)
	g := w.group("team")
	if err := w.rel.AddOwner(t.Context(), w.tenant.ID, g.ID, u.ID); err != nil {
		t.Fatal(err)
	}
	ask := func(scope, target, body string) *httptest.ResponseRecorder {
		issued, err := w.issuer.Issue(token.Request{
			Tenant: u.Tenant, Object: u.ID, App: app.App, Audience: graphURL, Version: token.V1, Auth: token.AuthPublic, Lifetime: time.Hour,
			User: &token.User{Scopes: strings.Fields(scope), UPN: u.UPN, Name: u.DisplayName, Subject: "s"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return w.send("POST", target, body, map[string]string{"Authorization": "Bearer " + issued.Token.Reveal()})
	}
	secret, member := "/v1.0/applications/"+string(app.ID)+"/addPassword", "/v1.0/groups/"+string(g.ID)+"/members/$ref"
	another := `{"@odata.id":"` + graphURL + `/v1.0/directoryObjects/` + string(w.caller.ID) + `"}`
	for _, c := range []struct {
		scope, target, body string
		denied              bool
	}{
		{"openid profile email", secret, `{}`, true},
		{"User.Read", secret, `{}`, true},
		{"Group.ReadWrite.All", secret, `{}`, true},
		{"Application.ReadWrite.All", secret, `{}`, false},
		{"Directory.AccessAsUser.All", secret, `{}`, false},
		{"openid profile email", member, another, true},
		{"Application.ReadWrite.All", member, another, true},
		{"Group.ReadWrite.All", member, another, false},
	} {
		if rec := ask(c.scope, c.target, c.body); (rec.Code == 403) != c.denied || !c.denied && rec.Code >= 300 {
			t.Errorf("%s with %q: %d %s", c.target, c.scope, rec.Code, rec.Body)
		}
	}
}

func TestABatchHoldsNoBatch(t *testing.T) { // DT-7.1
	w := newWorld(t)
	for _, url := range []string{"/$batch", "/%24batch", "/$BATCH", "/%24Batch/", "$batch()", "/$batch?x=1"} {
		inner := `{"requests":[{"id":"1","method":"GET","url":"/organization"}]}`
		rec := w.send("POST", "/v1.0/$batch", `{"requests":[{"id":"1","method":"POST","url":"`+url+`","body":`+inner+`}]}`, nil)
		if rec.Code != 400 {
			t.Errorf("%s: %d %s", url, rec.Code, rec.Body)
		}
	}
}

func TestWhoCannotGiveAppRolesDoesNotTakeOverWhoCan(t *testing.T) { // S-71
	for _, held := range []string{"RoleManagement.ReadWrite.Directory", "AppRoleAssignment.ReadWrite.All"} {
		w := newWorld(t)
		strong, sp := w.application("strong", w.caller.ID)
		w.permit(sp, held)
		plain, other := w.application("plain", w.caller.ID)
		w.permit(other, "Directory.Read.All")
		secret := func(object string) int {
			return w.send("POST", "/v1.0/applications/"+object+"/addPassword", `{}`, nil).Code
		}
		w.permit(w.caller, "Application.ReadWrite.OwnedBy")
		if got := secret(string(strong.ID)); got != 403 {
			t.Errorf("%s, an owner: %d", held, got)
		}
		w.permit(w.caller, "Application.ReadWrite.All")
		if got := secret(string(strong.ID)); got != 403 {
			t.Errorf("%s, who writes applications: %d", held, got)
		}
		if got := secret(string(plain.ID)); got != 200 {
			t.Errorf("one that may only read: %d", got)
		}
		w.permit(w.caller, "AppRoleAssignment.ReadWrite.All")
		if got := secret(string(strong.ID)); got != 200 {
			t.Errorf("%s, who gives app roles: %d", held, got)
		}
	}
}

func TestADeletedAdministratorComesBackByAnAdministrator(t *testing.T) { // S-71, DT-88
	w := newWorld(t)
	admin, sp := w.application("administrator")
	if err := w.rel.AddRoleMember(t.Context(), w.tenant.ID, relation.GlobalAdministrator, sp.ID); err != nil {
		t.Fatal(err)
	}
	plain, _ := w.application("plain")
	w.permit(w.caller, "Application.ReadWrite.All")
	for _, app := range []id.App{admin.App, plain.App} {
		if err := w.reg.DeleteApplication(t.Context(), w.tenant.ID, app); err != nil {
			t.Fatal(err)
		}
	}
	restore := func(object string) int {
		return w.send("POST", "/v1.0/directory/deletedItems/"+object+"/restore", "", nil).Code
	}
	if got := restore(string(plain.ID)); got != 200 {
		t.Errorf("one without a role: %d", got)
	}
	if got := restore(string(admin.ID)); got != 403 {
		t.Errorf("an administrator: %d", got)
	}
	if rec := w.send("DELETE", "/v1.0/directory/deletedItems/"+string(admin.ID), "", nil); rec.Code != 403 {
		t.Errorf("ended for good: %d", rec.Code)
	}
	w.admin()
	if got := restore(string(admin.ID)); got != 200 {
		t.Errorf("by an administrator: %d", got)
	}
}

func TestWhoWritesUsersDoesNotSignAdministratorsOut(t *testing.T) { // S-71
	w := newWorld(t)
	w.permit(w.caller, "User.ReadWrite.All")
	plain, admin := w.user("plain"), w.user("admin")
	if err := w.rel.AddRoleMember(t.Context(), w.tenant.ID, relation.GlobalAdministrator, admin.ID); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[id.Object]int{plain.ID: 200, admin.ID: 403} {
		if rec := w.send("POST", "/v1.0/users/"+string(user)+"/revokeSignInSessions", "", nil); rec.Code != want {
			t.Errorf("%s: %d %s", user, rec.Code, rec.Body)
		}
	}
}
