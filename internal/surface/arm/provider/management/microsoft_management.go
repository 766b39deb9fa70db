// Package management is the provider Microsoft.Management: management groups and the
// subscriptions in them (control-plane.md §5.1).
//
// Whoever makes or moves a group needs the right to write at the group above it as well;
// Azure lets everybody make groups unless told otherwise (docs/divergences.md). A
// subscription is moved by who may assign roles in it.
package management

import (
	"context"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managementgroup"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// Deps is what the provider is made of; all of it is needed.
type Deps struct {
	Groups *managementgroup.Service
	Scopes scopes
}

// scopes names the subscriptions; *resource.Service is one.
type scopes interface {
	Subscription(ctx context.Context, sub id.Subscription) (resource.Subscription, error)
}

// managementProvider is Microsoft.Management.
type managementProvider struct{ Deps }

// Actions on management groups.
const (
	namespace  = "Microsoft.Management"
	readGroup  = managementgroup.Type + "/read"
	writeGroup = managementgroup.Type + "/write"
	moveSub    = managementgroup.Type + "/subscriptions/write"
	assign     = "Microsoft.Authorization/roleAssignments/write"
)

// New makes Microsoft.Management.
func New(d Deps) arm.Provider {
	p := &managementProvider{d}
	const (
		all = "/providers/" + managementgroup.Type
		one = all + "/{managementGroup}"
		sub = one + "/subscriptions/{subscription}"
	)
	return arm.Provider{Namespace: namespace, Routes: []arm.Route{
		arm.List(all, readGroup, p.list),
		arm.Get(one, readGroup, p.get),
		arm.Put(one, writeGroup, p.put).Asking(p.askToWrite),
		arm.Patch(one, writeGroup, p.patch),
		arm.Delete(one, managementgroup.Type+"/delete", p.delete),
		arm.Get(one+"/descendants", readGroup, p.descendants),
		arm.Get(one+"/subscriptions", readGroup, p.subscriptions),
		arm.Get(sub, readGroup, p.subscription),
		arm.Put(sub, moveSub, p.place),
		arm.Delete(sub, managementgroup.Type+"/subscriptions/delete", p.unplace),
		arm.Ask("/providers/"+namespace+"/getEntities", readGroup, p.entities),
		arm.Ask("/providers/"+namespace+"/checkNameAvailability", readGroup, p.checkName),
	}}
}

// askToWrite asks for a group that does not exist at the one that it would be made in.
func (p *managementProvider) askToWrite(ctx context.Context, r *arm.Request, q *rbac.Request) error {
	there, err := p.Groups.Exists(ctx, r.Target)
	if err != nil || there {
		return err
	}
	above := string(r.Tenant())
	if body, err := r.Peek(); err == nil {
		if n, err := readGroupBody(body, r.Target.Name()); err == nil && n.Parent != "" {
			above = n.Parent
		}
	}
	if at := managementgroup.ID(above); !at.IsZero() {
		q.Scope = at
	}
	return nil
}
