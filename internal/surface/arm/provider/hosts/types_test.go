package hosts_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// CP-29, CP-84: a cluster has its node group and a kubelet identity of its own.
func TestClusters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		aks := at("Microsoft.ContainerService/managedClusters/aks1")
		a := f.Do("owner", "PUT", aks, `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{"dnsPrefix":"x","oidcIssuerProfile":{"enabled":true},"agentPoolProfiles":[{"name":"np1","count":2,"vmSize":"Standard_DS2_v2","mode":"System"}]}}`).Want(201, "")
		kubelet := []string{"properties", "identityProfile", "kubeletidentity"}
		own := armtest.Sub + "/resourceGroups/MC_rg_aks1_local/providers/Microsoft.ManagedIdentity/userAssignedIdentities/aks1-agentpool"
		if got := a.At(append(kubelet, "resourceId")...); got != own {
			t.Errorf("kubelet identity %s", got)
		}
		if name, ok := alive(f, a.At(append(kubelet, "objectId")...)); !ok || name != "aks1-agentpool" {
			t.Errorf("its service principal is %q %v", name, ok)
		}
		issuer := a.At("properties", "oidcIssuerProfile", "issuerURL")
		for path, want := range map[string]string{"nodeResourceGroup": "MC_rg_aks1_local", "servicePrincipalProfile": `{"clientId":"msi"}`, "powerState": `{"code":"Running"}`} {
			if got := a.At("properties", path); got != want {
				t.Errorf("%s: %s", path, got)
			}
		}
		if !strings.HasPrefix(issuer, "https://oidc.sealring.internal/") || !strings.HasSuffix(issuer, "/") || a.At("sku") != `{"name":"Base","tier":"Free"}` {
			t.Errorf("answer %s", a.Text)
		}
		again := f.Do("owner", "PUT", aks, `{"location":"local","properties":{}}`).Want(200, "") // keeps identity, issuer and kubelet
		if again.At("identity") != a.At("identity") || again.At(kubelet...) != a.At(kubelet...) || again.At("properties", "oidcIssuerProfile", "issuerURL") != issuer {
			t.Errorf("changed: %s", again.Text)
		}
		f.OK("owner", "PUT", aks+"/agentPools/np2", `{"properties":{"count":3}}`)
		if got := f.OK("owner", "GET", aks+"/agentPools/NP2", ""); got.At("properties", "count") != "3" || got.At("properties", "provisioningState") != "Succeeded" {
			t.Errorf("pool %s", got.Text)
		}
		if got := f.OK("owner", "GET", aks, ""); got.At("properties", "agentPoolProfiles", "0", "name") != "np2" {
			t.Errorf("pools %s", got.At("properties", "agentPoolProfiles"))
		}
		f.Do("owner", "DELETE", aks+"/agentPools/np2", "").Want(200, "")
		f.Do("owner", "DELETE", aks+"/agentPools/np2", "").Want(204, "")
		file := f.OK("owner", "POST", aks+"/listClusterUserCredential", "").At("kubeconfigs", "0", "value")
		if text, err := base64.StdEncoding.DecodeString(file); err != nil || !strings.Contains(string(text), "server: https://aks1.local.kubernetes.sealring.internal:443") {
			t.Errorf("kubeconfig %s %v", text, err)
		}
		f.Do("owner", "GET", aks+"/maintenanceConfigurations/default", "").Want(404, "ResourceNotFound")
		f.Do("owner", "DELETE", aks, "").Want(204, "")
		f.Do("owner", "GET", armtest.Sub+"/resourceGroups/MC_rg_aks1_local", "").Want(404, "ResourceGroupNotFound")
		if _, ok := alive(f, a.At(append(kubelet, "objectId")...)); ok {
			t.Error("the kubelet identity outlives its cluster")
		}
	})
}

// S-48, CP-84: naming a kubelet identity attaches it.
func TestTheKubeletIdentityNeedsTheSecondRight(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	client := f.OK("owner", "PUT", uai, `{"location":"local"}`).At("properties", "clientId")
	f.Person("operator", armtest.Contributor, armtest.Group)
	f.Person("cook", "ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8", armtest.Group) // Azure Kubernetes Service Contributor
	aks := at("Microsoft.ContainerService/managedClusters/aks1")
	body := `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{"identityProfile":{"kubeletidentity":{"resourceId":"` + uai + `"}}}}`
	f.Do("cook", "PUT", aks, body).Want(403, "LinkedAuthorizationFailed")
	f.Do("owner", "PUT", aks, strings.ReplaceAll(body, "id1", "id2")).Want(400, "FailedIdentityOperation")
	if got := f.OK("owner", "PUT", aks, body).At("properties", "identityProfile", "kubeletidentity", "clientId"); got != client {
		t.Errorf("kubelet %s", got)
	}
	f.Do("cook", "PUT", aks, body).Want(200, "") // kept, not added
	f.Do("owner", "GET", armtest.Sub+"/resourceGroups/MC_rg_aks1_local", "").Want(404, "ResourceGroupNotFound")
}

// CP-35, CP-83: azurerm crashes on null or missing ports, and credentials do not come back.
func TestContainerGroups(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", uai, `{"location":"local"}`)
	group := at("Microsoft.ContainerInstance/containerGroups/group1")
	a := f.OK("owner", "PUT", group, `{"location":"local","identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"`+uai+`":{}}},"zones":[],
		"properties":{"containers":[{"name":"c","properties":{"image":"i","ports":null,"environmentVariables":[{"name":"A","value":"b"},{"name":"S","secureValue":"canary"}],"resources":{"requests":{"cpu":0.5,"memoryInGB":1.5}}}}],
		"imageRegistryCredentials":[{"server":"s","username":"u","password":"canary"}],"ipAddress":{"type":"Public","dnsNameLabel":"label"}}}`)
	if a.At("properties", "containers", "0", "properties", "ports") != "[]" || a.At("properties", "containers", "0", "properties", "resources", "requests", "cpu") != "0.5" ||
		a.At("properties", "instanceView", "state") != "Running" || a.At("properties", "ipAddress", "fqdn") != "label.local.container.sealring.internal" {
		t.Errorf("answer %s", a.Text)
	}
	if a.At("identity", "principalId") == "" || a.At("identity", "userAssignedIdentities", uai, "clientId") == "" || strings.Contains(a.Text, "canary") || strings.Contains(a.Text, "null") {
		t.Errorf("answer %s", a.Text)
	}
	f.Do("owner", "POST", group+"/restart", "").Want(204, "")
	if got := f.Do("owner", "DELETE", group, "").Want(200, ""); got.At("name") != "group1" {
		t.Errorf("deleted %s", got.Text)
	}
}

// CP-35, CP-57, CP-86: a definition comes back as it was sent, and states change.
func TestWorkflows(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	flow := at("Microsoft.Logic/workflows/flow1")
	a := f.OK("owner", "PUT", flow, `{"location":"local","properties":{"definition":{"actions":{"a":{"inputs":{"authentication":{"type":"Basic","password":"@parameters('p')"}}}},"parameters":null},"parameters":{"p":{"type":"SecureString","value":"canary"}}}}`)
	if a.At("properties", "definition") != `{"actions":{"a":{"inputs":{"authentication":{"password":"@parameters('p')","type":"Basic"}}}}}` || a.At("properties", "parameters") != `{"p":{"type":"SecureString"}}` {
		t.Errorf("answer %s", a.Text)
	}
	f.OK("owner", "POST", flow+"/disable", "")
	if got := f.OK("owner", "GET", flow, "").At("properties", "state"); got != "Disabled" {
		t.Errorf("state %s", got)
	}
	f.OK("owner", "PUT", flow, `{"location":"local","properties":{"definition":{}}}`)
	f.OK("owner", "POST", flow+"/enable", "")
	if got := f.OK("owner", "GET", flow, ""); got.At("properties", "state") != "Enabled" || got.At("properties", "parameters") != "{}" {
		t.Errorf("answer %s", got.Text)
	}
	f.Do("reader", "POST", flow+"/disable", "").Want(403, "AuthorizationFailed")
	f.Do("owner", "POST", flow+"x/disable", "").Want(404, "ResourceNotFound")
}

// CP-58, CP-87: the application carries the identity, and names the identities of its services.
func TestServiceFabric(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	principal := f.OK("owner", "PUT", uai, `{"location":"local"}`).At("properties", "principalId")
	cluster := at("Microsoft.ServiceFabric/managedClusters/sf1")
	f.Do("owner", "PUT", cluster, `{"location":"local","identity":{"type":"SystemAssigned"}}`).Want(400, "FailedIdentityOperation")
	f.Do("owner", "PUT", cluster, `{"location":"local"}`).Want(200, "")
	app := cluster + "/applications/app1"
	a := f.OK("owner", "PUT", app, `{"location":"local","identity":{"type":"UserAssigned","userAssignedIdentities":{"`+uai+`":{}}},"properties":{"version":"v","managedIdentities":[{"name":"one","principalId":"`+principal+`"}]}}`)
	if a.At("properties", "managedIdentities", "0", "principalId") != principal || a.At("properties", "parameters") != "{}" {
		t.Errorf("answer %s", a.Text)
	}
	f.Do("owner", "PUT", app, `{"properties":{"managedIdentities":[{"name":"one"}]}}`).Want(400, "InvalidRequestContent")
}

// CP-88: what Terraform reads around a Spring app and its service.
func TestSpring(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	service := at("Microsoft.AppPlatform/Spring/svc1")
	a := f.OK("owner", "PUT", service, `{"location":"local","sku":{"name":"S0"}}`)
	if a.At("properties", "networkProfile", "outboundIPs", "publicIPs") != "[]" || a.At("properties", "serviceId") == "" {
		t.Errorf("service %s", a.Text)
	}
	f.Do("owner", "PATCH", service, `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"`+uai+`":{}}}}`).Want(400, "FailedIdentityOperation")
	f.OK("owner", "PATCH", service, `{"identity":{"type":"SystemAssigned"}}`)
	f.Do("owner", "GET", service+"/configServers/default", "").Want(404, "ResourceNotFound")
	f.Do("owner", "PUT", service+"/configServers/default", `{"properties":{}}`).Want(200, "")
	f.OK("owner", "GET", service+"/configServers/default", "")
	f.Do("owner", "GET", service+"/buildServices/default", "").Want(404, "ResourceNotFound")
	b := f.OK("owner", "PUT", service+"/apps/app1", `{"properties":{"public":true}}`)
	if b.At("properties", "url") != "https://svc1-app1.spring.sealring.internal" || b.At("properties", "temporaryDisk", "sizeInGB") != "5" {
		t.Errorf("app %s", b.Text)
	}
	if list := f.OK("owner", "GET", armtest.Group+"/resources", ""); list.Count() != 2 { // CP-33: no settings
		t.Errorf("resources %s", list.Text)
	}
}

// CP-48, CP-79: all instances of a set have its identities, and show them.
func TestScaleSets(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	set := at("Microsoft.Compute/virtualMachineScaleSets/set1")
	a := f.OK("owner", "PUT", set, `{"location":"local","sku":{"name":"Standard_B1s","capacity":2},"identity":{"type":"SystemAssigned"},"properties":{"virtualMachineProfile":{"osProfile":{"adminPassword":"canary"}}}}`)
	if a.At("properties", "uniqueId") == "" || a.At("sku", "tier") != "Standard" || strings.Contains(a.Text, "canary") {
		t.Errorf("set %s", a.Text)
	}
	list := f.OK("owner", "GET", set+"/virtualMachines", "")
	if list.Count() != 2 || list.At("value", "1", "identity", "principalId") != a.At("identity", "principalId") {
		t.Errorf("instances %s", list.Text)
	}
	if got := f.OK("owner", "GET", set+"/virtualMachines/1", ""); got.At("instanceId") != "1" || got.At("name") != "set1_1" {
		t.Errorf("instance %s", got.Text)
	}
	f.Do("owner", "GET", set+"/virtualMachines/2", "").Want(404, "ResourceNotFound")
	f.Do("owner", "PUT", set+"/virtualMachines/1", `{"location":"local"}`).Want(405, "MethodNotAllowed")
	f.Do("owner", "GET", set+"/rollingUpgrades/latest", "").Want(404, "ResourceNotFound")
	if got := f.OK("owner", "PATCH", set, `{"sku":{"name":"Standard_B1s","capacity":0}}`); got.At("sku", "capacity") != "0" {
		t.Errorf("scaled %s", got.Text)
	}
	if m, err := mint(f, set, managedidentity.Selector{}); err != nil || string(m.Identity.PrincipalID) != a.At("identity", "principalId") {
		t.Errorf("token: %v", err)
	}
}

// CP-78: what az reads before it creates a machine, and what it puts around one.
func TestWhatSurroundsAMachine(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	image := armtest.Sub + "/providers/Microsoft.Compute/locations/local/publishers/Canonical/artifacttypes/vmimage/offers/o/skus/s/versions"
	if got := f.OK("owner", "GET", image+"?$top=1&$orderby=name%20desc", ""); !strings.HasPrefix(got.Text, "[{") {
		t.Errorf("versions %s", got.Text)
	}
	if got := f.OK("owner", "GET", image+"/1.0.0", ""); got.At("properties", "osDiskImage", "operatingSystem") != "Linux" || got.At("properties", "dataDiskImages") != "[]" {
		t.Errorf("version %s", got.Text)
	}
	vnet := at("Microsoft.Network/virtualNetworks/vnet1")
	a := f.OK("owner", "PUT", vnet, `{"location":"local","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"subnets":[{"name":"one","properties":{"addressPrefix":"10.0.0.0/24"}}]}}`)
	if a.At("properties", "subnets", "0", "id") != vnet+"/subnets/one" {
		t.Errorf("network %s", a.Text)
	}
	f.Do("owner", "PUT", vnet+"/subnets/two", `{"properties":{"addressPrefix":"10.0.1.0/24"}}`).Want(201, "")
	f.Do("owner", "PUT", vnet+"/subnets/TWO", `{"properties":{"addressPrefix":"10.0.2.0/24"}}`).Want(200, "")
	if got := f.OK("owner", "GET", vnet, ""); got.At("properties", "subnets", "1", "properties", "addressPrefix") != "10.0.2.0/24" || got.At("properties", "subnets", "1", "name") != "two" {
		t.Errorf("network %s", got.Text)
	}
	f.Do("owner", "PUT", at("Microsoft.Network/virtualNetworks/none/subnets/one"), `{"properties":{}}`).Want(404, "ParentResourceNotFound")
	nic := f.OK("owner", "PUT", at("Microsoft.Network/networkInterfaces/nic1"), `{"location":"local","properties":{"ipConfigurations":[{"name":"ip","properties":{"subnet":{"id":"`+vnet+`/subnets/one"}}}]}}`)
	if nic.At("properties", "ipConfigurations", "0", "properties", "privateIPAddress") == "" {
		t.Errorf("interface %s", nic.Text)
	}
	vm := at("Microsoft.Compute/virtualMachines/vm1")
	f.OK("owner", "PUT", vm, `{"location":"local","properties":{"userData":"dXNlcg==","osProfile":{"adminPassword":"canary","customData":"canary"},"additionalCapabilities":{}}}`)
	if got := f.OK("owner", "GET", vm+"?$expand=instanceView", ""); got.At("properties", "instanceView", "statuses", "1", "code") != "PowerState/running" || strings.Contains(got.Text, "canary") || got.At("properties", "userData") != "" {
		t.Errorf("machine %s", got.Text)
	}
	if got := f.OK("owner", "GET", vm+"?$expand=userData", ""); got.At("properties", "userData") != "dXNlcg==" {
		t.Errorf("machine %s", got.Text)
	}
}

// S-51, CP-82: keys of an account are random, sealed, and read by POST alone.
func TestStorageKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		account := at("Microsoft.Storage/storageAccounts/account1")
		a := f.OK("owner", "PUT", account, `{"location":"local","sku":{"name":"Standard_LRS"},"kind":"StorageV2"}`)
		if a.At("properties", "primaryEndpoints", "blob") != "https://account1.blob.sealring.internal/" || a.At("sku", "tier") != "Standard" {
			t.Errorf("account %s", a.Text)
		}
		keys := f.OK("owner", "POST", account+"/listKeys?$expand=kerb", "")
		one, two := keys.At("keys", "0", "value"), keys.At("keys", "1", "value")
		if again := f.OK("owner", "POST", account+"/listKeys", ""); again.At("keys", "0", "value") != one || len(one) != 88 || one == two {
			t.Errorf("keys %s then %s", keys.Text, again.Text)
		}
		renewed := f.OK("owner", "POST", account+"/regenerateKey", `{"keyName":"key1"}`)
		if renewed.At("keys", "0", "value") == one || renewed.At("keys", "1", "value") != two {
			t.Errorf("renewed %s", renewed.Text)
		}
		f.Do("reader", "POST", account+"/listKeys", "").Want(403, "AuthorizationFailed")
		f.Do("owner", "POST", account+"x/listKeys", "").Want(404, "ResourceNotFound")
		f.OK("owner", "GET", account+"/blobServices/default", "")
		f.OK("owner", "PUT", account+"/blobServices/default/containers/c1", `{"properties":{}}`)
		check := armtest.Sub + "/providers/Microsoft.Storage/checkNameAvailability"
		if got := f.OK("owner", "POST", check, `{"name":"account1"}`); got.At("nameAvailable") != "false" {
			t.Errorf("name %s", got.Text)
		}
	})
}
