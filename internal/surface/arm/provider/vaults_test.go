package provider_test

import (
	"testing"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// vaultPath is the vault of the tests.
const vaultPath = rg + "/providers/Microsoft.KeyVault/vaults/Vault1"

func TestAVaultLivesDiesAndComesBack(t *testing.T) { // RS-1.9, RS-1.10, RS-1.12
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		deleted := sub + "/providers/Microsoft.KeyVault/locations/local/deletedVaults/vault1"
		f.do("owner", "GET", vaultPath, "").want(404, "ResourceNotFound")
		f.do("owner", "GET", deleted, "").want(404, "ResourceNotFound")
		a := f.do("owner", "PUT", vaultPath, `{"location":"local","properties":{"sku":{"family":"A","name":"standard"},"networkAcls":{"bypass":"AzureServices","defaultAction":"Allow"},"accessPolicies":[]}}`).want(201, "")
		for name, want := range map[string]string{"vaultUri": "https://Vault1.vault.sealring.internal:8443/", "tenantId": string(f.tenant), "provisioningState": "Succeeded",
			"enableSoftDelete": "true", "softDeleteRetentionInDays": "90", "enablePurgeProtection": "", "networkAcls": `{"bypass":"AzureServices","defaultAction":"Allow"}`} {
			if got := a.at("properties", name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		f.do("owner", "PUT", vaultPath, `{"location":"local","properties":{"softDeleteRetentionInDays":7}}`).want(400, "BadRequest")
		f.do("owner", "PUT", vaultPath, `{"location":"local","properties":{"tenantId":"77777777-7777-7777-7777-777777777777"}}`).want(400, "InvalidRequestContent") // S-54
		f.do("owner", "PUT", rg+"/providers/Microsoft.KeyVault/vaults/a--b", `{"location":"local"}`).want(400, "InvalidResourceName")
		if p := f.ok("owner", "PATCH", vaultPath, `{"tags":{"a":"b"},"properties":{"enabledForDeployment":true}}`); p.at("tags", "a") != "b" ||
			p.at("properties", "enabledForDeployment") != "true" || p.at("properties", "networkAcls") == "" {
			t.Errorf("patched %s", p.text)
		}
		free := sub + "/providers/Microsoft.KeyVault/checkNameAvailability"
		if got := f.ok("owner", "POST", free, `{"name":"VAULT1","type":"Microsoft.KeyVault/vaults"}`); got.at("nameAvailable") != "false" {
			t.Errorf("%s", got.text)
		}
		f.do("owner", "DELETE", vaultPath, "").want(200, "")
		f.do("owner", "GET", vaultPath, "").want(404, "ResourceNotFound")
		if got := f.ok("owner", "POST", free, `{"name":"vault1"}`); got.at("nameAvailable") != "false" {
			t.Errorf("%s", got.text)
		}
		if got := f.ok("owner", "GET", deleted, ""); got.at("properties", "vaultId") != vaultPath || got.at("properties", "scheduledPurgeDate") == "" {
			t.Errorf("%s", got.text)
		}
		f.do("owner", "PUT", vaultPath, `{"location":"local"}`).want(409, "ConflictError")
		f.do("owner", "PUT", vaultPath, `{"location":"local","properties":{"createMode":"recover"}}`).want(200, "")
		f.ok("owner", "GET", vaultPath, "")
		f.do("owner", "DELETE", vaultPath, "").want(200, "")
		f.do("owner", "POST", deleted+"/purge", "").want(200, "")
		f.do("owner", "POST", deleted+"/purge", "").want(404, "")
		if got := f.ok("owner", "POST", free, `{"name":"vault1"}`); got.at("nameAvailable") != "true" {
			t.Errorf("%s", got.text)
		}
	})
}

func TestTheModelOfANewVaultDependsOnTheVersion(t *testing.T) { // RS-1.9.1
	f := open(t, storetest.SQLite(t))
	for _, c := range []struct{ version, property, want string }{
		{"2023-07-01", "", "false"}, {"2026-02-01", "", "true"}, {"2026-03-01-preview", "", "true"},
		{"2026-02-01", `"enableRbacAuthorization":false`, "false"}, {"2023-07-01", `"enableRbacAuthorization":true`, "true"},
	} {
		path := rg + "/providers/Microsoft.KeyVault/vaults/v" + c.version[:4] + map[bool]string{true: "p", false: "d"}[c.property == ""] + c.version[5:7]
		a := f.ok("owner", "PUT", path+"?api-version="+c.version, `{"location":"local","properties":{`+c.property+`}}`)
		if got := a.at("properties", "enableRbacAuthorization"); got != c.want {
			t.Errorf("%s %s: %s", c.version, c.property, got)
		}
		a = f.ok("owner", "PUT", path+"?api-version=2020-01-01", `{"location":"local"}`) // an update never changes it by omission
		if got := a.at("properties", "enableRbacAuthorization"); got != c.want {
			t.Errorf("%s %s: %s after an update", c.version, c.property, got)
		}
	}
}

func TestAccessPolicies(t *testing.T) { // RS-1.9.3
	f := open(t, storetest.SQLite(t))
	f.ok("owner", "PUT", vaultPath, `{"location":"local"}`)
	policy := func(permissions string) string {
		return `{"properties":{"accessPolicies":[{"tenantId":"` + string(f.tenant) + `","objectId":"` + string(f.people["reader"].Object) + `","permissions":{` + permissions + `}}]}}`
	}
	at := []string{"properties", "accessPolicies", "0", "permissions", "secrets"}
	f.do("owner", "PUT", vaultPath+"/accessPolicies/add", policy(`"secrets":["GET","list"]`)).want(201, "")
	for _, step := range []struct{ op, sent, want string }{
		{"add", `"secrets":["set"]`, `["get","list","set"]`},
		{"remove", `"secrets":["get"]`, `["list","set"]`},
		{"replace", `"secrets":["get"]`, `["get"]`},
		{"remove", ``, ``},
	} {
		f.do("owner", "PUT", vaultPath+"/accessPolicies/"+step.op, policy(step.sent)).want(200, "")
		if got := f.ok("owner", "GET", vaultPath, "").at(at...); got != step.want {
			t.Errorf("%s %s: %s", step.op, step.sent, got)
		}
	}
	f.do("owner", "PUT", vaultPath+"/accessPolicies/add", policy(`"secrets":["fly"]`)).want(400, "BadRequest")
	f.do("owner", "PUT", vaultPath+"/accessPolicies/add", policy(`"Secrets":["get"]`)).want(400, "InvalidRequestContent") // S-63
	f.do("owner", "PUT", vaultPath+"/accessPolicies/paint", policy(`"secrets":["get"]`)).want(400, "BadRequest")
	f.do("reader", "PUT", vaultPath+"/accessPolicies/add", policy(`"secrets":["get"]`)).want(403, "AuthorizationFailed")
	f.do("reader", "GET", vaultPath+"/secrets", "").want(404, "InvalidResourceType") // S-51
}
