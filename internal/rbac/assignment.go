package rbac

import (
	"strings"
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

// The principal types. The directory holds the first three; the others are known so that
// requests that name them get the answer for principals of another type.
const (
	User             PrincipalType = "User"
	Group            PrincipalType = "Group"
	ServicePrincipal PrincipalType = "ServicePrincipal"
	ForeignGroup     PrincipalType = "ForeignGroup"
	Device           PrincipalType = "Device"
	UnknownType      PrincipalType = "Unknown"
)

// Assignment gives a principal a role at a scope and everything below it.
type Assignment struct {
	Name AssignmentID
	// Tenant is the directory in which it was made: all tenants share the root, where nothing
	// else tells them apart. "" for those made before assignments had one.
	Tenant        id.Tenant
	Scope         resource.ID // as first written
	Role          RoleID
	Principal     id.Object
	PrincipalType PrincipalType
	Description   string
	// Condition must hold for the assignment to grant anything; "" holds always.
	Condition        string
	ConditionVersion string // "2.0" with a Condition; "1.0" in old data
	// DelegatedID is the identity on whose behalf an assignment across tenants was made. It
	// is kept for who asks and means nothing here.
	DelegatedID string
	Created     time.Time // UTC, whole seconds
	Updated     time.Time // UTC, whole seconds
	CreatedBy   id.Object // empty: the installation itself
	UpdatedBy   id.Object // empty: the installation itself
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
	Name AssignmentID
	// Tenant is the directory of the scope and the principal; "" is that of the scope.
	Tenant    id.Tenant
	Scope     resource.ID
	Role      RoleID
	Principal id.Object
	// PrincipalType is checked against the directory; empty: taken from it.
	PrincipalType PrincipalType
	Description   string
	// Condition and its version go together; the version must be "2.0" then (ErrCondition).
	Condition, ConditionVersion string
	DelegatedID                 string

	above []resource.ID // management groups above the scope
}

// AssignmentQuery selects assignments. The zero query with a Scope selects those at,
// above and below it.
type AssignmentQuery struct {
	Scope resource.ID
	// Tenant keeps what that tenant has at the root, and what is below the root in it; "" is
	// every tenant.
	Tenant id.Tenant
	// AtScope drops what lies below the scope: `atScope()`.
	AtScope bool
	// Principal keeps what is assigned to it directly: `principalId eq '…'`.
	Principal id.Object
	// AssignedTo keeps what it holds directly and through groups: `assignedTo('…')`.
	AssignedTo id.Object
	// Role keeps what gives that role: `roleDefinitionId eq '…'`.
	Role RoleID
}

// byReach orders assignments as decisions prefer them: the longest scope first, then the
// lowest name.
func byReach(a, b *Assignment) int {
	if n := len(b.Scope.Key()) - len(a.Scope.Key()); n != 0 {
		return n
	}
	return strings.Compare(string(a.Name), string(b.Name))
}

// DenyAssignment forbids its permissions to principals at a scope, whatever is assigned
// to them (CP §5.9). A condition on a block that nobody can evaluate does not lift it.
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
	// Protected: only the installation itself may change or delete it (isSystemProtected).
	Protected            bool
	Created, Updated     time.Time // UTC, whole seconds
	CreatedBy, UpdatedBy id.Object // empty: the installation itself
}

// ID returns the deny assignment's own resource id.
func (d *DenyAssignment) ID() string {
	return extensionID(d.Scope, "denyAssignments", string(d.Name))
}

// Everyone is the principal of a deny assignment that concerns all principals.
const Everyone id.Object = "00000000-0000-0000-0000-000000000000"
