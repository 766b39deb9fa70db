//go:build e2e

package e2e

// azResources drives whatever has a resource id: generic resources, tags, moves, providers,
// raw requests (CP-12, CP-16, CP-34, CP-36, CP-40, CP-46, CP-90).
func azResources(a *azure) {
	group, other := a.group("resources"), a.group("elsewhere")
	id := group + "/providers/Microsoft.Compute/virtualMachines/machine"
	a.prints(`["`+id+`","SystemAssigned"]`, "resource create -g resources -n machine --resource-type Microsoft.Compute/virtualMachines --is-full-object --latest-include-preview "+
		`-p '{"location":"local","identity":{"type":"SystemAssigned"},"properties":{"note":"kept"}}' --query '[id,identity.type]'`)
	principal := a.value("identity.principalId", "resource show --ids "+id)
	a.prints(`["kept","local"]`, "resource show -g resources -n machine --resource-type Microsoft.Compute/virtualMachines --query '[properties.note,location]'")
	a.prints(`["machine"]`, "resource list -g resources --query '[].name'")
	a.prints(`["machine"]`, "resource list --name machine --resource-type Microsoft.Compute/virtualMachines --query '[].name'")
	a.prints(`{"owner":"me"}`, "resource tag --ids "+id+" --tags owner=me --query tags")
	a.prints(`["machine"]`, "resource list --tag owner=me --query '[].name'")
	a.prints(`"`+principal+`"`, "resource show --ids "+id+" --query identity.principalId")
	a.prints(`"changed"`, "resource update --ids "+id+" --set properties.note=changed --query properties.note")
	a.prints(`"`+principal+`"`, "resource show --ids "+id+" --query identity.principalId")

	a.ok("provider register -n Microsoft.ManagedIdentity --wait")
	a.prints(`"Registered"`, "provider show -n Microsoft.ManagedIdentity --query registrationState")

	// Requests that a person types: lower case, an absolute URL, odd header names (CP-16, CP-46).
	a.prints(`"machine"`, "rest --method GET --url "+a.p.ResourceManager+group+"/PROVIDERS/microsoft.compute/VIRTUALMACHINES/Machine --url-parameters API-VERSION=2024-07-01 --headers x-MS-client-Request-ID=x --query name")
	a.refused("MissingApiVersionParameter", "rest --method GET --url "+id)

	a.ok("resource move --destination-group elsewhere --ids " + id)
	moved := other + "/providers/Microsoft.Compute/virtualMachines/machine"
	a.prints(`["`+moved+`","`+principal+`"]`, "resource show --ids "+moved+" --query '[id,identity.principalId]'")
	a.refused("ResourceNotFound", "resource show --ids "+id)
	a.ok("resource delete --ids " + moved)
	a.refused("ResourceNotFound", "resource show --ids "+moved)
	a.refused("does not exist", "ad sp show --id "+principal)
	a.ok("group delete -n resources -y")
	a.ok("group delete -n elsewhere -y")
}

// azTags goes through `az tag`: tags as a resource of their own, at any scope (CP-40).
func azTags(a *azure) {
	group := a.group("tags")
	a.ok("identity create -g tags -n tagged --tags a=1")
	id := group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/tagged"
	a.prints(`{"a":"1"}`, "tag list --resource-id "+id+" --query properties.tags")
	a.prints(`{"a":"1","b":"2"}`, "tag update --resource-id "+id+" --operation Merge --tags b=2 --query properties.tags")
	a.prints(`{"b":"2"}`, "tag update --resource-id "+id+" --operation Delete --tags a=1 --query properties.tags")
	a.prints(`{"c":"3"}`, "tag update --resource-id "+id+" --operation Replace --tags c=3 --query properties.tags")
	a.prints(`{"c":"3"}`, "identity show --ids "+id+" --query tags")
	a.prints(`{"d":"4"}`, "tag create --resource-id "+group+" --tags d=4 --query properties.tags")
	a.prints(`{"d":"4"}`, "group show -n tags --query tags")
	a.prints("true", "tag list --query 'contains([].tagName, `c`)'")
	a.ok("tag delete --resource-id " + id + " -y")
	a.prints(`{}`, "tag list --resource-id "+id+" --query 'properties.tags || `{}`'")
	a.ok("group delete -n tags -y")
}

// azLocks sets and removes locks (CP-42).
func azLocks(a *azure) {
	group := a.group("locks")
	a.ok("identity create -g locks -n kept")
	a.prints(`["keep","CanNotDelete","ours"]`, "lock create -n keep -t CanNotDelete -g locks --notes ours --query '[name,level,notes]'")
	a.refused("ScopeLocked", "identity delete -g locks -n kept")
	a.refused("ScopeLocked", "group delete -n locks -y")
	a.prints(`{"a":"1"}`, "identity update -g locks -n kept --tags a=1 --query tags")
	a.prints(`["keep"]`, "lock list -g locks --query '[].name'")
	a.prints(`["ReadOnly"]`, "lock update -n keep -g locks -t ReadOnly --query '[level]'")
	a.refused("ScopeLocked", "identity update -g locks -n kept --tags a=2")
	a.prints(`"ReadOnly"`, "lock show -n keep -g locks --query level")
	a.ok("lock delete -n keep -g locks")
	a.prints(`[]`, "lock list -g locks")
	a.ok("lock create -n one -t CanNotDelete --resource " + group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kept")
	a.refused("ScopeLocked", "group delete -n locks -y")
	a.ok("lock delete --ids " + group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kept/providers/Microsoft.Authorization/locks/one")
	a.ok("group delete -n locks -y")
}

// azActivity reads the activity log in every way that az asks for it (CP-123, CP-125).
func azActivity(a *azure) {
	group := a.group("activity")
	id := a.value("id", "identity create -g activity -n watched")
	me := a.value("[0].id", "ad sp list --filter \"appId eq '"+a.p.AdminClientID+"'\"")
	principal := a.value("principalId", "identity show --ids "+id)
	a.ok("role assignment create --assignee-object-id " + principal + " --assignee-principal-type ServicePrincipal --role Reader --scope " + group)
	a.ok("role assignment delete --assignee " + principal + " --role Reader --scope " + group)
	const operations = " --query 'sort([?status.value==`Succeeded`].operationName.value)'"
	const wrote = `"Microsoft.ManagedIdentity/userAssignedIdentities/write"`
	a.prints(`["Microsoft.Authorization/roleAssignments/delete","Microsoft.Authorization/roleAssignments/write",`+wrote+`,"Microsoft.Resources/subscriptions/resourceGroups/write"]`,
		"monitor activity-log list -g activity --offset 1h"+operations)
	a.prints("["+wrote+"]", "monitor activity-log list --resource-id "+id+operations)
	a.prints("["+wrote+"]", "monitor activity-log list --namespace Microsoft.ManagedIdentity --offset 1h --max-events 500 --query '[?resourceId==`"+id+"`&&status.value==`Succeeded`].operationName.value'")
	correlation := a.value("[0].correlationId", "monitor activity-log list --resource-id "+id)
	a.prints(`["Started","Succeeded"]`, "monitor activity-log list --correlation-id "+correlation+" --query 'sort([].status.value)'")
	a.prints("["+wrote+"]", "monitor activity-log list --resource-id "+id+" --caller "+me+" --status Succeeded --query '[].operationName.value'")
	a.prints(`[["Granted","Reader","`+principal+`"],["Revoked","Reader","`+principal+`"]]`,
		"role assignment list-changelogs --query 'sort_by([?principalId==`"+principal+"`].[action,roleName,principalId],&[0])'")
	a.prints(`true`, "monitor activity-log list-categories --query 'contains([].value,`Administrative`)'")
	a.ok("group delete -n activity -y")
}
