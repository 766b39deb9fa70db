package provider

import (
	"context"
	"encoding/json"

	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/surface/arm"
)

// authorizationProvider is Microsoft.Authorization.
type authorizationProvider struct{ Deps }

// authorization makes Microsoft.Authorization: who may do what, at any scope (CP §5).
func authorization(d Deps) arm.Provider {
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
	return arm.OK(wireList[json.RawMessage]{Value: []json.RawMessage{}})
}

// permissions answers with what the caller may do at the scope: a block of each role held
// there, directly or through a group (CP §5.8).
func (p *authorizationProvider) permissions(ctx context.Context, r *arm.Request) (arm.Response, error) {
	held, err := p.RBAC.ListAssignments(ctx, rbac.AssignmentQuery{Scope: r.Target, AtScope: true, AssignedTo: r.Principal.Object})
	if err != nil {
		return arm.Response{}, err
	}
	list := wireList[wirePermission]{Value: []wirePermission{}}
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
