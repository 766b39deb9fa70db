//go:build e2e

package e2e

import "strings"

// azMachines gives identities to virtual machines and scale sets, step by step (CP-48,
// CP-49, CP-51, CP-52). The machines are made as `az rest` sends them: on this platform one
// is a record of a machine that runs elsewhere.
func azMachines(a *azure) {
	group := a.group("machines")
	one, two := a.value("id", "identity create -g machines -n one"), a.value("id", "identity create -g machines -n two")
	for _, kind := range []struct{ command, resource string }{{"vm", "virtualMachines"}, {"vmss", "virtualMachineScaleSets"}} {
		id := group + "/providers/Microsoft.Compute/" + kind.resource + "/m"
		a.ok("rest --method put --url " + id + `?api-version=2024-07-01 --body '{"location":"local","properties":{}}'`)
		command := kind.command + " identity "
		const of = " -g machines -n m"
		principal := a.value("systemAssignedIdentity", command+"assign"+of)
		a.prints(`["SystemAssigned","`+principal+`"]`, command+"show"+of+" --query '[type,principalId]'")
		a.prints(`"ManagedIdentity"`, "ad sp show --id "+principal+" --query servicePrincipalType")
		a.ok(command + "assign" + of + " --identities " + one)
		a.prints(`["SystemAssigned, UserAssigned","`+principal+`"]`, command+"show"+of+" --query '[type,principalId]'")
		a.ok(command + "assign" + of + " --identities " + two + " [system]")
		a.same([]string{one, two}, command+"show"+of+" --query 'keys(userAssignedIdentities)' -o tsv")
		a.ok(command + "remove" + of + " --identities " + strings.ToUpper(two))
		a.same([]string{one}, command+"show"+of+" --query 'keys(userAssignedIdentities)' -o tsv")
		a.prints(`["SystemAssigned, UserAssigned","`+principal+`"]`, command+"show"+of+" --query '[type,principalId]'")
		a.ok(command + "remove" + of) // the system-assigned one
		a.prints(`["UserAssigned",null]`, command+"show"+of+" --query '[type,principalId]'")
		a.refused("does not exist", "ad sp show --id "+principal)
		a.ok(command + "remove" + of + " --identities " + one)
		a.prints("/^(|null|{}|{.type.:.None.*})$/", command+"show"+of)
		again := a.value("systemAssignedIdentity", command+"assign"+of+" --role Reader --scope "+group)
		if again == principal {
			a.t.Errorf("%s: a second system-assigned identity is the first: %s", kind.command, again)
		}
		a.prints(`["Reader"]`, "role assignment list --scope "+group+" --assignee "+again+" --query '[].roleDefinitionName'")
	}
	a.prints(`["m"]`, "vm list -g machines --query '[].name'")
	a.prints(`["m"]`, "vmss list -g machines --query '[].name'")
	a.ok("vm delete -g machines -n m -y")
	a.prints(`[]`, "vm list -g machines")
	a.ok("group delete -n machines -y")
}

// same runs a command whose lines must be these resource ids, in any order and case.
func (a *azure) same(want []string, command string) {
	a.t.Helper()
	got := map[string]bool{}
	for _, line := range strings.Fields(a.ok(command)) {
		got[strings.ToLower(line)] = true
	}
	match := len(got) == len(want)
	for _, w := range want {
		match = match && got[strings.ToLower(w)]
	}
	if !match {
		a.t.Errorf("az %s: got %v, want %v", command, got, want)
	}
}

// azWebApps makes an app with a slot as people make them, and gives both identities
// (CP-80, CP-81).
func azWebApps(a *azure) {
	group := a.group("webapps")
	user := a.value("id", "identity create -g webapps -n user")
	a.prints(`["B1",true,"Ready"]`, "appservice plan create -g webapps -n plan --sku B1 --is-linux --query '[sku.name,reserved,status]'")
	a.prints(`["app,linux","Running","SystemAssigned"]`,
		"webapp create -g webapps -n e2e-app -p plan --runtime PYTHON:3.12 --assign-identity --query '[kind,state,identity.type]'")
	principal := a.value("principalId", "webapp identity show -g webapps -n e2e-app")
	a.prints(`"e2e-app"`, "ad sp show --id "+principal+" --query displayName")
	a.prints(`"SystemAssigned, UserAssigned"`, "webapp identity assign -g webapps -n e2e-app --identities [system] "+user+" --query type")
	a.prints(`"`+principal+`"`, "webapp identity show -g webapps -n e2e-app --query principalId")
	a.same([]string{user}, "webapp identity show -g webapps -n e2e-app --query 'keys(userAssignedIdentities)' -o tsv")

	a.prints(`["stage",null]`, "webapp deployment slot create -g webapps -n e2e-app -s stage --query '[name,identity]'")
	slot := a.value("principalId", "webapp identity assign -g webapps -n e2e-app -s stage --role Reader --scope "+group)
	a.prints(`"e2e-app/slots/stage"`, "ad sp show --id "+slot+" --query displayName")
	if slot == principal {
		a.t.Errorf("the slot has the identity of the app")
	}
	a.prints(`["Reader"]`, "role assignment list --scope "+group+" --assignee "+slot+" --query '[].roleDefinitionName'")
	a.ok("webapp deployment slot swap -g webapps -n e2e-app -s stage")
	a.prints(`"`+principal+`"`, "webapp identity show -g webapps -n e2e-app --query principalId")
	a.prints(`"`+slot+`"`, "webapp identity show -g webapps -n e2e-app -s stage --query principalId")

	a.prints(`["GREETING"]`, "webapp config appsettings set -g webapps -n e2e-app --settings GREETING=hello --query '[].name'") // az hides values here
	a.prints(`["hello"]`, "webapp config appsettings list -g webapps -n e2e-app --query '[?name==`GREETING`].value'")
	a.ok("webapp stop -g webapps -n e2e-app")
	a.prints(`"Stopped"`, "webapp show -g webapps -n e2e-app --query state")
	a.ok("webapp start -g webapps -n e2e-app")
	a.ok("webapp identity remove -g webapps -n e2e-app --identities " + user)
	a.prints(`"SystemAssigned"`, "webapp identity show -g webapps -n e2e-app --query type")
	a.ok("webapp identity remove -g webapps -n e2e-app")
	a.prints("/^(|null|{}|{.*.type.:.None.*})$/", "webapp identity show -g webapps -n e2e-app")
	a.refused("does not exist", "ad sp show --id "+principal)
	a.prints(`["e2e-app"]`, "webapp list -g webapps --query '[].name'")
	a.ok("webapp delete -g webapps -n e2e-app --keep-empty-plan")
	a.refused("does not exist", "ad sp show --id "+slot)
	a.ok("group delete -n webapps -y")
}

// azExtensions makes the requests of `az spring`, `az logic` and `az connectedmachine`, as
// control-plane.md §4.7 records them: the packages of these extensions are on the vendor's
// host alone (CP-85, CP-86, CP-93).
func azExtensions(a *azure) {
	group := a.group("extensions")
	for _, h := range []struct{ kind, version, name, body string }{
		{"Microsoft.Logic/workflows", "2019-05-01", "flow", `{"location":"local","properties":{"definition":{}}}`},
		{"Microsoft.HybridCompute/machines", "2024-07-10", "arc", `{"location":"local","properties":{}}`},
		{"Microsoft.AppPlatform/Spring", "2023-05-01-preview", "springs", `{"location":"local","sku":{"name":"S0"},"properties":{}}`},
		{"Microsoft.AppPlatform/Spring/springs/apps", "2023-05-01-preview", "front", `{"properties":{}}`},
	} {
		url := group + "/providers/" + h.kind + "/" + h.name + "?api-version=" + h.version
		a.ok("rest --method put --url " + url + " --body '" + h.body + "'")
		a.prints(`"SystemAssigned"`, "rest --method patch --url "+url+` --body '{"identity":{"type":"SystemAssigned"}}' --query identity.type`)
		principal := a.value("identity.principalId", "rest --method get --url "+url)
		a.prints(`"ManagedIdentity"`, "ad sp show --id "+principal+" --query servicePrincipalType")
		a.ok("rest --method patch --url " + url + ` --body '{"identity":{"type":"None"}}'`)
		a.refused("does not exist", "ad sp show --id "+principal)
	}
	a.ok("group delete -n extensions -y")
}
