package resource

import (
	_ "embed" // the table of resource types
	"strings"
	"sync"
)

// IdentityRules are what a resource type allows in its identity block. The zero value
// allows nothing.
type IdentityRules struct {
	System, User bool // the kinds allowed
	Both         bool // both at once
	Spaced       bool // answers say "SystemAssigned, UserAssigned", with a space
	KeepOnPut    bool // a PUT without a block keeps the stored one
	Strict       bool // refuse an empty map under SystemAssigned or None, as Azure does
	MaxUser      int  // most user-assigned identities; 0 means no limit
}

// identityTypes is one line per resource type that takes identities.
//
//go:embed identity_types.txt
var identityTypes string

// maxUserAssigned are the limits of CP §3.6, by type in lower case.
var maxUserAssigned = map[string]int{
	"microsoft.appplatform/spring/apps":          20,
	"microsoft.containerservice/managedclusters": 1,
	"microsoft.resources/deploymentscripts":      1,
}

// keepingNamespaces are the providers whose PUT without a block keeps it (CP §2.12).
var keepingNamespaces = []string{"microsoft.web/", "microsoft.containerservice/"}

// rulesByType is the parsed table, keyed by type in lower case.
var rulesByType = sync.OnceValue(func() map[string]IdentityRules {
	table := map[string]IdentityRules{}
	for line := range strings.Lines(identityTypes) {
		field := strings.Fields(line)
		if len(field) != 3 || field[0] == "#" {
			continue
		}
		key := strings.ToLower(field[0])
		rules := IdentityRules{
			System: strings.Contains(field[1], "S"), User: strings.Contains(field[1], "U"),
			Both: field[2] != "-", Spaced: field[2] == "spaced", MaxUser: maxUserAssigned[key],
		}
		for _, namespace := range keepingNamespaces {
			rules.KeepOnPut = rules.KeepOnPut || strings.HasPrefix(key, namespace)
		}
		table[key] = rules
	}
	return table
})

// RulesFor returns the identity rules of a full resource type, in any letter case; the zero
// value for types that take none.
func RulesFor(fullType string) IdentityRules { return rulesByType()[strings.ToLower(fullType)] }

// allow refuses a result that the resource type cannot have. What was stored before stays
// allowed to shrink.
func (r IdentityRules) allow(stored, next Identity) error {
	if r.MaxUser > 0 && len(next.UserAssigned) > r.MaxUser && len(next.UserAssigned) > len(stored.UserAssigned) {
		return ErrIdentity.With("A resource of this type takes at most %d user assigned identities.", r.MaxUser)
	}
	return nil
}

// uniqueNames are the types whose names are host names: unique across the installation.
var uniqueNames = map[string]bool{
	"microsoft.web/sites":               true,
	"microsoft.keyvault/vaults":         true,
	"microsoft.storage/storageaccounts": true,
}
