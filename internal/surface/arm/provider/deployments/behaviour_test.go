package deployments_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// identityPath is the id of an identity of the group.
func identityPath(name string) string {
	return armtest.Group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name
}

// outcome waits for a deployment as a poller does, and returns its state.
func outcome(f *armtest.Fixture, a armtest.Answer) armtest.Answer {
	f.T.Helper()
	op := a.Header.Get("Azure-AsyncOperation")
	if op == "" {
		f.T.Fatalf("no address of a state: %d %s", a.Status, a.Text)
	}
	return f.OK("owner", "GET", strings.TrimPrefix(op, armtest.Base), "")
}

// CP-138: one resource fails, what depends on it is skipped, the rest is finished, and the
// operations tell which.
func TestOneFailureLeavesWhatSucceeded(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	a := f.OK("owner", "PUT", at+"half", body(`"resources":[`+uai+`"name":"good"},`+
		`{"type":"Microsoft.Authorization/roleAssignments","apiVersion":"2022-04-01","name":"[guid('x')]","properties":{"roleDefinitionId":"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions','`+armtest.Reader+`')]","principalId":"00000000-0000-0000-0000-00000000dead"}},`+
		uai+`"name":"after","dependsOn":["[guid('x')]"]},`+uai+`"name":"also","dependsOn":["good"]}]`, "", "Incremental"))
	if a.Status != 201 || a.At("properties", "provisioningState") != "Running" || a.Header.Get("Retry-After") == "" {
		t.Errorf("begun as %d %s", a.Status, a.Text)
	}
	state := outcome(f, a)
	if state.At("status") != "Failed" || state.At("error", "code") != "DeploymentFailed" || state.At("error", "details", "0", "code") != "PrincipalNotFound" {
		t.Error(state.Text)
	}
	if got := f.OK("owner", "GET", at+"half", ""); got.At("properties", "error", "code") != "DeploymentFailed" || got.At("properties", "provisioningState") != "Failed" {
		t.Error(got.Text)
	}
	for name, want := range map[string]int{"good": 200, "also": 200, "after": 404} {
		if got := f.Do("owner", "GET", identityPath(name), "").Status; got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	for _, path := range []string{at + "half/operations", armtest.Group + "/deployments/half/operations"} { // CP-141
		ops := f.OK("owner", "GET", path, "")
		if ops.Count() != 3 || !strings.Contains(ops.Text, `"statusCode":"Created"`) || !strings.Contains(ops.Text, "PrincipalNotFound") || strings.Contains(ops.Text, "identities/after") {
			t.Errorf("%s: %s", path, ops.Text)
		}
		one := f.OK("owner", "GET", at+"half/operations/"+ops.At("value", "0", "operationId"), "")
		if one.At("properties", "targetResource", "id") == "" {
			t.Error(one.Text)
		}
	}
}

// CP-137: what is wrong with a template is said before anything is done.
func TestValidationNamesWhatIsWrong(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	for name, c := range map[string]struct{ template, params, code string }{
		"a circle":            {`"resources":[` + uai + `"name":"a","dependsOn":["b"]},` + uai + `"name":"b","dependsOn":["a"]}]`, "", "InvalidTemplateCircularDependency"},
		"an unknown function": {`"resources":[` + uai + `"name":"[nothing()]"}]`, "", "InvalidTemplate"},
		"a missing parameter": {`"parameters":{"p":{"type":"string"}},"resources":[]`, "", "MissingParameter"},
		"a wrong type":        {`"parameters":{"p":{"type":"int"}},"resources":[]`, `{"p":{"value":"x"}}`, "InvalidDeploymentParameterValue"},
		"an extra parameter":  {`"resources":[]`, `{"p":{"value":"x"}}`, "InvalidDeploymentParameterKey"},
		"a script":            {`"resources":[{"type":"Microsoft.Resources/deploymentScripts","apiVersion":"2023-08-01","name":"s","location":"local","kind":"AzureCLI","properties":{}}]`, "", "InvalidRequestContent"},
		"no template":         {`null`, "", "InvalidTemplate"},
		"an unknown type":     {`"resources":[{"type":"Microsoft.Nothing/things","apiVersion":"2023-01-01","name":"a"}]`, "", "InvalidTemplateDeployment"},
		"a mode that is none": {`"resources":[]`, "", "InvalidRequestContent"},
	} {
		t.Run(name, func(t *testing.T) {
			mode := map[bool]string{true: "Sideways", false: "INCREMENTAL"}[name == "a mode that is none"]
			b := body(c.template, c.params, mode)
			if c.template == "null" {
				b = `{"properties":{"template":null}}`
			}
			f.Do("owner", "POST", at+"v/validate", b).Want(400, c.code)
			if name != "an unknown type" {
				f.Do("owner", "PUT", at+"v", b).Want(400, c.code)
			}
		})
	}
	f.Do("owner", "PUT", at+"bad!name", body(`"resources":[]`, "", "")).Want(400, "DeploymentNameInvalidCharacters")
	f.Do("owner", "PUT", at+strings.Repeat("n", 65), body(`"resources":[]`, "", "")).Want(400, "DeploymentNameLengthLimitExceeded")
	f.Do("owner", "GET", at+"v", "").Want(404, "DeploymentNotFound")
	ok := f.OK("owner", "POST", at+"v/validate", body(`"resources":[`+uai+`"name":"a"}]`, "", "Incremental")) // CP-140
	if ok.At("properties", "validatedResources", "0", "id") != identityPath("a") || ok.At("properties", "templateHash") == "" {
		t.Error(ok.Text)
	}
	f.Do("owner", "GET", identityPath("a"), "").Want(404, "ResourceNotFound")
}

// CP-129, CP-130
func TestBodiesAreReadAsToolsWriteThem(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", at+"lenient", "\ufeff{\"properties\": {parameters: {}, template:{ // comment\n"+head+" /* more */ \"resources\":["+uai+"\"name\":\"abc\",\"tags\":{\"x\":\"two\nlines\"},}],}\n}}")
	if got := f.OK("owner", "GET", identityPath("abc"), "").At("tags", "x"); got != "two\nlines" {
		t.Errorf("%q", got)
	}
	f.Do("owner", "PUT", at+"broken", "{properties:").Want(400, "InvalidRequestContent")
	f.Do("owner", "PUT", at+"linked", `{"properties":{"templateLink":{"uri":"https://example.org/x.json"}}}`).Want(400, "InvalidContentLink")
}

// CP-143: a deployment can do nothing that its caller could not do directly.
func TestADeploymentHasTheRightsOfItsCaller(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", identityPath("theirs"), `{"location":"local"}`)
	f.Person("builder", armtest.MachineContributor, armtest.Group)
	vm := `{"type":"Microsoft.Compute/virtualMachines","apiVersion":"2023-03-01","name":"vm","location":"local","identity":{"type":"UserAssigned","userAssignedIdentities":{"[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities','theirs')]":{}}},"properties":{}}`
	// Virtual Machine Contributor may deploy, may write machines, and may not assign identities or write them.
	for name, c := range map[string]struct{ resources, code string }{
		"an identity of its own":        {uai + `"name":"mine"}`, "AuthorizationFailed"},
		"an identity it may not assign": {vm, "LinkedAuthorizationFailed"},
		"a role for itself":             {`{"type":"Microsoft.Authorization/roleAssignments","apiVersion":"2022-04-01","name":"[guid('r')]","properties":{"roleDefinitionId":"` + armtest.Sub + `/providers/Microsoft.Authorization/roleDefinitions/` + armtest.Owner + `","principalId":"` + string(f.People["builder"].Object) + `"}}`, "AuthorizationFailed"},
		"a nested deployment elsewhere": {`{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01","name":"n","subscriptionId":"11111111-1111-1111-1111-111111111111","location":"local","properties":{"mode":"Incremental","template":{"$schema":"https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#","contentVersion":"1.0.0.0","resources":[]}}}`, "AuthorizationFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			state := outcome(f, f.OK("builder", "PUT", at+"as-builder", body(`"resources":[`+c.resources+`]`, "", "Incremental")))
			if state.At("error", "details", "0", "code") != c.code {
				t.Error(state.Text)
			}
		})
	}
	f.Do("reader", "PUT", at+"as-reader", body(`"resources":[]`, "", "")).Want(403, "AuthorizationFailed")
	invalid := f.Do("builder", "POST", at+"as-builder/validate", body(`"resources":[`+uai+`"name":"mine"}]`, "", "")).Want(400, "InvalidTemplateDeployment")
	if invalid.At("error", "details", "0", "code") != "AuthorizationFailed" {
		t.Error(invalid.Text)
	}
	f.Grant("builder", armtest.IdentityOperator, identityPath("theirs"))
	if ok := f.OK("builder", "PUT", at+"as-builder", body(`"resources":[`+vm+`]`, "", "Incremental")); ok.At("properties", "provisioningState") != "Succeeded" {
		t.Error(ok.Text)
	}
}

// CP-139: secure values are in no answer and in no row.
func TestSecureValuesAreNeverKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		template := `"parameters":{"p":{"type":"securestring"},"o":{"type":"secureObject"},"d":{"type":"securestring","defaultValue":"hunter3"}},"resources":[` +
			`{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01","name":"inner","properties":{"mode":"Incremental","expressionEvaluationOptions":{"scope":"inner"},"parameters":{"q":{"value":"[parameters('p')]"}},` +
			`"template":{` + head + `"parameters":{"q":{"type":"securestring"},"r":{"type":"securestring","defaultValue":"hunter4"}},"resources":[],"outputs":{"s":{"type":"securestring","value":"[parameters('q')]"}}}}}],` +
			`"outputs":{"plain":{"type":"string","value":"[string(length(parameters('p')))]"},"same":{"type":"securestring","value":"[reference('inner').outputs.s.value]"},"len":{"type":"int","value":"[length(reference('inner').outputs.s.value)]"}}`
		params := `{"p":{"value":"hunter2"},"o":{"value":{"k":"hunter5"}}}`
		a := f.OK("owner", "PUT", at+"secret", body(template, params, "Incremental"))
		if a.At("properties", "outputs", "plain", "value") != "7" || a.At("properties", "outputs", "len", "value") != "7" || a.At("properties", "outputs", "same", "type") != "SecureString" {
			t.Error(a.Text)
		}
		said := a.Text
		for _, path := range []string{at + "secret", at + "inner", at + "secret/operations", armtest.Group + "/providers/Microsoft.Resources/deployments"} {
			said += f.OK("owner", "GET", path, "").Text
		}
		quoting := `"parameters":{"p":{"type":"securestring"}},"resources":[` + uai + `"name":"abc","tags":{"t":"[fail(parameters('p'))]"}}]`
		said += outcome(f, f.OK("owner", "PUT", at+"quoting", body(quoting, `{"p":{"value":"hunter2"}}`, ""))).Text
		said += f.OK("owner", "POST", at+"secret/exportTemplate", "").Text
		said += f.OK("owner", "POST", at+"secret/validate", body(template, params, "Incremental")).Text
		said += f.OK("owner", "POST", at+"secret/whatIf", body(template, params, "Incremental")).Text
		err := db.View(t.Context(), func(tx *store.Tx) error {
			keep := func(r store.Row) error {
				var text string
				err := r.Scan(&text)
				said += text
				return err
			}
			for _, query := range []string{"SELECT document FROM deployments", "SELECT template FROM deployments", "SELECT document FROM deployment_operations", "SELECT body FROM audit"} {
				if err := tx.Query(t.Context(), keep, query); err != nil {
					return err
				}
			}
			return nil
		})
		armtest.Check(t, err)
		if i := strings.Index(said, "hunter"); i >= 0 {
			t.Errorf("a secure value was kept: …%s…", said[max(0, i-200):min(len(said), i+50)])
		}
	})
}

// CP-144: Complete mode deletes what the template omits, in the group and nowhere else.
func TestCompleteModeDeletesWhatTheTemplateOmits(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	other := armtest.Sub + "/resourceGroups/other"
	f.OK("owner", "PUT", other, `{"location":"local"}`)
	f.OK("owner", "PUT", other+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/far", `{"location":"local"}`)
	for _, path := range []string{identityPath("old"), identityPath("keep"), armtest.Group + "/providers/Microsoft.Compute/virtualMachines/gone"} {
		f.OK("owner", "PUT", path, `{"location":"local"}`)
	}
	template := `"resources":[` + uai + `"name":"keep"},` + uai + `"name":"new"},{"type":"Microsoft.Web/sites","apiVersion":"2023-12-01","name":"withoutplan","location":"local","properties":{}}]`
	forecast := f.OK("owner", "POST", at+"all/whatIf", body(template, "", "Complete"))
	if strings.Count(forecast.Text, `"changeType":"Delete"`) != 2 || strings.Count(forecast.Text, `"changeType":"Create"`) != 2 {
		t.Error(forecast.Text)
	}
	if a := f.OK("owner", "PUT", at+"all", body(template, "", "Complete")); a.At("properties", "provisioningState") != "Succeeded" || a.At("properties", "mode") != "Complete" {
		t.Error(a.Text)
	}
	if again := f.OK("owner", "POST", at+"all/whatIf", body(template, "", "Complete")); strings.Contains(again.Text, `"Delete"`) || f.OK("owner", "GET", armtest.Group+"/resources", "").Count() < 3 {
		t.Error(again.Text)
	}
	for path, want := range map[string]int{identityPath("old"): 404, identityPath("keep"): 200, identityPath("new"): 200, armtest.Group + "/providers/Microsoft.Compute/virtualMachines/gone": 404,
		other + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/far": 200} {
		if got := f.Do("owner", "GET", path, "").Status; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	f.Do("owner", "PUT", subAt+"all", `{"location":"local","properties":{"mode":"Complete","template":{"$schema":"https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#","contentVersion":"1.0.0.0","resources":[]}}}`).Want(400, "InvalidRequestContent")
}

// CP-136, CP-145: a deployment at a subscription makes a group and deploys into it.
func TestASubscriptionDeploymentMakesAGroupAndDeploysIntoIt(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	template := `{"$schema":"https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#","contentVersion":"1.0.0.0","resources":[
		{"type":"Microsoft.Resources/resourceGroups","apiVersion":"2021-04-01","name":"made","location":"[deployment().location]"},
		{"type":"Microsoft.Resources/deployments","apiVersion":"2021-04-01","name":"inside","resourceGroup":"made","dependsOn":["[subscriptionResourceId('Microsoft.Resources/resourceGroups','made')]"],
		 "properties":{"mode":"Incremental","expressionEvaluationOptions":{"scope":"inner"},"parameters":{"n":{"value":"u"}},"template":{` + head + `"parameters":{"n":{"type":"string"}},"resources":[` + uai + `"name":"[concat(parameters('n'), '-', resourceGroup().name)]"}],
		 "outputs":{"id":{"type":"string","value":"[reference(concat(parameters('n'), '-', resourceGroup().name)).principalId]"}}}}}],
		"outputs":{"id":{"type":"string","value":"[reference('inside').outputs.id.value]"}}}`
	b := `{"location":"local","properties":{"mode":"Incremental","template":` + template + `}}`
	f.Do("owner", "PUT", subAt+"top", strings.Replace(b, `"location":"local",`, "", 1)).Want(400, "LocationRequired")
	if v := f.OK("owner", "POST", subAt+"top/validate", b); !strings.Contains(v.Text, "resourceGroups/made") {
		t.Error(v.Text)
	}
	a := f.OK("owner", "PUT", subAt+"top", b)
	u := f.OK("owner", "GET", armtest.Sub+"/resourceGroups/made/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u-made", "")
	if a.At("location") != "local" || a.At("properties", "outputs", "id", "value") != u.At("properties", "principalId") {
		t.Error(a.Text)
	}
	if inner := f.OK("owner", "GET", armtest.Sub+"/resourceGroups/made/providers/Microsoft.Resources/deployments/inside", ""); inner.At("properties", "provisioningState") != "Succeeded" {
		t.Error(inner.Text)
	}
	f.Do("owner", "PUT", subAt+"top", strings.Replace(b, `"location":"local",`, `"location":"elsewhere",`, 1)).Want(409, "InvalidDeploymentLocation")
	f.OK("owner", "DELETE", armtest.Sub+"/resourceGroups/made", "")
	f.OK("owner", "DELETE", subAt+"top", "").Want(204, "")
	f.Do("owner", "HEAD", subAt+"top", "").Want(404, "")
	f.OK("owner", "DELETE", subAt+"top", "").Want(204, "")
}

// CP-145
func TestManagementGroupsAndTheTenantAreScopesToo(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	root := "/providers/Microsoft.Management/managementGroups/" + string(f.Tenant)
	f.Grant("owner", armtest.Owner, root)
	f.OK("owner", "PUT", "/providers/Microsoft.Management/managementGroups/mg1", `{}`)
	schema := func(kind string) string {
		return `"$schema":"https://schema.management.azure.com/schemas/2019-08-01/` + kind + `DeploymentTemplate.json#","contentVersion":"1.0.0.0",`
	}
	mg := "/providers/Microsoft.Management/managementGroups/mg1/providers/Microsoft.Resources/deployments/d"
	role := `{"type":"Microsoft.Authorization/roleAssignments","apiVersion":"2022-04-01","name":"[guid(managementGroup().id)]","properties":{"roleDefinitionId":"[tenantResourceId('Microsoft.Authorization/roleDefinitions','` + armtest.Reader + `')]","principalId":"` + string(f.People["nobody"].Object) + `","principalType":"ServicePrincipal"}}`
	a := f.OK("owner", "PUT", mg, `{"location":"local","properties":{"template":{`+schema("managementGroup")+`"resources":[`+role+`],"outputs":{"n":{"type":"string","value":"[managementGroup().name]"}}}}}`)
	if a.At("properties", "outputs", "n", "value") != "mg1" || !strings.Contains(a.At("properties", "outputResources"), "managementGroups/mg1/providers/Microsoft.Authorization/roleAssignments/") {
		t.Error(a.Text, f.Do("owner", "GET", mg+"/operations", "").Text)
	}
	tenant := "/providers/Microsoft.Resources/deployments/d"
	b := `{"location":"local","properties":{"template":{` + schema("tenant") + `"resources":[{"type":"Microsoft.Management/managementGroups","apiVersion":"2021-04-01","name":"mg2","properties":{}}],"outputs":{"t":{"type":"string","value":"[tenant().tenantId]"}}}}}`
	f.Do("reader", "PUT", tenant, b).Want(403, "AuthorizationFailed")
	f.Grant("owner", armtest.Owner, "/")
	if a := f.OK("owner", "PUT", tenant, b); a.At("properties", "outputs", "t", "value") != string(f.Tenant) {
		t.Error(a.Text, f.Do("owner", "GET", tenant+"/operations", "").Text)
	}
	f.OK("owner", "GET", "/providers/Microsoft.Management/managementGroups/mg2", "")
	f.Do("owner", "PUT", identityPath("abc")+"/providers/Microsoft.Resources/deployments/d", body(`"resources":[]`, "", "")).Want(404, "")
}

// CP-134, CP-135
func TestLoopsAndConditionsDeployWhatTheySay(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	a := f.OK("owner", "PUT", at+"loops", body(`"parameters":{"on":{"type":"bool","defaultValue":false}},"resources":[`+
		uai+`"name":"[format('par{0}',copyIndex())]","copy":{"name":"p","count":3}},`+uai+`"name":"[format('ser{0}',copyIndex())]","copy":{"name":"s","count":2,"mode":"Serial","batchSize":1}},`+
		uai+`"name":"none","copy":{"name":"z","count":0}},`+uai+`"name":"off","condition":"[parameters('on')]"}],`+
		`"outputs":{"ids":{"type":"array","copy":{"count":3,"input":"[reference(format('par{0}',copyIndex())).principalId]"}},"maybe":{"type":"string","value":"[if(parameters('on'),reference('off').principalId,'off')]"}}`, "", ""))
	if a.At("properties", "outputs", "maybe", "value") != "off" || a.At("properties", "outputs", "ids", "value", "2") == "" {
		t.Error(a.Text)
	}
	for name, want := range map[string]int{"par0": 200, "par2": 200, "ser1": 200, "none": 404, "off": 404} {
		if got := f.Do("owner", "GET", identityPath(name), "").Status; got != want {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// A parameter may come from a vault that is meant for it, for a caller who may use it.
func TestParametersComeFromVaultsForThoseWhoMayUseThem(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	vault := armtest.Group + "/providers/Microsoft.KeyVault/vaults/kv-params"
	f.OK("owner", "PUT", vault, `{"location":"local","properties":{"tenantId":"`+string(f.Tenant)+`","sku":{"family":"A","name":"standard"},"accessPolicies":[]}}`)
	params := `{"p":{"reference":{"keyVault":{"id":"` + vault + `"},"secretName":"s"}}}`
	b := body(`"parameters":{"p":{"type":"securestring"}},"resources":[]`, params, "")
	f.Do("owner", "PUT", at+"kv", b).Want(400, "KeyVaultParameterReferenceNotFound")
	f.Person("builder", armtest.MachineContributor, armtest.Group)
	f.Do("builder", "PUT", at+"kv", b).Want(403, "AuthorizationFailed")
}

func TestTheHashOfATemplateIsItsOwn(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	path := "/providers/Microsoft.Resources/calculateTemplateHash"
	a := f.OK("nobody", "POST", path, `{ `+head+` "resources":[] }`)
	b := f.OK("nobody", "POST", path, `{`+head+`"resources":[]}`)
	if a.At("templateHash") == "" || a.At("templateHash") != b.At("templateHash") || strings.Contains(a.At("minifiedTemplate"), " ") {
		t.Error(a.Text)
	}
}

// S-54: what a tenant deploys at the root, which all tenants share, no other tenant sees or
// touches.
func TestDeploymentsAtTheRootAreOfOneTenant(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	f.Grant("owner", armtest.Owner, "/")
	f.Grant("stranger", armtest.Owner, "/")
	const all, own = "/providers/Microsoft.Resources/deployments", "/providers/Microsoft.Resources/deployments/d"
	b := `{"location":"local","properties":{"mode":"Incremental","template":{"$schema":"https://schema.management.azure.com/schemas/2019-08-01/tenantDeploymentTemplate.json#","contentVersion":"1.0.0.0","resources":[],"outputs":{"o":{"type":"string","value":"canary"}}}}}`
	f.OK("owner", "PUT", own, b)
	if got := f.OK("stranger", "GET", all, ""); got.Count() != 0 {
		t.Error(got.Text)
	}
	operation := f.OK("owner", "GET", own+"/operations", "").At("value", "0", "operationId")
	for _, c := range [][2]string{{"GET", ""}, {"HEAD", ""}, {"GET", "/operations"}, {"GET", "/operations/" + operation}, {"POST", "/exportTemplate"}, {"POST", "/cancel"}} {
		if got := f.Do("stranger", c[0], own+c[1], ""); got.Status != 404 {
			t.Errorf("%s %s: %d %s", c[0], c[1], got.Status, got.Text)
		}
	}
	if got := f.Do("stranger", "GET", "/deployments/d/operations", ""); got.Status != 404 {
		t.Error(got.Text)
	}
	f.Do("stranger", "DELETE", own, "").Want(204, "")
	f.Do("stranger", "PUT", own, b).Want(409, "DeploymentActive")
	if got := f.OK("owner", "GET", all, ""); got.Count() != 1 || f.OK("owner", "GET", own, "").At("properties", "outputs", "o", "value") != "canary" {
		t.Error(got.Text)
	}
}
