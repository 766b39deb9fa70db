package people

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/surface/graph/model"
)

// maxIDs is how many ids one getByIds may hold (DT-94).
const maxIDs = 1000

// objectRoutes are the operations on objects whatever their type, and on deleted ones.
func (a *area) objectRoutes() []api.Route {
	names := []api.Permission{api.DirectoryRead, api.DirectoryWrite, api.ApplicationRead, api.ApplicationWrite, api.UserRead, api.GroupRead}
	restore := []api.Permission{api.DirectoryWrite, api.ApplicationWrite, api.UserWrite, api.GroupWrite}
	return []api.Route{
		{Method: "POST", Path: "directoryObjects/getByIds", Any: names, Serve: a.getByIDs},
		{Method: "GET", Path: "directoryObjects/{id}", Any: api.ReadDirectory, Serve: a.getObject},
		{Method: "GET", Path: "directory/deletedItems/{type}", Any: names, Serve: a.listDeleted},
		{Method: "GET", Path: "directory/deletedItems/{type}/$count", Any: names, Serve: a.listDeleted},
		{Method: "DELETE", Path: "directory/deletedItems/{type}", Any: restore, Serve: a.purge},
		{Method: "POST", Path: "directory/deletedItems/{type}/restore", Any: restore, Serve: a.restore},
	}
}

// idsRequest is the body of getByIds. No types means all.
type idsRequest struct {
	IDs   []string `json:"ids"`
	Types []string `json:"types"`
}

// wants reports whether entities of a type are asked for.
func (b idsRequest) wants(t *edm.Type) bool {
	return len(b.Types) == 0 || slices.ContainsFunc(b.Types, func(n string) bool {
		return strings.EqualFold(n, t.Name) || strings.EqualFold(n, "directoryObject")
	})
}

// getByIDs serves POST /directoryObjects/getByIds: ids that are unknown, or of another
// tenant, are left out.
func (a *area) getByIDs(w http.ResponseWriter, r *api.Request) error {
	var body idsRequest
	if err := r.Into(&body); err != nil {
		return err
	}
	if len(body.IDs) == 0 || len(body.IDs) > maxIDs {
		return api.ErrRequest.With("The property ids must hold between 1 and %d ids.", maxIDs)
	}
	out := []edm.Entity{}
	for _, text := range body.IDs {
		object, err := id.ParseObject(text)
		if err != nil {
			return api.ErrRequest.With("Invalid object identifier '%s'.", api.Clipped(text))
		}
		e, err := a.Find(r.Context(), r.Tenant(), object)
		if errors.Is(err, model.ErrNoObject) || err == nil && !body.wants(e.Type) {
			continue
		}
		if err != nil {
			return err
		}
		out = append(out, e.Typed())
	}
	return api.WriteValue(w, r, "directoryObjects", out)
}

// getObject serves GET /directoryObjects/{id}.
func (a *area) getObject(w http.ResponseWriter, r *api.Request) error {
	object, err := r.Object("id")
	if err != nil {
		return err
	}
	e, err := a.Find(r.Context(), r.Tenant(), object)
	if err != nil {
		return notFound(err, r.Params["id"])
	}
	return api.WriteEntity(w, r, http.StatusOK, "directoryObjects", e.Typed(), nil)
}

// deleted is the entity of a deleted object, with the time of its deletion.
func deleted(d *registration.Deleted) edm.Entity {
	switch {
	case d.Application != nil:
		e := model.Application(directory.Registration{Application: *d.Application})
		e.Object.(*model.ApplicationObject).Deleted = d.At
		return e
	case d.ServicePrincipal != nil:
		o := model.NewServicePrincipalObject(*d.ServicePrincipal)
		o.Deleted = d.At
		return edm.Entity{ID: string(d.ID), Type: model.ServicePrincipalType, Object: o}
	case d.User != nil:
		e := model.User(*d.User)
		e.Object.(*model.UserObject).Deleted = d.At
		return e
	}
	e := model.Group(*d.Group)
	e.Object.(*model.GroupObject).Deleted = d.At
	return e
}

// listDeleted serves GET /directory/deletedItems/microsoft.graph.{type}, and one object by id.
func (a *area) listDeleted(w http.ResponseWriter, r *api.Request) error {
	all, err := a.Registrations.Deleted(r.Context(), r.Tenant())
	if err != nil {
		return err
	}
	if object, err := id.ParseObject(r.Params["type"]); err == nil {
		for _, d := range all {
			if d.ID == object {
				return api.WriteEntity(w, r, http.StatusOK, "directoryObjects", deleted(d).Typed(), nil)
			}
		}
		return api.NotFound(r.Params["type"])
	}
	only, err := typeOf(r)
	if err != nil {
		return err
	}
	var list []edm.Entity
	for _, d := range all {
		if e := deleted(d); e.Type == only {
			list = append(list, e)
		}
	}
	return api.WriteCollection(w, r, api.Collection{Set: only.Name + "s", Types: []*edm.Type{only}, Source: model.Entities(list)})
}

// pick finds the deleted object that a path names, if the caller may write such objects.
// Errors: api.ErrNotFound, api.ErrDenied.
func (a *area) pick(r *api.Request) (id.Object, error) {
	object, err := r.Object("type")
	if err != nil {
		return "", err
	}
	all, err := a.Registrations.Deleted(r.Context(), r.Tenant())
	if err != nil {
		return "", err
	}
	for _, d := range all {
		if d.ID != object {
			continue
		}
		need := api.ApplicationWrite
		switch {
		case d.User != nil:
			need = api.UserWrite
		case d.Group != nil:
			need = api.GroupWrite
		}
		if !r.Caller.May(need) {
			return "", api.ErrDenied
		}
		return object, a.guardDeleted(r, d, all)
	}
	return "", api.NotFound(r.Params["type"])
}

// guardDeleted is api.Guard for a deleted object; an application comes back with the service
// principals that it had, which hold its roles. all are the deleted objects of the tenant.
func (a *area) guardDeleted(r *api.Request, d *registration.Deleted, all []*registration.Deleted) error {
	if err := api.Guard(r, a.Relations, d.ID); err != nil || d.Application == nil {
		return err
	}
	for _, other := range all {
		if other.ServicePrincipal == nil || other.ServicePrincipal.App != d.Application.App {
			continue
		}
		if err := api.Guard(r, a.Relations, other.ID); err != nil {
			return err
		}
	}
	return nil
}

// purge serves DELETE /directory/deletedItems/{id}.
func (a *area) purge(w http.ResponseWriter, r *api.Request) error {
	object, err := a.pick(r)
	if err != nil {
		return err
	}
	if err := a.Registrations.Purge(r.Context(), r.Tenant(), object); err != nil {
		return err
	}
	return api.NoContent(w)
}

// restore serves POST /directory/deletedItems/{id}/restore (DT-88).
func (a *area) restore(w http.ResponseWriter, r *api.Request) error {
	object, err := a.pick(r)
	if err != nil {
		return err
	}
	if _, err := a.Registrations.Restore(r.Context(), r.Tenant(), object); err != nil {
		return err
	}
	e, err := a.Find(r.Context(), r.Tenant(), object)
	if err != nil {
		return notFound(err, r.Params["type"])
	}
	return api.WriteEntity(w, r, http.StatusOK, "directoryObjects", e.Typed(), nil)
}
