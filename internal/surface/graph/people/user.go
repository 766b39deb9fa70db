package people

import (
	"net/http"
	"slices"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/surface/graph/model"
)

// userRoutes are the operations on users, and on the caller itself.
func (a *area) userRoutes() []api.Route {
	read, write := api.ReadUsers, api.WriteUsers
	self := []api.Permission{api.OwnProfile, api.UserRead, api.UserWrite, api.DirectoryRead, api.DirectoryWrite}
	return []api.Route{
		{Method: "GET", Path: "users", Any: read, Serve: a.listUsers},
		{Method: "GET", Path: "users/$count", Any: read, Serve: a.listUsers},
		{Method: "POST", Path: "users", Any: write, Serve: a.createUser},
		{Method: "GET", Path: "users/{id}", Any: read, Serve: a.getUser},
		{Method: "PATCH", Path: "users/{id}", Any: write, Serve: a.patchUser},
		{Method: "DELETE", Path: "users/{id}", Any: write, Serve: a.deleteUser},
		{Method: "GET", Path: "users/{id}/manager", Any: read, Serve: a.noManager},
		{Method: "GET", Path: "users/{id}/ownedObjects", Any: read, Serve: a.ownedObjects},
		{Method: "POST", Path: "users/{id}/revokeSignInSessions", Any: write, Serve: a.revokeSessions},
		{Method: "GET", Path: "me", Any: []api.Permission{api.Anybody}, Serve: a.me},
		{Method: "POST", Path: "me/revokeSignInSessions", Any: self, Serve: a.revokeSessions},
		{Method: "GET", Path: "me/ownedObjects", Any: self, Serve: a.ownedObjects},
		{Method: "GET", Path: "me/memberOf", Any: self, Serve: a.memberOf},
		{Method: "GET", Path: "me/transitiveMemberOf", Any: self, Serve: a.memberOf},
		{Method: "POST", Path: "me/getMemberGroups", Any: self, Serve: a.memberGroups},
		{Method: "POST", Path: "me/getMemberObjects", Any: self, Serve: a.memberGroups},
		{Method: "POST", Path: "me/checkMemberGroups", Any: self, Serve: a.checkGroups},
	}
}

// errNotDelegated is /me for a caller that is nobody's.
var errNotDelegated = api.ErrRequest.With("/me request is only valid with delegated authentication flow.")

// userOf finds the user that a path names: by id, by name, or the caller.
// Errors: api.ErrNotFound, api.ErrRequest.
func (a *area) userOf(r *api.Request) (*model.UserObject, error) {
	key := r.Params["id"]
	if r.Is("me") {
		if !r.Caller.Person {
			return nil, errNotDelegated
		}
		key = string(r.Caller.Object)
	}
	e, err := a.UserByKey(r.Context(), r.Tenant(), key)
	if err != nil {
		return nil, notFound(err, key)
	}
	return e.Object.(*model.UserObject), nil
}

// listUsers serves GET /users.
func (a *area) listUsers(w http.ResponseWriter, r *api.Request) error {
	all, err := a.Directory.AllUsers(r.Context(), r.Tenant())
	if err != nil {
		return err
	}
	return api.WriteCollection(w, r, api.Collection{
		Set: "users", Types: []*edm.Type{model.UserType}, Expand: a.expand(r),
		Source: edm.Slice[*directory.User]{
			List: all, ID: func(u *directory.User) string { return string(u.ID) },
			Entity: func(u *directory.User) (edm.Entity, bool) { return model.User(*u), true },
		},
	})
}

// getUser serves GET /users/{id or name}.
func (a *area) getUser(w http.ResponseWriter, r *api.Request) error {
	u, err := a.userOf(r)
	if err != nil {
		return err
	}
	return api.WriteEntity(w, r, http.StatusOK, "users", model.User(u.User), a.expand(r))
}

// me serves GET /me.
func (a *area) me(w http.ResponseWriter, r *api.Request) error { return a.getUser(w, r) }

// createUser serves POST /users.
func (a *area) createUser(w http.ResponseWriter, r *api.Request) error {
	body, err := r.Body()
	if err != nil {
		return err
	}
	o := model.NewUserObject(directory.User{Enabled: true, Profile: []byte("{}")})
	if err := body.Apply(model.UserType, o); err != nil {
		return err
	}
	if err := o.Keep(); err != nil {
		return err
	}
	made, err := a.Directory.CreateUser(r.Context(), directory.NewUser{
		Tenant: r.Tenant(), UPN: o.UPN, DisplayName: o.DisplayName, Mail: o.Mail, Profile: o.User.Profile, Disabled: !o.Enabled,
		Password: o.Password, MustChange: o.ForceChange,
	})
	if err != nil {
		return err
	}
	return api.WriteEntity(w, r, http.StatusCreated, "users", model.User(made), nil)
}

// patchUser serves PATCH /users/{id}. What a user with a directory role signs in with is
// changed by those only who could give such a role.
func (a *area) patchUser(w http.ResponseWriter, r *api.Request) error {
	o, err := a.userOf(r)
	if err != nil {
		return err
	}
	if err := api.Guard(r, a.Relations, o.ID); err != nil {
		return err
	}
	body, err := r.Body()
	if err != nil {
		return err
	}
	before := o.User
	if err := body.Apply(model.UserType, o); err != nil {
		return err
	}
	if err := o.Keep(); err != nil {
		return err
	}
	c := directory.UserChange{Profile: o.User.Profile, MustChange: o.ForceChange}
	for _, t := range []struct {
		to        **string
		was, want string
	}{{&c.UPN, before.UPN, o.UPN}, {&c.DisplayName, before.DisplayName, o.DisplayName}, {&c.Mail, before.Mail, o.Mail}} {
		if t.was != t.want {
			*t.to = &t.want
		}
	}
	if before.Enabled != o.Enabled {
		c.Enabled = &o.Enabled
	}
	if o.PasswordSet {
		c.Password = &o.Password
	}
	if _, err := a.Directory.UpdateUser(r.Context(), r.Tenant(), o.ID, c); err != nil {
		return notFound(err, r.Params["id"])
	}
	return api.NoContent(w)
}

// deleteUser serves DELETE /users/{id}; the user can be restored.
func (a *area) deleteUser(w http.ResponseWriter, r *api.Request) error {
	o, err := a.userOf(r)
	if err != nil {
		return err
	}
	if err := api.Guard(r, a.Relations, o.ID); err != nil {
		return err
	}
	if err := a.Directory.DeleteUser(r.Context(), r.Tenant(), o.ID); err != nil {
		return notFound(err, r.Params["id"])
	}
	return api.NoContent(w)
}

// noManager serves GET /users/{id}/manager: nobody has one here.
func (a *area) noManager(_ http.ResponseWriter, r *api.Request) error {
	if _, err := a.userOf(r); err != nil {
		return err
	}
	return api.NotFound("manager")
}

// revokeSessions serves POST …/revokeSignInSessions. Who could not give directory roles ends no
// sessions of whoever has one, but its own.
func (a *area) revokeSessions(w http.ResponseWriter, r *api.Request) error {
	o, err := a.userOf(r)
	if err == nil && !r.Is("me") {
		err = api.Guard(r, a.Relations, o.ID)
	}
	if err != nil {
		return err
	}
	if err := a.Directory.RevokeSessions(r.Context(), r.Tenant(), o.ID); err != nil {
		return notFound(err, r.Params["id"])
	}
	return api.WriteValue(w, r, "Edm.Boolean", true)
}

// ownedObjects serves GET …/ownedObjects.
func (a *area) ownedObjects(w http.ResponseWriter, r *api.Request) error {
	o, err := a.userOf(r)
	if err != nil {
		return err
	}
	ids, err := a.Relations.Owned(r.Context(), r.Tenant(), o.ID)
	if err != nil {
		return err
	}
	return a.writeObjects(w, r, ids, nil)
}

// writeObjects answers a polymorphic collection of objects, which are ordered by id.
func (a *area) writeObjects(w http.ResponseWriter, r *api.Request, ids []id.Object, only *edm.Type) error {
	all := model.Principals
	if only != nil {
		all = append([]*edm.Type{only}, slices.DeleteFunc(slices.Clone(all), func(t *edm.Type) bool { return t == only })...)
	}
	return api.WriteCollection(w, r, api.Collection{Set: "directoryObjects", Types: all, Source: a.Lazily(r.Context(), r.Tenant(), ids, only)})
}
