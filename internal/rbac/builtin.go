package rbac

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/sealring/sealring/internal/resource"
)

// builtInRoles holds the 928 built-in role definitions with their public ids: facts from
// the published role catalogue, one role to a line.
//
//go:embed data/builtin-roles.json
var builtInRoles []byte

// Owner is the role that covers every control action, granting access included.
const Owner RoleID = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"

// BuiltInDefinitions parses the built-in roles and returns them by name. They can be
// assigned everywhere. Names are trimmed: the catalogue has one with a blank at its end.
func BuiltInDefinitions() ([]*Definition, error) {
	var rows []struct {
		ID          string       `json:"id"`
		RoleName    string       `json:"roleName"`
		Description string       `json:"description"`
		Permissions []Permission `json:"permissions"`
	}
	if err := json.Unmarshal(builtInRoles, &rows); err != nil {
		return nil, fmt.Errorf("parse the built-in roles: %w", err)
	}
	everywhere := []resource.ID{resource.Root()}
	definitions := make([]*Definition, 0, len(rows))
	for _, row := range rows {
		role, err := ParseRoleID(row.ID)
		if err != nil {
			return nil, fmt.Errorf("parse built-in role %q: %w", row.RoleName, err)
		}
		definitions = append(definitions, &Definition{
			ID: role, Name: strings.TrimSpace(row.RoleName), Type: BuiltIn, Description: row.Description,
			Permissions: row.Permissions, AssignableScopes: everywhere,
		})
	}
	sortByName(definitions)
	return definitions, nil
}

// sortByName orders definitions by folded name, then id.
func sortByName(definitions []*Definition) {
	sort.Slice(definitions, func(i, j int) bool {
		a, b := nameKey(definitions[i].Name), nameKey(definitions[j].Name)
		return a < b || a == b && definitions[i].ID < definitions[j].ID
	})
}

// nameKey is what role names compare by.
func nameKey(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
