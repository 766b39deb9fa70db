package application

import (
	"errors"
	"net/http"
	"slices"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/surface/graph/model"
)

// end finds the object whose assignments a path names.
func (a *area) end(r *api.Request) (id.Object, error) {
	switch {
	case r.Is("servicePrincipals"):
		sp, err := a.principalOf(r)
		return sp.ID, err
	case r.Is("users"):
		e, err := a.UserByKey(r.Context(), r.Tenant(), r.Params["id"])
		return id.Object(e.ID), notFound(err, r.Params["id"])
	}
	object, err := r.Object("id")
	if err != nil {
		return "", err
	}
	_, err = a.Relations.Group(r.Context(), r.Tenant(), object)
	if errors.Is(err, relation.ErrGroupNotFound) {
		return "", api.NotFound(r.Params["id"])
	}
	return object, err
}

// ofPath reads the assignments of or at an object, as the path says.
func (a *area) ofPath(r *api.Request) ([]*relation.AppRoleAssignment, error) {
	object, err := a.end(r)
	if err != nil {
		return nil, err
	}
	if r.Names("appRoleAssignedTo") {
		return a.Relations.AppRoleAssignmentsAt(r.Context(), r.Tenant(), object)
	}
	return a.Relations.AppRoleAssignmentsOf(r.Context(), r.Tenant(), object)
}

// assignmentsOf serves GET …/appRoleAssignments and …/appRoleAssignedTo.
func (a *area) assignmentsOf(w http.ResponseWriter, r *api.Request) error {
	list, err := a.ofPath(r)
	if err != nil {
		return err
	}
	return api.WriteCollection(w, r, api.Collection{
		Set: "appRoleAssignments", Types: []*edm.Type{model.AssignmentType}, Source: a.Assignments(r.Context(), list),
	})
}

// assignment serves GET …/{assignment}.
func (a *area) assignment(w http.ResponseWriter, r *api.Request) error {
	one, err := a.pick(r)
	if err != nil {
		return err
	}
	e, ok := a.Assignment(r.Context(), *one)
	if !ok {
		return api.NotFound(r.Params["assignment"])
	}
	return api.WriteEntity(w, r, http.StatusOK, "appRoleAssignments", e, nil)
}

// pick finds the assignment that a path names. Errors: api.ErrNotFound.
func (a *area) pick(r *api.Request) (*relation.AppRoleAssignment, error) {
	list, err := a.ofPath(r)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(x *relation.AppRoleAssignment) bool { return x.ID == r.Params["assignment"] })
	if i < 0 {
		return nil, api.NotFound(r.Params["assignment"])
	}
	return list[i], nil
}

// assignmentRequest is the body of a new assignment.
type assignmentRequest struct {
	Type      string `json:"@odata.type"`
	Principal string `json:"principalId"`
	Resource  string `json:"resourceId"`
	Role      string `json:"appRoleId"`
}

// assign serves POST …/appRoleAssignments and …/appRoleAssignedTo (DT-99). Permissions of
// Graph itself are given by AppRoleAssignment.ReadWrite.All only, as this route demands.
func (a *area) assign(w http.ResponseWriter, r *api.Request) error {
	object, err := a.end(r)
	if err != nil {
		return err
	}
	var body assignmentRequest
	if err := r.Into(&body); err != nil {
		return err
	}
	principal, err1 := id.ParseObject(body.Principal)
	resource, err2 := id.ParseObject(body.Resource)
	role, err3 := id.ParseObject(body.Role)
	if errors.Join(err1, err2, err3) != nil {
		return api.ErrRequest.With("Not a valid reference update.")
	}
	if one := map[bool]id.Object{true: resource, false: principal}[r.Names("appRoleAssignedTo")]; one != object {
		return api.ErrRequest.With("Not a valid reference update: the body names another object than the path.")
	}
	made, err := a.Relations.AssignAppRole(r.Context(), relation.AppRoleAssignment{Tenant: r.Tenant(), Principal: principal, Resource: resource, Role: string(role)})
	switch {
	case errors.Is(err, relation.ErrRelationExists):
		return api.ErrRequest.With("Permission being assigned already exists on the object")
	case errors.Is(err, relation.ErrAppRoleUnknown), errors.Is(err, relation.ErrObjectNotFound):
		return api.ErrRequest.With("Not a valid reference update: %s.", err)
	case err != nil:
		return err
	}
	e, ok := a.Assignment(r.Context(), made)
	if !ok {
		return api.NotFound(made.ID)
	}
	return api.WriteEntity(w, r, http.StatusCreated, "appRoleAssignments", e, nil)
}

// unassign serves DELETE …/{assignment}.
func (a *area) unassign(w http.ResponseWriter, r *api.Request) error {
	one, err := a.pick(r)
	if err != nil {
		return err
	}
	if err := api.Gone(a.Relations.RemoveAppRole(r.Context(), r.Tenant(), one.ID), one.ID); err != nil {
		return err
	}
	return api.NoContent(w)
}

// listGrants serves GET /oauth2PermissionGrants, of all clients or of one.
func (a *area) listGrants(w http.ResponseWriter, r *api.Request) error {
	var client id.Object
	if r.Is("servicePrincipals") {
		sp, err := a.principalOf(r)
		if err != nil {
			return err
		}
		client = sp.ID
	}
	list, err := a.Relations.Grants(r.Context(), r.Tenant())
	if err != nil {
		return err
	}
	return api.WriteCollection(w, r, api.Collection{Set: "oauth2PermissionGrants", Types: []*edm.Type{model.GrantType}, Source: model.Grants(list, client)})
}

// grantRequest is the body of a grant; startTime and expiryTime are taken and mean nothing.
type grantRequest struct {
	Type      string  `json:"@odata.type"`
	Client    string  `json:"clientId"`
	Consent   string  `json:"consentType"`
	Principal *string `json:"principalId"`
	Resource  string  `json:"resourceId"`
	Scope     string  `json:"scope"`
	Start     *string `json:"startTime"`
	Expiry    *string `json:"expiryTime"`
}

// createGrant serves POST /oauth2PermissionGrants.
func (a *area) createGrant(w http.ResponseWriter, r *api.Request) error {
	var body grantRequest
	if err := r.Into(&body); err != nil {
		return err
	}
	g := relation.Grant{Tenant: r.Tenant(), Scope: body.Scope}
	var err1, err2, err3 error
	g.Client, err1 = id.ParseObject(body.Client)
	g.Resource, err2 = id.ParseObject(body.Resource)
	if body.Principal != nil {
		g.Principal, err3 = id.ParseObject(*body.Principal)
	}
	if errors.Join(err1, err2, err3) != nil || (body.Consent != "AllPrincipals" || g.Principal != "") && (body.Consent != "Principal" || g.Principal == "") {
		return api.ErrRequest.With("A grant needs clientId, resourceId and consentType: AllPrincipals without a principalId, or Principal with one.")
	}
	made, err := a.Relations.CreateGrant(r.Context(), g)
	switch {
	case errors.Is(err, relation.ErrRelationExists):
		return api.ErrConflict.With("Permission entry already exists.")
	case errors.Is(err, relation.ErrObjectNotFound):
		return api.ErrRequest.With("Not a valid reference update: %s.", err)
	case err != nil:
		return err
	}
	return api.WriteEntity(w, r, http.StatusCreated, "oauth2PermissionGrants", model.Grant(made), nil)
}

// findGrant finds the grant that a path names. Errors: api.ErrNotFound.
func (a *area) findGrant(r *api.Request) (*relation.Grant, error) {
	list, err := a.Relations.Grants(r.Context(), r.Tenant())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(g *relation.Grant) bool { return g.ID == r.Params["grant"] })
	if i < 0 {
		return nil, api.NotFound(r.Params["grant"])
	}
	return list[i], nil
}

// getGrant serves GET /oauth2PermissionGrants/{grant}.
func (a *area) getGrant(w http.ResponseWriter, r *api.Request) error {
	g, err := a.findGrant(r)
	if err != nil {
		return err
	}
	return api.WriteEntity(w, r, http.StatusOK, "oauth2PermissionGrants", model.Grant(*g), nil)
}

// patchGrant serves PATCH /oauth2PermissionGrants/{grant}: the scope.
func (a *area) patchGrant(w http.ResponseWriter, r *api.Request) error {
	g, err := a.findGrant(r)
	if err != nil {
		return err
	}
	body, err := r.Body()
	if err != nil {
		return err
	}
	scope, err := edm.TextOrNull("scope", body.Take("scope"))
	if err != nil {
		return err
	}
	if err := api.Gone(a.Relations.SetScope(r.Context(), r.Tenant(), g.ID, scope), g.ID); err != nil {
		return err
	}
	return api.NoContent(w)
}

// deleteGrant serves DELETE /oauth2PermissionGrants/{grant}.
func (a *area) deleteGrant(w http.ResponseWriter, r *api.Request) error {
	g, err := a.findGrant(r)
	if err != nil {
		return err
	}
	if err := api.Gone(a.Relations.DeleteGrant(r.Context(), r.Tenant(), g.ID), g.ID); err != nil {
		return err
	}
	return api.NoContent(w)
}
