package rbac

import "github.com/sealring/sealring/internal/fault"

// Failures of reading and writing assignments and role definitions. The comment of each
// names the code that Resource Manager gives it (CP §5.2, §5.3).
var (
	// ErrAssignmentName is an assignment's name that is no GUID: InvalidRoleAssignmentId.
	ErrAssignmentName = fault.New(fault.Invalid, "The role assignment ID is not a GUID.")
	// ErrAssignmentNotFound is an assignment that does not exist: RoleAssignmentNotFound.
	ErrAssignmentNotFound = fault.New(fault.NotFound, "The role assignment is not found.")
	// ErrAssignmentExists is a second assignment of one role to one principal at one scope: RoleAssignmentExists.
	ErrAssignmentExists = fault.New(fault.Conflict, "The role assignment already exists.")
	// ErrAssignmentImmutable is a change of principal, role or scope: RoleAssignmentUpdateNotPermitted.
	ErrAssignmentImmutable = fault.New(fault.Conflict, "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.")
	// ErrAssignmentLimit is one assignment more than a subscription may hold: RoleAssignmentLimitExceeded.
	ErrAssignmentLimit = fault.New(fault.Invalid, "No more role assignments can be created in this subscription.")
	// ErrAssignmentScope is a scope at which nothing can be assigned: InvalidRoleAssignmentScope.
	ErrAssignmentScope = fault.New(fault.Invalid, "Roles cannot be assigned at this scope.")
	// ErrAssignmentInvalid is an assignment whose texts are too long: InvalidRoleAssignment.
	ErrAssignmentInvalid = fault.New(fault.Invalid, "The role assignment is not valid.")
	// ErrPrincipalNotFound is a principal that the directory does not hold: PrincipalNotFound.
	ErrPrincipalNotFound = fault.New(fault.Invalid, "The principal does not exist in the directory.")
	// ErrPrincipalType is a principal of another type than the request says: UnmatchedPrincipalType.
	ErrPrincipalType = fault.New(fault.Invalid, "The principal has another type than the request says.")
	// ErrRoleNotFound is a role that an assignment names and nobody defined: RoleDefinitionDoesNotExist.
	ErrRoleNotFound = fault.New(fault.Invalid, "The specified role definition does not exist.")
	// ErrRoleNotAssignable is a role whose assignable scopes do not hold the scope: RoleDefinitionNotAssignable.
	ErrRoleNotAssignable = fault.New(fault.Invalid, "The role definition is not assignable at this scope.")
	// ErrLastOwner is the removal of the last Owner of a subscription by an ordinary principal (S-46).
	ErrLastOwner = fault.New(fault.Conflict, "Cannot delete the last RBAC admin assignment.")
	// ErrCondition is a condition that cannot be read, or has no version: InvalidConditionExpression.
	ErrCondition = fault.New(fault.Invalid, "The condition is not valid.")

	// ErrDenyNotFound is a deny assignment that does not exist: DenyAssignmentNotFound.
	ErrDenyNotFound = fault.New(fault.NotFound, "The deny assignment is not found.")
	// ErrDenyInvalid is a deny assignment that breaks a rule: InvalidDenyAssignment.
	ErrDenyInvalid = fault.New(fault.Invalid, "The deny assignment is not valid.")
	// ErrDenyProtected is a write to a deny assignment of the installation: DenyAssignmentIsSystemProtected.
	ErrDenyProtected = fault.New(fault.Denied, "A system protected deny assignment cannot be changed or deleted.")
	// ErrDenyLocksOut is a deny assignment that its author could not take back: InvalidDenyAssignment.
	ErrDenyLocksOut = fault.New(fault.Invalid, "The deny assignment would forbid its author to delete it. Exclude a principal of yours, or forbid less.")

	// ErrDefinitionName is a definition's name that is no GUID: InvalidRoleDefinitionId.
	ErrDefinitionName = fault.New(fault.Invalid, "The role definition ID is not a GUID.")
	// ErrDefinitionNotFound is a definition that does not exist: RoleDefinitionDoesNotExist with 404.
	ErrDefinitionNotFound = fault.New(fault.NotFound, "The specified role definition does not exist.")
	// ErrDefinitionBuiltIn is a write to a built-in role: RoleDefinitionIsBuiltIn.
	ErrDefinitionBuiltIn = fault.New(fault.Denied, "A built-in role cannot be changed or deleted.")
	// ErrDefinitionTaken is a second role of one name: RoleDefinitionWithSameNameExists.
	ErrDefinitionTaken = fault.New(fault.Conflict, "A role definition with the same name already exists.")
	// ErrDefinitionInUse is the deletion of a role that is assigned: RoleDefinitionHasAssignments.
	ErrDefinitionInUse = fault.New(fault.Invalid, "There are existing role assignments referencing role (code: RoleDefinitionHasAssignments)")
	// ErrDefinitionInvalid is a custom role that breaks a rule of CP §5.2: InvalidRoleDefinition.
	ErrDefinitionInvalid = fault.New(fault.Invalid, "The role definition is not valid.")
	// ErrDefinitionLimit is one custom role more than a tenant may hold: RoleDefinitionLimitExceeded.
	ErrDefinitionLimit = fault.New(fault.Invalid, "No more custom roles can be created.")
)
