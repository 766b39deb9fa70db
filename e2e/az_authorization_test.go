//go:build e2e

package e2e

// azManagementGroups builds a tree above the subscription, assigns in it, and takes it down
// again (CP-98, CP-110); then conditions, deny assignments and permissions as az asks for them.
func azManagementGroups(a *azure) {
	const root = "/providers/Microsoft.Management/managementGroups/"
	a.ok("rest --method post --url /providers/Microsoft.Authorization/elevateAccess?api-version=2015-07-01")
	a.ok("role assignment create --assignee " + a.p.AdminClientID + " --role Owner --scope " + root + a.p.TenantID)
	a.prints(`["prod","Production"]`, "account management-group create --no-register -n prod --display-name Production --query '[name,displayName || properties.displayName]'")
	a.ok("account management-group create --no-register -n inner --parent prod")
	a.prints(`["`+a.p.TenantID+`","inner","prod"]`, "account management-group list --no-register --query 'sort([].name)'")
	a.ok("account management-group subscription add -n inner -s " + a.p.SubscriptionID)
	a.prints(`"`+a.p.SubscriptionID+`"`, "account management-group show --no-register -n prod -e -r --query 'children[0].children[0].name || properties.children[0].children[0].name'")
	a.ok("account management-group update -n inner --display-name Inside")

	group := a.group("below")
	id := a.value("id", "identity create -g below -n worker")
	principal := a.value("principalId", "identity show --ids "+id)
	a.ok("role assignment create --assignee-object-id " + principal + " --assignee-principal-type ServicePrincipal --role Reader --scope " + root + "prod")
	a.prints(`["`+root+`prod"]`, "role assignment list --scope "+group+" --include-inherited --query \"[?principalId=='"+principal+"'].scope\"")
	custom := `{"Name":"Everywhere","Description":"d","Actions":["Microsoft.KeyVault/vaults/read"],"NotActions":[],"AssignableScopes":["` + root + `prod"]}`
	a.ok("role definition create --role-definition " + a.file(custom))
	a.ok("role assignment create --assignee-object-id " + principal + " --assignee-principal-type ServicePrincipal --role Everywhere --scope " + group)
	a.ok("role assignment delete --assignee " + principal + " --role Everywhere --scope " + group)
	a.ok("role definition delete -n Everywhere --scope " + root + "prod")

	a.refused("InvalidConditionExpression", "role assignment create --assignee-object-id "+principal+" --assignee-principal-type ServicePrincipal --role 'Key Vault Secrets User' --scope "+group+
		" --condition-version 2.0 --condition nonsense")
	a.prints(`["2.0","@Resource[Microsoft.KeyVault/vaults/secrets:name] StringLike 'app-*'"]`, "role assignment create --assignee-object-id "+principal+
		" --assignee-principal-type ServicePrincipal --role 'Key Vault Secrets User' --scope "+group+
		" --condition-version 2.0 --condition \"@Resource[Microsoft.KeyVault/vaults/secrets:name] StringLike 'app-*'\" --query '[conditionVersion,condition]'")

	deny := group + "/providers/Microsoft.Authorization/denyAssignments/33333333-3333-3333-3333-333333333333?api-version=2022-04-01"
	a.ok("rest --method put --url " + deny + " --body " + a.file(`{"properties":{"denyAssignmentName":"Still","permissions":[{"actions":["Microsoft.Compute/*/write"]}],"principals":[{"id":"`+principal+`"}]}}`))
	a.prints(`["Still"]`, "rest --method get --url "+group+"/providers/Microsoft.Authorization/denyAssignments?api-version=2022-04-01 --query 'value[].properties.denyAssignmentName'")
	a.ok("rest --method delete --url " + deny)

	a.ok("role assignment delete --assignee " + principal + " --role Reader --scope " + root + "prod")
	a.ok("account management-group subscription remove -n inner -s " + a.p.SubscriptionID)
	a.refused("", "account management-group delete --no-register -n prod") // not empty
	a.ok("account management-group delete --no-register -n inner")
	a.ok("account management-group delete --no-register -n prod")
	a.ok("group delete -n below -y")
}
