package hosts

import (
	"context"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// clusters is the type of Kubernetes clusters.
const clusters = "Microsoft.ContainerService/managedClusters"

// containerService makes Microsoft.ContainerService: Kubernetes clusters (CP §4.6). A
// cluster's control plane has either an identity of its own or a user-assigned one; its
// nodes have the kubelet identity; pods are federated.
func containerService(d Deps) arm.Provider {
	cluster := tracked.Type{Deps: d.Deps, Kind: clusters, Name: lettersDigits63, Deleted: http.StatusNoContent,
		Made:    []string{"powerState", "fqdn", "currentKubernetesVersion"},
		Prepare: d.prepareCluster, Settle: d.settleCluster, Show: d.showCluster, After: d.makeKubeletIdentity, Leave: d.freeNodeGroup, Gone: d.removeNodeGroup}
	pools := tracked.Embedded{Deps: d.Deps, Parent: clusters, Type: "agentPools", Member: "agentPoolProfiles", Flat: true, Show: showPool}
	routes := pools.Routes()
	for _, verb := range []string{"listClusterUserCredential", "listClusterAdminCredential", "listClusterMonitoringUserCredential"} {
		routes = append(routes, cluster.Post(verb, d.kubeconfig))
	}
	routes = append(routes, cluster.Verb("start", http.StatusNoContent), cluster.Verb("stop", http.StatusNoContent),
		cluster.Read("maintenanceConfigurations/{configuration}", tracked.None), cluster.Read("maintenanceConfigurations", tracked.Empty),
		cluster.Read("upgradeProfiles/default", noUpgrades))
	return provide("Microsoft.ContainerService", []tracked.Type{cluster,
		{Deps: d.Deps, Kind: "Microsoft.ContainerService/fleets", Name: lettersDigits63}}, routes...)
}

// issuerProfile is how a cluster's tokens for its pods are known.
type issuerProfile struct {
	Enabled   bool   `json:"enabled"`
	IssuerURL string `json:"issuerURL,omitempty"`
}

// settleCluster gives a cluster that issues tokens for pods its issuer, for life. The URL
// names the cluster and leads nowhere, unless the body names the issuer of a real cluster.
func (d Deps) settleCluster(res *resource.Resource, stored, props arm.Object) {
	tracked.Fill(props, "nodeResourceGroup", nodeGroupName(res))
	if stored.Has("nodeResourceGroup") {
		props["nodeResourceGroup"] = stored["nodeResourceGroup"]
	}
	if before := tracked.Decode(stored["identityProfile"]); !props.Has("identityProfile") && len(before) > 0 {
		props["identityProfile"] = stored["identityProfile"]
	}
	if !props.Has("oidcIssuerProfile") && stored.Has("oidcIssuerProfile") {
		props["oidcIssuerProfile"] = stored["oidcIssuerProfile"]
	}
	profile := tracked.Decode(props["oidcIssuerProfile"])
	if string(profile["enabled"]) != "true" {
		return
	}
	url, err := profile.Text("issuerURL")
	if err != nil || !strings.HasPrefix(url, "https://") {
		url, err = tracked.Decode(stored["oidcIssuerProfile"]).Text("issuerURL")
	}
	if err != nil || url == "" {
		url = "https://oidc." + d.Domain + "/" + string(res.Tenant) + "/" + d.IDs.Text() + "/"
	}
	tracked.Set(props, "oidcIssuerProfile", issuerProfile{Enabled: true, IssuerURL: url})
}

// clusterPower says whether a cluster runs.
type clusterPower struct {
	Code string `json:"code"`
}

// clusterSKU is the SKU that a cluster without one appears to have.
type clusterSKU struct {
	Name string `json:"name"`
	Tier string `json:"tier"`
}

// clusterPrincipal is the service principal of a cluster; "msi" where it has identities.
type clusterPrincipal struct {
	ClientID string `json:"clientId"`
}

// clusterNetwork is the network of a cluster whose body names none.
type clusterNetwork struct {
	NetworkPlugin   string `json:"networkPlugin"`
	LoadBalancerSKU string `json:"loadBalancerSku"`
	OutboundType    string `json:"outboundType"`
	PodCIDR         string `json:"podCidr"`
	ServiceCIDR     string `json:"serviceCidr"`
	DNSServiceIP    string `json:"dnsServiceIP"`
}

// clusterVersion is what a cluster whose body names no version appears to run.
const clusterVersion = "1.34.0"

// clusterHost is the name of a cluster's own interface; nothing answers there.
func (d Deps) clusterHost(res resource.Resource) string {
	return strings.ToLower(res.ID.Name()) + "." + res.Location + ".kubernetes." + d.Domain
}

// showCluster fills in what az aks and azurerm dereference (CP §4.3).
func (d Deps) showCluster(_ *arm.Request, res resource.Resource, w *tracked.Resource, props arm.Object) {
	if len(w.SKU) == 0 {
		w.SKU = tracked.Encode(clusterSKU{"Base", "Free"})
	}
	tracked.Fill(props, "servicePrincipalProfile", clusterPrincipal{"msi"})
	tracked.Fill(props, "kubernetesVersion", clusterVersion)
	props["currentKubernetesVersion"] = props["kubernetesVersion"]
	tracked.Set(props, "powerState", clusterPower{"Running"})
	tracked.Fill(props, "dnsPrefix", res.ID.Name())
	tracked.Set(props, "fqdn", d.clusterHost(res))
	tracked.Fill(props, "enableRBAC", true)
	tracked.Fill(props, "networkProfile", clusterNetwork{"azure", "standard", "loadBalancer", "10.244.0.0/16", "10.0.0.0/16", "10.0.0.10"})
	tracked.Fill(props, "maxAgentPools", 100)
	tracked.Fill(props, "securityProfile", struct{}{})
	tracked.Fill(props, "oidcIssuerProfile", issuerProfile{})
	var pools []arm.Object
	if props.Into("agentPoolProfiles", &pools) == nil {
		for _, pool := range pools {
			showPool(pool)
			tracked.Set(pool, "provisioningState", tracked.Succeeded)
		}
	}
	tracked.Set(props, "agentPoolProfiles", append([]arm.Object{}, pools...))
}

// showPool fills in what clients dereference in a pool of nodes.
func showPool(props arm.Object) {
	tracked.Fill(props, "count", 1)
	tracked.Fill(props, "vmSize", "Standard_DS2_v2")
	tracked.Fill(props, "osType", "Linux")
	tracked.Fill(props, "osSKU", "Ubuntu")
	tracked.Fill(props, "type", "VirtualMachineScaleSets")
	tracked.Fill(props, "mode", "System")
	tracked.Fill(props, "osDiskSizeGB", 128)
	tracked.Fill(props, "maxPods", 30)
	tracked.Fill(props, "orchestratorVersion", clusterVersion)
	tracked.Fill(props, "currentOrchestratorVersion", clusterVersion)
	tracked.Fill(props, "powerState", clusterPower{"Running"})
	tracked.Fill(props, "enableAutoScaling", false)
}

// wireKubeconfigs is the answer of the credential calls.
type wireKubeconfigs struct {
	Kubeconfigs []wireKubeconfig `json:"kubeconfigs"`
}

// wireKubeconfig is one file for kubectl.
type wireKubeconfig struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

// kubeconfig answers with a file that names the cluster and holds no credential: the
// cluster runs elsewhere, and only it can say who may enter.
func (d Deps) kubeconfig(ctx context.Context, r *arm.Request) (arm.Response, error) {
	res, err := d.Resources.Get(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	name := res.ID.Name()
	user := "clusterUser"
	if strings.Contains(r.Action, "Admin") {
		user = "clusterAdmin"
	}
	file := strings.NewReplacer("{name}", name, "{user}", user+"_"+res.ID.Group()+"_"+name, "{host}", d.clusterHost(res)).Replace(`apiVersion: v1
kind: Config
clusters:
- name: {name}
  cluster:
    server: https://{host}:443
users:
- name: {user}
  user:
    token: none
contexts:
- name: {name}
  context:
    cluster: {name}
    user: {user}
current-context: {name}
preferences: {}
`)
	return arm.OK(wireKubeconfigs{[]wireKubeconfig{{user, []byte(file)}}})
}

// wireUpgrades are the versions to which a cluster may be upgraded.
type wireUpgrades struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Properties upgradeProperties `json:"properties"`
}

// upgradeProperties are its properties.
type upgradeProperties struct {
	ControlPlane poolUpgrade   `json:"controlPlaneProfile"`
	Pools        []poolUpgrade `json:"agentPoolProfiles"`
}

// poolUpgrade is what one part of a cluster may become.
type poolUpgrade struct {
	KubernetesVersion string     `json:"kubernetesVersion"`
	OSType            string     `json:"osType"`
	Upgrades          []struct{} `json:"upgrades"`
}

// noUpgrades answers that there is nothing newer.
func noUpgrades(_ context.Context, r *arm.Request) (arm.Response, error) {
	now := poolUpgrade{clusterVersion, "Linux", []struct{}{}}
	return arm.OK(wireUpgrades{ID: r.Target.String(), Name: "default", Type: clusters + "/upgradeProfiles",
		Properties: upgradeProperties{now, []poolUpgrade{now}}})
}
