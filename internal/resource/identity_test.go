package resource_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
)

// uai is the id of a user-assigned identity of the tests.
func uai(name string) string {
	return sub + "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name
}

// block makes a stored identity: "S" for system, other letters for user-assigned names.
func block(t testing.TB, text string) resource.Identity {
	t.Helper()
	var out resource.Identity
	for _, c := range text {
		if c == 'S' {
			out.System, out.PrincipalID, out.ClientID = true, "p-S", "c-S"
			continue
		}
		out.UserAssigned = append(out.UserAssigned, resource.Attached{ID: parse(t, uai(string(c))), PrincipalID: id.Object("p-" + string(c)), ClientID: id.App("c-" + string(c))})
	}
	return out
}

// text is the inverse of block; a new entry shows as "+x".
func text(i resource.Identity) string {
	var b strings.Builder
	if i.System {
		b.WriteString("S")
	}
	for _, a := range i.UserAssigned {
		if a.Dead() {
			b.WriteString("+")
		}
		b.WriteString(a.ID.Name())
	}
	return b.String()
}

// identityCase is a request against a stored block. In body, "@x" is the id of identity x.
// want is the resulting block, or "!" for a refusal.
type identityCase struct{ name, stored, body, want string }

// run plays the cases against apply with the rules of a type.
func run(t *testing.T, kind string, cases []identityCase, apply func(resource.IdentityPatch, resource.Identity, resource.IdentityRules) (resource.Identity, error)) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			body := c.body
			for _, name := range []string{"a", "b", "c", "A"} {
				body = strings.ReplaceAll(body, `"@`+name+`"`, `"`+uai(name)+`"`)
			}
			patch, err := resource.ParseIdentity(json.RawMessage(body))
			var got resource.Identity
			if err == nil {
				got, err = apply(patch, block(t, c.stored), resource.RulesFor(kind))
			}
			if err != nil {
				if !errors.Is(err, resource.ErrIdentity) {
					t.Fatalf("error %v is not ErrIdentity", err)
				}
				if c.want != "!" {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if text(got) != c.want {
				t.Errorf("block is %q, want %q", text(got), c.want)
			}
		})
	}
}

// vm is the resource type of most cases.
const vm = "Microsoft.Compute/virtualMachines"

// CP-50: rows 1 to 11 of PATCH, and what surrounds them.
func TestPatchIdentity(t *testing.T) {
	run(t, vm, []identityCase{
		{"row 1: system alone drops users", "Sab", `{"type":"SystemAssigned"}`, "S"},
		{"row 1: system is switched on", "", `{"type":"SystemAssigned"}`, "S"},
		{"row 2: user adds and drops system", "Sb", `{"type":"UserAssigned","userAssignedIdentities":{"@a":{}}}`, "+ab"},
		{"row 3: keys add", "Sb", `{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"@a":{}}}`, "S+ab"},
		{"row 3: a key that is there stays as it is", "Sa", `{"type":"SystemAssigned,UserAssigned","userAssignedIdentities":{"@A":{"principalId":"x"}}}`, "Sa"},
		{"row 4: both without a map keeps users", "ab", `{"type":"SystemAssigned, UserAssigned"}`, "Sab"},
		{"row 4: both without a map and without users", "S", `{"type":"SystemAssigned, UserAssigned"}`, "!"},
		{"row 5: null removes in any case (CP-51)", "Sab", `{"type":"UserAssigned","userAssignedIdentities":{"@A":null}}`, "b"},
		{"row 6: the last one goes", "a", `{"type":"UserAssigned","userAssignedIdentities":{"@a":null}}`, ""},
		{"row 7: user without a map drops system only", "Sab", `{"type":"UserAssigned"}`, "ab"},
		{"row 7: user with a null map drops system only (CP-52)", "Sab", `{"type":"UserAssigned","userAssignedIdentities":null}`, "ab"},
		{"row 8: none removes all", "Sab", `{"type":"None"}`, ""},
		{"row 8: none with a null map", "Sab", `{"type":"none","userAssignedIdentities":null}`, ""},
		{"row 9: system with a null entry", "Sa", `{"type":"SystemAssigned","userAssignedIdentities":{"@a":null}}`, "S"},
		{"row 10: a map without type keeps the type", "Sa", `{"userAssignedIdentities":{"@b":{}}}`, "Sa+b"},
		{"row 10: and removes without type", "Sa", `{"userAssignedIdentities":{"@a":null}}`, "S"},
		{"row 11: null changes nothing", "Sa", `null`, "Sa"},
		{"absent changes nothing", "Sa", ``, "Sa"},
		{"removing what is not there", "a", `{"type":"UserAssigned","userAssignedIdentities":{"@c":null}}`, "a"},
		{"user with nothing, old or new", "", `{"type":"UserAssigned"}`, "!"},
		{"user with an empty map and nothing stored", "S", `{"type":"UserAssigned","userAssignedIdentities":{}}`, "!"},
		{"the list form of old versions", "", `{"type":"UserAssigned","userAssignedIdentities":["@a","@A"]}`, "+a"},
		{"identityIds of 2017", "", `{"type":"userassigned,systemassigned","identityIds":["@a"]}`, "S+a"},
		{"one added under two spellings", "", `{"type":"UserAssigned","userAssignedIdentities":{"@a":{},"@A":{}}}`, "+A"},
		{"one added and removed", "", `{"type":"UserAssigned","userAssignedIdentities":{"@a":{},"@A":null}}`, "!"},
		{"system with a named identity (CP-56)", "", `{"type":"SystemAssigned","userAssignedIdentities":{"@a":{}}}`, "!"},
		{"none with a named identity", "", `{"type":"None","userAssignedIdentities":{"@a":{}}}`, "!"},
		{"system with an empty map (CP-56)", "", `{"type":"SystemAssigned","userAssignedIdentities":{}}`, "S"},
		{"a type that is none", "", `{"type":"Sometimes"}`, "!"},
		{"none beside another", "", `{"type":"None,SystemAssigned"}`, "!"},
		{"a key that is no identity", "", `{"type":"UserAssigned","userAssignedIdentities":{"x":{}}}`, "!"},
		{"a key of another type", "", fmt.Sprintf(`{"type":"UserAssigned","userAssignedIdentities":{"%s/resourceGroups/g/providers/N/t/a":{}}}`, sub), "!"},
		{"a value that is no object", "", `{"type":"UserAssigned","userAssignedIdentities":{"@a":true}}`, "!"},
		{"not an object", "", `[]`, "!"},
	}, resource.IdentityPatch.Patch)
}

// CP §2.12: PUT replaces.
func TestPutIdentity(t *testing.T) {
	run(t, vm, []identityCase{
		{"the block is replaced (CP-54)", "Sab", `{"type":"UserAssigned","userAssignedIdentities":{"@c":{}}}`, "+c"},
		{"what the answer said changes nothing (CP-53)", "Sa", `{"type":"SystemAssigned, UserAssigned","principalId":"p","tenantId":"t","userAssignedIdentities":{"@a":{"principalId":"p","clientId":"c"}}}`, "Sa"},
		{"no block removes", "Sa", ``, ""},
		{"a null block removes", "Sa", `null`, ""},
		{"none removes", "Sa", `{"type":"None"}`, ""},
		{"a null entry is absent", "a", `{"type":"SystemAssigned","userAssignedIdentities":{"@a":null}}`, "S"},
		{"user without any", "a", `{"type":"UserAssigned"}`, "!"},
	}, resource.IdentityPatch.Put)
	run(t, "microsoft.web/SITES", []identityCase{
		{"a web app keeps its block when there is none", "Sa", ``, "Sa"},
	}, resource.IdentityPatch.Put)
	run(t, "Microsoft.ContainerService/managedClusters", []identityCase{
		{"an exclusive type refuses both (CP-57)", "", `{"type":"SystemAssigned,UserAssigned","userAssignedIdentities":{"@a":{}}}`, "!"},
		{"an exclusive type takes one", "", `{"type":"UserAssigned","userAssignedIdentities":{"@a":{}}}`, "+a"},
		{"a cluster has one control plane identity", "", `{"type":"UserAssigned","userAssignedIdentities":{"@a":{},"@b":{}}}`, "!"},
	}, resource.IdentityPatch.Put)
	run(t, "Microsoft.ServiceFabric/clusters", []identityCase{
		{"a type without identities refuses (CP-58)", "", `{"type":"SystemAssigned"}`, "!"},
		{"and takes none", "", `{"type":"None"}`, ""},
	}, resource.IdentityPatch.Put)
}

// CP-47: the answer uses the spelling of the type.
func TestIdentityTypeIsSpelledPerResourceType(t *testing.T) {
	for kind, want := range map[string]string{
		vm: "SystemAssigned, UserAssigned", "Microsoft.Web/sites/slots": "SystemAssigned, UserAssigned",
		"Microsoft.ContainerInstance/containerGroups": "SystemAssigned, UserAssigned", "Microsoft.ServiceFabric/clusters/applications": "SystemAssigned, UserAssigned",
		"Microsoft.AppPlatform/Spring/apps": "SystemAssigned,UserAssigned", "Microsoft.App/containerApps": "SystemAssigned,UserAssigned",
		"Microsoft.HybridCompute/machines": "SystemAssigned,UserAssigned", "Microsoft.Storage/storageAccounts": "SystemAssigned,UserAssigned",
	} {
		if got := block(t, "Sa").Type(resource.RulesFor(kind)); got != want {
			t.Errorf("%s says %q, want %q", kind, got, want)
		}
	}
	for stored, want := range map[string]string{"": "", "S": "SystemAssigned", "a": "UserAssigned"} {
		if got := block(t, stored).Type(resource.RulesFor(vm)); got != want {
			t.Errorf("block %q has type %q, want %q", stored, got, want)
		}
	}
}
