package application

import (
	"net/http"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/model"
)

// subject is the object id that a path names, of an application or a service principal.
func (a *area) subject(r *api.Request) (id.Object, error) {
	if r.Is("applications") {
		reg, err := a.registrationOf(r)
		if err != nil {
			return "", err
		}
		return reg.ID, a.Guard(r, reg.App)
	}
	sp, err := a.principalOf(r)
	if err != nil {
		return "", err
	}
	return sp.ID, api.Guard(r, a.Relations, sp.ID)
}

// owners serves GET …/{id}/owners.
func (a *area) owners(w http.ResponseWriter, r *api.Request) error {
	var object id.Object
	if r.Is("applications") {
		reg, err := a.registrationOf(r)
		if err != nil {
			return err
		}
		object = reg.ID
	} else {
		sp, err := a.principalOf(r)
		if err != nil {
			return err
		}
		object = sp.ID
	}
	ids, err := a.Relations.Owners(r.Context(), r.Tenant(), object)
	if err != nil {
		return err
	}
	return api.WriteCollection(w, r, api.Collection{Set: "directoryObjects", Types: model.Principals, Source: a.Lazily(r.Context(), r.Tenant(), ids, nil)})
}

// addOwner serves POST …/{id}/owners/$ref.
func (a *area) addOwner(w http.ResponseWriter, r *api.Request) error {
	object, err := a.subject(r)
	if err != nil {
		return err
	}
	owner, err := r.Reference()
	if err != nil {
		return err
	}
	if err := api.Exists(a.Relations.AddOwner(r.Context(), r.Tenant(), object, owner), "owners"); err != nil {
		return err
	}
	return api.NoContent(w)
}

// removeOwner serves DELETE …/{id}/owners/{owner}/$ref.
func (a *area) removeOwner(w http.ResponseWriter, r *api.Request) error {
	object, err := a.subject(r)
	if err != nil {
		return err
	}
	owner, err := r.Object("owner")
	if err != nil {
		return err
	}
	if err := api.Gone(a.Relations.RemoveOwner(r.Context(), r.Tenant(), object, owner), r.Params["owner"]); err != nil {
		return err
	}
	return api.NoContent(w)
}
