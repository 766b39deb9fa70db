package authorization

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// wireDefinition is a role in answers (CP §5.2).
type wireDefinition struct {
	ID         string               `json:"id"`
	Name       string               `json:"name"`
	Type       string               `json:"type"`
	Properties definitionProperties `json:"properties"`
}

// definitionProperties are its properties.
type definitionProperties struct {
	RoleName         string           `json:"roleName"`
	Type             string           `json:"type"`
	Description      string           `json:"description"`
	AssignableScopes []string         `json:"assignableScopes"`
	Permissions      []wirePermission `json:"permissions"`
	CreatedOn        string           `json:"createdOn,omitempty"`
	UpdatedOn        string           `json:"updatedOn,omitempty"`
	CreatedBy        *string          `json:"createdBy"`
	UpdatedBy        *string          `json:"updatedBy"`
}

// wirePermission is one block of a role.
type wirePermission struct {
	Actions          []string `json:"actions"`
	NotActions       []string `json:"notActions"`
	DataActions      []string `json:"dataActions"`
	NotDataActions   []string `json:"notDataActions"`
	Condition        *string  `json:"condition"`
	ConditionVersion *string  `json:"conditionVersion"`
}

// newPermission shapes a block.
func newPermission(p rbac.Permission) wirePermission {
	list := func(in []string) []string { return append([]string{}, in...) }
	return wirePermission{list(p.Actions), list(p.NotActions), list(p.DataActions), list(p.NotDataActions), orNull(p.Condition), orNull(p.ConditionVersion)}
}

// newDefinition shapes a role as seen from a scope.
func newDefinition(d *rbac.Definition, scope resource.ID) wireDefinition {
	w := wireDefinition{ID: d.WireID(scope), Name: string(d.ID), Type: "Microsoft.Authorization/roleDefinitions",
		Properties: definitionProperties{RoleName: d.Name, Type: string(d.Type), Description: d.Description, AssignableScopes: []string{},
			Permissions: []wirePermission{}, CreatedOn: arm.Time(d.Created), UpdatedOn: arm.Time(d.Updated),
			CreatedBy: orNull(string(d.CreatedBy)), UpdatedBy: orNull(string(d.UpdatedBy))}}
	for _, at := range d.AssignableScopes {
		w.Properties.AssignableScopes = append(w.Properties.AssignableScopes, at.String())
	}
	for _, p := range d.Permissions {
		w.Properties.Permissions = append(w.Properties.Permissions, newPermission(p))
	}
	return w
}

// listDefinitions answers with the roles that can be assigned at the scope.
func (p *authorizationProvider) listDefinitions(ctx context.Context, r *arm.Request) (arm.Response, error) {
	q, err := definitionQuery(r)
	if err != nil {
		return arm.Response{}, err
	}
	all, err := p.RBAC.ListDefinitions(ctx, q)
	if err != nil {
		return arm.Response{}, err
	}
	fetch := arm.Slice(all, func(d *rbac.Definition) string { return string(d.ID) })
	return arm.Page(ctx, r, fetch, func(_ context.Context, d *rbac.Definition) (any, error) { return newDefinition(d, r.Target), nil })
}

// definitionQuery reads the $filter of a list. Errors: arm.ErrFilter, arm.ErrQuery.
func definitionQuery(r *arm.Request) (rbac.DefinitionQuery, error) {
	q := rbac.DefinitionQuery{Scope: r.Target, Tenant: r.Tenant()}
	filter, err := arm.ParseFilter(r.Query("$filter"))
	if err != nil {
		return q, err
	}
	if len(filter) > 1 {
		return q, arm.ErrFilter.With("The filter may join its terms by 'and' only.")
	}
	for _, all := range filter {
		for _, t := range all {
			switch {
			case t.Op == "atscopeandbelow":
				q.Below = true
			case t.Op == "atscope":
			case t.Op == "eq" && t.Field == "rolename":
				q.Name = t.Value
			case t.Op == "eq" && t.Field == "type" && strings.EqualFold(t.Value, string(rbac.BuiltIn)):
				q.Type = rbac.BuiltIn
			case t.Op == "eq" && t.Field == "type" && strings.EqualFold(t.Value, string(rbac.Custom)):
				q.Type = rbac.Custom
			default:
				return q, arm.ErrFilter.With("The filter '%.128s' is not supported. Supported are roleName eq '…', type eq 'BuiltInRole' or 'CustomRole', and atScopeAndBelow(), joined by 'and'.", r.Query("$filter"))
			}
		}
	}
	return q, nil
}

// getDefinition answers with one role; any scope will do.
func (p *authorizationProvider) getDefinition(ctx context.Context, r *arm.Request) (arm.Response, error) {
	role, err := rbac.ParseRoleID(r.Var("name"))
	if err != nil {
		return arm.Response{}, err
	}
	d, err := p.RBAC.GetDefinition(ctx, role)
	if err != nil {
		return arm.Response{}, err
	}
	if d.Tenant != "" && d.Tenant != r.Tenant() {
		return arm.Response{}, rbac.ErrDefinitionNotFound
	}
	return arm.OK(newDefinition(d, r.Target))
}

// putDefinition creates or replaces a custom role; 201 in either case (CP §2.7). The caller
// needs the right on every scope at which the role can be assigned, and could be before (S-46).
func (p *authorizationProvider) putDefinition(ctx context.Context, r *arm.Request) (arm.Response, error) {
	n, err := readDefinition(r)
	if err != nil {
		return arm.Response{}, err
	}
	for _, scope := range n.AssignableScopes {
		if err := p.there(ctx, r, scope); err != nil {
			return arm.Response{}, err
		}
	}
	if err := p.allowedAt(ctx, r, n.AssignableScopes); err != nil {
		return arm.Response{}, err
	}
	old, err := p.RBAC.GetDefinition(ctx, n.ID)
	switch {
	case err == nil && old.Type == rbac.Custom:
		if err := p.allowedAt(ctx, r, old.AssignableScopes); err != nil {
			return arm.Response{}, err
		}
	case err != nil && !errors.Is(err, rbac.ErrDefinitionNotFound):
		return arm.Response{}, err
	}
	d, _, err := p.RBAC.PutDefinition(ctx, n)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.Created(newDefinition(d, r.Target))
}

// allowedAt refuses unless the caller may do the route's action at every one of scopes.
func (p *authorizationProvider) allowedAt(ctx context.Context, r *arm.Request, scopes []resource.ID) error {
	for _, scope := range scopes {
		allowed, err := r.Visible(ctx, scope)
		if err != nil {
			return err
		}
		if !allowed {
			return r.DenyAt(scope)
		}
	}
	return nil
}

// there refuses assignable scopes whose management group, subscription or group does not
// exist. Errors: rbac.ErrDefinitionInvalid.
func (p *authorizationProvider) there(ctx context.Context, r *arm.Request, scope resource.ID) error {
	exists, err := p.RBAC.Exists(ctx, r.Tenant(), scope)
	if group := scope.GroupScope(); err == nil && exists && !group.IsZero() {
		if _, err = p.Resources.Group(ctx, group); errors.Is(err, resource.ErrGroupNotFound) {
			exists, err = false, nil
		}
	}
	if err == nil && !exists {
		return rbac.ErrDefinitionInvalid.With("The assignable scope '%s' does not exist.", scope)
	}
	return err
}

// readDefinition reads the body of a PUT by the exact names of its members (S-63).
// Errors: arm.ErrContent, rbac.ErrDefinitionInvalid.
func readDefinition(r *arm.Request) (n rbac.NewDefinition, err error) {
	n.Tenant = r.Tenant()
	if n.ID, err = rbac.ParseRoleID(r.Var("name")); err != nil {
		return n, err
	}
	props, err := r.Properties()
	if err != nil {
		return n, err
	}
	if err := props.Exact("roleName", "description", "type", "permissions", "assignableScopes"); err != nil {
		return n, err
	}
	if n.Name, err = props.Text("roleName"); err != nil {
		return n, err
	}
	if n.Description, err = props.Text("description"); err != nil {
		return n, err
	}
	var scopes []string
	if err := props.Into("assignableScopes", &scopes); err != nil {
		return n, err
	}
	for _, s := range scopes {
		at, err := resource.ParseID(s)
		if err != nil {
			return n, rbac.ErrDefinitionInvalid.With("The assignable scope '%.128s' is not a valid scope.", s)
		}
		n.AssignableScopes = append(n.AssignableScopes, at)
	}
	n.Permissions, err = readPermissions(props)
	return n, err
}

// readPermissions reads the blocks of a role or of a deny assignment.
func readPermissions(props arm.Object) (list []rbac.Permission, err error) {
	var blocks []arm.Object
	if err := props.Into("permissions", &blocks); err != nil {
		return nil, err
	}
	for _, b := range blocks {
		block, err := readPermission(b)
		if err != nil {
			return nil, err
		}
		list = append(list, block)
	}
	return list, nil
}

// readPermission reads one block of a role.
func readPermission(b arm.Object) (p rbac.Permission, err error) {
	if err := b.Exact("actions", "notActions", "dataActions", "notDataActions", "condition", "conditionVersion"); err != nil {
		return p, err
	}
	for _, m := range []struct {
		name string
		to   *[]string
	}{{"actions", &p.Actions}, {"notActions", &p.NotActions}, {"dataActions", &p.DataActions}, {"notDataActions", &p.NotDataActions}} {
		if err := b.Into(m.name, m.to); err != nil {
			return p, err
		}
	}
	if p.Condition, err = b.Text("condition"); err != nil {
		return p, err
	}
	p.ConditionVersion, err = b.Text("conditionVersion")
	return p, err
}

// deleteDefinition removes a custom role and answers with it; 204 if there was none.
func (p *authorizationProvider) deleteDefinition(ctx context.Context, r *arm.Request) (arm.Response, error) {
	role, err := rbac.ParseRoleID(r.Var("name"))
	if err != nil {
		return arm.Response{}, err
	}
	d, err := p.RBAC.GetDefinition(ctx, role)
	if errors.Is(err, rbac.ErrDefinitionNotFound) {
		return arm.NoContent()
	}
	if err != nil {
		return arm.Response{}, err
	}
	if d.Type == rbac.Custom {
		if err := p.allowedAt(ctx, r, d.AssignableScopes); err != nil {
			return arm.Response{}, err
		}
	}
	gone, err := p.RBAC.DeleteDefinition(ctx, role)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK, Body: newDefinition(gone, r.Target)}, nil
}
