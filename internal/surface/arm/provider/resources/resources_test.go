package resources_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// Paths of the tests.
const (
	vm    = armtest.Group + "/providers/Microsoft.Compute/virtualMachines/vm1"
	app   = armtest.Group + "/providers/Microsoft.Web/sites/app1"
	uai   = armtest.Group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1"
	vault = armtest.Group + "/providers/Microsoft.KeyVault/vaults/vault1"
	other = armtest.Sub + "/resourceGroups/Other"
	tags  = "/providers/Microsoft.Resources/tags/default"
)

// CP-40: tags at a scope are the tags of its body.
func TestTagsAtAScope(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		for _, path := range []string{vm, app, uai, vault} {
			f.OK("owner", "PUT", path, `{"location":"local","tags":{"Env":"dev"}}`)
		}
		f.OK("owner", "PATCH", armtest.Group, `{"tags":{"Env":"dev"}}`)
		f.OK("owner", "PUT", armtest.Sub+tags, `{"properties":{"tags":{"Env":"dev"}}}`)
		for _, scope := range []string{vm, app, uai, vault, armtest.Group, armtest.Sub} {
			for _, step := range []struct{ method, body, want string }{
				{"PATCH", `{"operation":"Merge","properties":{"tags":{"ENV":"test","team":"a"}}}`, `{"Env":"test","team":"a"}`},
				{"PATCH", `{"operation":"Delete","properties":{"tags":{"Env":"other"}}}`, `{"Env":"test","team":"a"}`},
				{"PATCH", `{"operation":"delete","properties":{"tags":{"env":"test"}}}`, `{"team":"a"}`},
				{"PATCH", `{"operation":"Replace","properties":{"tags":{"b":"c"}}}`, `{"b":"c"}`},
				{"PUT", `{"properties":{"tags":{"d":"e"}}}`, `{"d":"e"}`},
			} {
				if got := f.OK("owner", step.method, scope+tags, step.body).At("properties", "tags"); got != step.want {
					t.Errorf("%s %s: %s", scope, step.body, got)
				}
				if got := f.OK("owner", "GET", scope, "").At("tags"); got != step.want {
					t.Errorf("%s: the body has %s, want %s", scope, got, step.want)
				}
			}
		}
		names := f.OK("owner", "GET", armtest.Sub+"/tagNames", "")
		if names.Count() != 1 || names.At("value", "0", "tagName") != "d" || names.At("value", "0", "count", "value") != "5" {
			t.Errorf("names %s", names.Text)
		}
		if got := f.OK("nobody", "GET", armtest.Sub+"/tagNames", ""); got.Count() != 0 {
			t.Errorf("nobody sees %s", got.Text)
		}
		f.Do("owner", "PATCH", vm+tags, `{"operation":"Paint","properties":{"tags":{}}}`).Want(400, "InvalidRequestContent")
		f.Do("owner", "PUT", vm+"x"+tags, `{"properties":{"tags":{}}}`).Want(404, "ResourceNotFound")
		f.Do("reader", "PUT", vm+tags, `{"properties":{"tags":{}}}`).Want(403, "AuthorizationFailed")
		f.Do("owner", "DELETE", vm+tags, "").Want(200, "")
		if got := f.OK("owner", "GET", vm, "").At("tags"); got != "" {
			t.Errorf("tags left: %s", got)
		}
	})
}

// moveBody is the body of a move.
func moveBody(target string, resources ...string) string {
	raw, _ := json.Marshal(map[string]any{"resources": resources, "targetResourceGroup": target})
	return string(raw)
}

// CP-29, CP §2.13, S-47, M-15: a move takes identities along and leaves assignments behind.
func TestMove(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		f.OK("owner", "PUT", other, `{"location":"local"}`)
		client := f.OK("owner", "PUT", uai, `{"location":"local"}`).At("properties", "clientId")
		block := `"identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"` + uai + `":{}}}`
		f.OK("owner", "PUT", vm, `{"location":"local"}`)
		before := f.OK("owner", "PUT", app, `{"location":"local",`+block+`,"properties":{"siteConfig":{"appSettings":[{"name":"KEY","value":"v"}]}}}`)
		slot := f.OK("owner", "PUT", app+"/slots/stage", `{"location":"local","identity":{"type":"SystemAssigned"}}`)
		f.Person("scoped", armtest.Reader, app)
		f.Do("scoped", "GET", app, "").Want(200, "")

		moved := other + strings.TrimPrefix(app, armtest.Group)
		f.Do("owner", "POST", armtest.Group+"/moveResources", moveBody(other, uai)).Want(400, "ResourceMoveNotSupported")
		f.Do("owner", "POST", armtest.Group+"/moveResources", moveBody(other, app, vm+"x")).Want(404, "ResourceNotFound")
		f.Do("owner", "POST", armtest.Group+"/moveResources", moveBody(other, app+"/slots/stage")).Want(400, "ResourceMoveNotSupported")
		f.Do("owner", "POST", armtest.Group+"/moveResources", moveBody(armtest.Group, app)).Want(400, "ResourceMoveNotSupported")
		f.Do("owner", "POST", armtest.Group+"/moveResources", moveBody(other, app, app)).Want(400, "ResourceMoveNotSupported")
		f.Do("owner", "POST", armtest.Group+"/moveResources", moveBody(armtest.Sub+"/resourceGroups/none", app)).Want(404, "ResourceGroupNotFound")
		f.Do("owner", "POST", armtest.Group+"/validateMoveResources", moveBody(other, app)).Want(204, "")
		f.OK("owner", "GET", app, "") // nothing of all that moved it
		f.Person("mover", armtest.Contributor, armtest.Group)
		f.Do("mover", "POST", armtest.Group+"/moveResources", moveBody(other, app)).Want(403, "AuthorizationFailed")
		for _, scope := range []string{app, other} { // a lock forbids to take things away, and to bring them
			level := map[bool]string{true: "CanNotDelete", false: "ReadOnly"}[scope == app]
			f.OK("owner", "PUT", scope+"/providers/Microsoft.Authorization/locks/keep", `{"properties":{"level":"`+level+`"}}`)
			f.Do("owner", "POST", armtest.Group+"/moveResources", moveBody(other, app)).Want(409, "ScopeLocked")
			f.OK("owner", "DELETE", scope+"/providers/Microsoft.Authorization/locks/keep", "")
		}
		f.Do("owner", "POST", armtest.Group+"/moveResources", moveBody(strings.ToUpper(other), app)).Want(204, "")

		f.Do("owner", "GET", app, "").Want(404, "ResourceNotFound")
		after := f.OK("owner", "GET", moved, "")
		if after.At("identity") != before.At("identity") || after.At("id") != moved {
			t.Errorf("identity %s, was %s", after.At("identity"), before.At("identity"))
		}
		if got := f.OK("owner", "GET", moved+"/slots/stage", ""); got.At("identity") != slot.At("identity") {
			t.Errorf("slot %s", got.Text)
		}
		if got := f.OK("owner", "POST", moved+"/config/appsettings/list", "").At("properties"); got != `{"KEY":"v"}` {
			t.Errorf("settings %s", got)
		}
		f.Do("scoped", "GET", moved, "").Want(403, "AuthorizationFailed")
		f.OK("owner", "PUT", app+"9", `{"location":"local"}`)
		f.Do("owner", "PUT", app, `{"location":"local"}`).Want(409, "Conflict") // its name is still taken
		f.Do("scoped", "GET", app, "").Want(403, "AuthorizationFailed")
		tokens(f, moved, before.At("identity", "principalId"), client)
	})
}

// tokens asks for tokens as a program on the moved host does.
func tokens(f *armtest.Fixture, host, principal, client string) {
	t := f.T
	t.Helper()
	caller := managedidentity.Caller{Resource: armtest.Must[resource.ID](t)(resource.ParseID(host))}
	ask := managedidentity.Request{Audience: "https://vault.azure.net", Dialect: managedidentity.IMDS}
	m, err := f.Identities.Mint(t.Context(), caller, ask)
	armtest.Check(t, err)
	if string(m.Identity.PrincipalID) != principal || m.Identity.Resource.String() != host {
		t.Errorf("token of %+v", m.Identity)
	}
	sp, err := f.Dir.ServicePrincipal(t.Context(), f.Tenant, id.Object(principal))
	armtest.Check(t, err)
	if !strings.Contains(strings.ToLower(strings.Join(sp.AlternativeNames, " ")), strings.ToLower(host)) {
		t.Errorf("alternative names %q", sp.AlternativeNames)
	}
	ask.Selector = managedidentity.Selector{Kind: managedidentity.SelectClient, Value: client}
	if _, err := f.Identities.Mint(t.Context(), caller, ask); err != nil {
		t.Errorf("user-assigned: %v", err)
	}
}

// CP §2.13: an exported group names its resources with their identities, and no credentials.
func TestExport(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", uai, `{"location":"local"}`)
	f.OK("owner", "PUT", app, `{"location":"local","identity":{"type":"UserAssigned","userAssignedIdentities":{"`+uai+`":{}}},"properties":{"siteConfig":{"appSettings":[{"name":"KEY","value":"canary"}]}}}`)
	f.OK("owner", "PUT", app+"/slots/stage", `{"location":"local"}`)
	a := f.OK("owner", "POST", armtest.Group+"/exportTemplate", `{"resources":["*"],"options":"SkipAllParameterization"}`)
	var got struct {
		Template struct {
			Resources []struct {
				Type, Name, APIVersion string
				DependsOn              []string
			}
		}
	}
	armtest.Check(t, json.Unmarshal([]byte(a.Text), &got))
	if len(got.Template.Resources) != 4 || strings.Contains(a.Text, "canary") || strings.Contains(a.Text, "principalId") {
		t.Fatalf("%s", a.Text)
	}
	last := got.Template.Resources[3] // behind the identity, the plan and the app
	if last.Name != "app1/stage" || last.APIVersion == "" || last.DependsOn[0] != "[resourceId('Microsoft.Web/sites', 'app1')]" {
		t.Errorf("%+v", last)
	}
	f.Do("nobody", "POST", armtest.Group+"/exportTemplate", `{"resources":["*"]}`).Want(403, "AuthorizationFailed")
}

// CP-120, CP §2.13, S-47: a move to another subscription of the tenant takes identities along,
// needs rights there, and leaves behind what was assigned at the old place.
func TestMoveToAnotherSubscription(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		const second, target = "/subscriptions/22222222-2222-2222-2222-222222222222", "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/Target"
		const foreign = "/subscriptions/33333333-3333-3333-3333-333333333333"
		for sub, tenant := range map[string]id.Tenant{second: f.Tenant, foreign: f.People["stranger"].Tenant} {
			armtest.Check(t, f.Resources.PutSubscription(t.Context(), resource.Subscription{
				ID: id.Subscription(strings.TrimPrefix(sub, "/subscriptions/")), Tenant: tenant, Name: "Another"}))
		}
		f.Grant("owner", armtest.Owner, second)
		f.Grant("stranger", armtest.Owner, foreign)
		f.OK("owner", "PUT", target, `{"location":"local"}`)
		f.OK("stranger", "PUT", foreign+"/resourceGroups/Target", `{"location":"local"}`)
		client := f.OK("owner", "PUT", uai, `{"location":"local"}`).At("properties", "clientId")
		before := f.OK("owner", "PUT", vm, `{"location":"local","identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"`+uai+`":{}}}}`)
		principal := before.At("identity", "principalId")
		f.People["machine"] = bearer.Principal{Tenant: f.Tenant, Object: id.Object(principal)}
		f.Grant("machine", armtest.Reader, armtest.Group)
		f.Person("scoped", armtest.Reader, vm)
		old := armtest.Must[managedidentity.Minted](t)(f.Identities.Mint(t.Context(),
			managedidentity.Caller{Resource: armtest.Must[resource.ID](t)(resource.ParseID(vm))},
			managedidentity.Request{Audience: "https://vault.azure.net", Dialect: managedidentity.IMDS}))

		move := func(who, to string, resources ...string) armtest.Answer {
			return f.Do(who, "POST", armtest.Group+"/moveResources", moveBody(to, resources...))
		}
		move("owner", target, uai).Want(400, "ResourceMoveNotSupported")
		move("owner", target, vm, uai).Want(400, "ResourceMoveNotSupported")
		move("owner", foreign+"/resourceGroups/Target", vm).Want(403, "AuthorizationFailed")
		f.Person("mover", armtest.Contributor, armtest.Sub)
		move("mover", target, vm).Want(403, "AuthorizationFailed")
		f.Grant("mover", armtest.Reader, second)
		move("mover", target, vm).Want(403, "AuthorizationFailed")
		f.OK("owner", "GET", vm, "")
		f.Grant("mover", armtest.Contributor, target)
		move("mover", target, vm).Want(204, "")

		moved := target + strings.TrimPrefix(vm, armtest.Group)
		f.Do("owner", "GET", vm, "").Want(404, "ResourceNotFound")
		if after := f.OK("owner", "GET", moved, ""); after.At("identity") != before.At("identity") || after.At("id") != moved {
			t.Errorf("moved: %s, the identity was %s", after.Text, before.At("identity"))
		}
		for _, who := range []string{"scoped", "reader"} { // who read it where it was
			f.Do(who, "GET", moved, "").Want(403, "AuthorizationFailed")
		}
		f.OK("owner", "PUT", vm, `{"location":"local"}`) // another one of the name
		f.Do("scoped", "GET", vm, "").Want(403, "AuthorizationFailed")
		if held := armtest.Must[[]*rbac.Assignment](t)(f.RBAC.ListAssignments(t.Context(), rbac.AssignmentQuery{
			Scope: armtest.Must[resource.ID](t)(resource.ParseID(armtest.Group)), Principal: id.Object(principal)})); len(held) != 1 {
			t.Errorf("the identity itself holds %v, it had one role", held)
		}
		tokens(f, moved, principal, client)
		again := armtest.Must[managedidentity.Minted](t)(f.Identities.Mint(t.Context(),
			managedidentity.Caller{Resource: armtest.Must[resource.ID](t)(resource.ParseID(moved))},
			managedidentity.Request{Audience: "https://vault.azure.net", Dialect: managedidentity.IMDS}))
		if was, is := mirid(t, old), mirid(t, again); was == is || !strings.EqualFold(is, moved) {
			t.Errorf("the token names %q, before the move %q", is, was)
		}
	})
}

// mirid is the resource that a token names.
func mirid(t *testing.T, m managedidentity.Minted) string {
	t.Helper()
	raw := armtest.Must[[]byte](t)(base64.RawURLEncoding.DecodeString(strings.Split(m.Token.Reveal(), ".")[1]))
	var claims struct {
		MIRID string `json:"xms_mirid"`
	}
	armtest.Check(t, json.Unmarshal(raw, &claims))
	return claims.MIRID
}
