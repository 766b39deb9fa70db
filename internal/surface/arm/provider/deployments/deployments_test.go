package deployments_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// Where the tests deploy.
const (
	at    = armtest.Group + "/providers/Microsoft.Resources/deployments/"
	subAt = armtest.Sub + "/providers/Microsoft.Resources/deployments/"
	head  = `"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","contentVersion":"1.0.0.0",`
	uai   = `{"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31","location":"local",`
)

// sample reads a template of docs/samples.
func sample(t testing.TB, name string) string {
	t.Helper()
	return string(armtest.Must[[]byte](t)(os.ReadFile("../../../../../docs/samples/" + name)))
}

// body is a request as the Azure CLI sends it: the template's text under a bare name.
func body(template, params, mode string) string {
	if params == "" {
		params = "{}"
	}
	if !strings.HasPrefix(template, "{") {
		template = "{" + head + template + "}"
	}
	return `{"properties": {"parameters": ` + params + `, "mode": "` + mode + `", template:` + template + "\n}}"
}

// assignments are the names of the role assignments at and below the group, sorted.
func assignments(f *armtest.Fixture) string {
	f.T.Helper()
	var list struct{ Value []struct{ Name string } }
	armtest.Check(f.T, json.Unmarshal([]byte(f.OK("owner", "GET", armtest.Group+"/providers/Microsoft.Authorization/roleAssignments", "").Text), &list))
	var names []string
	for _, a := range list.Value {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// CP-132, CP-133, CP-146: the case that identities are deployed for, in both languages, and
// again with the same result.
func TestAnAppItsIdentitiesAndItsVaultDeployTogetherAndAgain(t *testing.T) {
	for _, name := range []string{"identities.json", "identities.symbolic.json"} {
		t.Run(name, func(t *testing.T) {
			f := armtest.Open(t, storetest.SQLite(t))
			before := assignments(f)
			template := sample(t, name)
			first := f.OK("owner", "PUT", at+"main", body(template, `{"app":{"value":"shop"}}`, "Incremental"))
			if first.Status != 201 || first.At("properties", "provisioningState") != "Succeeded" {
				t.Fatalf("%d %s %s", first.Status, first.Text, f.Do("owner", "GET", at+"main", "").Text)
			}
			outputs := first.At("properties", "outputs")
			site := f.OK("owner", "GET", armtest.Group+"/providers/Microsoft.Web/sites/shop", "")
			slot := f.OK("owner", "GET", armtest.Group+"/providers/Microsoft.Web/sites/shop/slots/stage", "")
			identity := f.OK("owner", "GET", armtest.Group+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop-identity", "")
			kv := first.At("properties", "parameters", "vault", "value")
			vault := f.OK("owner", "GET", armtest.Group+"/providers/Microsoft.KeyVault/vaults/"+kv, "")
			if got := vault.At("properties", "accessPolicies", "0", "objectId"); got == "" || got != site.At("identity", "principalId") ||
				got != first.At("properties", "outputs", "appPrincipalId", "value") {
				t.Errorf("the policy names %q, the app is %q", got, site.At("identity", "principalId"))
			}
			if got := vault.At("properties", "accessPolicies", "1", "objectId"); got == "" || got != slot.At("identity", "principalId") {
				t.Errorf("the second policy names %q, the slot is %q", got, slot.At("identity", "principalId"))
			}
			if got := site.At("identity", "userAssignedIdentities", identity.At("id"), "clientId"); got == "" || got != first.At("properties", "outputs", "clientId", "value") {
				t.Errorf("the app's identity has the client id %q: %s", got, site.At("identity"))
			}
			settings := f.OK("owner", "POST", armtest.Group+"/providers/Microsoft.Web/sites/shop/config/appsettings/list", "")
			if settings.At("properties", "AZURE_CLIENT_ID") != identity.At("properties", "clientId") || settings.At("properties", "VAULT_URI") != vault.At("properties", "vaultUri") {
				t.Error(settings.Text)
			}
			made := assignments(f)
			if strings.Count(made, " ")-strings.Count(before, " ") != 2 {
				t.Errorf("assignments %q before, %q after", before, made)
			}

			forecast := f.OK("owner", "POST", at+"main/whatIf", body(template, `{"app":{"value":"shop"}}`, "Incremental"))
			if strings.Contains(forecast.Text, `"Create"`) || strings.Contains(forecast.Text, `"Modify"`) {
				t.Errorf("what-if of a second run: %s", forecast.Text)
			}
			second := f.OK("owner", "PUT", at+"main", body(template, `{"app":{"value":"shop"}}`, "incremental"))
			if second.Status != 200 || second.At("properties", "outputs") != outputs || assignments(f) != made {
				t.Errorf("the second run: %d %s\nwant %s\nassignments %q, then %q", second.Status, second.Text, outputs, made, assignments(f))
			}
			if got := f.OK("owner", "POST", at+"main/exportTemplate", "").At("template"); !sameJSON(t, got, template) {
				t.Errorf("exported %s", got) // CP-142
			}
		})
	}
}

// sameJSON compares two texts as JSON.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	armtest.Check(t, json.Unmarshal([]byte(a), &x))
	armtest.Check(t, json.Unmarshal([]byte(b), &y))
	left, right := armtest.Must[[]byte](t)(json.Marshal(x)), armtest.Must[[]byte](t)(json.Marshal(y))
	return string(left) == string(right)
}

// What a group exports deploys into it without a change.
func TestAnExportedGroupDeploysAgain(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", at+"main", body(sample(t, "identities.json"), `{"app":{"value":"shop"}}`, ""))
	f.OK("owner", "PUT", armtest.Group+"/providers/Microsoft.Compute/virtualMachines/vm", `{"location":"local","tags":{"a":"b"},"properties":{"note":"[not an expression]"}}`)
	exported := f.OK("owner", "POST", armtest.Group+"/exportTemplate", `{"resources":["*"]}`).At("template")
	again := f.OK("owner", "PUT", at+"again", body(exported, "", ""))
	if again.At("properties", "provisioningState") != "Succeeded" {
		t.Errorf("%s\n%s", f.Do("owner", "GET", at+"again", "").Text, exported)
	}
	if got := f.OK("owner", "GET", armtest.Group+"/providers/Microsoft.Compute/virtualMachines/vm", "").At("properties", "note"); got != "[not an expression]" {
		t.Errorf("%q", got)
	}
}
