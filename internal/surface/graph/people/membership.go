package people

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/surface/graph/model"
)

// membershipRoutes are what an object is a member of, for each set of objects.
func (a *area) membershipRoutes() []api.Route {
	var out []api.Route
	for set, read := range map[string][]api.Permission{
		"users":  append(append([]api.Permission{}, api.ReadDirectory...), api.UserRead, api.GroupRead, api.GroupMemberRead),
		"groups": api.ReadGroups, "servicePrincipals": append(append([]api.Permission{}, api.ReadDirectory...), api.ApplicationRead, api.ApplicationWrite),
		"directoryObjects": api.ReadDirectory,
	} {
		for _, t := range []api.Route{
			{Method: "POST", Path: "getMemberGroups", Serve: a.memberGroups},
			{Method: "POST", Path: "getMemberObjects", Serve: a.memberGroups},
			{Method: "POST", Path: "checkMemberGroups", Serve: a.checkGroups},
			{Method: "POST", Path: "checkMemberObjects", Serve: a.checkGroups},
			{Method: "GET", Path: "memberOf", Serve: a.memberOf},
			{Method: "GET", Path: "memberOf/$count", Serve: a.memberOf},
			{Method: "GET", Path: "memberOf/{type}", Serve: a.memberOf},
			{Method: "GET", Path: "transitiveMemberOf", Serve: a.memberOf},
			{Method: "GET", Path: "transitiveMemberOf/$count", Serve: a.memberOf},
			{Method: "GET", Path: "transitiveMemberOf/{type}", Serve: a.memberOf},
		} {
			if set == "directoryObjects" && t.Method == http.MethodGet {
				continue
			}
			t.Path, t.Any = set+"/{id}/"+t.Path, read
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(x, y api.Route) int { return strings.Compare(x.Path, y.Path) })
	return out
}

// typeOf reads the type at the end of a path. Errors: api.ErrSegment.
func typeOf(r *api.Request) (*edm.Type, error) {
	name, ok := r.Params["type"]
	if !ok {
		return nil, nil
	}
	if local := api.Local(name); local != name {
		if t := types[strings.ToLower(local)]; t != nil {
			return t, nil
		}
	}
	return nil, api.ErrSegment.With("Resource not found for the segment '%s'.", api.Clipped(name))
}

// member finds the object that a path names, and that it is of the set the path begins with.
func (a *area) member(r *api.Request) (id.Object, error) {
	if r.Is("users") || r.Is("me") {
		u, err := a.userOf(r)
		if err != nil {
			return "", err
		}
		return u.ID, nil
	}
	text, byApp, err := r.Key("id")
	if err != nil {
		return "", err
	}
	object, err := id.ParseObject(text)
	if err != nil {
		return "", api.NotFound(text)
	}
	if byApp && r.Is("servicePrincipals") {
		sp, err := a.Directory.ServicePrincipalByApp(r.Context(), r.Tenant(), id.App(object))
		if err != nil {
			return "", api.NotFound(text)
		}
		return sp.ID, nil
	}
	e, err := a.Find(r.Context(), r.Tenant(), object)
	if err != nil {
		return "", notFound(err, text)
	}
	want := map[string]*edm.Type{"groups": model.GroupType, "serviceprincipals": model.ServicePrincipalType}[strings.ToLower(r.Path[0])]
	if want != nil && want != e.Type {
		return "", api.NotFound(text)
	}
	return object, nil
}

// memberOf serves GET …/memberOf and …/transitiveMemberOf: groups and, directly, directory roles.
func (a *area) memberOf(w http.ResponseWriter, r *api.Request) error {
	only, err := typeOf(r)
	if err != nil {
		return err
	}
	object, err := a.member(r)
	if err != nil {
		return err
	}
	groups := a.Relations.DirectMemberships
	if r.Names("transitiveMemberOf") {
		groups = a.Relations.Memberships
	}
	ids, err := groups(r.Context(), r.Tenant(), object)
	if err != nil {
		return err
	}
	list, err := a.Objects(r.Context(), r.Tenant(), ids)
	if err != nil {
		return err
	}
	roles, err := a.Relations.DirectoryRoles(r.Context(), r.Tenant(), object)
	if err != nil {
		return err
	}
	for _, t := range roles {
		if role := api.FindRole(string(t)); role != nil {
			list = append(list, model.Role(role))
		}
	}
	list = slices.DeleteFunc(list, func(e edm.Entity) bool { return only != nil && e.Type != only })
	slices.SortFunc(list, func(x, y edm.Entity) int { return strings.Compare(x.ID, y.ID) })
	return api.WriteCollection(w, r, api.Collection{Set: "directoryObjects", Types: model.Principals, Source: model.Entities(list)})
}

// memberRequest is the body of the functions about membership.
type memberRequest struct {
	SecurityEnabledOnly bool     `json:"securityEnabledOnly"`
	GroupIDs            []string `json:"groupIds"`
	IDs                 []string `json:"ids"`
}

// memberGroups serves POST …/getMemberGroups and …/getMemberObjects: transitive.
func (a *area) memberGroups(w http.ResponseWriter, r *api.Request) error {
	object, err := a.member(r)
	if err != nil {
		return err
	}
	var body memberRequest
	if err := r.Into(&body); err != nil {
		return err
	}
	ids, err := a.Relations.Memberships(r.Context(), r.Tenant(), object)
	if err != nil {
		return err
	}
	out := []string{}
	for _, g := range ids {
		group, err := a.Relations.Group(r.Context(), r.Tenant(), g)
		if err != nil {
			return notFound(err, string(g))
		}
		if group.SecurityEnabled || !body.SecurityEnabledOnly {
			out = append(out, string(g))
		}
	}
	if r.Names("getMemberObjects") && !body.SecurityEnabledOnly {
		roles, err := a.Relations.DirectoryRoles(r.Context(), r.Tenant(), object)
		if err != nil {
			return err
		}
		for _, t := range roles {
			out = append(out, string(t))
		}
	}
	return api.WriteValue(w, r, "Collection(Edm.String)", out)
}

// maxChecked is how many groups one check may name (Graph's own limit).
const maxChecked = 20

// checkGroups serves POST …/checkMemberGroups and …/checkMemberObjects: which of the ids the
// object is a member of, transitively.
func (a *area) checkGroups(w http.ResponseWriter, r *api.Request) error {
	object, err := a.member(r)
	if err != nil {
		return err
	}
	var body memberRequest
	if err := r.Into(&body); err != nil {
		return err
	}
	wanted := append(body.GroupIDs, body.IDs...)
	if len(wanted) == 0 || len(wanted) > maxChecked {
		return api.ErrRequest.With("groupIds must hold between 1 and %d ids.", maxChecked)
	}
	ids, err := a.Relations.Memberships(r.Context(), r.Tenant(), object)
	if err != nil {
		return err
	}
	out := []string{}
	for _, g := range wanted {
		if _, found := slices.BinarySearch(ids, id.Object(strings.ToLower(g))); found {
			out = append(out, strings.ToLower(g))
		}
	}
	return api.WriteValue(w, r, "Collection(Edm.String)", out)
}
