package provider_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// Paths of the tests.
const (
	vm   = rg + "/providers/Microsoft.Compute/virtualMachines/vm1"
	app  = rg + "/providers/Microsoft.Web/sites/app1"
	slot = app + "/slots/stage"
	uai  = rg + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1"
)

func TestAMachineGetsAnIdentityAndLosesIt(t *testing.T) { // CP-24, CP-25, CP-61, CP-65
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		a := f.do("owner", "PUT", vm, `{"location":"West Europe","identity":{"type":"systemassigned"},"properties":{"hardwareProfile":{"vmSize":"Standard_B1s"}}}`).want(201, "")
		if got := a.at("properties", "provisioningState"); got != "Succeeded" {
			t.Errorf("provisioningState %q", got)
		}
		if a.header.Get("Location") != "" || a.header.Get("X-Go-Azure-Sdk-Skip-Polling-Delay") != "true" {
			t.Errorf("headers %v", a.header)
		}
		if a.at("location") != "westeurope" || a.at("identity", "type") != "SystemAssigned" || a.at("properties", "vmId") == "" {
			t.Errorf("answer %s", a.text)
		}
		principal := a.at("identity", "principalId")
		id := a.at("id")
		again := f.do("owner", "PUT", vm, a.text).want(200, "") // CP-36, CP-53: the whole answer sent back
		if again.at("identity", "principalId") != principal || again.at("id") != id || again.at("properties", "vmId") != a.at("properties", "vmId") {
			t.Errorf("changed by being sent back: %s", again.text)
		}
		got := f.ok("owner", "GET", strings.ToUpper(vm), "") // CP-17
		if got.at("id") != id {
			t.Errorf("id %q", got.at("id"))
		}
		system := f.ok("owner", "GET", vm+"/providers/Microsoft.ManagedIdentity/identities/default", "")
		if system.at("properties", "principalId") != principal || system.at("properties", "clientId") == "" {
			t.Errorf("identities/default %s", system.text)
		}
		off := f.do("owner", "PATCH", vm, `{"identity":{"type":"None"}}`).want(200, "")
		if off.at("identity") != "" {
			t.Errorf("identity left: %s", off.text)
		}
		f.do("owner", "GET", vm+"/providers/Microsoft.ManagedIdentity/identities/default", "").want(404, "ResourceNotFound")
		on := f.do("owner", "PATCH", vm, `{"identity":{"type":"SystemAssigned"}}`).want(200, "")
		if p := on.at("identity", "principalId"); p == "" || p == principal {
			t.Errorf("principal %q after %q", p, principal)
		}
		f.do("owner", "DELETE", vm, "").want(200, "")
		f.do("owner", "GET", vm, "").want(404, "ResourceNotFound") // CP-27
		f.do("owner", "DELETE", vm, "").want(204, "")              // CP-28
	})
}

func TestAnUnknownIdentityChangesNothing(t *testing.T) { // CP-55
	f := open(t, storetest.SQLite(t))
	a := f.do("owner", "PUT", vm, `{"location":"local","identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"`+uai+`":{}}}}`)
	a.want(400, "FailedIdentityOperation")
	for _, part := range []string{"Identity operation for resource '" + vm + "' failed", "Resource '" + uai + "' was not found."} {
		if !strings.Contains(a.at("error", "message"), part) {
			t.Errorf("message lacks %q: %s", part, a.text)
		}
	}
	f.do("owner", "GET", vm, "").want(404, "ResourceNotFound")
}

func TestTheSpellingOfBothKindsIsThatOfTheType(t *testing.T) { // CP-47
	f := open(t, storetest.SQLite(t))
	f.ok("owner", "PUT", uai, `{"location":"local"}`)
	f.ok("owner", "PUT", app, `{"location":"local"}`)
	key := strings.ReplaceAll(strings.ToLower(uai), "resourcegroups", "resourceGroups")
	for _, host := range []string{vm, app, slot} {
		a := f.ok("owner", "PUT", host, `{"location":"local","identity":{"type":"userassigned,SYSTEMASSIGNED","userAssignedIdentities":{"`+key+`":{}}}}`)
		if got := a.at("identity", "type"); got != "SystemAssigned, UserAssigned" {
			t.Errorf("%s: %q", host, got)
		}
		if a.at("identity", "userAssignedIdentities", key, "clientId") == "" {
			t.Errorf("%s: the key is not as first written: %s", host, a.text)
		}
	}
}

func TestAttachingAnIdentityNeedsASecondRight(t *testing.T) { // S-48, CP-59, CP-60
	f := open(t, storetest.SQLite(t))
	f.ok("owner", "PUT", uai, `{"location":"local"}`)
	f.ok("owner", "PUT", vm, `{"location":"local"}`)
	f.person("operator", vmOp, rg)
	attach := `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"` + uai + `":{}}}}`
	a := f.do("operator", "PATCH", vm, attach).want(403, "LinkedAuthorizationFailed")
	who := f.people["operator"]
	want := "The client '" + string(who.App) + "' with object id '" + string(who.Object) + "' has permission to perform action 'Microsoft.Compute/virtualMachines/write' on scope '" + vm +
		"'; however, it does not have permission to perform action 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) '" + uai + "' or the linked scope(s) are invalid."
	if got := a.at("error", "message"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.do("operator", "PUT", vm, `{"location":"local",`+attach[1:]).want(403, "LinkedAuthorizationFailed")
	if got := f.ok("owner", "GET", vm, ""); got.at("identity") != "" {
		t.Errorf("attached all the same: %s", got.text)
	}
	f.ok("owner", "PATCH", vm, attach)
	f.ok("operator", "PATCH", vm, attach) // kept, not added
	f.ok("operator", "PATCH", vm, `{"identity":{"type":"None"}}`)
	f.grant("operator", miOp, uai)
	f.ok("operator", "PATCH", vm, attach)
}

func TestPropertiesRoundTrip(t *testing.T) { // CP-35, CP-37
	f := open(t, storetest.SQLite(t))
	a := f.ok("owner", "PUT", vm, `{"location":"local","zones":["1"],"tags":{"a":"b"},"properties":{"big":12345678901234567890.5,"gone":null,"nested":{"x":null,"y":[1,{"z":null}]},"additionalCapabilities":{}}}`)
	if a.at("properties", "big") != "12345678901234567890.5" || a.at("zones") != `["1"]` || a.at("properties", "nested") != `{"y":[1,{}]}` {
		t.Errorf("answer %s", a.text)
	}
	if strings.Contains(a.text, "null") || strings.Contains(a.text, "additionalCapabilities") {
		t.Errorf("nulls or empty objects: %s", a.text)
	}
	a = f.ok("owner", "PATCH", vm, `{"properties":{"big":null,"new":1}}`)
	if a.at("properties", "big") != "" || a.at("properties", "new") != "1" || a.at("properties", "nested") == "" || a.at("tags", "a") != "b" {
		t.Errorf("merged %s", a.text)
	}
	f.do("owner", "PUT", vm, `{"id":"`+vm+`x","location":"local"}`).want(400, "InvalidRequestContent")
	f.do("owner", "PUT", vm, `{"Location":"local"}`).want(400, "InvalidRequestContent") // S-63
	f.do("owner", "PUT", vm, `{}`).want(200, "")
	f.do("owner", "PUT", vm+"2", `{}`).want(400, "LocationRequired")
	f.do("owner", "PUT", vm, `{"location":"elsewhere"}`).want(409, "InvalidResourceLocation") // CP-39
	f.do("owner", "PUT", rg+"/providers/Microsoft.Compute/virtualMachines/_x", `{"location":"local"}`).want(400, "InvalidResourceName")
}

func TestAppsAndSlots(t *testing.T) { // CP-24, CP-81, CP-89
	f := open(t, storetest.SQLite(t))
	f.do("owner", "PUT", slot, `{"location":"local"}`).want(404, "ParentResourceNotFound")
	a := f.do("owner", "PUT", app, `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{"siteConfig":{"appSettings":[{"name":"KEY","value":"canary-1"}],"connectionStrings":[{"name":"db","connectionString":"canary-2","type":"SQLAzure"}]}}}`).want(200, "")
	if a.at("kind") != "app" || a.at("properties", "state") != "Running" || a.at("properties", "reserved") != "false" {
		t.Errorf("site %s", a.text)
	}
	s := f.do("owner", "PUT", slot, `{"location":"local","identity":{"type":"SystemAssigned"}}`).want(200, "")
	if s.at("name") != "app1/stage" || s.at("type") != "Microsoft.Web/sites/slots" || s.at("identity", "principalId") == a.at("identity", "principalId") {
		t.Errorf("slot %s", s.text)
	}
	if again := f.ok("owner", "PUT", app, `{"location":"local","properties":{}}`); again.at("identity", "principalId") != a.at("identity", "principalId") {
		t.Errorf("a PUT without a block takes the identity of an app away: %s", again.text)
	}
	list := f.ok("owner", "POST", app+"/config/appsettings/list", "")
	if list.at("properties", "KEY") != "canary-1" {
		t.Errorf("settings %s", list.text)
	}
	f.ok("owner", "PUT", app+"/config/appSettings", `{"properties":{"KEY":"canary-3"}}`)
	if list = f.ok("owner", "POST", app+"/config/appsettings/list", ""); list.at("properties", "KEY") != "canary-3" {
		t.Errorf("settings %s", list.text)
	}
	for _, path := range []string{app, app + "/config/web", app + "/config/logs", rg + "/resources", sub + "/providers/Microsoft.Web/sites", app + "/config/appsettings", app + "/config/connectionstrings"} {
		if got := f.do("reader", "GET", path, ""); strings.Contains(got.text, "canary") { // S-51
			t.Errorf("%s shows a credential: %s", path, got.text)
		}
	}
	f.do("reader", "POST", app+"/config/appsettings/list", "").want(403, "AuthorizationFailed")
	if got := f.ok("owner", "POST", sub+"/providers/Microsoft.Web/checknameavailability", `{"name":"APP1","type":"Microsoft.Web/sites"}`); got.at("nameAvailable") != "false" {
		t.Errorf("name %s", got.text)
	}
	f.ok("owner", "PUT", sub+"/resourceGroups/rg2", `{"location":"local"}`)
	f.do("owner", "PUT", sub+"/resourceGroups/rg2/providers/Microsoft.Web/sites/app1", `{"location":"local"}`).want(409, "Conflict")
	if got := f.ok("owner", "GET", app+"/slots", ""); got.count() != 1 {
		t.Errorf("slots %s", got.text)
	}
	if got := f.ok("owner", "GET", sub+"/providers/Microsoft.Web/sites", ""); got.count() != 1 {
		t.Errorf("sites %s", got.text)
	}
	f.ok("owner", "DELETE", app+"?deleteEmptyServerFarm=false", "")
	f.do("owner", "GET", slot, "").want(404, "ResourceNotFound")
}

func TestConditionalWrites(t *testing.T) { // CP-30
	f := open(t, storetest.SQLite(t))
	vault := rg + "/providers/Microsoft.KeyVault/vaults/vault1"
	for path, body := range map[string]string{vm: `{"location":"local"}`, uai: `{"location":"local"}`, vault: `{"location":"local"}`} {
		f.do("owner", "PUT", path, body, "If-Match: *").want(412, "PreconditionFailed")
		f.do("owner", "PATCH", path, `{"tags":{}}`, "If-Match: \"x\"").want(404, "ResourceNotFound")
		f.do("owner", "DELETE", path, "", "If-Match: \"x\"").want(204, "")
		tag := f.do("owner", "PUT", path, body, "If-None-Match: *").want(201, "").header.Get("ETag")
		f.do("owner", "PUT", path, body, "If-None-Match: *").want(412, "PreconditionFailed")
		f.do("owner", "GET", path, "", "If-None-Match: "+tag).want(304, "")
		next := f.do("owner", "PUT", path, body, "If-Match: "+tag).want(200, "").header.Get("ETag")
		if next == tag {
			t.Errorf("%s: the tag stays %s", path, tag)
		}
		f.do("owner", "PUT", path, body, "If-Match: "+tag).want(412, "PreconditionFailed")
		f.do("owner", "PATCH", path, `{"tags":{}}`, "If-Match: "+tag).want(412, "PreconditionFailed")
		f.do("owner", "DELETE", path, "", "If-Match: "+tag).want(412, "PreconditionFailed")
		f.do("owner", "GET", path, "", "If-None-Match: "+tag).want(200, "")
		f.do("owner", "PATCH", path, `{"tags":{"a":"b"}}`, "If-Match: "+next).want(200, "")
		f.do("owner", "DELETE", path, "", "If-Match: *").want(200, "")
	}
}
