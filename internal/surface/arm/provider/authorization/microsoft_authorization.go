// Package authorization is the provider Microsoft.Authorization: role definitions, role
// assignments and permissions at any scope (control-plane.md §5), and one call of our own,
// `why`, that explains a decision.
//
// Whoever writes an assignment or a role needs the right to do so at every scope that the
// write touches (S-46). Members of bodies are read by their exact names, since they say who
// may do what (S-63).
package authorization

import (
	"context"
	"encoding/json"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// Deps is what the provider is made of; all of it is needed.
type Deps struct {
	RBAC      *rbac.Service
	Resources scopes
}

// scopes knows the subscriptions and groups; *resource.Service is one.
type scopes interface {
	Subscription(ctx context.Context, sub id.Subscription) (resource.Subscription, error)
	Group(ctx context.Context, group resource.ID) (resource.Group, error)
}

// authorizationProvider is Microsoft.Authorization.
type authorizationProvider struct{ Deps }

// New makes Microsoft.Authorization.
func New(d Deps) arm.Provider {
	p := &authorizationProvider{d}
	const (
		namespace   = "Microsoft.Authorization"
		at          = arm.AnyScope + "/providers/" + namespace
		assignments = namespace + "/roleAssignments"
		definitions = namespace + "/roleDefinitions"
	)
	return arm.Provider{Namespace: namespace, Routes: []arm.Route{
		arm.List(at+"/roleAssignments", assignments+"/read", p.listAssignments),
		arm.Get(at+"/roleAssignments/{name}", assignments+"/read", p.getAssignment),
		arm.Put(at+"/roleAssignments/{name}", assignments+"/write", p.putAssignment),
		arm.Delete(at+"/roleAssignments/{name}", assignments+"/delete", p.deleteAssignment),

		arm.GetByAnyone(at+"/roleDefinitions", p.listDefinitions),
		arm.GetByAnyone(at+"/roleDefinitions/{name}", p.getDefinition),
		arm.Put(at+"/roleDefinitions/{name}", definitions+"/write", p.putDefinition),
		arm.Delete(at+"/roleDefinitions/{name}", definitions+"/delete", p.deleteDefinition),

		arm.Post(at+"/why", assignments+"/read", p.why), // ours, not Azure's
		arm.GetByAnyone(at+"/permissions", p.permissions),
		arm.GetByAnyone(arm.InSubscription+"/providers/"+namespace+"/classicAdministrators", noAdministrators),
	}}
}

// noAdministrators answers that there are no classic administrators.
func noAdministrators(context.Context, *arm.Request) (arm.Response, error) {
	return arm.OK(arm.OnePage[json.RawMessage]{Value: []json.RawMessage{}})
}

// permissions answers with what the caller may do at the scope: a block of each role held
// there, directly or through a group (CP §5.8).
func (p *authorizationProvider) permissions(ctx context.Context, r *arm.Request) (arm.Response, error) {
	held, err := p.RBAC.ListAssignments(ctx, rbac.AssignmentQuery{Scope: r.Target, AtScope: true, AssignedTo: r.Principal.Object})
	if err != nil {
		return arm.Response{}, err
	}
	list := arm.OnePage[wirePermission]{Value: []wirePermission{}}
	for _, a := range held {
		d, err := p.RBAC.GetDefinition(ctx, a.Role)
		if err != nil {
			return arm.Response{}, err
		}
		for _, block := range d.Permissions {
			if block.Condition == "" { // such a block grants nothing here
				list.Value = append(list.Value, newPermission(block))
			}
		}
	}
	return arm.OK(list)
}
