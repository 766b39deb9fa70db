package provider_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// Paths of the tests.
const (
	vm   = armtest.Group + "/providers/Microsoft.Compute/virtualMachines/vm1"
	app  = armtest.Group + "/providers/Microsoft.Web/sites/app1"
	slot = app + "/slots/stage"
	uai  = armtest.Group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1"
)

func TestAMachineGetsAnIdentityAndLosesIt(t *testing.T) { // CP-24, CP-25, CP-61, CP-65
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		a := f.Do("owner", "PUT", vm, `{"location":"West Europe","identity":{"type":"systemassigned"},"properties":{"hardwareProfile":{"vmSize":"Standard_B1s"}}}`).Want(201, "")
		if got := a.At("properties", "provisioningState"); got != "Succeeded" {
			t.Errorf("provisioningState %q", got)
		}
		if a.Header.Get("Location") != "" || a.Header.Get("X-Go-Azure-Sdk-Skip-Polling-Delay") != "true" {
			t.Errorf("headers %v", a.Header)
		}
		if a.At("location") != "westeurope" || a.At("identity", "type") != "SystemAssigned" || a.At("properties", "vmId") == "" {
			t.Errorf("answer %s", a.Text)
		}
		principal := a.At("identity", "principalId")
		id := a.At("id")
		again := f.Do("owner", "PUT", vm, a.Text).Want(200, "") // CP-36, CP-53: the whole answer sent back
		if again.At("identity", "principalId") != principal || again.At("id") != id || again.At("properties", "vmId") != a.At("properties", "vmId") {
			t.Errorf("changed by being sent back: %s", again.Text)
		}
		got := f.OK("owner", "GET", strings.ToUpper(vm), "") // CP-17
		if got.At("id") != id {
			t.Errorf("id %q", got.At("id"))
		}
		system := f.OK("owner", "GET", vm+"/providers/Microsoft.ManagedIdentity/identities/default", "")
		if system.At("properties", "principalId") != principal || system.At("properties", "clientId") == "" {
			t.Errorf("identities/default %s", system.Text)
		}
		off := f.Do("owner", "PATCH", vm, `{"identity":{"type":"None"}}`).Want(200, "")
		if off.At("identity") != "" {
			t.Errorf("identity left: %s", off.Text)
		}
		f.Do("owner", "GET", vm+"/providers/Microsoft.ManagedIdentity/identities/default", "").Want(404, "ResourceNotFound")
		on := f.Do("owner", "PATCH", vm, `{"identity":{"type":"SystemAssigned"}}`).Want(200, "")
		if p := on.At("identity", "principalId"); p == "" || p == principal {
			t.Errorf("principal %q after %q", p, principal)
		}
		f.Do("owner", "DELETE", vm, "").Want(200, "")
		f.Do("owner", "GET", vm, "").Want(404, "ResourceNotFound") // CP-27
		f.Do("owner", "DELETE", vm, "").Want(204, "")              // CP-28
	})
}

func TestAnUnknownIdentityChangesNothing(t *testing.T) { // CP-55
	f := armtest.Open(t, storetest.SQLite(t))
	a := f.Do("owner", "PUT", vm, `{"location":"local","identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"`+uai+`":{}}}}`)
	a.Want(400, "FailedIdentityOperation")
	for _, part := range []string{"Identity operation for resource '" + vm + "' failed", "Resource '" + uai + "' was not found."} {
		if !strings.Contains(a.At("error", "message"), part) {
			t.Errorf("message lacks %q: %s", part, a.Text)
		}
	}
	f.Do("owner", "GET", vm, "").Want(404, "ResourceNotFound")
}

func TestTheSpellingOfBothKindsIsThatOfTheType(t *testing.T) { // CP-47
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", uai, `{"location":"local"}`)
	f.OK("owner", "PUT", app, `{"location":"local"}`)
	key := strings.ReplaceAll(strings.ToLower(uai), "resourcegroups", "resourceGroups")
	for _, host := range []string{vm, app, slot} {
		a := f.OK("owner", "PUT", host, `{"location":"local","identity":{"type":"userassigned,SYSTEMASSIGNED","userAssignedIdentities":{"`+key+`":{}}}}`)
		if got := a.At("identity", "type"); got != "SystemAssigned, UserAssigned" {
			t.Errorf("%s: %q", host, got)
		}
		if a.At("identity", "userAssignedIdentities", key, "clientId") == "" {
			t.Errorf("%s: the key is not as first written: %s", host, a.Text)
		}
	}
}

func TestAttachingAnIdentityNeedsASecondRight(t *testing.T) { // S-48, CP-59, CP-60
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", uai, `{"location":"local"}`)
	f.OK("owner", "PUT", vm, `{"location":"local"}`)
	f.Person("operator", armtest.MachineContributor, armtest.Group)
	attach := `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"` + uai + `":{}}}}`
	a := f.Do("operator", "PATCH", vm, attach).Want(403, "LinkedAuthorizationFailed")
	who := f.People["operator"]
	want := "The client '" + string(who.App) + "' with object id '" + string(who.Object) + "' has permission to perform action 'Microsoft.Compute/virtualMachines/write' on scope '" + vm +
		"'; however, it does not have permission to perform action 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) '" + uai + "' or the linked scope(s) are invalid."
	if got := a.At("error", "message"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.Do("operator", "PUT", vm, `{"location":"local",`+attach[1:]).Want(403, "LinkedAuthorizationFailed")
	if got := f.OK("owner", "GET", vm, ""); got.At("identity") != "" {
		t.Errorf("attached all the same: %s", got.Text)
	}
	f.OK("owner", "PATCH", vm, attach)
	f.OK("operator", "PATCH", vm, attach) // kept, not added
	f.OK("operator", "PATCH", vm, `{"identity":{"type":"None"}}`)
	f.Grant("operator", armtest.IdentityOperator, uai)
	f.OK("operator", "PATCH", vm, attach)
}

func TestPropertiesRoundTrip(t *testing.T) { // CP-35, CP-37
	f := armtest.Open(t, storetest.SQLite(t))
	a := f.OK("owner", "PUT", vm, `{"location":"local","zones":["1"],"tags":{"a":"b"},"properties":{"big":12345678901234567890.5,"gone":null,"nested":{"x":null,"y":[1,{"z":null}]},"additionalCapabilities":{}}}`)
	if a.At("properties", "big") != "12345678901234567890.5" || a.At("zones") != `["1"]` || a.At("properties", "nested") != `{"y":[1,{}]}` {
		t.Errorf("answer %s", a.Text)
	}
	if strings.Contains(a.Text, "null") || strings.Contains(a.Text, "additionalCapabilities") {
		t.Errorf("nulls or empty objects: %s", a.Text)
	}
	a = f.OK("owner", "PATCH", vm, `{"properties":{"big":null,"new":1}}`)
	if a.At("properties", "big") != "" || a.At("properties", "new") != "1" || a.At("properties", "nested") == "" || a.At("tags", "a") != "b" {
		t.Errorf("merged %s", a.Text)
	}
	f.Do("owner", "PUT", vm, `{"id":"`+vm+`x","location":"local"}`).Want(400, "InvalidRequestContent")
	f.Do("owner", "PUT", vm, `{"Location":"local"}`).Want(400, "InvalidRequestContent") // S-63
	f.Do("owner", "PUT", vm, `{}`).Want(200, "")
	f.Do("owner", "PUT", vm+"2", `{}`).Want(400, "LocationRequired")
	f.Do("owner", "PUT", vm, `{"location":"elsewhere"}`).Want(409, "InvalidResourceLocation") // CP-39
	f.Do("owner", "PUT", armtest.Group+"/providers/Microsoft.Compute/virtualMachines/_x", `{"location":"local"}`).Want(400, "InvalidResourceName")
}

func TestAppsAndSlots(t *testing.T) { // CP-24, CP-81, CP-89
	f := armtest.Open(t, storetest.SQLite(t))
	f.Do("owner", "PUT", slot, `{"location":"local"}`).Want(404, "ParentResourceNotFound")
	a := f.Do("owner", "PUT", app, `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{"siteConfig":{"appSettings":[{"name":"KEY","value":"canary-1"}],"connectionStrings":[{"name":"db","connectionString":"canary-2","type":"SQLAzure"}]}}}`).Want(200, "")
	if a.At("kind") != "app" || a.At("properties", "state") != "Running" || a.At("properties", "reserved") != "false" {
		t.Errorf("site %s", a.Text)
	}
	s := f.Do("owner", "PUT", slot, `{"location":"local","identity":{"type":"SystemAssigned"}}`).Want(200, "")
	if s.At("name") != "app1/stage" || s.At("type") != "Microsoft.Web/sites/slots" || s.At("identity", "principalId") == a.At("identity", "principalId") {
		t.Errorf("slot %s", s.Text)
	}
	if again := f.OK("owner", "PUT", app, `{"location":"local","properties":{}}`); again.At("identity", "principalId") != a.At("identity", "principalId") {
		t.Errorf("a PUT without a block takes the identity of an app away: %s", again.Text)
	}
	list := f.OK("owner", "POST", app+"/config/appsettings/list", "")
	if list.At("properties", "KEY") != "canary-1" {
		t.Errorf("settings %s", list.Text)
	}
	f.OK("owner", "PUT", app+"/config/appSettings", `{"properties":{"KEY":"canary-3"}}`)
	if list = f.OK("owner", "POST", app+"/config/appsettings/list", ""); list.At("properties", "KEY") != "canary-3" {
		t.Errorf("settings %s", list.Text)
	}
	for _, path := range []string{app, app + "/config/web", app + "/config/logs", armtest.Group + "/resources", armtest.Sub + "/providers/Microsoft.Web/sites", app + "/config/appsettings", app + "/config/connectionstrings"} {
		if got := f.Do("reader", "GET", path, ""); strings.Contains(got.Text, "canary") { // S-51
			t.Errorf("%s shows a credential: %s", path, got.Text)
		}
	}
	f.Do("reader", "POST", app+"/config/appsettings/list", "").Want(403, "AuthorizationFailed")
	if got := f.OK("owner", "POST", armtest.Sub+"/providers/Microsoft.Web/checknameavailability", `{"name":"APP1","type":"Microsoft.Web/sites"}`); got.At("nameAvailable") != "false" {
		t.Errorf("name %s", got.Text)
	}
	f.OK("owner", "PUT", armtest.Sub+"/resourceGroups/rg2", `{"location":"local"}`)
	f.Do("owner", "PUT", armtest.Sub+"/resourceGroups/rg2/providers/Microsoft.Web/sites/app1", `{"location":"local"}`).Want(409, "Conflict")
	if got := f.OK("owner", "GET", app+"/slots", ""); got.Count() != 1 {
		t.Errorf("slots %s", got.Text)
	}
	if got := f.OK("owner", "GET", armtest.Sub+"/providers/Microsoft.Web/sites", ""); got.Count() != 1 {
		t.Errorf("sites %s", got.Text)
	}
	f.OK("owner", "DELETE", app+"?deleteEmptyServerFarm=false", "")
	f.Do("owner", "GET", slot, "").Want(404, "ResourceNotFound")
}

func TestConditionalWrites(t *testing.T) { // CP-30
	f := armtest.Open(t, storetest.SQLite(t))
	vault := armtest.Group + "/providers/Microsoft.KeyVault/vaults/vault1"
	for path, body := range map[string]string{vm: `{"location":"local"}`, uai: `{"location":"local"}`, vault: `{"location":"local"}`} {
		f.Do("owner", "PUT", path, body, "If-Match: *").Want(412, "PreconditionFailed")
		f.Do("owner", "PATCH", path, `{"tags":{}}`, "If-Match: \"x\"").Want(404, "ResourceNotFound")
		f.Do("owner", "DELETE", path, "", "If-Match: \"x\"").Want(204, "")
		tag := f.Do("owner", "PUT", path, body, "If-None-Match: *").Want(201, "").Header.Get("ETag")
		f.Do("owner", "PUT", path, body, "If-None-Match: *").Want(412, "PreconditionFailed")
		f.Do("owner", "GET", path, "", "If-None-Match: "+tag).Want(304, "")
		next := f.Do("owner", "PUT", path, body, "If-Match: "+tag).Want(200, "").Header.Get("ETag")
		if next == tag {
			t.Errorf("%s: the tag stays %s", path, tag)
		}
		f.Do("owner", "PUT", path, body, "If-Match: "+tag).Want(412, "PreconditionFailed")
		f.Do("owner", "PATCH", path, `{"tags":{}}`, "If-Match: "+tag).Want(412, "PreconditionFailed")
		f.Do("owner", "DELETE", path, "", "If-Match: "+tag).Want(412, "PreconditionFailed")
		f.Do("owner", "GET", path, "", "If-None-Match: "+tag).Want(200, "")
		f.Do("owner", "PATCH", path, `{"tags":{"a":"b"}}`, "If-Match: "+next).Want(200, "")
		f.Do("owner", "DELETE", path, "", "If-Match: *").Want(200, "")
	}
}
