package hosts_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// TestPatchOfIdentitiesOnEveryType sends the rows of CP §2.12 to each host type (CP-50, CP-51,
// CP-52, CP-56, M-1, M-2). Stored before each row are, where the type takes both kinds, the
// system-assigned identity and a.
func TestPatchOfIdentitiesOnEveryType(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	a, b := uai, strings.Replace(uai, "id1", "id2", 1)
	f.OK("owner", "PUT", a, `{"location":"local"}`)
	f.OK("owner", "PUT", b, `{"location":"local"}`)
	f.OK("owner", "PUT", at("Microsoft.ContainerService/managedClusters/x"), `{"location":"local"}`)
	for _, h := range hosts {
		path := at(h.path)
		for _, parent := range h.parents {
			f.Do("owner", "PUT", at(parent), `{"location":"local"}`)
		}
		before, both := `"SystemAssigned,UserAssigned"`, true
		if h.both == "" {
			before, both = `"UserAssigned"`, false
		}
		for n, row := range []struct {
			block  string
			system bool
			users  string // of a and b
			only   bool   // types that take both kinds at once
			status int
		}{
			1:  {block: `{"type":"SystemAssigned"}`, system: true, status: 200},
			2:  {block: `{"type":"UserAssigned","userAssignedIdentities":{"` + b + `":{}}}`, users: "ab", only: true, status: 200},
			3:  {block: `{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"` + b + `":{}}}`, system: true, users: "ab", only: true, status: 200},
			4:  {block: `{"type":"userassigned,SYSTEMASSIGNED"}`, system: true, users: "a", only: true, status: 200},
			5:  {block: `{"type":"UserAssigned","userAssignedIdentities":{"` + strings.ToUpper(a) + `":null,"` + b + `":{}}}`, users: "b", status: 200},
			6:  {block: `{"type":"UserAssigned","userAssignedIdentities":{"` + strings.ToLower(a) + `":null}}`, status: 200},
			7:  {block: `{"type":"UserAssigned","userAssignedIdentities":null}`, users: "a", status: 200},
			8:  {block: `{"type":"None","userAssignedIdentities":null}`, status: 200},
			9:  {block: `{"type":"SystemAssigned","userAssignedIdentities":{"` + a + `":null}}`, system: true, status: 200},
			10: {block: `{"userAssignedIdentities":{"` + a + `":null}}`, system: both, status: 200},
			11: {block: `null`, system: both, users: "a", status: 200},
			12: {block: `{"type":"SystemAssigned","userAssignedIdentities":{"` + a + `":{}}}`, status: 400},
			13: {block: `{"type":"SystemAssigned","userAssignedIdentities":{}}`, system: true, status: 200},
		} {
			if row.block == "" || row.only && !both {
				continue
			}
			name := fmt.Sprintf("%s row %d", h.path, n)
			f.OK("owner", "PUT", path, `{"location":"local","identity":{"type":`+before+`,"userAssignedIdentities":{"`+a+`":{}}}}`)
			got := f.Do("owner", "PATCH", path, `{"identity":`+row.block+`}`)
			if got.Status != row.status {
				t.Errorf("%s: %d %s", name, got.Status, got.Text)
				continue
			}
			if row.status != 200 {
				got.Want(row.status, "FailedIdentityOperation")
				continue
			}
			users := ""
			for letter, id := range map[string]string{"a": a, "b": b} {
				if got.At("identity", "userAssignedIdentities", id, "principalId") != "" {
					users += letter
				}
			}
			letters := []byte(users)
			slices.Sort(letters)
			if system := got.At("identity", "principalId") != ""; system != row.system || string(letters) != row.users {
				t.Errorf("%s: system %v, users %q: %s", name, system, letters, got.At("identity"))
			}
		}
		f.Do("owner", "DELETE", path, "")
	}
}
