// Package managedidentity is the resource provider Microsoft.ManagedIdentity: user-assigned
// identities with their federated credentials, the resources that carry them, revocation of
// their tokens, and the view of a host's system-assigned identity (CP §3).
//
// All api-versions are served alike; what a version does not know is left out of no answer.
// Different from Azure: a federated credential may hold the issuer's key set
// (properties.keySet), and more than 20 of them are accepted (docs/divergences.md).
package managedidentity

import (
	"context"

	identity "github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// provider is Microsoft.ManagedIdentity.
type provider struct{ tracked.Deps }

// namespace is its name.
const namespace = "Microsoft.ManagedIdentity"

// New makes Microsoft.ManagedIdentity.
func New(d tracked.Deps) arm.Provider {
	p := &provider{d}
	const (
		kind       = identity.Type
		collection = "/providers/" + kind
		item       = arm.InGroup + collection + "/{identity}"
		trust      = identity.FederatedType
		trusts     = item + "/federatedIdentityCredentials"
	)
	return arm.Provider{Namespace: namespace, Routes: []arm.Route{
		arm.List(arm.InSubscription+collection, kind+"/read", p.list),
		arm.List(arm.InGroup+collection, kind+"/read", p.list),
		arm.Get(item, kind+"/read", p.get),
		arm.Head(item, kind+"/read", p.head),
		arm.Put(item, kind+"/write", p.put),
		arm.Patch(item, kind+"/write", p.patch),
		arm.Delete(item, kind+"/delete", p.delete),
		arm.Post(item+"/listAssociatedResources", kind+"/listAssociatedResources/action", p.associated),
		arm.Post(item+"/revokeTokens", kind+"/revokeTokens/action", p.revoke),
		arm.Get(trusts, trust+"/read", p.listFederated),
		arm.Get(trusts+"/{credential}", trust+"/read", p.getFederated),
		arm.Put(trusts+"/{credential}", trust+"/write", p.putFederated),
		arm.Delete(trusts+"/{credential}", trust+"/delete", p.deleteFederated),
		arm.Get(arm.AnyScope+"/providers/Microsoft.ManagedIdentity/identities/default", "Microsoft.ManagedIdentity/identities/read", p.system),
		arm.GetByAnyone("/providers/Microsoft.ManagedIdentity/operations", p.operations),
	}}
}

// wireOperation is an operation of the provider, for `az identity list-operations`.
type wireOperation struct {
	Name    string      `json:"name"`
	Display wireDisplay `json:"display"`
}

// wireDisplay says it in words.
type wireDisplay struct {
	Provider    string `json:"provider"`
	Resource    string `json:"resource"`
	Operation   string `json:"operation"`
	Description string `json:"description"`
}

// operation makes a wireOperation.
func operation(name, resource, what, description string) wireOperation {
	return wireOperation{namespace + "/" + name, wireDisplay{namespace, resource, what, description}}
}

// operations answers with the actions that role definitions may name.
func (p *provider) operations(context.Context, *arm.Request) (arm.Response, error) {
	const user, fic = "User Assigned Identity", "Federated Identity Credential"
	return arm.OK(arm.OnePage[wireOperation]{Value: []wireOperation{
		operation("register/action", namespace, "Register", "Registers the subscription for managed identities"),
		operation("identities/read", "System Assigned Identity", "Get", "Gets the system-assigned identity of a resource"),
		operation("userAssignedIdentities/read", user, "Get", "Gets user-assigned identities"),
		operation("userAssignedIdentities/write", user, "Create or update", "Creates an identity, or changes its tags and restrictions"),
		operation("userAssignedIdentities/delete", user, "Delete", "Deletes an identity"),
		operation("userAssignedIdentities/assign/action", user, "Assign", "Attaches an identity to a resource"),
		operation("userAssignedIdentities/listAssociatedResources/action", user, "List associated resources", "Lists the resources that carry an identity"),
		operation("userAssignedIdentities/revokeTokens/action", user, "Revoke tokens", "Ends the tokens that an identity holds"),
		operation("userAssignedIdentities/federatedIdentityCredentials/read", fic, "Get", "Gets the federated credentials of an identity"),
		operation("userAssignedIdentities/federatedIdentityCredentials/write", fic, "Create or update", "Lets an outside issuer prove an identity"),
		operation("userAssignedIdentities/federatedIdentityCredentials/delete", fic, "Delete", "Deletes a federated credential of an identity"),
	}})
}

// revoke ends the tokens that the identity holds.
func (p *provider) revoke(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if err := p.Identities.RevokeTokens(ctx, r.Target); err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: 200}, nil
}
