// Package people serves Graph's users, groups and their members, directory roles, the tenant
// itself, objects whatever their type, and what was deleted (DT-6.5, DT-6.6, DT-7.5).
package people

import (
	"errors"
	"net/http"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/surface/graph/model"
)

// area holds what the handlers work on.
type area struct{ *model.Domain }

// Routes are the operations of this area.
func Routes(d *model.Domain) []api.Route {
	a := &area{d}
	var out []api.Route
	for _, list := range [][]api.Route{a.groupRoutes(), a.userRoutes(), a.objectRoutes(), a.tenantRoutes(), a.membershipRoutes()} {
		out = append(out, list...)
	}
	return out
}

// notFound says of a missing object what tools look for.
func notFound(err error, name string) error {
	for _, missing := range []error{relation.ErrGroupNotFound, directory.ErrUserNotFound, model.ErrNoObject, relation.ErrObjectNotFound} {
		if errors.Is(err, missing) {
			return api.NotFound(name)
		}
	}
	return err
}

// groupRoutes are the operations on groups.
func (a *area) groupRoutes() []api.Route {
	read, write, members := api.ReadGroups, api.WriteGroups, api.WriteMembers
	create := append([]api.Permission{api.OwnGroups}, write...)
	return []api.Route{
		{Method: "GET", Path: "groups", Any: read, Serve: a.listGroups},
		{Method: "GET", Path: "groups/$count", Any: read, Serve: a.listGroups},
		{Method: "POST", Path: "groups", Any: create, Serve: a.createGroup},
		{Method: "GET", Path: "groups/{id}", Any: read, Serve: a.getGroup},
		{Method: "PATCH", Path: "groups/{id}", Any: write, Owner: "id", Serve: a.patchGroup},
		{Method: "DELETE", Path: "groups/{id}", Any: write, Owner: "id", Serve: a.deleteGroup},
		{Method: "GET", Path: "groups/{id}/members", Any: read, Serve: a.members},
		{Method: "GET", Path: "groups/{id}/members/$count", Any: read, Serve: a.members},
		{Method: "GET", Path: "groups/{id}/members/{type}", Any: read, Serve: a.members},
		{Method: "GET", Path: "groups/{id}/members/$ref", Any: read, Serve: a.members},
		{Method: "GET", Path: "groups/{id}/transitiveMembers", Any: read, Serve: a.members},
		{Method: "GET", Path: "groups/{id}/transitiveMembers/$count", Any: read, Serve: a.members},
		{Method: "POST", Path: "groups/{id}/members/$ref", Any: members, Owner: "id", Serve: a.addMember},
		{Method: "DELETE", Path: "groups/{id}/members/{member}/$ref", Any: members, Owner: "id", Serve: a.removeMember},
		{Method: "GET", Path: "groups/{id}/owners", Any: read, Serve: a.groupOwners},
		{Method: "POST", Path: "groups/{id}/owners/$ref", Any: write, Owner: "id", Serve: a.addGroupOwner},
		{Method: "DELETE", Path: "groups/{id}/owners/{owner}/$ref", Any: write, Owner: "id", Serve: a.removeGroupOwner},
	}
}

// groupOf finds the group that a path names. Errors: api.ErrNotFound.
func (a *area) groupOf(r *api.Request) (relation.Group, error) {
	object, err := r.Object("id")
	if err != nil {
		return relation.Group{}, err
	}
	g, err := a.Relations.Group(r.Context(), r.Tenant(), object)
	return g, notFound(err, r.Params["id"])
}

// guardGroup refuses changes of a group that may hold directory roles to whoever could not
// give such roles. Errors: api.ErrDenied.
func guardGroup(r *api.Request, g relation.Group) error {
	if g.RoleAssignable && !r.Caller.May(api.RoleWrite) {
		return api.ErrDenied
	}
	return nil
}

// listGroups serves GET /groups.
func (a *area) listGroups(w http.ResponseWriter, r *api.Request) error {
	all, err := a.Relations.Groups(r.Context(), r.Tenant())
	if err != nil {
		return err
	}
	return api.WriteCollection(w, r, api.Collection{
		Set: "groups", Types: []*edm.Type{model.GroupType}, Expand: a.expand(r),
		Source: edm.Slice[*relation.Group]{
			List: all, ID: func(g *relation.Group) string { return string(g.ID) },
			Entity: func(g *relation.Group) (edm.Entity, bool) { return model.Group(*g), true },
		},
	})
}

// getGroup serves GET /groups/{id}.
func (a *area) getGroup(w http.ResponseWriter, r *api.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	return api.WriteEntity(w, r, http.StatusOK, "groups", model.Group(g), a.expand(r))
}

// changeGroup makes of a body what the domain wants to know.
func changeGroup(body edm.Body) func(*relation.Group) error {
	return func(g *relation.Group) error {
		o := model.NewGroupObject(*g)
		if err := body.Apply(model.GroupType, o); err != nil {
			return err
		}
		if err := o.Keep(); err != nil {
			return err
		}
		*g = o.Group
		return nil
	}
}

// createGroup serves POST /groups. A person, and an application that may not write all
// groups, owns what it creates.
func (a *area) createGroup(w http.ResponseWriter, r *api.Request) error {
	body, err := r.Body()
	if err != nil {
		return err
	}
	owners, err1 := api.Bound(body, "owners@odata.bind")
	members, err2 := api.Bound(body, "members@odata.bind")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if r.Caller.Person || !r.Caller.May(api.WriteGroups...) {
		owners = append(owners, r.Caller.Object)
	}
	g := relation.Group{Tenant: r.Tenant(), Profile: []byte("{}")}
	if err := changeGroup(body)(&g); err != nil {
		return err
	}
	if err := guardGroup(r, g); err != nil {
		return err
	}
	g.Tenant = r.Tenant()
	made, err := a.Relations.CreateGroup(r.Context(), g, owners, members)
	if err != nil {
		return notFound(err, "reference")
	}
	return api.WriteEntity(w, r, http.StatusCreated, "groups", model.Group(made), nil)
}

// patchGroup serves PATCH /groups/{id}; members can be bound by it too, up to 20 at once.
func (a *area) patchGroup(w http.ResponseWriter, r *api.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	if err := guardGroup(r, g); err != nil {
		return err
	}
	body, err := r.Body()
	if err != nil {
		return err
	}
	members, err := api.Bound(body, "members@odata.bind")
	if err != nil {
		return err
	}
	change := changeGroup(body)
	err = a.Relations.ChangeGroup(r.Context(), r.Tenant(), g.ID, func(g *relation.Group) error {
		unified, assignable := g.Unified, g.RoleAssignable
		if err := change(g); err != nil {
			return err
		}
		if g.Unified != unified || g.RoleAssignable != assignable {
			return api.ErrRequest.With("groupTypes and isAssignableToRole of a group cannot be changed.")
		}
		return nil
	})
	for _, m := range members {
		if err == nil {
			err = a.Relations.AddMember(r.Context(), r.Tenant(), g.ID, m)
		}
	}
	if err != nil {
		return notFound(api.Exists(err, "members"), r.Params["id"])
	}
	return api.NoContent(w)
}

// deleteGroup serves DELETE /groups/{id}.
func (a *area) deleteGroup(w http.ResponseWriter, r *api.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	if err := guardGroup(r, g); err != nil {
		return err
	}
	if err := a.Relations.DeleteGroup(r.Context(), r.Tenant(), g.ID); err != nil {
		return notFound(err, r.Params["id"])
	}
	return api.NoContent(w)
}

// types picks members by the last segment of a path like members/microsoft.graph.user.
var types = map[string]*edm.Type{
	"user": model.UserType, "group": model.GroupType, "serviceprincipal": model.ServicePrincipalType, "application": model.ApplicationType,
	"directoryrole": model.DirectoryRoleType,
}

// members serves GET …/members and …/transitiveMembers, of one type if the path says so.
func (a *area) members(w http.ResponseWriter, r *api.Request) error {
	only, err := typeOf(r)
	if err != nil {
		return err
	}
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	ids, err := a.Relations.Members(r.Context(), r.Tenant(), g.ID, r.Names("transitiveMembers"))
	if err != nil {
		return notFound(err, r.Params["id"])
	}
	return a.writeObjects(w, r, ids, only)
}

// addMember serves POST /groups/{id}/members/$ref.
func (a *area) addMember(w http.ResponseWriter, r *api.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	if err := guardGroup(r, g); err != nil {
		return err
	}
	member, err := r.Reference()
	if err != nil {
		return err
	}
	if err := api.Exists(a.Relations.AddMember(r.Context(), r.Tenant(), g.ID, member), "members"); err != nil {
		return notFound(err, string(member))
	}
	return api.NoContent(w)
}

// removeMember serves DELETE /groups/{id}/members/{member}/$ref.
func (a *area) removeMember(w http.ResponseWriter, r *api.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	if err := guardGroup(r, g); err != nil {
		return err
	}
	member, err := r.Object("member")
	if err != nil {
		return err
	}
	if err := api.Gone(a.Relations.RemoveMember(r.Context(), r.Tenant(), g.ID, member), string(member)); err != nil {
		return notFound(err, r.Params["id"])
	}
	return api.NoContent(w)
}

// groupOwners serves GET /groups/{id}/owners.
func (a *area) groupOwners(w http.ResponseWriter, r *api.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	ids, err := a.Relations.Owners(r.Context(), r.Tenant(), g.ID)
	if err != nil {
		return err
	}
	return a.writeObjects(w, r, ids, nil)
}

// addGroupOwner serves POST /groups/{id}/owners/$ref.
func (a *area) addGroupOwner(w http.ResponseWriter, r *api.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	if err := guardGroup(r, g); err != nil {
		return err
	}
	owner, err := r.Reference()
	if err != nil {
		return err
	}
	if err := api.Exists(a.Relations.AddOwner(r.Context(), r.Tenant(), g.ID, owner), "owners"); err != nil {
		return notFound(err, string(owner))
	}
	return api.NoContent(w)
}

// removeGroupOwner serves DELETE /groups/{id}/owners/{owner}/$ref.
func (a *area) removeGroupOwner(w http.ResponseWriter, r *api.Request) error {
	g, err := a.groupOf(r)
	if err != nil {
		return err
	}
	if err := guardGroup(r, g); err != nil {
		return err
	}
	owner, err := r.Object("owner")
	if err != nil {
		return err
	}
	if err := api.Gone(a.Relations.RemoveOwner(r.Context(), r.Tenant(), g.ID, owner), string(owner)); err != nil {
		return err
	}
	return api.NoContent(w)
}

// expand reads members, owners and memberOf.
func (a *area) expand(r *api.Request) func(edm.Entity, string) ([]edm.Entity, bool, error) {
	return func(e edm.Entity, navigation string) ([]edm.Entity, bool, error) {
		read := map[string]func() ([]id.Object, error){
			"members": func() ([]id.Object, error) {
				return a.Relations.Members(r.Context(), r.Tenant(), id.Object(e.ID), false)
			},
			"owners": func() ([]id.Object, error) { return a.Relations.Owners(r.Context(), r.Tenant(), id.Object(e.ID)) },
			"memberOf": func() ([]id.Object, error) {
				return a.Relations.DirectMemberships(r.Context(), r.Tenant(), id.Object(e.ID))
			},
		}[navigation]
		if read == nil || navigation != "memberOf" && e.Type != model.GroupType {
			return nil, false, nil
		}
		ids, err := read()
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
