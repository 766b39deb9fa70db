package rbac

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/rbac/pattern"
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
	var known operations
	for _, d := range p.roles.definitions { // by name
		if d.Type != BuiltIn {
			continue
		}
		if c := d.coverage(action, r.Data); c.kind != "" {
			continue
		}
		if known.control == nil {
			known = p.operations()
		}
		key := []int{rankOf(d, action), known.grantedBy(d), tieBreak(d)}
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

// operations are the folded names of operations, by plane.
type operations struct{ control, data [][]byte }

// operations collects what the built-in roles name without a star.
func (p *Policy) operations() operations {
	control, data := map[string]bool{}, map[string]bool{}
	collect := func(into map[string]bool, patterns ...[]string) {
		for _, text := range slices.Concat(patterns...) {
			if !strings.Contains(text, "*") {
				into[string(pattern.Fold(nil, text))] = true
			}
		}
	}
	for _, d := range p.roles.definitions {
		if d.Type != BuiltIn {
			continue
		}
		for _, b := range d.Permissions {
			collect(control, b.Actions, b.NotActions)
			collect(data, b.DataActions, b.NotDataActions)
		}
	}
	list := func(names map[string]bool) [][]byte {
		all := [][]byte{}
		for name := range maps.Keys(names) {
			all = append(all, []byte(name))
		}
		return all
	}
	return operations{list(control), list(data)}
}

// grantedBy counts the operations a role grants on both planes, and its stars.
func (o operations) grantedBy(d *Definition) int {
	role := permission.Compile(d.Permissions)
	count := role.Stars()
	for _, name := range o.control {
		if role.Covers(name, false) != permission.Never {
			count++
		}
	}
	for _, name := range o.data {
		if role.Covers(name, true) != permission.Never {
			count++
		}
	}
	return count
}
