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
