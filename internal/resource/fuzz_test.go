package resource_test

import (
	"testing"

	"github.com/sealring/sealring/internal/resource"
)

// S-48, S-69: an accepted identity block attaches ids of identities only, each once, and a
// block without a system-assigned identity gives none.
func FuzzParseIdentity(f *testing.F) {
	const one = "/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a"
	for _, seed := range []string{
		`{"type":"SystemAssigned"}`, `{"type":"UserAssigned","userAssignedIdentities":{"` + one + `":{}}}`, `{"type":"systemassigned,USERASSIGNED","userAssignedIdentities":{"` + one + `":null}}`,
		`{"type":"None"}`, `null`, `{}`, `{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{}}`, `{"type":1}`, `{"type":"UserAssigned","userAssignedIdentities":{"/x":{}}}`,
		`{"type":"UserAssigned","userAssignedIdentities":{"` + one + `":{},"` + one + `/":{}}}`, `{"Type":"None"}`, `[]`, `{"type":"UserAssigned","userAssignedIdentities":["` + one + `"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := resource.ParseIdentity(raw)
		if err != nil {
			return
		}
		for _, apply := range []func(resource.Identity, resource.IdentityRules) (resource.Identity, error){p.Put, p.Patch} {
			got, err := apply(resource.Identity{}, resource.IdentityRules{})
			if err != nil {
				continue
			}
			seen := map[string]bool{}
			for _, a := range got.UserAssigned {
				if seen[a.ID.Key()] || a.ID.IsZero() || !p.Names(a.ID) {
					t.Fatalf("%s attaches %s", raw, a.ID)
				}
				seen[a.ID.Key()] = true
			}
		}
	})
}
