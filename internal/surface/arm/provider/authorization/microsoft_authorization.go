// Package authorization is the provider Microsoft.Authorization: role definitions, role
// assignments, deny assignments, locks and permissions at any scope (control-plane.md §5,
// §2.13), and calls of our own: `why`, which explains a decision, and writes of deny assignments.
//
// Whoever writes an assignment or a role needs the right to do so at every scope that the
// write touches (S-46). Members of bodies are read by their exact names, since they say who
// may do what (S-63).
package authorization

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managementlock"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// Deps is what the provider is made of; all of it is needed.
type Deps struct {
	RBAC      *rbac.Service
	Locks     *managementlock.Service
	Resources scopes
	// Administrator reports whether a principal administers its tenant: who does may elevate
	// its access.
	Administrator func(ctx context.Context, tenant id.Tenant, principal id.Object) (bool, error)
}

// scopes knows the groups; *resource.Service is one.
type scopes interface {
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
		denies      = namespace + "/denyAssignments"
		locks       = namespace + "/locks"
	)
	routes := []arm.Route{
		arm.List(at+"/roleAssignments", assignments+"/read", p.listAssignments),
		arm.Get(at+"/roleAssignments/{name}", assignments+"/read", p.getAssignment),
		arm.Put(at+"/roleAssignments/{name}", assignments+"/write", p.putAssignment).Asking(p.askToAssign),
		arm.Delete(at+"/roleAssignments/{name}", assignments+"/delete", p.deleteAssignment).Asking(p.askToUnassign),

		arm.GetByAnyone(at+"/roleDefinitions", p.listDefinitions),
		arm.GetByAnyone(at+"/roleDefinitions/{name}", p.getDefinition),
		arm.Put(at+"/roleDefinitions/{name}", definitions+"/write", p.putDefinition),
		arm.Delete(at+"/roleDefinitions/{name}", definitions+"/delete", p.deleteDefinition),

		arm.List(at+"/denyAssignments", denies+"/read", p.listDenies),
		arm.Get(at+"/denyAssignments/{name}", denies+"/read", p.getDeny),
		arm.Put(at+"/denyAssignments/{name}", denies+"/write", p.putDeny),        // ours, not Azure's
		arm.Delete(at+"/denyAssignments/{name}", denies+"/delete", p.deleteDeny), // ours, not Azure's

		arm.List(at+"/locks", locks+"/read", p.listLocks),
		arm.Get(at+"/locks/{name}", locks+"/read", p.getLock),
		arm.Put(at+"/locks/{name}", locks+"/write", p.putLock),
		arm.Delete(at+"/locks/{name}", locks+"/delete", p.deleteLock),

		arm.Post(at+"/why", assignments+"/read", p.why), // ours, not Azure's
		arm.Ask(at+"/checkAccess", namespace+"/checkAccess/action", p.checkAccess),
		arm.Ask("/providers/"+namespace+"/elevateAccess", namespace+"/elevateAccess/action", p.elevateAccess),
		arm.GetByAnyone(at+"/permissions", p.permissions),
		arm.GetByAnyone(arm.InSubscription+"/providers/"+namespace+"/classicAdministrators", none),
	}
	for _, kind := range scheduled {
		routes = append(routes, arm.GetByAnyone(at+"/"+kind, none))
	}
	return arm.Provider{Namespace: namespace, Routes: routes}
}

// scheduled are the collections of what is assigned for a time or on demand. There is no
// such thing here; portals and scripts ask for them all the same (CP §5.1).
var scheduled = []string{
	"roleAssignmentSchedules", "roleAssignmentScheduleInstances", "roleAssignmentScheduleRequests",
	"roleEligibilitySchedules", "roleEligibilityScheduleInstances", "roleEligibilityScheduleRequests",
	"roleManagementPolicies", "roleManagementPolicyAssignments",
}

// none answers with an empty collection.
func none(context.Context, *arm.Request) (arm.Response, error) {
	return arm.OK(arm.OnePage[json.RawMessage]{Value: []json.RawMessage{}})
}

// permissions answers with what the caller may do at the scope: a block of each role held
// there, directly or through a group (CP §5.8).
func (p *authorizationProvider) permissions(ctx context.Context, r *arm.Request) (arm.Response, error) {
	held, err := p.RBAC.ListAssignments(ctx, rbac.AssignmentQuery{Scope: r.Target, Tenant: r.Tenant(), AtScope: true, AssignedTo: r.Principal.Object})
	if err != nil {
		return arm.Response{}, err
	}
	list := arm.OnePage[wirePermission]{Value: []wirePermission{}}
	for _, a := range held {
		d, err := p.RBAC.GetDefinition(ctx, a.Role)
		if errors.Is(err, rbac.ErrDefinitionNotFound) {
			continue // it grants nothing
		}
		if err != nil {
			return arm.Response{}, err
		}
		for _, block := range d.Permissions {
			list.Value = append(list.Value, newPermission(block))
		}
	}
	return arm.OK(list)
}
