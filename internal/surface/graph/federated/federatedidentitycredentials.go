// Package federated serves Graph's federatedIdentityCredentials: the outside issuers that an
// application trusts to prove it (DT-2.5, DT-7.5), and whether its assertions work once.
//
// Those of a user-assigned identity are read here and written through Resource Manager. Beside
// the public properties there is keySet, the key set of an issuer that publishes none; it is
// shown where $select names it. claimsMatchingExpression is taken by v1.0 as by beta.
package federated

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/surface/graph/model"
	"github.com/sealring/sealring/internal/trust"
)

// set is the name of the collection in $metadata.
const set = "federatedIdentityCredentials"

// area holds what the handlers work on.
type area struct{ *model.Domain }

// Routes are the operations of this area.
func Routes(d *model.Domain) []api.Route {
	a := &area{d}
	const all, one = "applications/{id}/" + set, "applications/{id}/" + set + "/{credential}"
	read, write := api.ReadApplications, api.WriteApplication
	return []api.Route{
		{Method: "GET", Path: all, Any: read, Serve: a.list},
		{Method: "POST", Path: all, Any: write, Owner: "id", Serve: a.create},
		{Method: "GET", Path: one, Any: read, Serve: a.get},
		{Method: "PATCH", Path: one, Any: write, Owner: "id", Serve: a.patch},
		{Method: "DELETE", Path: one, Any: write, Owner: "id", Serve: a.delete},
		{Method: "GET", Path: "servicePrincipals/{id}/" + set, Any: read, Serve: a.listOfPrincipal},
		{Method: "GET", Path: "applications/{id}/requireSingleUseAssertions", Any: read, Serve: a.singleUse},
		{Method: "POST", Path: "applications/{id}/requireSingleUseAssertions", Any: write, Owner: "id", Serve: a.setSingleUse},
	}
}

// application finds the application that a path names, by object id or (appId='…').
// Errors: api.ErrNotFound, api.ErrRequest.
func (a *area) application(r *api.Request) (id.App, error) {
	text, byApp, err := r.Key("id")
	if err != nil {
		return "", err
	}
	object, err := id.ParseObject(text)
	if err != nil {
		return "", api.NotFound(text)
	}
	if byApp {
		found, err := a.Directory.Application(r.Context(), r.Tenant(), id.App(object))
		return found.App, translate(err, text)
	}
	reg, err := a.Directory.Registration(r.Context(), r.Tenant(), object)
	if err != nil {
		return "", translate(err, text)
	}
	return reg.App, nil
}

// translate says a failure of the directory as Graph does; name is what was not found
// (DT-9, row 8).
func translate(err error, name string) error {
	for _, t := range []struct{ err, as error }{
		{directory.ErrApplicationNotFound, api.NotFound(name)}, {directory.ErrServicePrincipalNotFound, api.NotFound(name)},
		{trust.ErrFederatedNotFound, api.NotFound(name)},
		{trust.ErrFederatedExists, api.ErrConflict.With("%s", fault.Message(err))},
		{trust.ErrFederatedPair, api.ErrConflict.With("%s", fault.Message(err))},
		{trust.ErrFederatedLimit, api.ErrQuota.With("%s", fault.Message(err))},
		{trust.ErrFederatedInvalid, api.ErrRequest.With("%s", fault.Message(err))},
	} {
		if errors.Is(err, t.err) {
			return t.as
		}
	}
	return err
}

// name is the credential that a path names: its name, its id, or (name='…').
func name(r *api.Request) string {
	key := r.Params["credential"]
	if property, value, alternate := strings.Cut(key, "="); alternate && strings.EqualFold(strings.TrimSpace(property), "name") {
		key = value
	}
	return strings.Trim(strings.TrimSpace(key), "'")
}

// write answers the collection of an owner.
func (a *area) write(w http.ResponseWriter, r *api.Request, app id.App) error {
	list, err := a.Trust.FederatedCredentials(r.Context(), r.Tenant(), app)
	if err != nil {
		return err
	}
	list = slices.SortedFunc(slices.Values(list), func(x, y trust.FederatedCredential) int { return strings.Compare(string(x.ID), string(y.ID)) })
	return api.WriteCollection(w, r, api.Collection{Set: set, Types: []*edm.Type{model.FederatedCredentialType}, Source: edm.Slice[trust.FederatedCredential]{
		List: list, ID: func(c trust.FederatedCredential) string { return string(c.ID) },
		Entity: func(c trust.FederatedCredential) (edm.Entity, bool) { return model.FederatedCredential(c), true },
	}})
}

// list serves GET /applications/{id}/federatedIdentityCredentials.
func (a *area) list(w http.ResponseWriter, r *api.Request) error {
	app, err := a.application(r)
	if err != nil {
		return err
	}
	return a.write(w, r, app)
}

// listOfPrincipal serves GET /servicePrincipals/{id}/federatedIdentityCredentials.
func (a *area) listOfPrincipal(w http.ResponseWriter, r *api.Request) error {
	text, byApp, err := r.Key("id")
	if err != nil {
		return err
	}
	object, err := id.ParseObject(text)
	if err != nil {
		return api.NotFound(text)
	}
	if byApp {
		sp, err := a.Directory.ServicePrincipalByApp(r.Context(), r.Tenant(), id.App(object))
		if err != nil {
			return translate(err, text)
		}
		return a.write(w, r, sp.App)
	}
	sp, err := a.Directory.ServicePrincipal(r.Context(), r.Tenant(), object)
	if err != nil {
		return translate(err, text)
	}
	return a.write(w, r, sp.App)
}

// get serves GET /applications/{id}/federatedIdentityCredentials/{id or name}.
func (a *area) get(w http.ResponseWriter, r *api.Request) error {
	app, err := a.application(r)
	if err != nil {
		return err
	}
	c, err := a.Trust.FederatedCredential(r.Context(), r.Tenant(), app, name(r))
	if err != nil {
		return translate(err, name(r))
	}
	return api.WriteEntity(w, r, http.StatusOK, set, model.FederatedCredential(c), nil)
}

// create serves POST /applications/{id}/federatedIdentityCredentials.
func (a *area) create(w http.ResponseWriter, r *api.Request) error {
	body, err := r.Body()
	if err != nil {
		return err
	}
	called, err := edm.Text("name", orNull(body.Take("name")))
	if err != nil {
		return err
	}
	return a.put(w, r, called, trust.MustNot, body)
}

// patch serves PATCH /applications/{id}/federatedIdentityCredentials/{id or name}. With
// "Prefer: create-if-missing" one that is missing is made.
func (a *area) patch(w http.ResponseWriter, r *api.Request) error {
	body, err := r.Body()
	if err != nil {
		return err
	}
	expect := trust.MustHave
	if strings.Contains(strings.ToLower(r.Header.Get("Prefer")), "create-if-missing") {
		expect = trust.Either
	}
	return a.put(w, r, name(r), expect, body)
}

// orNull is a member of a body, JSON null where it is missing.
func orNull(v json.RawMessage) json.RawMessage {
	if v == nil {
		return json.RawMessage("null")
	}
	return v
}

// put writes a credential: 201 with it where it is new, else 204.
func (a *area) put(w http.ResponseWriter, r *api.Request, called string, expect trust.Existence, body edm.Body) error {
	app, err := a.application(r)
	if err != nil {
		return err
	}
	if err := a.Guard(r, app); err != nil {
		return err
	}
	sent := body.Take("name")
	c, created, err := a.Trust.PutFederatedCredential(r.Context(), trust.FederatedWrite{
		Tenant: r.Tenant(), App: app, Name: called, Expect: expect,
		Edit: func(c *trust.FederatedCredential) error {
			if sent != nil && c.Name != "" {
				if again, err := edm.Text("name", sent); err != nil || again != c.Name {
					return api.ErrRequest.With("The name of a federated identity credential cannot be changed.")
				}
			}
			return body.Apply(model.FederatedCredentialType, c)
		},
	})
	if err != nil {
		return translate(err, called)
	}
	if warning := c.Warning(); warning != "" {
		w.Header().Set("Warning", `299 sealring "`+warning+`"`)
	}
	if !created {
		return api.NoContent(w)
	}
	return api.WriteEntity(w, r, http.StatusCreated, set, model.FederatedCredential(c), nil)
}

// delete serves DELETE /applications/{id}/federatedIdentityCredentials/{id or name}.
func (a *area) delete(w http.ResponseWriter, r *api.Request) error {
	app, err := a.application(r)
	if err != nil {
		return err
	}
	if err := a.Guard(r, app); err != nil {
		return err
	}
	if err := a.Trust.RemoveFederatedCredential(r.Context(), r.Tenant(), app, name(r)); err != nil {
		return translate(err, name(r))
	}
	return api.NoContent(w)
}

// singleUseBody says whether each client assertion of an application works once.
type singleUseBody struct {
	Required *bool `json:"required"`
}

// singleUse serves GET /applications/{id}/requireSingleUseAssertions.
func (a *area) singleUse(w http.ResponseWriter, r *api.Request) error {
	app, err := a.application(r)
	if err != nil {
		return err
	}
	on, err := a.Trust.SingleUseAssertions(r.Context(), app)
	if err != nil {
		return err
	}
	return httpd.WriteJSON(w, http.StatusOK, singleUseBody{&on})
}

// setSingleUse serves POST /applications/{id}/requireSingleUseAssertions (S-36).
func (a *area) setSingleUse(w http.ResponseWriter, r *api.Request) error {
	app, err := a.application(r)
	if err != nil {
		return err
	}
	if err := a.Guard(r, app); err != nil {
		return err
	}
	var body singleUseBody
	if err := r.Into(&body); err != nil {
		return err
	}
	if body.Required == nil {
		return api.ErrRequest.With("The member 'required' must be true or false.")
	}
	if err := a.Trust.SetSingleUseAssertions(r.Context(), r.Tenant(), app, *body.Required); err != nil {
		return translate(err, string(app))
	}
	return api.NoContent(w)
}
