package graph

import (
	"context"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/token"
)

// caller finds out what a principal may do now: what was granted since the token was made
// counts, and what was taken away does not, whatever the token says.
//
// An application or managed identity may what its app roles at Graph say and its directory
// roles. A person may what its directory roles say and what every member may, as far as the
// scopes of the token let the client act for it.
func (m *Room) caller(ctx context.Context, p bearer.Principal) (api.Caller, error) {
	c := api.Caller{Principal: p, Permissions: map[api.Permission]bool{}, Person: p.Type == token.TypeUser}
	roles, err := m.domain.Relations.DirectoryRoles(ctx, p.Tenant, p.Object)
	if err != nil {
		return c, err
	}
	var has []api.Permission
	for _, r := range roles {
		if known := api.FindRole(string(r)); known != nil {
			has = append(has, known.Permissions...)
		}
	}
	if !c.Person {
		values, err := m.domain.Relations.AppRoles(ctx, p.Tenant, p.Object, directory.GraphApp)
		if err != nil {
			return c, err
		}
		for _, v := range values {
			has = append(has, api.Permission(v))
		}
	} else {
		has = slices.DeleteFunc(append(has, api.Member...), func(one api.Permission) bool { return !delegated(p.Scopes, one) })
	}
	for _, one := range has {
		c.Permissions[one] = true
	}
	return c, nil
}

// owns reports whether the caller may use a route because it owns the object that the path
// names: a person may as far as the scopes of the token let the client act for it, and an
// application with Application.ReadWrite.OwnedBy where the object is an application or
// service principal.
func (m *Room) owns(r *api.Request, route *api.Route) (bool, error) {
	if route.Owner == "" {
		return false, nil
	}
	if !r.Caller.Person && (!r.Caller.May(api.ApplicationOwned) || r.Is("groups")) {
		return false, nil
	}
	if r.Caller.Person && !slices.ContainsFunc(route.Any, func(p api.Permission) bool { return delegated(r.Caller.Scopes, p) }) {
		return false, nil
	}
	object, err := m.named(r, route.Owner)
	if err != nil || object == "" {
		return false, err
	}
	return m.domain.Relations.Owns(r.Context(), r.Tenant(), r.Caller.Object, object)
}

// named is the object that a parameter names; "" for none, which no one owns.
func (m *Room) named(r *api.Request, param string) (id.Object, error) {
	text, byApp, err := r.Key(param)
	if err != nil {
		return "", err
	}
	object, err := id.ParseObject(text)
	if err != nil || !byApp {
		return object, nil // a key that is no id names nothing that could be owned
	}
	if r.Is("applications") {
		a, err := m.domain.Directory.Application(r.Context(), r.Tenant(), id.App(object))
		if err != nil {
			return "", nil // as above
		}
		return a.ID, nil
	}
	sp, err := m.domain.Directory.ServicePrincipalByApp(r.Context(), r.Tenant(), id.App(object))
	if err != nil {
		return "", nil // as above
	}
	return sp.ID, nil
}

// authorize refuses whoever a route is not for. Errors: api.ErrDenied.
func (m *Room) authorize(r *api.Request, route *api.Route) error {
	if r.Caller.May(route.Any...) {
		return nil
	}
	owns, err := m.owns(r, route)
	if err == nil && !owns {
		err = api.ErrDenied
	}
	return err
}

// delegated reports whether the scopes of a person's token let the client use a permission.
func delegated(scopes []string, p api.Permission) bool {
	for _, s := range scopes {
		switch {
		case strings.EqualFold(s, "Directory.AccessAsUser.All"), strings.EqualFold(s, string(p)):
			return true
		case implied[p] != "" && strings.EqualFold(s, string(implied[p])):
			return true
		}
	}
	return false
}

// implied names the permission that includes another.
var implied = map[api.Permission]api.Permission{
	api.ApplicationRead: api.ApplicationWrite, api.UserRead: api.UserWrite, api.GroupRead: api.GroupWrite, api.DirectoryRead: api.DirectoryWrite,
	api.GroupMemberRead: api.GroupMemberWrite, api.RoleRead: api.RoleWrite, api.OwnApplications: api.ApplicationWrite, api.OwnGroups: api.GroupWrite,
	api.OwnProfile: api.UserRead,
}
