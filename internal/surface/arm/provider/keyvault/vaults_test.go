package keyvault_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// vaultPath is the vault of the tests.
const vaultPath = armtest.Group + "/providers/Microsoft.KeyVault/vaults/Vault1"

func TestAVaultLivesDiesAndComesBack(t *testing.T) { // RS-1.9, RS-1.10, RS-1.12
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		deleted := armtest.Sub + "/providers/Microsoft.KeyVault/locations/local/deletedVaults/vault1"
		f.Do("owner", "GET", vaultPath, "").Want(404, "ResourceNotFound")
		f.Do("owner", "GET", deleted, "").Want(404, "ResourceNotFound")
		a := f.Do("owner", "PUT", vaultPath, `{"location":"local","properties":{"sku":{"family":"A","name":"standard"},"networkAcls":{"bypass":"AzureServices","defaultAction":"Allow"},"accessPolicies":[]}}`).Want(201, "")
		for name, want := range map[string]string{"vaultUri": "https://Vault1.vault.sealring.internal:8443/", "tenantId": string(f.Tenant), "provisioningState": "Succeeded",
			"enableSoftDelete": "true", "softDeleteRetentionInDays": "90", "enablePurgeProtection": "", "networkAcls": `{"bypass":"AzureServices","defaultAction":"Allow"}`} {
			if got := a.At("properties", name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		f.Do("owner", "PUT", vaultPath, `{"location":"local","properties":{"softDeleteRetentionInDays":7}}`).Want(400, "BadRequest")
		f.Do("owner", "PUT", vaultPath, `{"location":"local","properties":{"tenantId":"77777777-7777-7777-7777-777777777777"}}`).Want(400, "InvalidRequestContent") // S-54
		f.Do("owner", "PUT", armtest.Group+"/providers/Microsoft.KeyVault/vaults/a--b", `{"location":"local"}`).Want(400, "InvalidResourceName")
		if p := f.OK("owner", "PATCH", vaultPath, `{"tags":{"a":"b"},"properties":{"enabledForDeployment":true}}`); p.At("tags", "a") != "b" ||
			p.At("properties", "enabledForDeployment") != "true" || p.At("properties", "networkAcls") == "" {
			t.Errorf("patched %s", p.Text)
		}
		free := armtest.Sub + "/providers/Microsoft.KeyVault/checkNameAvailability"
		if got := f.OK("owner", "POST", free, `{"name":"VAULT1","type":"Microsoft.KeyVault/vaults"}`); got.At("nameAvailable") != "false" {
			t.Errorf("%s", got.Text)
		}
		f.Do("owner", "DELETE", vaultPath, "").Want(200, "")
		f.Do("owner", "GET", vaultPath, "").Want(404, "ResourceNotFound")
		if got := f.OK("owner", "POST", free, `{"name":"vault1"}`); got.At("nameAvailable") != "false" {
			t.Errorf("%s", got.Text)
		}
		if got := f.OK("owner", "GET", deleted, ""); got.At("properties", "vaultId") != vaultPath || got.At("properties", "scheduledPurgeDate") == "" {
			t.Errorf("%s", got.Text)
		}
		f.Do("owner", "PUT", vaultPath, `{"location":"local"}`).Want(409, "ConflictError")
		f.Do("owner", "PUT", vaultPath, `{"location":"local","properties":{"createMode":"recover"}}`).Want(200, "")
		f.OK("owner", "GET", vaultPath, "")
		f.Do("owner", "DELETE", vaultPath, "").Want(200, "")
		f.Do("owner", "POST", deleted+"/purge", "").Want(202, "")
		f.Do("owner", "GET", strings.Replace(deleted, "deletedVaults", "operationResults", 1), "").Want(200, "")
		f.Do("owner", "POST", deleted+"/purge", "").Want(404, "")
		if got := f.OK("owner", "POST", free, `{"name":"vault1"}`); got.At("nameAvailable") != "true" {
			t.Errorf("%s", got.Text)
		}
	})
}

func TestTheModelOfANewVaultDependsOnTheVersion(t *testing.T) { // RS-1.9.1
	f := armtest.Open(t, storetest.SQLite(t))
	for _, c := range []struct{ version, property, want string }{
		{"2023-07-01", "", "false"}, {"2026-02-01", "", "true"}, {"2026-03-01-preview", "", "true"},
		{"2026-02-01", `"enableRbacAuthorization":false`, "false"}, {"2023-07-01", `"enableRbacAuthorization":true`, "true"},
	} {
		path := armtest.Group + "/providers/Microsoft.KeyVault/vaults/v" + c.version[:4] + map[bool]string{true: "p", false: "d"}[c.property == ""] + c.version[5:7]
		a := f.OK("owner", "PUT", path+"?api-version="+c.version, `{"location":"local","properties":{`+c.property+`}}`)
		if got := a.At("properties", "enableRbacAuthorization"); got != c.want {
			t.Errorf("%s %s: %s", c.version, c.property, got)
		}
		a = f.OK("owner", "PUT", path+"?api-version=2020-01-01", `{"location":"local"}`) // an update never changes it by omission
		if got := a.At("properties", "enableRbacAuthorization"); got != c.want {
			t.Errorf("%s %s: %s after an update", c.version, c.property, got)
		}
	}
}

func TestAccessPolicies(t *testing.T) { // RS-1.9.3
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", vaultPath, `{"location":"local"}`)
	policy := func(permissions string) string {
		return `{"properties":{"accessPolicies":[{"tenantId":"` + string(f.Tenant) + `","objectId":"` + string(f.People["reader"].Object) + `","permissions":{` + permissions + `}}]}}`
	}
	at := []string{"properties", "accessPolicies", "0", "permissions", "secrets"}
	f.Do("owner", "PUT", vaultPath+"/accessPolicies/add", policy(`"secrets":["GET","list"]`)).Want(201, "")
	for _, step := range []struct{ op, sent, want string }{
		{"add", `"secrets":["set"]`, `["get","list","set"]`},
		{"remove", `"secrets":["get"]`, `["list","set"]`},
		{"replace", `"secrets":["get"]`, `["get"]`},
		{"remove", ``, ``},
	} {
		f.Do("owner", "PUT", vaultPath+"/accessPolicies/"+step.op, policy(step.sent)).Want(200, "")
		if got := f.OK("owner", "GET", vaultPath, "").At(at...); got != step.want {
			t.Errorf("%s %s: %s", step.op, step.sent, got)
		}
	}
	f.Do("owner", "PUT", vaultPath+"/accessPolicies/add", policy(`"secrets":["fly"]`)).Want(400, "BadRequest")
	f.Do("owner", "PUT", vaultPath+"/accessPolicies/add", policy(`"Secrets":["get"]`)).Want(400, "InvalidRequestContent") // S-63
	f.Do("owner", "PUT", vaultPath+"/accessPolicies/paint", policy(`"secrets":["get"]`)).Want(400, "BadRequest")
	f.Do("reader", "PUT", vaultPath+"/accessPolicies/add", policy(`"secrets":["get"]`)).Want(403, "AuthorizationFailed")
	f.Do("reader", "GET", vaultPath+"/secrets", "").Want(404, "InvalidResourceType") // S-51
}
