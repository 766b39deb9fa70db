// Package application serves Graph's applications and service principals: their properties,
// credentials, app roles, delegated permissions and what was deleted (DT-6.3, DT-6.4, DT-7.5).
package application

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/surface/graph/model"
)

// area holds what the handlers work on.
type area struct{ *model.Domain }

// Routes are the operations of this area.
func Routes(d *model.Domain) []api.Route {
	a := &area{d}
	read, write := api.ReadApplications, api.WriteApplication
	create := []api.Permission{api.ApplicationWrite, api.ApplicationOwned, api.OwnApplications}
	return append(a.principalRoutes(), []api.Route{
		{Method: "GET", Path: "applications", Any: read, Serve: a.list},
		{Method: "GET", Path: "applications/$count", Any: read, Serve: a.list},
		{Method: "POST", Path: "applications", Any: create, Serve: a.create},
		{Method: "GET", Path: "applications/{id}", Any: read, Serve: a.get},
		{Method: "PATCH", Path: "applications/{id}", Any: write, Owner: "id", Serve: a.patch},
		{Method: "DELETE", Path: "applications/{id}", Any: write, Owner: "id", Serve: a.delete},
		{Method: "POST", Path: "applications/{id}/addPassword", Any: write, Owner: "id", Serve: a.addPassword},
		{Method: "POST", Path: "applications/{id}/removePassword", Any: write, Owner: "id", Serve: a.removeCredential},
		{Method: "POST", Path: "applications/{id}/removeKey", Any: write, Owner: "id", Serve: a.removeCredential},
		{Method: "GET", Path: "applications/{id}/owners", Any: read, Serve: a.owners},
		{Method: "POST", Path: "applications/{id}/owners/$ref", Any: write, Owner: "id", Serve: a.addOwner},
		{Method: "DELETE", Path: "applications/{id}/owners/{owner}/$ref", Any: write, Owner: "id", Serve: a.removeOwner},
		{Method: "GET", Path: "applications/{id}/extensionProperties", Any: read, Serve: a.nothing},
		{Method: "GET", Path: "applications/{id}/tokenLifetimePolicies", Any: read, Serve: a.nothing},
	}...)
}

// registrationOf finds the application that a path names: by object id or (appId='…').
// Errors: api.ErrNotFound, api.ErrRequest.
func (a *area) registrationOf(r *api.Request) (*directory.Registration, error) {
	text, byApp, err := r.Key("id")
	if err != nil {
		return nil, err
	}
	object, err := id.ParseObject(text)
	if err != nil {
		return nil, api.NotFound(text)
	}
	if byApp {
		found, err := a.Directory.Application(r.Context(), r.Tenant(), id.App(object))
		if err != nil {
			return nil, notFound(err, text)
		}
		object = found.ID
	}
	reg, err := a.Directory.Registration(r.Context(), r.Tenant(), object)
	return reg, notFound(err, text)
}

// notFound says of a missing object what tools look for.
func notFound(err error, name string) error {
	for _, missing := range []error{directory.ErrApplicationNotFound, directory.ErrServicePrincipalNotFound, model.ErrNoObject} {
		if errors.Is(err, missing) {
			return api.NotFound(name)
		}
	}
	return err
}

// list serves GET /applications.
func (a *area) list(w http.ResponseWriter, r *api.Request) error {
	all, err := a.Directory.Registrations(r.Context(), r.Tenant())
	if err != nil {
		return err
	}
	return api.WriteCollection(w, r, api.Collection{
		Set: "applications", Types: []*edm.Type{model.ApplicationType}, Expand: a.expand(r), Find: a.findApplication(r),
		Source: edm.Slice[*directory.Registration]{
			List: all, ID: func(o *directory.Registration) string { return string(o.ID) },
			Entity: func(o *directory.Registration) (edm.Entity, bool) { return model.Application(*o), true },
		},
	})
}

// findApplication looks for an application by appId.
func (a *area) findApplication(r *api.Request) func(property, value string) (edm.Entity, bool, bool) {
	return func(property, value string) (e edm.Entity, found, known bool) {
		if property != "appid" {
			return e, false, false
		}
		app, err := id.ParseApp(value)
		if err != nil {
			return e, false, true
		}
		var reg *directory.Registration
		one, err := a.Directory.Application(r.Context(), r.Tenant(), app)
		if err == nil {
			reg, err = a.Directory.Registration(r.Context(), r.Tenant(), one.ID)
		}
		if err != nil {
			return e, false, errors.Is(err, directory.ErrApplicationNotFound)
		}
		return model.Application(*reg), true, true
	}
}

// expand reads owners, the navigation property that applications and service principals share.
func (a *area) expand(r *api.Request) func(edm.Entity, string) ([]edm.Entity, bool, error) {
	return func(e edm.Entity, navigation string) ([]edm.Entity, bool, error) {
		var ids []id.Object
		var err error
		switch strings.ToLower(navigation) {
		case "owners":
			ids, err = a.Relations.Owners(r.Context(), r.Tenant(), id.Object(e.ID))
		case "memberof":
			ids, err = a.Relations.DirectMemberships(r.Context(), r.Tenant(), id.Object(e.ID))
		case "federatedidentitycredentials":
			return a.expandFederated(r, e)
		case "approleassignments":
			list, err := a.Relations.AppRoleAssignmentsOf(r.Context(), r.Tenant(), id.Object(e.ID))
			var out []edm.Entity
			for _, one := range list {
				if x, ok := a.Assignment(r.Context(), *one); ok {
					out = append(out, x)
				}
			}
			return out, true, err
		default:
			return nil, false, nil
		}
		if err != nil {
			return nil, true, err
		}
		list, err := a.Objects(r.Context(), r.Tenant(), ids)
		for i := range list {
			list[i] = list[i].Typed()
		}
		return list, true, err
	}
}

// expandFederated reads the federated credentials of an application or service principal.
func (a *area) expandFederated(r *api.Request, e edm.Entity) ([]edm.Entity, bool, error) {
	var app id.App
	switch o := e.Object.(type) {
	case *model.ApplicationObject:
		app = o.App
	case *model.ServicePrincipalObject:
		app = o.App
	}
	list, err := a.Trust.FederatedCredentials(r.Context(), r.Tenant(), app)
	var out []edm.Entity
	for _, c := range list {
		out = append(out, model.FederatedCredential(c))
	}
	return out, true, err
}

// get serves GET /applications/{id}. The certificates themselves are shown where $select
// names keyCredentials (DT-6.3).
func (a *area) get(w http.ResponseWriter, r *api.Request) error {
	reg, err := a.registrationOf(r)
	if err != nil {
		return err
	}
	e := model.Application(*reg)
	if strings.Contains(strings.ToLower(r.URL.Query().Get("$select")), "keycredentials") {
		e.Object.(*model.ApplicationObject).ShowKeys = true
	}
	return api.WriteEntity(w, r, http.StatusOK, "applications", e, a.expand(r))
}

// change makes of a body what registration wants to know.
func change(body edm.Body) func(*directory.Application) (registration.Credentials, error) {
	return func(app *directory.Application) (registration.Credentials, error) {
		o := model.NewApplicationObject(directory.Registration{Application: *app})
		if err := body.Apply(model.ApplicationType, o); err != nil {
			return registration.Credentials{}, err
		}
		if err := o.Keep(); err != nil {
			return registration.Credentials{}, err
		}
		*app = o.Application
		var c registration.Credentials
		if o.KeysSet {
			c.Certificates = &o.Keys
		}
		if o.SecretsSet {
			c.KeepSecrets = &o.KeepSecrets
		}
		return c, nil
	}
}

// ownersOf are the owners of a new object: those that the body binds, and the caller, where
// owning it is what the caller may do (DT-7.7).
func ownersOf(r *api.Request, body edm.Body, every api.Permission) ([]id.Object, error) {
	owners, err := api.Bound(body, "owners@odata.bind")
	if err != nil {
		return nil, err
	}
	if r.Caller.Person || !r.Caller.May(every) {
		owners = append(owners, r.Caller.Object)
	}
	return owners, nil
}

// create serves POST /applications. Its service principal is a creation of its own.
func (a *area) create(w http.ResponseWriter, r *api.Request) error {
	body, err := r.Body()
	if err != nil {
		return err
	}
	owners, err := ownersOf(r, body, api.ApplicationWrite)
	if err != nil {
		return err
	}
	made, err := a.Registrations.CreateApplication(r.Context(), r.Tenant(), change(body), owners)
	if err != nil {
		return err
	}
	reg, err := a.Directory.Registration(r.Context(), r.Tenant(), made.ID)
	if err != nil {
		return err
	}
	return api.WriteEntity(w, r, http.StatusCreated, "applications", model.Application(*reg), nil)
}

// patch serves PATCH /applications/{id}. With (appId='…') and Prefer: create-if-missing
// nothing is created: applications get their client ids here.
func (a *area) patch(w http.ResponseWriter, r *api.Request) error {
	reg, err := a.registrationOf(r)
	if err != nil {
		return err
	}
	body, err := r.Body()
	if err != nil {
		return err
	}
	if err := a.Guard(r, reg.App); err != nil {
		return err
	}
	if err := a.Registrations.UpdateApplication(r.Context(), r.Tenant(), reg.App, change(body)); err != nil {
		return err
	}
	return api.NoContent(w)
}

// delete serves DELETE /applications/{id}.
func (a *area) delete(w http.ResponseWriter, r *api.Request) error {
	reg, err := a.registrationOf(r)
	if err != nil {
		return err
	}
	if err := a.Guard(r, reg.App); err != nil {
		return err
	}
	if err := a.Registrations.DeleteApplication(r.Context(), r.Tenant(), reg.App); err != nil {
		return err
	}
	return api.NoContent(w)
}

// nothing serves collections that are always empty here.
func (a *area) nothing(w http.ResponseWriter, r *api.Request) error {
	if _, err := r.Object("id"); err != nil {
		return err
	}
	return api.WriteCollection(w, r, api.Collection{Set: "directoryObjects", Types: model.Principals, Source: model.Entities(nil)})
}
