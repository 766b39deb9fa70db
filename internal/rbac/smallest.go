package rbac

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/rbac/permission"
)

// wellKnown are the roles that people assign by hand, by folded name, with the start of
// the actions they are meant for. For those they go before the roles made for one
// service's own use, some of which grant less by accident: nobody would give an
// application "Operator Nexus Key Vault Writer Service Role".
var wellKnown = map[string]string{
	"key vault administrator":                  "microsoft.keyvault/",
	"key vault certificate user":               "microsoft.keyvault/",
	"key vault certificates officer":           "microsoft.keyvault/",
	"key vault contributor":                    "microsoft.keyvault/",
	"key vault crypto officer":                 "microsoft.keyvault/",
	"key vault crypto service encryption user": "microsoft.keyvault/",
	"key vault crypto service release user":    "microsoft.keyvault/",
	"key vault crypto user":                    "microsoft.keyvault/",
	"key vault purge operator":                 "microsoft.keyvault/",
	"key vault reader":                         "microsoft.keyvault/",
	"key vault secrets officer":                "microsoft.keyvault/",
	"key vault secrets user":                   "microsoft.keyvault/",
	"logic app contributor":                    "microsoft.logic/",
	"managed identity contributor":             "microsoft.managedidentity/",
	"managed identity operator":                "microsoft.managedidentity/",
	"role based access control administrator":  "microsoft.authorization/",
	"sql server contributor":                   "microsoft.sql/",
	"storage account contributor":              "microsoft.storage/",
	"storage blob data contributor":            "microsoft.storage/",
	"storage blob data reader":                 "microsoft.storage/",
	"storage queue data contributor":           "microsoft.storage/",
	"storage queue data reader":                "microsoft.storage/",
	"storage table data contributor":           "microsoft.storage/",
	"storage table data reader":                "microsoft.storage/",
	"storage blob data owner":                  "microsoft.storage/",
	"virtual machine contributor":              "microsoft.compute/",
	"website contributor":                      "microsoft.web/",
	"reader":                                   "",
}

// general are the roles over all services: the last resort, and the first among equals.
var general = []string{"reader", "contributor", "user access administrator", "owner"}

// The ranks of roles, best first.
const (
	rankWellKnown = iota
	rankOther
)

// smallestGrant returns the built-in role that grants the folded action and least else,
// at the scope of the request; nil if no built-in role grants it without a condition.
//
// Well-known roles go first; for an action that only reads, only those called Reader or
// User do. How much a role grants is counted over all operations that any built-in role names
// without a star, plus one for each of its own patterns with a star, so that the unknown
// rest of a star is not free. Among equals the general roles go first, then the lower
// name: the answer depends on nothing but the catalogue.
func (p *Policy) smallestGrant(r Request, action []byte) *Grant {
	var best *Definition
	var bestKey []int
	var known permission.Operations
	for _, d := range p.roles.definitions { // by name
		if d.Type != BuiltIn {
			continue
		}
		if c := d.coverage(action, r.Data); c.kind != "" {
			continue
		}
		if known.IsZero() {
			known = p.operations()
		}
		key := []int{rankOf(d, action), known.GrantedBy(d.Permissions), tieBreak(d)}
		if best == nil || slices.Compare(key, bestKey) < 0 {
			best, bestKey = d, key
		}
	}
	if best == nil {
		return nil
	}
	return &Grant{Role: best.ID, RoleName: best.Name, Scope: r.Scope, Operations: bestKey[1],
		Sentence: fmt.Sprintf("Assign the role %q to the principal at %s.", best.Name, r.Scope)}
}

// rankOf says whether d is proposed before the mass of roles.
func rankOf(d *Definition, action []byte) int {
	name := nameKey(d.Name)
	service, known := wellKnown[name]
	if !known || !bytes.HasPrefix(action, []byte(service)) {
		return rankOther
	}
	reads := strings.HasSuffix(name, " reader") || strings.HasSuffix(name, " user") || name == "reader"
	if bytes.HasSuffix(action, []byte("/read")) && !reads {
		return rankOther
	}
	return rankWellKnown
}

// tieBreak orders roles that grant equally much: general ones, ordinary ones, previews.
func tieBreak(d *Definition) int {
	switch name := nameKey(d.Name); {
	case slices.Contains(general, name):
		return 0
	case strings.Contains(name, "preview"):
		return 2
	}
	return 1
}

// operations collects what the built-in roles name without a star.
func (p *Policy) operations() (all permission.Operations) {
	for _, d := range p.roles.definitions {
		if d.Type != BuiltIn {
			continue
		}
		for _, b := range d.Permissions {
			all.Add(b)
		}
	}
	return all
}
