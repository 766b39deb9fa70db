//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// M-3, M-13: the hosts beyond machines and web apps, through the Azure CLI.
func TestAzureCLIHosts(t *testing.T) {
	t.Parallel() // with Terraform, which waits
	if !alone(t, 20*time.Minute) {
		return
	}
	p := start(t)
	a := p.azure(t, "--app", "ops")
	a.register()
	a.signIn()
	for _, area := range []struct {
		name string
		try  func(*azure)
	}{
		{"container groups", azContainers},
		{"kubernetes", azKubernetes},
		{"function apps", azFunctions},
		{"machines and their networks", azNetworks},
		{"generic resources", azAnyHost},
		{"moves and exports", azMoves},
		{"around apps", azAroundApps},
	} {
		t.Run(area.name, func(t *testing.T) { area.try(a.with(t)) })
	}
}

// azContainers makes a container group with both kinds of identity in one PUT (CP-83).
func azContainers(a *azure) {
	group := a.group("containers")
	user := a.value("id", "identity create -g containers -n user")
	a.prints(`["SystemAssigned, UserAssigned",1]`, "container create -g containers -n cg --image example.invalid/app:1 --os-type Linux --cpu 1 --memory 1.5 --assign-identity [system] "+user+
		" --role Reader --scope "+group+" --secure-environment-variables KEY=canary --query '[identity.type,length(keys(identity.userAssignedIdentities))]'")
	principal := a.value("identity.principalId", "container show -g containers -n cg")
	a.prints(`["Reader"]`, "role assignment list --scope "+group+" --assignee "+principal+" --query '[].roleDefinitionName'")
	a.ok("container restart -g containers -n cg")
	a.ok("container stop -g containers -n cg")
	a.prints(`["cg"]`, "container list -g containers --query '[].name'")
	a.ok("container delete -g containers -n cg -y")
	a.refused("does not exist", "ad sp show --id "+principal)
}

// azKubernetes makes clusters with the identities that az gives them (CP-84).
func azKubernetes(a *azure) {
	a.group("clusters")
	a.prints(`["SystemAssigned","MC_clusters_one_local",true]`, "aks create -g clusters -n one -l local --node-count 1 --generate-ssh-keys --enable-oidc-issuer --enable-workload-identity"+
		" --query '[identity.type,nodeResourceGroup,oidcIssuerProfile.enabled]'")
	principal := a.value("identity.principalId", "aks show -g clusters -n one")
	a.prints(`"one-agentpool"`, "identity show --ids "+a.value("identityProfile.kubeletidentity.resourceId", "aks show -g clusters -n one")+" --query name")
	a.ok("aks get-credentials -g clusters -n one -f -")
	a.prints(`["nodepool1"]`, "aks nodepool list -g clusters --cluster-name one --query '[].name'")
	a.ok("aks update -g clusters -n one --tags a=b")
	a.prints(`["`+principal+`","b"]`, "aks show -g clusters -n one --query '[identity.principalId,tags.a]'")
	control := a.value("id", "identity create -g clusters -n control")
	kubelet := a.value("id", "identity create -g clusters -n kubelet")
	a.prints(`"UserAssigned"`, "aks create -g clusters -n two -l local --node-count 1 --generate-ssh-keys --assign-identity "+control+" --assign-kubelet-identity "+kubelet+" -y --query identity.type")
	a.prints(`"`+a.value("principalId", "identity show --ids "+kubelet)+`"`, "aks show -g clusters -n two --query identityProfile.kubeletidentity.objectId")
	a.ok("aks delete -g clusters -n one -y")
	a.refused("does not exist", "ad sp show --id "+principal)
	a.prints(`false`, "group exists -n MC_clusters_one_local")
}

// azFunctions makes a function app with its storage account (CP-82).
func azFunctions(a *azure) {
	a.group("functions")
	a.ok("storage account create -g functions -n e2efunctions -l local --sku Standard_LRS")
	a.prints(`"functionapp,linux"`, "functionapp create -g functions -n e2e-fn -s e2efunctions --consumption-plan-location local --runtime python --runtime-version 3.12 --functions-version 4 --os-type Linux --disable-app-insights --assign-identity [system] --query kind")
	principal := a.value("principalId", "functionapp identity show -g functions -n e2e-fn")
	user := a.value("id", "identity create -g functions -n user")
	a.prints(`["SystemAssigned, UserAssigned","`+principal+`"]`, "functionapp identity assign -g functions -n e2e-fn --identities "+user+" --query '[type,principalId]'")
	a.prints(`["python"]`, "functionapp config appsettings list -g functions -n e2e-fn --query '[?name==`FUNCTIONS_WORKER_RUNTIME`].value'")
	a.ok("functionapp identity remove -g functions -n e2e-fn --identities " + user)
	a.ok("functionapp delete -g functions -n e2e-fn")
	a.refused("does not exist", "ad sp show --id "+principal)
}

// azNetworks makes machines as az does: through a template, with everything around them
// (CP-78, CP-79).
func azNetworks(a *azure) {
	group := a.group("networks")
	user := a.value("id", "identity create -g networks -n user")
	a.prints(`"VM running"`, "vm create -g networks -n vm -l local --image Canonical:ubuntu-24_04-lts:server:latest --admin-username me --generate-ssh-keys --assign-identity [system] "+user+
		" --role Reader --scope "+group+" --query powerState")
	principal := a.value("principalId", "vm identity show -g networks -n vm")
	a.prints(`["Reader"]`, "role assignment list --scope "+group+" --assignee "+principal+" --query '[].roleDefinitionName'")
	a.prints(`["vmSubnet"]`, "network vnet subnet list -g networks --vnet-name vmVNET --query '[].name'")
	a.ok("vmss create -g networks -n set -l local --image Canonical:ubuntu-24_04-lts:server:latest --admin-username me --generate-ssh-keys --orchestration-mode Uniform --instance-count 2 --assign-identity [system] --role Reader --scope " + group)
	a.prints(`2`, "vmss list-instances -g networks -n set --query 'length(@)'")
	a.ok("vm delete -g networks -n vm -y")
	a.refused("does not exist", "ad sp show --id "+principal)
}

// azAnyHost makes hosts of every type by `az resource create` (CP-90).
func azAnyHost(a *azure) {
	group := a.group("hosts")
	for _, host := range []struct{ parent, path string }{
		{"", "Microsoft.Compute/virtualMachines/vm"},
		{"", "Microsoft.Compute/virtualMachineScaleSets/set"},
		{"", "Microsoft.Web/sites/e2e-any"},
		{"Microsoft.Web/sites/e2e-any2", "/slots/stage"},
		{"", "Microsoft.Logic/workflows/flow"},
		{"Microsoft.AppPlatform/Spring/service", "/apps/front"},
		{"", "Microsoft.HybridCompute/machines/arc"},
		{"", "Microsoft.App/containerApps/app"},
		{"", "Microsoft.ContainerInstance/containerGroups/cg"},
		{"", "Microsoft.ContainerService/managedClusters/aks"},
		{"Microsoft.ServiceFabric/managedClusters/fabric", "/applications/front"},
		{"Microsoft.ServiceFabric/clusters/classic", "/applications/front"},
	} {
		if host.parent != "" {
			a.ok("resource create --id " + group + "/providers/" + host.parent + ` --is-full-object --properties '{"location":"local","properties":{}}'`)
		}
		id := group + "/providers/" + host.parent + host.path
		a.prints(`"SystemAssigned"`, "resource create --id "+id+` --is-full-object --properties '{"location":"local","identity":{"type":"SystemAssigned"},"properties":{}}' --query identity.type`)
		principal := a.value("identity.principalId", "resource show --ids "+id)
		a.prints(`"ManagedIdentity"`, "ad sp show --id "+principal+" --query servicePrincipalType")
		a.prints(`"b"`, "resource tag --ids "+id+" --tags a=b --query tags.a")
		a.prints(`"`+principal+`"`, "resource show --ids "+id+" --query identity.principalId")
		a.ok("resource delete --ids " + id)
		a.refused("does not exist", "ad sp show --id "+principal)
	}
}

// azMoves moves resources to another group, exports one, and reads what may be done
// (CP-14, CP-29, CP-120).
func azMoves(a *azure) {
	from := a.group("from")
	a.group("to")
	a.prints(`"Succeeded"`, "disk create -g from -n disk --size-gb 4 --query provisioningState")
	a.ok("appservice plan create -g from -n plan --sku F1")
	a.ok("webapp create -g from -n e2e-move -p plan --runtime PYTHON:3.12 --assign-identity [system]")
	principal := a.value("principalId", "webapp identity show -g from -n e2e-move")
	a.ok("role assignment create --role Reader --scope " + from + "/providers/Microsoft.Web/sites/e2e-move --assignee " + principal)
	a.ok("resource move --destination-group to --ids " + from + "/providers/Microsoft.Web/sites/e2e-move " + from + "/providers/Microsoft.Compute/disks/disk")
	a.prints(`["`+principal+`"]`, "webapp list -g to --query '[].identity.principalId'")
	a.prints(`[]`, "role assignment list --all --assignee "+principal+" --query '[].id'")
	a.prints(`["plan"]`, "resource list -g from --query '[].name'")
	user := a.value("id", "identity create -g from -n user")
	a.refused("ResourceMoveNotSupported", "resource move --destination-group to --ids "+user)
	a.prints(`2`, "group export -n to --query 'length(resources)'")
	a.prints(`true`, "provider operation show --namespace Microsoft.Compute --query 'contains(resourceTypes[].name, `virtualMachines`)'")
	a.prints(`"Registered"`, "provider show -n Microsoft.App --query registrationState")
	a.ok("group delete -n from -y")
	a.ok("group delete -n to -y")
	a.refused("does not exist", "ad sp show --id "+principal)
}

// azAroundApps uses what stands around apps and machines.
func azAroundApps(a *azure) {
	a.group("around")
	a.ok("appservice plan create -g around -n plan --sku S1 --is-linux")
	a.ok("webapp create -g around -n e2e-around -p plan --runtime PYTHON:3.12")
	a.ok("webapp config connection-string set -g around -n e2e-around -t SQLAzure --settings db=canary")
	a.prints(`["canary"]`, "webapp config connection-string list -g around -n e2e-around --query '[].value'")
	a.prints(`true`, "webapp config set -g around -n e2e-around --always-on true --query alwaysOn")
	a.ok("webapp deployment slot create -g around -n e2e-around -s stage")
	a.ok("webapp config appsettings set -g around -n e2e-around -s stage --slot-settings STICKY=1 --settings FREE=1")
	a.ok("webapp deployment slot swap -g around -n e2e-around -s stage")
	a.prints(`["FREE"]`, "webapp config appsettings list -g around -n e2e-around --query '[].name'")
	a.ok("network vnet create -g around -n net --address-prefix 10.0.0.0/16 --subnet-name one --subnet-prefix 10.0.0.0/24")
	a.prints(`"two"`, "network vnet subnet create -g around --vnet-name net -n two --address-prefixes 10.0.1.0/24 --query name")
	a.ok("network nsg create -g around -n nsg")
	a.prints(`"Succeeded"`, "network nsg rule create -g around --nsg-name nsg -n ssh --priority 100 --destination-port-ranges 22 --query provisioningState")
	a.ok("network public-ip create -g around -n ip")
	a.prints(`2`, "network vnet show -g around -n net --query 'length(subnets)'")
	a.ok("storage account create -g around -n e2earound -l local")
	a.prints(`2`, "storage account keys list -g around -n e2earound --query 'length(@)'")
	a.prints(`false`, "storage account check-name -n e2earound --query nameAvailable")
	a.ok("group delete -n around -y")
}
