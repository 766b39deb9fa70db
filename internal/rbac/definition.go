package rbac

import (
	"strings"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac/permission"
	"github.com/sealring/sealring/internal/resource"
)

// Permission is one block of a role.
type Permission = permission.Block

// DefinitionType tells built-in roles from custom ones, as on the wire.
type DefinitionType string

// The two types.
const (
	BuiltIn DefinitionType = "BuiltInRole"
	Custom  DefinitionType = "CustomRole"
)

// Definition is a role: a name and what it permits.
type Definition struct {
	ID               RoleID
	Name             string // for people: "Key Vault Secrets User"
	Type             DefinitionType
	Description      string
	Permissions      []Permission
	AssignableScopes []resource.ID
	// Tenant is the directory a custom role belongs to; "" for built-in roles and those made
	// before roles had one.
	Tenant    id.Tenant
	Created   time.Time // UTC, whole seconds; zero for built-in roles
	Updated   time.Time // UTC, whole seconds; zero for built-in roles
	CreatedBy id.Object // empty: the installation itself
	UpdatedBy id.Object // empty: the installation itself
}

// NewDefinition is what a PUT of a custom role says.
type NewDefinition struct {
	ID               RoleID
	Tenant           id.Tenant
	Name             string
	Description      string
	Permissions      []Permission
	AssignableScopes []resource.ID
}

// DefinitionQuery selects roles that can be assigned at Scope.
type DefinitionQuery struct {
	Scope resource.ID
	// Tenant leaves out custom roles of other tenants; "" leaves out none.
	Tenant id.Tenant
	// Name keeps the role of that name, compared without case and surrounding blanks: `roleName eq '…'`.
	Name string
	// Type keeps roles of that type: `type eq '…'`.
	Type DefinitionType
	// Below adds the roles that can be assigned below Scope only: `atScopeAndBelow()`.
	Below bool
}

// ParseRoleID reads a role's GUID, or a role's resource id at any scope, which is how
// requests name roles. Errors: ErrDefinitionName.
func ParseRoleID(s string) (RoleID, error) {
	const marker = "/providers/microsoft.authorization/roledefinitions/"
	name := s
	if i := strings.LastIndex(strings.ToLower(s), marker); i >= 0 {
		name = s[i+len(marker):]
	}
	guid, err := id.ParseObject(name)
	if err != nil {
		return "", ErrDefinitionName.With("The role definition ID '%.100s' is not valid. The role definition ID must be a GUID.", s)
	}
	return RoleID(guid), nil
}

// WireID returns the id under which the role appears when asked for at scope: below the
// subscription if there is one, else at the tenant.
func (d *Definition) WireID(scope resource.ID) string { return roleWireID(d.ID, scope) }

// roleWireID spells a role's id as seen from scope.
func roleWireID(role RoleID, scope resource.ID) string {
	at := ""
	if sub := scope.Subscription(); sub != "" {
		at = "/subscriptions/" + string(sub)
	}
	return at + "/providers/Microsoft.Authorization/roleDefinitions/" + string(role)
}

// RoleID returns the id of the assignment's role as Resource Manager shows it.
func (a *Assignment) RoleWireID() string { return roleWireID(a.Role, a.Scope) }
