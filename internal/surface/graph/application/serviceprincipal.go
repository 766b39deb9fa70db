package application

import (
	"errors"
	"net/http"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/surface/graph/model"
)

// principalRoutes are the operations on service principals.
func (a *area) principalRoutes() []api.Route {
	read, write := api.ReadApplications, api.WriteApplication
	assign := []api.Permission{api.AppRoleAssign}
	create := []api.Permission{api.ApplicationWrite, api.ApplicationOwned, api.OwnApplications}
	return []api.Route{
		{Method: "GET", Path: "servicePrincipals", Any: read, Serve: a.listPrincipals},
		{Method: "GET", Path: "servicePrincipals/$count", Any: read, Serve: a.listPrincipals},
		{Method: "POST", Path: "servicePrincipals", Any: create, Serve: a.createPrincipal},
		{Method: "GET", Path: "servicePrincipals/{id}", Any: read, Serve: a.getPrincipal},
		{Method: "PATCH", Path: "servicePrincipals/{id}", Any: write, Owner: "id", Serve: a.patchPrincipal},
		{Method: "DELETE", Path: "servicePrincipals/{id}", Any: write, Owner: "id", Serve: a.deletePrincipal},
		{Method: "POST", Path: "servicePrincipals/{id}/addPassword", Any: write, Owner: "id", Serve: a.addPrincipalPassword},
		{Method: "POST", Path: "servicePrincipals/{id}/removePassword", Any: write, Owner: "id", Serve: a.removePrincipalPassword},
		{Method: "POST", Path: "servicePrincipals/{id}/removeKey", Any: write, Owner: "id", Serve: a.removePrincipalPassword},
		{Method: "GET", Path: "servicePrincipals/{id}/owners", Any: read, Serve: a.owners},
		{Method: "POST", Path: "servicePrincipals/{id}/owners/$ref", Any: write, Owner: "id", Serve: a.addOwner},
		{Method: "DELETE", Path: "servicePrincipals/{id}/owners/{owner}/$ref", Any: write, Owner: "id", Serve: a.removeOwner},
		{Method: "GET", Path: "servicePrincipals/{id}/ownedObjects", Any: read, Serve: a.owned},
		{Method: "GET", Path: "servicePrincipals/{id}/claimsMappingPolicies", Any: read, Serve: a.nothing},
		{Method: "GET", Path: "servicePrincipals/{id}/appRoleAssignments", Any: read, Serve: a.assignmentsOf},
		{Method: "GET", Path: "servicePrincipals/{id}/appRoleAssignments/$count", Any: read, Serve: a.assignmentsOf},
		{Method: "POST", Path: "servicePrincipals/{id}/appRoleAssignments", Any: assign, Serve: a.assign},
		{Method: "GET", Path: "servicePrincipals/{id}/appRoleAssignments/{assignment}", Any: read, Serve: a.assignment},
		{Method: "DELETE", Path: "servicePrincipals/{id}/appRoleAssignments/{assignment}", Any: assign, Serve: a.unassign},
		{Method: "GET", Path: "servicePrincipals/{id}/appRoleAssignedTo", Any: read, Serve: a.assignmentsOf},
		{Method: "GET", Path: "servicePrincipals/{id}/appRoleAssignedTo/$count", Any: read, Serve: a.assignmentsOf},
		{Method: "POST", Path: "servicePrincipals/{id}/appRoleAssignedTo", Any: assign, Serve: a.assign},
		{Method: "GET", Path: "servicePrincipals/{id}/appRoleAssignedTo/{assignment}", Any: read, Serve: a.assignment},
		{Method: "DELETE", Path: "servicePrincipals/{id}/appRoleAssignedTo/{assignment}", Any: assign, Serve: a.unassign},
		{Method: "GET", Path: "groups/{id}/appRoleAssignments", Any: read, Serve: a.assignmentsOf},
		{Method: "POST", Path: "groups/{id}/appRoleAssignments", Any: assign, Serve: a.assign},
		{Method: "GET", Path: "groups/{id}/appRoleAssignments/{assignment}", Any: read, Serve: a.assignment},
		{Method: "DELETE", Path: "groups/{id}/appRoleAssignments/{assignment}", Any: assign, Serve: a.unassign},
		{Method: "GET", Path: "users/{id}/appRoleAssignments", Any: read, Serve: a.assignmentsOf},
		{Method: "POST", Path: "users/{id}/appRoleAssignments", Any: assign, Serve: a.assign},
		{Method: "GET", Path: "users/{id}/appRoleAssignments/{assignment}", Any: read, Serve: a.assignment},
		{Method: "DELETE", Path: "users/{id}/appRoleAssignments/{assignment}", Any: assign, Serve: a.unassign},
		{Method: "GET", Path: "servicePrincipals/{id}/oauth2PermissionGrants", Any: read, Serve: a.listGrants},
		{Method: "GET", Path: "oauth2PermissionGrants", Any: append([]api.Permission{api.DelegatedPermissionGrants}, api.ReadDirectory...), Serve: a.listGrants},
		{Method: "POST", Path: "oauth2PermissionGrants", Any: []api.Permission{api.DelegatedPermissionGrants}, Serve: a.createGrant},
		{Method: "GET", Path: "oauth2PermissionGrants/{grant}", Any: append([]api.Permission{api.DelegatedPermissionGrants}, api.ReadDirectory...), Serve: a.getGrant},
		{Method: "PATCH", Path: "oauth2PermissionGrants/{grant}", Any: []api.Permission{api.DelegatedPermissionGrants}, Serve: a.patchGrant},
		{Method: "DELETE", Path: "oauth2PermissionGrants/{grant}", Any: []api.Permission{api.DelegatedPermissionGrants}, Serve: a.deleteGrant},
	}
}

// principalOf finds the service principal that a path names: by object id or (appId='…').
// Errors: api.ErrNotFound, api.ErrRequest.
func (a *area) principalOf(r *api.Request) (directory.ServicePrincipal, error) {
	text, byApp, err := r.Key("id")
	if err != nil {
		return directory.ServicePrincipal{}, err
	}
	object, err := id.ParseObject(text)
	if err != nil {
		return directory.ServicePrincipal{}, api.NotFound(text)
	}
	var sp directory.ServicePrincipal
	if byApp {
		sp, err = a.Directory.ServicePrincipalByApp(r.Context(), r.Tenant(), id.App(object))
	} else {
		sp, err = a.Directory.ServicePrincipal(r.Context(), r.Tenant(), object)
	}
	return sp, notFound(err, text)
}

// listPrincipals serves GET /servicePrincipals.
func (a *area) listPrincipals(w http.ResponseWriter, r *api.Request) error {
	all, err := a.Directory.AllServicePrincipals(r.Context(), r.Tenant())
	if err != nil {
		return err
	}
	return api.WriteCollection(w, r, api.Collection{
		Set: "servicePrincipals", Types: []*edm.Type{model.ServicePrincipalType}, Expand: a.expand(r), Find: a.findPrincipal(r),
		Source: edm.Slice[*directory.ServicePrincipal]{
			List: all, ID: func(sp *directory.ServicePrincipal) string { return string(sp.ID) },
			Entity: func(sp *directory.ServicePrincipal) (edm.Entity, bool) {
				e, err := a.ServicePrincipal(r.Context(), *sp)
				return e, err == nil
			},
		},
	})
}

// getPrincipal serves GET /servicePrincipals/{id}.
func (a *area) getPrincipal(w http.ResponseWriter, r *api.Request) error {
	sp, err := a.principalOf(r)
	if err != nil {
		return err
	}
	e, err := a.ServicePrincipal(r.Context(), sp)
	if err != nil {
		return err
	}
	return api.WriteEntity(w, r, http.StatusOK, "servicePrincipals", e, a.expand(r))
}

// changePrincipal makes of a body what registration wants to know.
func changePrincipal(body edm.Body) func(*directory.ServicePrincipal) error {
	return func(sp *directory.ServicePrincipal) error {
		o := model.NewServicePrincipalObject(*sp)
		if err := body.Apply(model.ServicePrincipalType, o); err != nil {
			return err
		}
		if err := o.Keep(); err != nil {
			return err
		}
		*sp = o.ServicePrincipal
		return nil
	}
}

// createPrincipal serves POST /servicePrincipals: for an application of this tenant that the
// caller owns, or any with Application.ReadWrite.All.
func (a *area) createPrincipal(w http.ResponseWriter, r *api.Request) error {
	body, err := r.Body()
	if err != nil {
		return err
	}
	text, err := edm.Text("appId", body.Take("appId"))
	if err != nil {
		return err
	}
	owners, err := ownersOf(r, body, api.ApplicationWrite)
	if err != nil {
		return err
	}
	app, err := id.ParseApp(text)
	if err != nil {
		return invalidReference(text)
	}
	found, err := a.Directory.Application(r.Context(), r.Tenant(), app)
	elsewhere := errors.Is(err, directory.ErrApplicationNotFound) // of another tenant, or of none
	if err != nil && !elsewhere {
		return err
	}
	if !r.Caller.May(api.ApplicationWrite) {
		if elsewhere {
			return invalidReference(text)
		}
		if owns, err := a.Relations.Owns(r.Context(), r.Tenant(), r.Caller.Object, found.ID); err != nil || !owns {
			return errors.Join(err, api.ErrDenied)
		}
	}
	sp, err := a.Registrations.CreateServicePrincipal(r.Context(), r.Tenant(), app, changePrincipal(body), owners)
	if errors.Is(err, directory.ErrApplicationNotFound) {
		return invalidReference(text)
	}
	if errors.Is(err, registration.ErrTaken) {
		return api.ErrConflict.With("The service principal cannot be created, updated, or restored because the service principal name %s is already in use.", app)
	}
	if err != nil {
		return err
	}
	e, err := a.ServicePrincipal(r.Context(), sp)
	if err != nil {
		return err
	}
	return api.WriteEntity(w, r, http.StatusCreated, "servicePrincipals", e, nil)
}

// invalidReference is the text that tools retry on (DT-6.3).
func invalidReference(app string) error {
	return api.ErrRequest.With("The appId '%s' of the service principal does not reference a valid application object.", api.Clipped(app))
}

// patchPrincipal serves PATCH /servicePrincipals/{id}.
func (a *area) patchPrincipal(w http.ResponseWriter, r *api.Request) error {
	sp, err := a.principalOf(r)
	if err != nil {
		return err
	}
	body, err := r.Body()
	if err != nil {
		return err
	}
	body.Take("appId") // says itself; it does not change
	if err := api.Guard(r, a.Relations, sp.ID); err != nil {
		return err
	}
	if err := a.Registrations.UpdateServicePrincipal(r.Context(), r.Tenant(), sp.ID, changePrincipal(body)); err != nil {
		return err
	}
	return api.NoContent(w)
}

// deletePrincipal serves DELETE /servicePrincipals/{id}.
func (a *area) deletePrincipal(w http.ResponseWriter, r *api.Request) error {
	sp, err := a.principalOf(r)
	if err != nil {
		return err
	}
	if directory.Builtin(sp.App) {
		return registration.ErrManaged.With("The service principal of a built-in resource cannot be deleted.")
	}
	if err := api.Guard(r, a.Relations, sp.ID); err != nil {
		return err
	}
	if err := a.Registrations.DeleteServicePrincipal(r.Context(), r.Tenant(), sp.ID); err != nil {
		return err
	}
	return api.NoContent(w)
}

// owned serves GET /servicePrincipals/{id}/ownedObjects.
func (a *area) owned(w http.ResponseWriter, r *api.Request) error {
	sp, err := a.principalOf(r)
	if err != nil {
		return err
	}
	ids, err := a.Relations.Owned(r.Context(), r.Tenant(), sp.ID)
	if err != nil {
		return err
	}
	return api.WriteCollection(w, r, api.Collection{Set: "directoryObjects", Types: model.Principals, Source: a.Lazily(r.Context(), r.Tenant(), ids, nil)})
}

// findPrincipal looks for a service principal by id or appId.
func (a *area) findPrincipal(r *api.Request) func(property, value string) (edm.Entity, bool, bool) {
	return func(property, value string) (e edm.Entity, found, known bool) {
		var sp directory.ServicePrincipal
		object, err := id.ParseObject(value)
		switch {
		case property != "id" && property != "appid":
			return e, false, false
		case err != nil:
			return e, false, true
		case property == "id":
			sp, err = a.Directory.ServicePrincipal(r.Context(), r.Tenant(), object)
		default:
			sp, err = a.Directory.ServicePrincipalByApp(r.Context(), r.Tenant(), id.App(object))
		}
		if err == nil {
			e, err = a.ServicePrincipal(r.Context(), sp)
		}
		return e, err == nil, err == nil || errors.Is(err, directory.ErrServicePrincipalNotFound)
	}
}
