package hosts_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// uai is the user-assigned identity of the tests.
const uai = armtest.Group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1"

// host is a row of CP §4.1.
type host struct {
	path    string // below the group
	parents []string
	name    string // of its service principal
	both    string // how it spells both kinds; "" where it takes one kind at a time
	created int
	deleted int
	bad     string // a name that breaks the rule; "" for none
}

// hosts are all rows of CP §4.1, M-3 and what is useful beside them.
var hosts = []host{
	{path: "Microsoft.Compute/virtualMachines/Vm1", name: "Vm1", both: "SystemAssigned, UserAssigned", created: 201, deleted: 200, bad: "_vm"},
	{path: "Microsoft.Compute/virtualMachineScaleSets/set1", name: "set1", both: "SystemAssigned, UserAssigned", created: 201, deleted: 200, bad: "set-"},
	{path: "Microsoft.Web/sites/app1", name: "app1", both: "SystemAssigned, UserAssigned", created: 200, deleted: 200, bad: "a"},
	{path: "Microsoft.Web/sites/app1/slots/stage", parents: []string{"Microsoft.Web/sites/app1"}, name: "app1/slots/stage", both: "SystemAssigned, UserAssigned", created: 200, deleted: 200, bad: "a_b"},
	{path: "Microsoft.Logic/workflows/flow_1", name: "flow_1", created: 201, deleted: 200, bad: "a b"},
	{path: "Microsoft.AppPlatform/Spring/svc1/apps/app1", parents: []string{"Microsoft.AppPlatform/Spring/svc1"}, name: "svc1/apps/app1", both: "SystemAssigned,UserAssigned", created: 201, deleted: 200, bad: "App"},
	{path: "Microsoft.ContainerInstance/containerGroups/group1", name: "group1", both: "SystemAssigned, UserAssigned", created: 201, deleted: 200, bad: "Group"},
	{path: "Microsoft.ContainerService/managedClusters/aks1", name: "aks1", created: 201, deleted: 204, bad: "-aks"},
	{path: "Microsoft.ServiceFabric/clusters/sf1/applications/app1", parents: []string{"Microsoft.ServiceFabric/clusters/sf1"}, name: "sf1/applications/app1", both: "SystemAssigned, UserAssigned", created: 200, deleted: 200},
	{path: "Microsoft.ServiceFabric/managedClusters/sf2/applications/app1", parents: []string{"Microsoft.ServiceFabric/managedClusters/sf2"}, name: "sf2/applications/app1", both: "SystemAssigned, UserAssigned", created: 200, deleted: 200},
	{path: "Microsoft.HybridCompute/machines/arc1", name: "arc1", both: "SystemAssigned,UserAssigned", created: 200, deleted: 200, bad: "a b"},
	{path: "Microsoft.App/containerApps/app1", name: "app1", both: "SystemAssigned,UserAssigned", created: 201, deleted: 200, bad: "App"},
	{path: "Microsoft.App/jobs/job1", name: "job1", both: "SystemAssigned,UserAssigned", created: 201, deleted: 200},
	{path: "Microsoft.Automation/automationAccounts/auto1", name: "auto1", both: "SystemAssigned, UserAssigned", created: 200, deleted: 200},
	{path: "Microsoft.MachineLearningServices/workspaces/ml1", name: "ml1", both: "SystemAssigned,UserAssigned", created: 200, deleted: 200},
	{path: "Microsoft.MachineLearningServices/workspaces/ml1/computes/c1", parents: []string{"Microsoft.MachineLearningServices/workspaces/ml1"}, name: "ml1/computes/c1", both: "SystemAssigned,UserAssigned", created: 200, deleted: 200},
	{path: "Microsoft.DataFactory/factories/df1", name: "df1", both: "SystemAssigned,UserAssigned", created: 200, deleted: 200},
}

// at is the id of something below the group.
func at(path string) string { return armtest.Group + "/providers/" + path }

// alive reports whether a service principal lives, and its name.
func alive(f *armtest.Fixture, object string) (string, bool) {
	f.T.Helper()
	sp, err := f.Dir.ServicePrincipal(f.T.Context(), f.Tenant, id.Object(object))
	return sp.DisplayName, err == nil
}

// mint asks for a token as a program on the host does.
func mint(f *armtest.Fixture, host string, s managedidentity.Selector) (managedidentity.Minted, error) {
	f.T.Helper()
	at := armtest.Must[resource.ID](f.T)(resource.ParseID(host))
	return f.Identities.Mint(f.T.Context(), managedidentity.Caller{Resource: at},
		managedidentity.Request{Audience: "https://vault.azure.net", Dialect: managedidentity.IMDS, Selector: s})
}

// TestEveryHostTypeHasItsIdentities takes each host type of M-3 through its life on both
// stores (M-1, M-2, M-3, CP-24, CP-25, CP-27, CP-47, CP-57, CP-61, CP-62).
func TestEveryHostTypeHasItsIdentities(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		client := f.OK("owner", "PUT", uai, `{"location":"local"}`).At("properties", "clientId")
		for _, h := range hosts {
			t.Run(h.path, func(t *testing.T) {
				f.T = t
				for _, parent := range h.parents {
					if f.Do("owner", "GET", at(parent), "").Status == 404 {
						f.Do("owner", "PUT", at(h.path), `{"location":"local"}`).Want(404, "ParentResourceNotFound")
						f.OK("owner", "PUT", at(parent), `{"location":"local"}`)
					}
				}
				h.live(f, client)
			})
		}
	})
}

// live is the life of one host.
func (h host) live(f *armtest.Fixture, client string) {
	t := f.T
	t.Helper()
	path := at(h.path)
	if h.bad != "" {
		f.Do("owner", "PUT", path[:strings.LastIndex(path, "/")+1]+strings.ReplaceAll(h.bad, " ", "%20"), `{"location":"local"}`).Want(400, "InvalidResourceName")
	}
	a := f.Do("owner", "PUT", path, `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{"unknown":{"n":1.50}}}`).Want(h.created, "")
	principal := a.At("identity", "principalId")
	if a.At("properties", "provisioningState") != "Succeeded" || a.At("properties", "unknown") != `{"n":1.50}` || a.Header.Get("Location") != "" {
		t.Errorf("answer %s", a.Text)
	}
	if name, ok := alive(f, principal); !ok || name != h.name {
		t.Errorf("service principal %q %v, want %q", name, ok, h.name)
	}
	again := f.Do("owner", "PUT", path, a.Text).Want(200, "") // CP-36, CP-53
	if again.At("id") != a.At("id") || again.At("identity", "principalId") != principal {
		t.Errorf("changed by being sent back: %s", again.Text)
	}
	f.OK("owner", "GET", path, "")
	if m, err := mint(f, path, managedidentity.Selector{}); err != nil || string(m.Identity.PrincipalID) != principal {
		t.Errorf("token of the system-assigned identity: %v", err)
	}
	kinds, both := `"SystemAssigned,UserAssigned"`, h.both
	if both == "" {
		f.Do("owner", "PATCH", path, `{"identity":{"type":"SystemAssigned,UserAssigned","userAssignedIdentities":{"`+uai+`":{}}}}`).Want(400, "FailedIdentityOperation")
		kinds, both = `"UserAssigned"`, "UserAssigned"
	}
	p := f.Do("owner", "PATCH", path, `{"identity":{"type":`+kinds+`,"userAssignedIdentities":{"`+uai+`":{}}}}`).Want(200, "")
	if p.At("identity", "type") != both || p.At("identity", "userAssignedIdentities", uai, "clientId") != client {
		t.Errorf("identity %s", p.At("identity"))
	}
	if m, err := mint(f, path, managedidentity.Selector{Kind: managedidentity.SelectClient, Value: client}); err != nil || string(m.Identity.ClientID) != client {
		t.Errorf("token of the user-assigned identity: %v", err)
	}
	f.Do("owner", "PATCH", path, `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"`+strings.ToUpper(uai)+`":null}}}`).Want(200, "") // CP-51
	if got := f.OK("owner", "GET", path, ""); got.At("identity") != "" {
		t.Errorf("identity left: %s", got.At("identity"))
	}
	if _, ok := alive(f, principal); ok {
		t.Error("the service principal outlives the identity")
	}
	next := f.OK("owner", "PATCH", path, `{"identity":{"type":"SystemAssigned"}}`).At("identity", "principalId")
	if next == principal || next == "" {
		t.Errorf("principal %q after %q", next, principal)
	}
	f.Do("owner", "DELETE", path, "").Want(h.deleted, "")
	f.Do("owner", "GET", path, "").Want(404, "ResourceNotFound")
	f.Do("owner", "DELETE", path, "").Want(204, "")
	if _, ok := alive(f, next); ok {
		t.Error("the service principal outlives its host")
	}
	if _, err := mint(f, path, managedidentity.Selector{}); err == nil {
		t.Error("a token for a host that is gone")
	}
}
