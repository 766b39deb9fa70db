package authorization

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/surface/arm"
)

// wireAssignment is a role assignment in answers (CP §5.3).
type wireAssignment struct {
	ID         string               `json:"id"`
	Name       string               `json:"name"`
	Type       string               `json:"type"`
	Properties assignmentProperties `json:"properties"`
}

// assignmentProperties are its properties. The nulls are what Azure sends.
type assignmentProperties struct {
	RoleDefinitionID string  `json:"roleDefinitionId"`
	PrincipalID      string  `json:"principalId"`
	PrincipalType    string  `json:"principalType,omitempty"`
	Scope            string  `json:"scope"`
	Condition        *string `json:"condition"`
	ConditionVersion *string `json:"conditionVersion"`
	Description      *string `json:"description"`
	DelegatedID      *string `json:"delegatedManagedIdentityResourceId"`
	CreatedOn        string  `json:"createdOn"`
	UpdatedOn        string  `json:"updatedOn"`
	CreatedBy        *string `json:"createdBy"`
	UpdatedBy        *string `json:"updatedBy"`
}

// typedSince is the first api-version whose assignments say the type of their principal.
const typedSince = "2018-09-01-preview"

// newAssignment shapes an assignment for an api-version.
func newAssignment(a *rbac.Assignment, version string) wireAssignment {
	w := wireAssignment{ID: a.ID(), Name: string(a.Name), Type: "Microsoft.Authorization/roleAssignments",
		Properties: assignmentProperties{RoleDefinitionID: a.RoleWireID(), PrincipalID: string(a.Principal), PrincipalType: string(a.PrincipalType),
			Scope: a.Scope.String(), Condition: orNull(a.Condition), ConditionVersion: orNull(a.ConditionVersion), Description: orNull(a.Description),
			DelegatedID: orNull(a.DelegatedID), CreatedOn: arm.Time(a.Created), UpdatedOn: arm.Time(a.Updated),
			CreatedBy: orNull(string(a.CreatedBy)), UpdatedBy: orNull(string(a.UpdatedBy))}}
	if version < typedSince { // dates compare as texts
		w.Properties.PrincipalType = ""
	}
	return w
}

// orNull is nil for "".
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// listAssignments answers with the assignments at, above and below the scope, as far as
// the caller may read them there or at their own scope (CP §5.3).
func (p *authorizationProvider) listAssignments(ctx context.Context, r *arm.Request) (arm.Response, error) {
	q, err := assignmentQuery(r)
	if err != nil {
		return arm.Response{}, err
	}
	here, err := r.Visible(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	fetch := func(ctx context.Context, after string, limit int) ([]*rbac.Assignment, string, error) {
		return p.RBAC.AssignmentPage(ctx, q, after, limit)
	}
	return arm.Page(ctx, r, fetch, func(ctx context.Context, a *rbac.Assignment) (any, error) {
		if !here || !a.Scope.Contains(r.Target) {
			visible, err := r.Visible(ctx, a.Scope)
			if err != nil || !visible {
				return nil, err
			}
		}
		return newAssignment(a, r.Version), nil
	})
}

// assignmentQuery reads the $filter of a list. Errors: arm.ErrFilter, arm.ErrQuery.
func assignmentQuery(r *arm.Request) (rbac.AssignmentQuery, error) {
	q := rbac.AssignmentQuery{Scope: r.Target, Tenant: r.Tenant()}
	filter, err := arm.ParseFilter(r.Query("$filter"))
	if err != nil {
		return q, err
	}
	if len(filter) > 1 {
		return q, arm.ErrFilter.With("The filter may join its terms by 'and' only.")
	}
	for _, all := range filter {
		for _, t := range all {
			var err error
			switch {
			case t.Op == "atscope" && t.Value == "" && t.Field == "":
				q.AtScope = true
			case t.Op == "eq" && t.Field == "principalid":
				q.Principal, err = id.ParseObject(t.Value)
			case t.Op == "eq" && t.Field == "roledefinitionid":
				q.Role, err = rbac.ParseRoleID(t.Value)
			case t.Op == "assignedto" && t.Field == "":
				q.AssignedTo, err = id.ParseObject(t.Value)
			default:
				return q, arm.ErrFilter.With("The filter '%.128s' is not supported. Supported are atScope(), principalId eq '…', roleDefinitionId eq '…' and assignedTo('…'), joined by 'and'.", r.Query("$filter"))
			}
			if err != nil {
				return q, arm.ErrFilter.With("A value in the filter is not a GUID.")
			}
		}
	}
	return q, nil
}

// getAssignment answers with one assignment.
func (p *authorizationProvider) getAssignment(ctx context.Context, r *arm.Request) (arm.Response, error) {
	name, err := rbac.ParseAssignmentID(r.Var("name"))
	if err != nil {
		return arm.Response{}, err
	}
	a, err := p.RBAC.GetAssignment(ctx, r.Target, name)
	if err != nil {
		return arm.Response{}, err
	}
	if foreign(r, a) {
		return arm.Response{}, rbac.ErrAssignmentNotFound
	}
	return arm.OK(newAssignment(a, r.Version))
}

// foreign reports whether an assignment at the root, which all tenants share, is another
// tenant's (S-54).
func foreign(r *arm.Request, a *rbac.Assignment) bool {
	return a.Tenant != "" && a.Tenant != r.Tenant()
}

// askToAssign adds what is assigned to the question whether the caller may: some roles let
// their holders assign some roles only (CP §5.7).
func (p *authorizationProvider) askToAssign(ctx context.Context, r *arm.Request, q *rbac.Request) error {
	body, err := r.Peek()
	if err != nil {
		return nil // the handler says so, if the caller gets that far
	}
	props, err := body.Object("properties")
	if err != nil {
		return nil
	}
	role, _ := props.Text("roleDefinitionId")
	principal, _ := props.Text("principalId")
	named, err := rbac.ParseRoleID(role)
	if err != nil {
		return nil
	}
	object, err := id.ParseObject(principal)
	if err != nil {
		return nil
	}
	kind, err := p.RBAC.TypeOf(ctx, r.Tenant(), object)
	q.Attributes = rbac.AssignmentAttributes(rbac.OfRequest, named, string(object), kind)
	return err
}

// askToUnassign adds what the assignment says that would be deleted.
func (p *authorizationProvider) askToUnassign(ctx context.Context, r *arm.Request, q *rbac.Request) error {
	name, err := rbac.ParseAssignmentID(r.Var("name"))
	if err != nil {
		return nil
	}
	a, err := p.RBAC.GetAssignment(ctx, r.Target, name)
	if errors.Is(err, rbac.ErrAssignmentNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	q.Attributes = rbac.AssignmentAttributes(rbac.OfResource, a.Role, string(a.Principal), a.PrincipalType)
	return nil
}

// putAssignment assigns a role, or changes description and condition of an assignment. The status
// is 201 in either case, since older clients take no other (CP §2.7).
func (p *authorizationProvider) putAssignment(ctx context.Context, r *arm.Request) (arm.Response, error) {
	n, err := readAssignment(r)
	if err != nil {
		return arm.Response{}, err
	}
	a, _, err := p.RBAC.PutAssignment(ctx, n)
	if errors.Is(err, rbac.ErrPrincipalNotFound) {
		return arm.Response{}, rbac.ErrPrincipalNotFound.With("Principal %s does not exist in the directory %s. Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group. See https://aka.ms/docs-principaltype",
			strings.ReplaceAll(string(n.Principal), "-", ""), r.Tenant())
	}
	if err != nil {
		return arm.Response{}, err
	}
	return arm.Created(newAssignment(a, r.Version))
}

// readAssignment reads the body of a PUT. Its members say who may do what, so they are
// read by their exact names (S-63). Errors: arm.ErrContent and those of the names.
func readAssignment(r *arm.Request) (n rbac.NewAssignment, err error) {
	n.Scope, n.Tenant = r.Target, r.Tenant()
	if n.Name, err = rbac.ParseAssignmentID(r.Var("name")); err != nil {
		return n, err
	}
	props, err := r.Properties()
	if err != nil {
		return n, err
	}
	if err := props.Exact("roleDefinitionId", "principalId", "principalType", "description", "condition", "conditionVersion", "delegatedManagedIdentityResourceId"); err != nil {
		return n, err
	}
	text := map[string]string{}
	for _, name := range []string{"roleDefinitionId", "principalId", "principalType", "description", "condition", "conditionVersion", "delegatedManagedIdentityResourceId"} {
		if text[name], err = props.Text(name); err != nil {
			return n, err
		}
	}
	if text["roleDefinitionId"] == "" || text["principalId"] == "" {
		return n, arm.ErrContent.With("The members 'properties.roleDefinitionId' and 'properties.principalId' are required.")
	}
	if n.Role, err = rbac.ParseRoleID(text["roleDefinitionId"]); err != nil {
		return n, err
	}
	if n.Principal, err = id.ParseObject(text["principalId"]); err != nil {
		return n, arm.ErrContent.With("The member 'properties.principalId' must be a GUID.")
	}
	n.PrincipalType, n.Description, n.Condition = principalType(text["principalType"]), text["description"], text["condition"]
	n.ConditionVersion, n.DelegatedID = text["conditionVersion"], text["delegatedManagedIdentityResourceId"]
	return n, nil
}

// principalType reads a principal's type without regard to case; what is not known stays
// as it is, and matches nothing.
func principalType(s string) rbac.PrincipalType {
	for _, known := range []rbac.PrincipalType{rbac.User, rbac.Group, rbac.ServicePrincipal, rbac.ForeignGroup, rbac.Device, rbac.UnknownType} {
		if strings.EqualFold(s, string(known)) {
			return known
		}
	}
	return rbac.PrincipalType(s)
}

// deleteAssignment removes an assignment and answers with it; 204 if there was none.
func (p *authorizationProvider) deleteAssignment(ctx context.Context, r *arm.Request) (arm.Response, error) {
	name, err := rbac.ParseAssignmentID(r.Var("name"))
	if err != nil {
		return arm.Response{}, err
	}
	if known, err := p.RBAC.GetAssignment(ctx, r.Target, name); err == nil && foreign(r, known) {
		return arm.NoContent()
	}
	a, err := p.RBAC.DeleteAssignment(ctx, r.Target, name)
	if errors.Is(err, rbac.ErrAssignmentNotFound) {
		return arm.NoContent()
	}
	if err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK, Body: newAssignment(a, r.Version)}, nil
}
