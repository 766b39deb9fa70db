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

// tenantRoutes are the tenant, its domains, and directory roles with their members.
func (a *area) tenantRoutes() []api.Route {
	organization := append([]api.Permission{api.OrganizationRead}, api.ReadDirectory...)
	domains := append([]api.Permission{api.DomainRead}, api.ReadDirectory...)
	return []api.Route{
		{Method: "GET", Path: "organization", Any: organization, Serve: a.organization},
		{Method: "GET", Path: "organization/{tenant}", Any: organization, Serve: a.organization},
		{Method: "GET", Path: "domains", Any: domains, Serve: a.domains},
		{Method: "GET", Path: "domains/{domain}", Any: domains, Serve: a.domains},
		{Method: "GET", Path: "directoryRoles", Any: api.ReadRoles, Serve: a.roles},
		{Method: "GET", Path: "directoryRoleTemplates", Any: api.ReadRoles, Serve: a.roles},
		{Method: "POST", Path: "directoryRoles", Any: api.WriteRoles, Serve: a.activateRole},
		{Method: "GET", Path: "directoryRoles/{role}", Any: api.ReadRoles, Serve: a.role},
		{Method: "GET", Path: "directoryRoleTemplates/{role}", Any: api.ReadRoles, Serve: a.role},
		{Method: "GET", Path: "directoryRoles/{role}/members", Any: api.ReadRoles, Serve: a.roleMembers},
		{Method: "POST", Path: "directoryRoles/{role}/members/$ref", Any: api.WriteRoles, Serve: a.addRoleMember},
		{Method: "DELETE", Path: "directoryRoles/{role}/members/{member}/$ref", Any: api.WriteRoles, Serve: a.removeRoleMember},
	}
}

// organization serves GET /organization: the caller's tenant.
func (a *area) organization(w http.ResponseWriter, r *api.Request) error {
	t, err := a.Directory.Tenant(r.Context(), r.Tenant())
	if err != nil {
		return err
	}
	e := edm.Entity{ID: string(t.ID), Type: model.OrganizationType, Object: &model.TenantObject{Tenant: t}}
	if name, one := r.Params["tenant"]; one {
		if !strings.EqualFold(name, e.ID) {
			return api.NotFound(name)
		}
		return api.WriteEntity(w, r, http.StatusOK, "organization", e, nil)
	}
	return api.WriteCollection(w, r, api.Collection{Set: "organization", Types: []*edm.Type{e.Type}, Source: model.Entities([]edm.Entity{e})})
}

// domains serves GET /domains: the verified domains of the tenant.
func (a *area) domains(w http.ResponseWriter, r *api.Request) error {
	t, err := a.Directory.Tenant(r.Context(), r.Tenant())
	if err != nil {
		return err
	}
	var list []edm.Entity
	for i, d := range t.Domains {
		e := edm.Entity{ID: d, Type: model.DomainType, Object: &model.DomainObject{Name: d, Default: i == 0}}
		if name, one := r.Params["domain"]; one && strings.EqualFold(name, d) {
			return api.WriteEntity(w, r, http.StatusOK, "domains", e, nil)
		}
		list = append(list, e)
	}
	if name, one := r.Params["domain"]; one {
		return api.NotFound(name)
	}
	slices.SortFunc(list, func(x, y edm.Entity) int { return strings.Compare(x.ID, y.ID) })
	return api.WriteCollection(w, r, api.Collection{Set: "domains", Types: []*edm.Type{model.DomainType}, Source: model.Entities(list)})
}

// roles serves GET /directoryRoles and /directoryRoleTemplates: all of them, for none needs
// to be activated here.
func (a *area) roles(w http.ResponseWriter, r *api.Request) error {
	var list []edm.Entity
	for i := range api.DirectoryRoles {
		list = append(list, model.Role(&api.DirectoryRoles[i]))
	}
	slices.SortFunc(list, func(x, y edm.Entity) int { return strings.Compare(x.ID, y.ID) })
	return api.WriteCollection(w, r, api.Collection{Set: "directoryRoles", Types: []*edm.Type{model.DirectoryRoleType}, Source: model.Entities(list)})
}

// roleOf finds the directory role that a path names: by id, or by (roleTemplateId='…').
// Errors: api.ErrNotFound.
func roleOf(r *api.Request) (*api.DirectoryRole, error) {
	key := r.Params["role"]
	if _, value, alternate := strings.Cut(key, "="); alternate {
		key = value
	}
	if role := api.FindRole(strings.ToLower(strings.Trim(key, "'"))); role != nil {
		return role, nil
	}
	return nil, api.NotFound(r.Params["role"])
}

// role serves GET /directoryRoles/{role}.
func (a *area) role(w http.ResponseWriter, r *api.Request) error {
	role, err := roleOf(r)
	if err != nil {
		return err
	}
	return api.WriteEntity(w, r, http.StatusOK, "directoryRoles", model.Role(role), nil)
}

// roleRequest is the body of POST /directoryRoles.
type roleRequest struct {
	Type     string `json:"@odata.type"`
	Template string `json:"roleTemplateId"`
}

// activateRole serves POST /directoryRoles: every role is active already.
func (a *area) activateRole(w http.ResponseWriter, r *api.Request) error {
	var body roleRequest
	if err := r.Into(&body); err != nil {
		return err
	}
	role := api.FindRole(strings.ToLower(body.Template))
	if role == nil {
		return api.ErrRequest.With("The roleTemplateId '%s' is not known.", api.Clipped(body.Template))
	}
	return api.WriteEntity(w, r, http.StatusCreated, "directoryRoles", model.Role(role), nil)
}

// roleMembers serves GET /directoryRoles/{role}/members.
func (a *area) roleMembers(w http.ResponseWriter, r *api.Request) error {
	role, err := roleOf(r)
	if err != nil {
		return err
	}
	ids, err := a.Relations.RoleMembers(r.Context(), r.Tenant(), id.Object(role.Template))
	if err != nil {
		return err
	}
	return a.writeObjects(w, r, ids, nil)
}

// addRoleMember serves POST /directoryRoles/{role}/members/$ref.
func (a *area) addRoleMember(w http.ResponseWriter, r *api.Request) error {
	role, err := roleOf(r)
	if err != nil {
		return err
	}
	member, err := r.Reference()
	if err != nil {
		return err
	}
	err = a.Relations.AddRoleMember(r.Context(), r.Tenant(), id.Object(role.Template), member)
	if err := api.Exists(err, "members"); err != nil {
		return notFound(err, string(member))
	}
	return api.NoContent(w)
}

// removeRoleMember serves DELETE /directoryRoles/{role}/members/{member}/$ref.
func (a *area) removeRoleMember(w http.ResponseWriter, r *api.Request) error {
	role, err := roleOf(r)
	if err != nil {
		return err
	}
	member, err := r.Object("member")
	if err != nil {
		return err
	}
	members, err := a.Relations.RoleMembers(r.Context(), r.Tenant(), id.Object(role.Template))
	if err != nil {
		return err
	}
	if role.Template == api.GlobalAdministrator && len(members) == 1 && members[0] == member {
		return api.ErrRequest.With("The last member of the role Global Administrator cannot be removed.")
	}
	if err := api.Gone(a.Relations.RemoveRoleMember(r.Context(), r.Tenant(), id.Object(role.Template), member), string(member)); err != nil {
		return err
	}
	return api.NoContent(w)
}
