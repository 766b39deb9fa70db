package arm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/deployment"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/managementgroup"
	"github.com/sealring/sealring/internal/managementlock"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/template"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/trust"
	"github.com/sealring/sealring/internal/vault"
)

// Failures of Resource Manager itself; what they look like on the wire is in wireErrors.
var (
	// ErrAuthorization is an action that the principal may not do at the scope.
	ErrAuthorization = fault.New(fault.Denied, "The client does not have authorization to perform the action.")
	// ErrLinkedAuthorization is a write that names an identity the principal may not assign (S-48).
	ErrLinkedAuthorization = fault.New(fault.Denied, "The client does not have permission on a linked scope.")
	// ErrMethod is a path that exists for other methods only.
	ErrMethod = fault.New(fault.Invalid, "The requested resource does not support the http method.")
	// ErrNamespace is a provider that is not served.
	ErrNamespace = fault.New(fault.NotFound, "The resource namespace is invalid.")
	// ErrType is a type that the provider does not have.
	ErrType = fault.New(fault.NotFound, "The resource type could not be found.")
	// ErrResource is a resource that does not exist, named in the sentence.
	ErrResource = fault.New(fault.NotFound, "The resource was not found.")
	// ErrLocation is a tracked resource without a location.
	ErrLocation = fault.New(fault.Invalid, "The location property is required for this definition.")
	// ErrName is a name that breaks the rule of its type.
	ErrName = fault.New(fault.Invalid, "The resource name is invalid.")
)

// wireErrors says what each failure is on the wire (CP §2.5); the first match counts.
// Anything else goes by its kind.
var wireErrors = []struct {
	err    error
	status int
	code   string
}{
	{bearer.ErrMissing, http.StatusUnauthorized, "AuthenticationFailed"},
	{token.ErrExpired, http.StatusUnauthorized, "ExpiredAuthenticationToken"},
	{token.ErrTenant, http.StatusUnauthorized, "InvalidAuthenticationTokenTenant"},
	{token.ErrIssuer, http.StatusUnauthorized, "InvalidAuthenticationTokenTenant"},
	{ErrPath, http.StatusBadRequest, "InvalidResourceId"},
	{resource.ErrInvalidID, http.StatusBadRequest, "InvalidResourceId"},
	{ErrQuery, http.StatusBadRequest, "InvalidParameter"},
	{ErrFilter, http.StatusBadRequest, "InvalidFilter"},
	{ErrNoVersion, http.StatusBadRequest, "MissingApiVersionParameter"},
	{ErrVersion, http.StatusBadRequest, "InvalidApiVersionParameter"},
	{ErrUnknownVersion, http.StatusBadRequest, "NoRegisteredProviderFound"},
	{ErrOperation, http.StatusNotFound, "OperationNotFound"},
	{ErrUnregistered, http.StatusConflict, "MissingSubscriptionRegistration"},
	{paging.ErrToken, http.StatusBadRequest, "InvalidParameter"},
	{ErrContent, http.StatusBadRequest, "InvalidRequestContent"},
	{httpd.ErrBadJSON, http.StatusBadRequest, "InvalidRequestContent"},
	{httpd.ErrTooLarge, http.StatusRequestEntityTooLarge, "RequestTooLarge"},
	{ErrMediaType, http.StatusUnsupportedMediaType, "UnsupportedMediaType"},
	{ErrMethod, http.StatusMethodNotAllowed, "MethodNotAllowed"},
	{ErrNamespace, http.StatusNotFound, "InvalidResourceNamespace"},
	{ErrType, http.StatusNotFound, "InvalidResourceType"},
	{ErrAuthorization, http.StatusForbidden, "AuthorizationFailed"},
	{ErrLinkedAuthorization, http.StatusForbidden, "LinkedAuthorizationFailed"},
	{ErrResource, http.StatusNotFound, "ResourceNotFound"},
	{ErrLocked, http.StatusConflict, "ScopeLocked"},
	{managementlock.ErrNotFound, http.StatusNotFound, "LockNotFound"},
	{managementlock.ErrInvalid, http.StatusBadRequest, "InvalidRequestContent"},
	{managementlock.ErrTooMany, http.StatusConflict, "Conflict"},
	{managementgroup.ErrNotFound, http.StatusNotFound, "ResourceNotFound"},
	{managementgroup.ErrInvalid, http.StatusBadRequest, "InvalidRequestContent"},
	{managementgroup.ErrTaken, http.StatusConflict, "Conflict"},
	{managementgroup.ErrNotEmpty, http.StatusBadRequest, "BadRequest"},
	{ErrLocation, http.StatusBadRequest, "LocationRequired"},
	{ErrName, http.StatusBadRequest, "InvalidResourceName"},

	{resource.ErrSubscriptionNotFound, http.StatusNotFound, "SubscriptionNotFound"},
	{resource.ErrGroupNotFound, http.StatusNotFound, "ResourceGroupNotFound"},
	{resource.ErrNotFound, http.StatusNotFound, "ResourceNotFound"},
	{resource.ErrParentNotFound, http.StatusNotFound, "ParentResourceNotFound"},
	{resource.ErrPrecondition, http.StatusPreconditionFailed, "PreconditionFailed"},
	{resource.ErrLocationFixed, http.StatusConflict, "InvalidResourceLocation"},
	{resource.ErrNameTaken, http.StatusConflict, "Conflict"},
	{resource.ErrMove, http.StatusBadRequest, "ResourceMoveNotSupported"},
	{resource.ErrIdentity, http.StatusBadRequest, "FailedIdentityOperation"},
	{resource.ErrInvalid, http.StatusBadRequest, "InvalidRequestContent"},
	{managedidentity.ErrIdentityNotFound, http.StatusBadRequest, "FailedIdentityOperation"},
	{managedidentity.ErrNotAllowed, http.StatusBadRequest, "FailedIdentityOperation"},
	{managedidentity.ErrBusy, http.StatusConflict, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"},
	{trust.ErrFederatedNotFound, http.StatusNotFound, "ResourceNotFound"},
	{trust.ErrFederatedPair, http.StatusBadRequest, "BadRequest"},
	{trust.ErrFederatedLimit, http.StatusBadRequest, "BadRequest"},
	{trust.ErrFederatedInvalid, http.StatusBadRequest, "BadRequest"},
	{managedidentity.ErrNoIdentity, http.StatusNotFound, "ResourceNotFound"},

	{rbac.ErrAssignmentName, http.StatusBadRequest, "InvalidRoleAssignmentId"},
	{rbac.ErrAssignmentNotFound, http.StatusNotFound, "RoleAssignmentNotFound"},
	{rbac.ErrAssignmentExists, http.StatusConflict, "RoleAssignmentExists"},
	{rbac.ErrAssignmentImmutable, http.StatusConflict, "RoleAssignmentUpdateNotPermitted"},
	{rbac.ErrAssignmentLimit, http.StatusBadRequest, "RoleAssignmentLimitExceeded"},
	{rbac.ErrAssignmentInvalid, http.StatusBadRequest, "InvalidRoleAssignment"},
	{rbac.ErrAssignmentScope, http.StatusBadRequest, "InvalidRoleAssignmentScope"},
	{rbac.ErrPrincipalNotFound, http.StatusBadRequest, "PrincipalNotFound"},
	{rbac.ErrPrincipalType, http.StatusBadRequest, "UnmatchedPrincipalType"},
	{rbac.ErrRoleNotFound, http.StatusBadRequest, "RoleDefinitionDoesNotExist"},
	{rbac.ErrRoleNotAssignable, http.StatusBadRequest, "RoleDefinitionNotAssignable"},
	{rbac.ErrLastOwner, http.StatusConflict, "RoleAssignmentDeleteNotPermitted"},
	{rbac.ErrCondition, http.StatusBadRequest, "InvalidConditionExpression"},
	{rbac.ErrDenyNotFound, http.StatusNotFound, "DenyAssignmentNotFound"},
	{rbac.ErrDenyInvalid, http.StatusBadRequest, "InvalidDenyAssignment"},
	{rbac.ErrDenyProtected, http.StatusForbidden, "DenyAssignmentIsSystemProtected"},
	{rbac.ErrDenyLocksOut, http.StatusBadRequest, "InvalidDenyAssignment"},
	{rbac.ErrDefinitionName, http.StatusBadRequest, "InvalidRoleDefinitionId"},
	{rbac.ErrDefinitionNotFound, http.StatusNotFound, "RoleDefinitionDoesNotExist"},
	{rbac.ErrDefinitionBuiltIn, http.StatusForbidden, "RoleDefinitionIsBuiltIn"},
	{rbac.ErrDefinitionTaken, http.StatusConflict, "RoleDefinitionWithSameNameExists"},
	{rbac.ErrDefinitionInUse, http.StatusBadRequest, "RoleDefinitionHasAssignments"},
	{rbac.ErrDefinitionInvalid, http.StatusBadRequest, "InvalidRoleDefinition"},
	{rbac.ErrDefinitionLimit, http.StatusBadRequest, "RoleDefinitionLimitExceeded"},

	{deployment.ErrNotFound, http.StatusNotFound, "DeploymentNotFound"},
	{deployment.ErrOperationNotFound, http.StatusNotFound, "DeploymentOperationNotFound"},
	{deployment.ErrActive, http.StatusConflict, "DeploymentActive"},
	{deployment.ErrFinished, http.StatusConflict, "DeploymentCannotBeCancelled"},
	{deployment.ErrNameCharacters, http.StatusBadRequest, "DeploymentNameInvalidCharacters"},
	{deployment.ErrNameLength, http.StatusBadRequest, "DeploymentNameLengthLimitExceeded"},
	{deployment.ErrLocation, http.StatusBadRequest, "LocationRequired"},
	{deployment.ErrLocationFixed, http.StatusConflict, "InvalidDeploymentLocation"},
	{deployment.ErrContent, http.StatusBadRequest, "InvalidRequestContent"},
	{deployment.ErrPreflight, http.StatusBadRequest, "InvalidTemplateDeployment"},
	{deployment.ErrLink, http.StatusBadRequest, "InvalidContentLink"},
	{deployment.ErrVaultClosed, http.StatusBadRequest, "KeyVaultParameterReferenceNotFound"},
	{deployment.ErrBusy, http.StatusServiceUnavailable, "ServiceUnavailable"},
	{template.ErrInvalid, http.StatusBadRequest, "InvalidTemplate"},
	{template.ErrCircular, http.StatusBadRequest, "InvalidTemplateCircularDependency"},
	{template.ErrParameterValue, http.StatusBadRequest, "InvalidDeploymentParameterValue"},
	{template.ErrParameterKey, http.StatusBadRequest, "InvalidDeploymentParameterKey"},
	{template.ErrParameterMissing, http.StatusBadRequest, "MissingParameter"},
	{template.ErrRuntime, http.StatusBadRequest, "InvalidTemplate"},
	{template.ErrPending, http.StatusConflict, "InvalidResourceReference"},

	{vault.ErrVaultNotFound, http.StatusNotFound, "ResourceNotFound"},
	{vault.ErrVaultNameTaken, http.StatusConflict, "VaultAlreadyExists"},
	{vault.ErrVaultDeleted, http.StatusConflict, "ConflictError"},
	{vault.ErrVaultInvalid, http.StatusBadRequest, "BadRequest"},
	{vault.ErrRetentionFixed, http.StatusBadRequest, "BadRequest"},
	{vault.ErrProtectionFixed, http.StatusBadRequest, "BadRequest"},
	{vault.ErrPurgeProtected, http.StatusForbidden, "OperationNotAllowed"},
	{vault.ErrTooManyPolicies, http.StatusBadRequest, "BadRequest"},
	{vault.ErrPolicyInvalid, http.StatusBadRequest, "BadRequest"},
	{vault.ErrChanged, http.StatusPreconditionFailed, "PreconditionFailed"},
}

// byKind are the answers to failures that have no row.
var byKind = map[fault.Kind]struct {
	status int
	code   string
}{
	fault.Invalid:         {http.StatusBadRequest, "BadRequest"},
	fault.Unauthenticated: {http.StatusUnauthorized, "InvalidAuthenticationToken"},
	fault.Denied:          {http.StatusForbidden, "Forbidden"},
	fault.NotFound:        {http.StatusNotFound, "ResourceNotFound"},
	fault.Conflict:        {http.StatusConflict, "Conflict"},
	fault.Precondition:    {http.StatusPreconditionFailed, "PreconditionFailed"},
	fault.Throttled:       {http.StatusTooManyRequests, "TooManyRequests"},
	fault.Unavailable:     {http.StatusServiceUnavailable, "ServiceUnavailable"},
}

// wireOf returns status and code of a failure.
func wireOf(err error) (int, string) {
	for _, row := range wireErrors {
		if errors.Is(err, row.err) {
			return row.status, row.code
		}
	}
	if row, ok := byKind[fault.KindOf(err)]; ok {
		return row.status, row.code
	}
	return http.StatusInternalServerError, "InternalServerError"
}

// errorBody is the envelope of CP §2.5.
type errorBody struct {
	Error struct {
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Details []Detail `json:"details,omitempty"`
	} `json:"error"`
}

// writeError is the only writer of failures of this room.
func (m *Room) writeError(w http.ResponseWriter, r *http.Request, err error) {
	status, code := wireOf(err)
	message := fault.Message(err)
	if message == "" {
		message = unsaid(r.Context())
	}
	h := w.Header()
	h.Set("x-ms-error-code", code)
	switch status {
	case http.StatusUnauthorized:
		authority := httpd.EntryFrom(r.Context()).Authority
		if !bearer.ChallengeFresh(h, authority, err) {
			bearer.ChallengeManagement(h, authority, m.tenant, "invalid_token", message)
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(1))
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	var body errorBody
	body.Error.Code, body.Error.Message = code, message
	if d, ok := errors.AsType[*Detailed](err); ok {
		body.Error.Details = d.Details
	}
	_ = httpd.WriteJSON(w, status, body) // the client is gone; the access event has the status
}

// Detailed is a failure that others caused; the answer lists them.
type Detailed struct {
	Err     error
	Details []Detail
}

// Detail is one of them, as answers write it.
type Detail struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Target  string   `json:"target,omitempty"`
	Details []Detail `json:"details,omitempty"`
}

// Error implements error.
func (d *Detailed) Error() string { return d.Err.Error() }

// Unwrap finds the failure itself.
func (d *Detailed) Unwrap() error { return d.Err }

// Told returns what a failure looks like to a client: status, code and message.
func Told(ctx context.Context, err error) (status int, told Detail) {
	status, told.Code = wireOf(err)
	if told.Message = fault.Message(err); told.Message == "" {
		told.Message = unsaid(ctx)
	}
	if d, ok := errors.AsType[*Detailed](err); ok {
		told.Details = d.Details
	}
	return status, told
}

// unsaid is what a client hears of a failure whose cause stays inside.
func unsaid(ctx context.Context) string {
	return "The server could not complete the request. Quote the correlation id " + httpd.CorrelationID(ctx) + " to the operator."
}

// explained puts into the sentence of a failure what only the request knows: the resource
// that is missing, the resource whose identity was refused.
func (m *Room) explained(r *Request, err error) error {
	said := fault.Message(err)
	switch {
	case errors.Is(err, resource.ErrNotFound), errors.Is(err, vault.ErrVaultNotFound), errors.Is(err, managedidentity.ErrNoIdentity):
		if !r.Target.IsResource() {
			return err
		}
		return fmt.Errorf("%w: %w", NotFound(r.Target), err)
	case errors.Is(err, managedidentity.ErrIdentityNotFound), errors.Is(err, managedidentity.ErrNotAllowed), errors.Is(err, resource.ErrIdentity):
		return fmt.Errorf("%w: %w", resource.ErrIdentity.With("Identity operation for resource '%s' failed with error 'Failed to perform resource identity operation. Status: 'BadRequest'. Response: '%s'.'.",
			r.Target, encode(innerError(said))), err)
	case errors.Is(err, resource.ErrParentNotFound):
		return fmt.Errorf("%w: %w", resource.ErrParentNotFound.With("Can not perform requested operation on nested resource. Parent resource '%s' not found.", r.Target.Parent().FullName()), err)
	}
	return err
}

// innerError is the answer of the identity service that Azure quotes in its own.
func innerError(message string) errorBody {
	var b errorBody
	b.Error.Code, b.Error.Message = "BadRequest", message
	return b
}

// NotFound is a missing resource in the words of CP §2.5.
func NotFound(target resource.ID) error {
	return ErrResource.With("The Resource '%s/%s' under resource group '%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
		target.Type(), target.FullName(), target.Group())
}
