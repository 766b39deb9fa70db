//go:build e2e

package e2e

// azDirectory goes through `az ad`: applications and their credentials, service principals,
// groups, users, and identities seen as service principals (DT-90, DT-93, DT-96, DT-97).
func azDirectory(a *azure) {
	app := a.value("appId", "ad app create --display-name 'Shop front'")
	a.prints(`["Shop front","AzureADMyOrg"]`, "ad app show --id "+app+" --query '[displayName,signInAudience]'")
	a.prints(`["`+app+`"]`, "ad app list --display-name 'Shop front' --query '[].appId'")
	a.ok("ad app update --id " + app + " --display-name 'Shop window'")
	a.prints(`"Shop window"`, "ad app show --id "+app+" --query displayName")
	sp := a.value("id", "ad sp create --id "+app)
	a.prints(`["Shop window","Application"]`, "ad sp show --id "+app+" --query '[displayName,servicePrincipalType]'")
	a.prints(`"`+app+`"`, "ad sp show --id "+sp+" --query appId")
	secret := a.value("password", "ad app credential reset --id "+app+" --display-name ci --append")
	a.prints(`["ci"]`, "ad app credential list --id "+app+" --query '[].displayName'")
	a.ok("role assignment create --assignee " + app + " --role Reader --scope /subscriptions/" + a.p.SubscriptionID)

	// Whoever got the secret signs in with it, until it is taken away.
	other := a.p.azure(a.t, "--app", "other")
	other.register()
	other.ok("login --service-principal -u " + app + " --password=" + secret + " -t " + a.p.TenantID)
	other.prints(`"default"`, "group show -n default --query name")
	other.refused("AuthorizationFailed", "group create -n forbidden -l local")
	other.ok("logout")
	key := a.value("[0].keyId", "ad app credential list --id "+app)
	a.ok("ad app credential delete --id " + app + " --key-id " + key)
	other.refused("AADSTS7000215", "login --service-principal -u "+app+" --password="+secret+" -t "+a.p.TenantID)

	a.prints(`["ci-main","https://token.actions.githubusercontent.com","repo:a/b:ref:refs/heads/main"]`, "ad app federated-credential create --id "+app+" --parameters "+a.file(
		`{"name":"ci-main","issuer":"https://token.actions.githubusercontent.com","subject":"repo:a/b:ref:refs/heads/main","audiences":["api://AzureADTokenExchange"]}`)+
		" --query '[name,issuer,subject]'")
	a.prints(`["ci-main"]`, "ad app federated-credential list --id "+app+" --query '[].name'")
	a.ok("ad app federated-credential update --id " + app + " --federated-credential-id ci-main --parameters " + a.file(
		`{"issuer":"https://token.actions.githubusercontent.com","subject":"repo:a/b:pull_request","audiences":["api://AzureADTokenExchange"]}`))
	a.prints(`"repo:a/b:pull_request"`, "ad app federated-credential show --id "+app+" --federated-credential-id ci-main --query subject")
	a.ok("ad app federated-credential delete --id " + app + " --federated-credential-id ci-main")
	a.prints(`[]`, "ad app federated-credential list --id "+app)
	a.ok("ad app owner add --id " + app + " --owner-object-id " + sp)
	a.prints(`["`+sp+`"]`, "ad app owner list --id "+app+" --query '[].id'")

	a.group("directory")
	identity := a.value("principalId", "identity create -g directory -n listed")
	a.prints("true", "ad sp list --filter \"servicePrincipalType eq 'ManagedIdentity'\" --all --query 'contains([].id, `"+identity+"`)'")
	a.prints(`["listed"]`, "ad sp list --display-name listed --query '[].displayName'")
	a.ok("group delete -n directory -y")

	group := a.value("id", "ad group create --display-name Operators --mail-nickname operators")
	a.ok("ad group member add -g Operators --member-id " + sp)
	a.prints(`["`+sp+`"]`, "ad group member list -g Operators --query '[].id'")
	a.prints(`{"value":true}`, "ad group member check -g "+group+" --member-id "+sp)
	a.prints(`["Operators"]`, "ad group list --query '[].displayName'")
	a.ok("ad group member remove -g Operators --member-id " + sp)
	a.prints(`[]`, "ad group member list -g Operators")
	a.ok("ad group delete -g " + group)

	domain := a.value("value[0].id", "rest --method get --url "+a.p.Graph+"/v1.0/domains --resource "+a.p.Graph)
	user := a.value("id", "ad user create --display-name 'Ada Example' --user-principal-name ada@"+domain+" --password Correct-Horse-42-Battery")
	a.prints(`["Ada Example","ada@`+domain+`"]`, "ad user show --id ada@"+domain+" --query '[displayName,userPrincipalName]'")
	a.ok("ad user update --id " + user + " --display-name 'Ada Sample'")
	a.prints(`["Ada Sample"]`, "ad user list --upn ada@"+domain+" --query '[].displayName'")
	a.ok("ad user delete --id " + user)
	a.prints(`[]`, "ad user list --upn ada@"+domain)

	a.ok("ad sp delete --id " + app)
	a.refused("does not exist", "ad sp show --id "+sp)
	a.ok("ad app delete --id " + app)
	a.refused("does not exist", "ad app show --id "+app)
}

// azForPipelines makes what pipelines sign in with: a service principal with a role, by a
// secret and by a certificate (CP-3, CP-122).
func azForPipelines(a *azure) {
	group := a.group("pipelines")
	made := struct{ AppID, Password, Tenant string }{}
	a.decode(&made, "ad sp create-for-rbac --name pipeline --role Contributor --scopes "+group)
	if made.Tenant != a.p.TenantID {
		a.t.Errorf("the tenant is %s", made.Tenant)
	}
	other := a.p.azure(a.t, "--app", "other")
	other.register()
	other.ok("login --service-principal -u " + made.AppID + " --password=" + made.Password + " -t " + a.p.TenantID)
	other.ok("identity create -g pipelines -n by-pipeline")
	other.refused("AuthorizationFailed", "role assignment create --assignee-object-id "+a.p.TenantID+" --assignee-principal-type ServicePrincipal --role Owner --scope "+group)
	other.ok("logout")

	cert := struct{ AppID, FileWithCertAndPrivateKey string }{}
	a.decode(&cert, "ad sp create-for-rbac --name certified --role Reader --scopes "+group+" --create-cert")
	other.ok("login --service-principal -u " + cert.AppID + " --certificate " + cert.FileWithCertAndPrivateKey + " -t " + a.p.TenantID)
	other.prints(`["by-pipeline"]`, "identity list -g pipelines --query '[].name'")
	other.refused("AuthorizationFailed", "identity delete -g pipelines -n by-pipeline")
	for _, app := range []string{made.AppID, cert.AppID} {
		a.ok("ad app delete --id " + app)
	}
	a.ok("group delete -n pipelines -y")
}

// azAsIdentity signs in by managed identity, system- and user-assigned, on the endpoints of
// App Service and of virtual machines (CP §1.4).
func azAsIdentity(a *azure) {
	group := a.group("as-identity")
	user := a.value("id", "identity create -g as-identity -n operator")
	client, principal := a.value("clientId", "identity show --ids "+user), a.value("principalId", "identity show --ids "+user)
	a.ok("role assignment create --assignee " + principal + " --role Reader --scope " + group)
	for _, kind := range []string{"site", "vm"} {
		name := "identity-" + kind
		by := a.p.azure(a.t, "--app", name, "--kind", kind, "--resource-group", "as-identity", "--identity", "system", "--identity", user)
		by.register()
		by.refused("no subscriptions were found", "login --identity")
		by.prints(`[["`+a.p.SubscriptionID+`","`+a.p.TenantID+`"]]`, "login --identity --client-id "+client+" --query '[].[id,tenantId]'")
		by.prints(`["operator"]`, "identity list -g as-identity --query '[].name'")
		by.refused("AuthorizationFailed", "identity delete -g as-identity -n operator")
		token := claims(a.t, by.value("accessToken", "account get-access-token"))
		if token["oid"] != principal {
			a.t.Errorf("%s: claims %v", kind, token)
		}
	}
	a.ok("group delete -n as-identity -y")
}
