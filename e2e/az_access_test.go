//go:build e2e

package e2e

import "strings"

// azRoles defines, assigns, lists and removes roles (CP-94 to CP-97, CP-101 to CP-105, CP-122).
func azRoles(a *azure) {
	group := a.group("roles")
	subscription := "/subscriptions/" + a.p.SubscriptionID
	a.prints(`["acdd72a7-3385-48ef-bd42-f606fba81ae7"]`, "role definition list -n Reader --query '[].name'")
	if n := len(strings.Fields(a.ok("role definition list --query '[].name' -o tsv"))); n != 928 {
		a.t.Errorf("%d built-in roles, want 928", n)
	}
	custom := `{"Name":"Vault Watcher","Description":"sees vaults","Actions":["Microsoft.KeyVault/vaults/read"],"NotActions":[],"DataActions":[],"NotDataActions":[],"AssignableScopes":["` + subscription + `"]}`
	a.prints(`["Vault Watcher","CustomRole",["Microsoft.KeyVault/vaults/read"]]`, "role definition create --role-definition "+a.file(custom)+" --query '[roleName,roleType,permissions[0].actions]'")
	listed := a.ok("role definition list -n 'Vault Watcher' --query '[0]'")
	a.prints(`"sees all vaults"`, "role definition update --role-definition "+a.file(strings.Replace(listed, "sees vaults", "sees all vaults", 1))+" --query description")

	id := a.value("id", "identity create -g roles -n worker")
	principal, client := a.value("principalId", "identity show --ids "+id), a.value("clientId", "identity show --ids "+id)
	a.prints(`["`+principal+`","ServicePrincipal","`+group+`"]`, "role assignment create --assignee "+client+" --role 'Vault Watcher' --scope "+group+" --query '[principalId,principalType,scope]'")
	a.prints(`"`+principal+`"`, "role assignment create --assignee "+principal+" --role Reader --scope "+id+" --query principalId")
	a.prints(`"`+principal+`"`, "role assignment create --assignee-object-id "+principal+" --assignee-principal-type ServicePrincipal --role Contributor --scope "+group+" --query principalId")
	// A second time is no failure: the tool says so and prints what there is (CP-101).
	a.prints(`"`+principal+`"`, "role assignment create --assignee-object-id "+principal+" --assignee-principal-type ServicePrincipal --role Contributor --scope "+group+" --query principalId")
	a.prints(`["Contributor","Vault Watcher"]`, "role assignment list --scope "+group+" --query 'sort([].roleDefinitionName)'")
	a.prints(`["Contributor","Reader","Vault Watcher"]`, "role assignment list --all --assignee "+client+" --query 'sort([].roleDefinitionName)'")
	a.prints(`["Contributor","Reader","Vault Watcher"]`, "role assignment list --scope "+id+" --include-inherited --assignee "+principal+" --query 'sort([].roleDefinitionName)'")
	a.prints(`["`+client+`"]`, "role assignment list --scope "+id+" --query '[].principalName'")
	a.prints(`["Owner"]`, "role assignment list --query '[?principalName==`"+a.p.AdminClientID+"`].roleDefinitionName'")
	a.prints(`["Contributor","Reader","Vault Watcher"]`, "role assignment list --all --assignee "+principal+" --include-groups --query 'sort([].roleDefinitionName)'")
	a.refused("RoleDefinitionHasAssignments", "role definition delete -n 'Vault Watcher'")
	a.refused("Role 'Nonsense' doesn't exist", "role assignment create --assignee "+principal+" --role Nonsense --scope "+group)
	a.ok("role assignment delete --assignee " + principal + " --role Contributor --scope " + group)
	a.ok("role assignment delete --assignee " + client + " --role 'Vault Watcher' --scope " + group)
	a.prints(`[]`, "role assignment list --scope "+group)
	a.ok("role definition delete -n 'Vault Watcher'")
	a.prints(`[]`, "role definition list --custom-role-only")
	a.ok("group delete -n roles -y")
}

// azVaults goes through `az keyvault`: both permission models, secrets, deletion and recovery.
func azVaults(a *azure) {
	group := a.group("vaults")
	me := a.value("[0].id", "ad sp list --filter \"appId eq '"+a.p.AdminClientID+"'\"")
	a.prints(`["vault-rbac",true,"`+a.p.TenantID+`"]`, "keyvault create -g vaults -n vault-rbac -l local --query '[name,properties.enableRbacAuthorization,properties.tenantId]'")
	a.refused("ForbiddenByRbac", "keyvault secret set --vault-name vault-rbac -n pass --value first")
	a.ok("role assignment create --assignee-object-id " + me + " --assignee-principal-type ServicePrincipal --role 'Key Vault Administrator' --scope " + group)
	a.prints(`["first",true]`, "keyvault secret set --vault-name vault-rbac -n pass --value first --tags a=1 --query '[value,starts_with(id,`https://vault-rbac."+a.p.VaultSuffix+"/`)]'")
	a.ok("keyvault secret set --vault-name vault-rbac -n pass --value second")
	a.prints(`"second"`, "keyvault secret show --vault-name vault-rbac -n pass --query value")
	a.prints("2", "keyvault secret list-versions --vault-name vault-rbac -n pass --query 'length(@)'")
	a.prints(`["pass"]`, "keyvault secret list --vault-name vault-rbac --query '[].name'")
	a.ok("keyvault secret delete --vault-name vault-rbac -n pass")
	a.prints(`[]`, "keyvault secret list --vault-name vault-rbac")
	a.prints(`["pass"]`, "keyvault secret list-deleted --vault-name vault-rbac --query '[].name'")
	a.ok("keyvault secret recover --vault-name vault-rbac -n pass")
	a.prints(`"second"`, "keyvault secret show --vault-name vault-rbac -n pass --query value")

	a.ok("keyvault create -g vaults -n vault-policy -l local --enable-rbac-authorization false --no-self-perms")
	a.refused("Forbidden", "keyvault secret list --vault-name vault-policy")
	a.prints(`[["`+me+`",["get","list","set"]]]`, "keyvault set-policy -g vaults -n vault-policy --object-id "+me+" --secret-permissions get list set --query 'properties.accessPolicies[].[objectId,sort(permissions.secrets)]'")
	a.ok("keyvault secret set --vault-name vault-policy -n pass --value third")
	a.ok("keyvault delete-policy -g vaults -n vault-policy --object-id " + me)
	a.refused("Forbidden", "keyvault secret show --vault-name vault-policy -n pass")
	a.prints(`["vault-policy","vault-rbac"]`, "keyvault list -g vaults --query 'sort([].name)'")
	a.prints(`["Microsoft.KeyVault/vaults",true]`, "keyvault update -g vaults -n vault-policy --enable-rbac-authorization true --query '[type,properties.enableRbacAuthorization]'")
	a.ok("keyvault delete -g vaults -n vault-policy")
	a.prints(`["vault-policy"]`, "keyvault list-deleted --resource-type vault --query '[].name'")
	a.ok("keyvault purge -n vault-policy -l local")
	a.prints(`[]`, "keyvault list-deleted --resource-type vault --query '[].name'")
	a.ok("group delete -n vaults -y")
}
