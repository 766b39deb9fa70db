package rbac

import (
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
)

// AssignmentID names an assignment: a GUID in lower case, unique in the installation.
// Any version and variant is accepted, since Terraform makes some that no RFC knows.
type AssignmentID string

// RoleID names a role definition: a GUID in lower case. Roles compare by it alone,
// whatever scope a request wrote before it.
type RoleID string

// ParseAssignmentID reads an assignment's name in any letter case. Errors: ErrAssignmentName.
func ParseAssignmentID(s string) (AssignmentID, error) {
	guid, err := id.ParseObject(s)
	if err != nil {
		return "", ErrAssignmentName.With("The role assignment ID '%.100s' is not valid. The role assignment ID must be a GUID.", s)
	}
	return AssignmentID(guid), nil
}

// PrincipalType is what kind of directory object holds an assignment. A managed identity
// is a ServicePrincipal.
type PrincipalType string

// The principal types this directory knows.
const (
	User             PrincipalType = "User"
	Group            PrincipalType = "Group"
	ServicePrincipal PrincipalType = "ServicePrincipal"
)

// Assignment gives a principal a role at a scope and everything below it.
type Assignment struct {
	Name          AssignmentID
	Scope         resource.ID // as first written
	Role          RoleID
	Principal     id.Object
	PrincipalType PrincipalType
	Description   string
	Created       time.Time // UTC, whole seconds
	Updated       time.Time // UTC, whole seconds
	CreatedBy     id.Object // empty: the installation itself
	UpdatedBy     id.Object // empty: the installation itself
}

// ID returns the assignment's own resource id.
func (a *Assignment) ID() string {
	return extensionID(a.Scope, "roleAssignments", string(a.Name))
}

// extensionID spells the id of an authorization object at scope.
func extensionID(scope resource.ID, kind, name string) string {
	at := scope.String()
	if at == "/" {
		at = ""
	}
	return at + "/providers/Microsoft.Authorization/" + kind + "/" + name
}

// NewAssignment is what a PUT of an assignment says.
type NewAssignment struct {
	Name      AssignmentID
	Scope     resource.ID
	Role      RoleID
	Principal id.Object
	// PrincipalType is checked against the directory; empty: taken from it.
	PrincipalType PrincipalType
	Description   string
	// Condition must be empty in this release (ErrCondition).
	Condition string
}

// AssignmentQuery selects assignments. The zero query with a Scope selects those at,
// above and below it.
type AssignmentQuery struct {
	Scope resource.ID
	// AtScope drops what lies below the scope: `atScope()`.
	AtScope bool
	// Principal keeps what is assigned to it directly: `principalId eq '…'`.
	Principal id.Object
	// AssignedTo keeps what it holds directly and through groups: `assignedTo('…')`.
	AssignedTo id.Object
}

// DenyAssignment forbids its permissions to principals at a scope, whatever is assigned
// to them (CP §5.9).
type DenyAssignment struct {
	Name        AssignmentID
	Scope       resource.ID
	DisplayName string
	Description string
	Permissions []Permission
	// ExactScope: the children of Scope are not concerned (doNotApplyToChildScopes).
	ExactScope bool
	// Principals are whom it concerns; Everyone stands for all.
	Principals []id.Object
	// Exclude are whom it does not concern, directly or through a group.
	Exclude []id.Object
}

// Everyone is the principal of a deny assignment that concerns all principals.
const Everyone id.Object = "00000000-0000-0000-0000-000000000000"
