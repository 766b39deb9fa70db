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

// wireDeny is a deny assignment in answers (CP §5.9).
type wireDeny struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Properties denyProperties `json:"properties"`
}

// denyProperties are its properties.
type denyProperties struct {
	Name              string           `json:"denyAssignmentName"`
	Description       *string          `json:"description"`
	Permissions       []wirePermission `json:"permissions"`
	Scope             string           `json:"scope"`
	ExactScope        bool             `json:"doNotApplyToChildScopes"`
	Principals        []wirePrincipal  `json:"principals"`
	ExcludePrincipals []wirePrincipal  `json:"excludePrincipals"`
	Protected         bool             `json:"isSystemProtected"`
	CreatedOn         string           `json:"createdOn"`
	UpdatedOn         string           `json:"updatedOn"`
	CreatedBy         *string          `json:"createdBy"`
	UpdatedBy         *string          `json:"updatedBy"`
}

// wirePrincipal is a principal of a deny assignment.
type wirePrincipal struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// newDeny shapes a deny assignment.
func (p *authorizationProvider) newDeny(ctx context.Context, tenant id.Tenant, d *rbac.DenyAssignment) (wireDeny, error) {
	w := wireDeny{ID: d.ID(), Name: string(d.Name), Type: "Microsoft.Authorization/denyAssignments", Properties: denyProperties{
		Name: d.DisplayName, Description: orNull(d.Description), Permissions: []wirePermission{}, Scope: d.Scope.String(), ExactScope: d.ExactScope,
		Protected: d.Protected, CreatedOn: arm.Time(d.Created), UpdatedOn: arm.Time(d.Updated),
		CreatedBy: orNull(string(d.CreatedBy)), UpdatedBy: orNull(string(d.UpdatedBy))}}
	for _, block := range d.Permissions {
		w.Properties.Permissions = append(w.Properties.Permissions, newPermission(block))
	}
	var err error
	if w.Properties.Principals, err = p.principals(ctx, tenant, d.Principals); err != nil {
		return w, err
	}
	w.Properties.ExcludePrincipals, err = p.principals(ctx, tenant, d.Exclude)
	return w, err
}

// principals shapes principals with their types.
func (p *authorizationProvider) principals(ctx context.Context, tenant id.Tenant, list []id.Object) ([]wirePrincipal, error) {
	out := []wirePrincipal{}
	for _, o := range list {
		if o == rbac.Everyone {
			out = append(out, wirePrincipal{string(o), "SystemDefined"})
			continue
		}
		kind, err := p.RBAC.TypeOf(ctx, tenant, o)
		if err != nil {
			return nil, err
		}
		out = append(out, wirePrincipal{string(o), string(kind)})
	}
	return out, nil
}

// listDenies answers with the deny assignments at, above and below the scope, as far as
// the caller may read them there or at their own scope.
func (p *authorizationProvider) listDenies(ctx context.Context, r *arm.Request) (arm.Response, error) {
	q, err := denyQuery(r)
	if err != nil {
		return arm.Response{}, err
	}
	all, err := p.RBAC.ListDenies(ctx, q)
	if err != nil {
		return arm.Response{}, err
	}
	here, err := r.Visible(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	fetch := arm.Slice(all, func(d *rbac.DenyAssignment) string { return string(d.Name) })
	return arm.Page(ctx, r, fetch, func(ctx context.Context, d *rbac.DenyAssignment) (any, error) {
		if !here || !d.Scope.Contains(r.Target) {
			visible, err := r.Visible(ctx, d.Scope)
			if err != nil || !visible {
				return nil, err
			}
		}
		return p.newDeny(ctx, r.Tenant(), d)
	})
}

// denyQuery reads the $filter of a list: as for assignments, and gdprExportPrincipalId and
// denyAssignmentName are not known. Errors: arm.ErrFilter, arm.ErrQuery.
func denyQuery(r *arm.Request) (rbac.AssignmentQuery, error) {
	q, err := assignmentQuery(r)
	if err == nil && q.Role != "" {
		err = arm.ErrFilter.With("The filter '%.128s' is not supported. Supported are atScope(), principalId eq '…' and assignedTo('…').", r.Query("$filter"))
	}
	return q, err
}

// getDeny answers with one deny assignment.
func (p *authorizationProvider) getDeny(ctx context.Context, r *arm.Request) (arm.Response, error) {
	name, err := rbac.ParseAssignmentID(r.Var("name"))
	if err != nil {
		return arm.Response{}, err
	}
	d, err := p.RBAC.GetDeny(ctx, r.Target, name)
	if err != nil {
		return arm.Response{}, err
	}
	return p.answerDeny(ctx, r, http.StatusOK, d)
}

// answerDeny answers with a deny assignment.
func (p *authorizationProvider) answerDeny(ctx context.Context, r *arm.Request, status int, d *rbac.DenyAssignment) (arm.Response, error) {
	w, err := p.newDeny(ctx, r.Tenant(), d)
	return arm.Response{Status: status, Body: w}, err
}

// putDeny creates or replaces a deny assignment: an extension of ours, for administrators.
func (p *authorizationProvider) putDeny(ctx context.Context, r *arm.Request) (arm.Response, error) {
	d, err := readDeny(r)
	if err != nil {
		return arm.Response{}, err
	}
	stored, err := p.RBAC.PutDeny(ctx, d)
	if err != nil {
		return arm.Response{}, err
	}
	return p.answerDeny(ctx, r, http.StatusCreated, stored)
}

// readDeny reads the body of a PUT by the exact names of its members (S-63).
func readDeny(r *arm.Request) (d rbac.DenyAssignment, err error) {
	d.Scope = r.Target
	if d.Name, err = rbac.ParseAssignmentID(r.Var("name")); err != nil {
		return d, err
	}
	props, err := r.Properties()
	if err != nil {
		return d, err
	}
	if err := props.Exact("denyAssignmentName", "description", "permissions", "doNotApplyToChildScopes", "principals", "excludePrincipals", "isSystemProtected"); err != nil {
		return d, err
	}
	if d.DisplayName, err = props.Text("denyAssignmentName"); err != nil {
		return d, err
	}
	if d.Description, err = props.Text("description"); err != nil {
		return d, err
	}
	if err := props.Into("doNotApplyToChildScopes", &d.ExactScope); err != nil {
		return d, err
	}
	protected := false
	if err := props.Into("isSystemProtected", &protected); err != nil {
		return d, err
	}
	if protected {
		return d, rbac.ErrDenyInvalid.With("Only the installation itself makes system protected deny assignments.")
	}
	if d.Permissions, err = readPermissions(props); err != nil {
		return d, err
	}
	if d.Principals, err = readPrincipals(props, "principals"); err != nil {
		return d, err
	}
	d.Exclude, err = readPrincipals(props, "excludePrincipals")
	return d, err
}

// readPrincipals reads a list of principals: objects with an id, or ids.
func readPrincipals(props arm.Object, member string) ([]id.Object, error) {
	var list []arm.Object
	if err := props.Into(member, &list); err != nil {
		return nil, err
	}
	var out []id.Object
	for _, o := range list {
		if err := o.Exact("id", "type"); err != nil {
			return nil, err
		}
		text, err := o.Text("id")
		if err != nil {
			return nil, err
		}
		object, err := id.ParseObject(strings.TrimSpace(text))
		if err != nil {
			return nil, rbac.ErrDenyInvalid.With("The member '%s' must hold objects with an 'id' that is a GUID.", member)
		}
		out = append(out, object)
	}
	return out, nil
}

// deleteDeny removes a deny assignment and answers with it; 204 if there was none.
func (p *authorizationProvider) deleteDeny(ctx context.Context, r *arm.Request) (arm.Response, error) {
	name, err := rbac.ParseAssignmentID(r.Var("name"))
	if err != nil {
		return arm.Response{}, err
	}
	d, err := p.RBAC.DeleteDeny(ctx, r.Target, name)
	if errors.Is(err, rbac.ErrDenyNotFound) {
		return arm.NoContent()
	}
	if err != nil {
		return arm.Response{}, err
	}
	return p.answerDeny(ctx, r, http.StatusOK, d)
}
