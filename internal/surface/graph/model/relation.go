package model

import (
	"context"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/surface/graph/edm"
)

// AssignmentObject is an app role assignment with the names of both ends.
type AssignmentObject struct {
	relation.AppRoleAssignment
	PrincipalName, ResourceName string
}

// AssignmentType is the type of app role assignments.
var AssignmentType = &edm.Type{Name: "appRoleAssignment", Properties: []edm.Property{
	edm.Read("id", func(o *AssignmentObject) any { return o.ID }),
	edm.Read("deletedDateTime", func(*AssignmentObject) any { return nil }),
	edm.Read("appRoleId", func(o *AssignmentObject) any { return o.Role }),
	edm.Read("createdDateTime", func(o *AssignmentObject) any { return stamp(o.Created) }),
	edm.Read("principalDisplayName", func(o *AssignmentObject) any { return o.PrincipalName }),
	edm.Read("principalId", func(o *AssignmentObject) any { return string(o.Principal) }),
	edm.Read("principalType", func(o *AssignmentObject) any { return string(o.Kind) }),
	edm.Read("resourceDisplayName", func(o *AssignmentObject) any { return o.ResourceName }),
	edm.Read("resourceId", func(o *AssignmentObject) any { return string(o.Resource) }),
}}

// Assignment is the entity of an app role assignment; ok is false where an end does not live.
func (d *Domain) Assignment(ctx context.Context, a relation.AppRoleAssignment) (e edm.Entity, ok bool) {
	principal, err := d.Find(ctx, a.Tenant, a.Principal)
	if err != nil {
		return e, false
	}
	resource, err := d.Find(ctx, a.Tenant, a.Resource)
	if err != nil {
		return e, false
	}
	o := &AssignmentObject{AppRoleAssignment: a, PrincipalName: displayName(principal), ResourceName: displayName(resource)}
	return edm.Entity{ID: a.ID, Type: AssignmentType, Object: o}, true
}

// displayName reads the property of that name.
func displayName(e edm.Entity) string {
	name, _ := e.Type.Find("displayName").Of(e.Object).(string)
	return name
}

// Assignments is a source of app role assignments, which are ordered by id.
func (d *Domain) Assignments(ctx context.Context, list []*relation.AppRoleAssignment) edm.Source {
	return edm.Slice[*relation.AppRoleAssignment]{
		List: list, ID: func(a *relation.AppRoleAssignment) string { return a.ID },
		Entity: func(a *relation.AppRoleAssignment) (edm.Entity, bool) { return d.Assignment(ctx, *a) },
	}
}

// GrantType is the type of delegated permission grants.
var GrantType = &edm.Type{Name: "oAuth2PermissionGrant", Properties: []edm.Property{
	edm.Read("id", func(o *relation.Grant) any { return o.ID }),
	edm.Read("clientId", func(o *relation.Grant) any { return string(o.Client) }),
	edm.Read("consentType", func(o *relation.Grant) any {
		if o.Principal == "" {
			return "AllPrincipals"
		}
		return "Principal"
	}),
	edm.Read("principalId", func(o *relation.Grant) any { return nullable(string(o.Principal)) }),
	edm.Read("resourceId", func(o *relation.Grant) any { return string(o.Resource) }),
	edm.Read("scope", func(o *relation.Grant) any { return o.Scope }),
	edm.Read("startTime", func(o *relation.Grant) any { return stamp(o.Created) }),
	edm.Read("expiryTime", func(*relation.Grant) any { return nil }),
}}

// Grant is the entity of a delegated permission grant.
func Grant(g relation.Grant) edm.Entity { return edm.Entity{ID: g.ID, Type: GrantType, Object: &g} }

// Grants is a source of grants, which are ordered by id; client, if not "", picks one client's.
func Grants(list []*relation.Grant, client id.Object) edm.Source {
	return edm.Slice[*relation.Grant]{
		List: list, ID: func(g *relation.Grant) string { return g.ID },
		Entity: func(g *relation.Grant) (edm.Entity, bool) { return Grant(*g), client == "" || g.Client == client },
	}
}
