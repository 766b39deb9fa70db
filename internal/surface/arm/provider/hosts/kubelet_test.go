package hosts_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// TestAClusterNamesTheGroupOfItsNodesOrNot keeps the body that Terraform sends, in which the
// group of nobody's choice is an empty text, and what a bad name must not leave behind.
func TestAClusterNamesTheGroupOfItsNodesOrNot(t *testing.T) { // CP §4.6
	f := armtest.Open(t, storetest.SQLite(t))
	path := at("Microsoft.ContainerService/managedClusters/nodes1")
	body := func(group string) string {
		return `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{"nodeResourceGroup":"` + group + `"}}`
	}
	for _, bad := range []string{"a/b", "ends.", strings.Repeat("x", 91)} {
		f.Do("owner", "PUT", path, body(bad)).Want(400, "InvalidRequestContent")
		f.Do("owner", "GET", path, "").Want(404, "ResourceNotFound")
	}
	a := f.Do("owner", "PUT", path, body("")).Want(201, "")
	if got := a.At("properties", "nodeResourceGroup"); !strings.HasPrefix(got, "MC_") || a.At("properties", "identityProfile", "kubeletidentity", "clientId") == "" {
		t.Errorf("answer %s", a.Text)
	}
	if got := f.Do("owner", "PUT", path, body("")).Want(200, "").At("properties", "nodeResourceGroup"); got != a.At("properties", "nodeResourceGroup") {
		t.Errorf("the group of nodes became %q", got)
	}
}

// TestAClusterTakesNoGroupOfOthers keeps whoever may write clusters out of groups in which
// they may write nothing, and lets nobody name a manager for a group that is there (S-46).
func TestAClusterTakesNoGroupOfOthers(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	foreign := armtest.Sub + "/resourceGroups/foreign"
	f.OK("owner", "PUT", foreign, `{"location":"local"}`)
	f.Person("cook", "ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8", armtest.Group) // Azure Kubernetes Service Contributor
	path := at("Microsoft.ContainerService/managedClusters/aks1")
	f.Do("cook", "PUT", path, `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{"nodeResourceGroup":"foreign"}}`).Want(400, "InvalidRequestContent")
	f.Do("owner", "PATCH", foreign, `{"managedBy":"`+path+`"}`).Want(400, "InvalidRequestContent")
	f.Do("owner", "PUT", foreign, `{"location":"local","managedBy":"`+path+`"}`).Want(400, "InvalidRequestContent")
	f.OK("cook", "PUT", path, `{"location":"local","identity":{"type":"SystemAssigned"}}`)
	nodes := armtest.Sub + "/resourceGroups/MC_rg_aks1_local"
	if got := f.OK("owner", "PUT", nodes, `{"location":"local","tags":{"a":"b"}}`); got.At("managedBy") != path {
		t.Errorf("group %s", got.Text)
	}
	lock := nodes + "/providers/Microsoft.Authorization/locks/keep"
	f.OK("owner", "PUT", lock, `{"properties":{"level":"CanNotDelete"}}`)
	f.Do("cook", "DELETE", path, "").Want(409, "ScopeLocked")
	f.OK("owner", "DELETE", lock, "")
	f.OK("cook", "DELETE", path, "")
	f.OK("owner", "GET", foreign, "")
}
