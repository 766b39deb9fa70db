//go:build e2e

package e2e

// azIdentities goes through `az identity` (CP-66 to CP-68, CP-75, CP-76).
func azIdentities(a *azure) {
	group := a.group("identities")
	id := group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Alpha"
	a.prints(`["`+id+`","local","`+a.p.TenantID+`","Microsoft.ManagedIdentity/userAssignedIdentities"]`,
		"identity create -g identities -n Alpha --tags stage=test --query '[id,location,tenantId,type]'")
	principal, client := a.value("principalId", "identity show -g identities -n alpha"), a.value("clientId", "identity show --ids "+id)
	a.prints(`["`+principal+`","`+client+`",{"stage":"prod"}]`, "identity update -g identities -n Alpha --tags stage=prod --query '[principalId,clientId,tags]'")
	a.ok("identity create -g identities -n Beta -l local")
	a.prints(`["Alpha","Beta"]`, "identity list -g identities --query 'sort([].name)'")
	a.prints("2", "identity list --query 'length([?resourceGroup==`identities`])'")
	a.prints(`["ManagedIdentity","`+client+`"]`, "ad sp show --id "+principal+" --query '[servicePrincipalType,appId]'")
	a.prints("/^.*Microsoft.ManagedIdentity/userAssignedIdentities/assign/action.*$/", "identity list-operations --query '[].name'")
	a.refused("ResourceNotFound", "identity show -g identities -n nobody")
	a.ok("identity delete -g identities -n Beta")
	a.prints(`["Alpha"]`, "identity list -g identities --query '[].name'")
	a.ok("group delete -n identities -y")
}

// azFederatedCredentials goes through `az identity federated-credential` (CP-66, CP-71, CP-73).
func azFederatedCredentials(a *azure) {
	a.group("federated")
	a.ok("identity create -g federated -n Alpha")
	const of = " -g federated --identity-name Alpha"
	create := "identity federated-credential create" + of
	a.prints(`["pods",["api://AzureADTokenExchange"],"https://issuer.example/","system:serviceaccount:shop:web"]`,
		create+" -n pods --issuer https://issuer.example/ --subject system:serviceaccount:shop:web --query '[name,audiences,issuer,subject]'")
	a.prints(`["api://other","repo:a/b:ref:refs/heads/main"]`,
		"identity federated-credential update"+of+" -n pods --issuer https://issuer.example/ --subject repo:a/b:ref:refs/heads/main --audiences api://other --query '[audiences[0],subject]'")
	a.prints(`["pods"]`, "identity federated-credential list"+of+" --query '[].name'")
	a.prints(`"https://issuer.example/"`, "identity federated-credential show"+of+" -n pods --query issuer")
	a.prints(`["claims['sub'] matches 'repo:a/*'",1]`, create+` -n flexible --issuer https://token.actions.githubusercontent.com `+
		`--cme-value "claims['sub'] matches 'repo:a/*'" --cme-version 1 --query '[claimsMatchingExpression.value,claimsMatchingExpression.languageVersion]'`)
	a.refused("issuer", create+" -n pods2 --issuer https://issuer.example/ --subject repo:a/b:ref:refs/heads/main")
	a.refused("name", create+" -n x --issuer https://issuer.example/ --subject other")
	a.ok("identity federated-credential delete" + of + " -n pods -y")
	a.prints(`["flexible"]`, "identity federated-credential list"+of+" --query '[].name'")
	a.ok("group delete -n federated -y")
}

// azAssociated counts who carries an identity, and revokes its tokens (CP-75, CP-76).
func azAssociated(a *azure) {
	group := a.group("associated")
	id := a.value("id", "identity create -g associated -n shared")
	for _, name := range []string{"one", "two"} {
		a.ok("resource create -g associated -n " + name + " --resource-type Microsoft.Compute/virtualMachines --is-full-object -p " + a.file(
			`{"location":"local","identity":{"type":"UserAssigned","userAssignedIdentities":{"`+id+`":{}}},"properties":{}}`))
	}
	a.prints(`["`+group+`/providers/Microsoft.Compute/virtualMachines/one","`+group+`/providers/Microsoft.Compute/virtualMachines/two"]`,
		"identity list-resources -g associated -n shared --query 'sort([].id)'")
	a.ok("group delete -n associated -y")
}
