// Package resources is the provider Microsoft.Resources: what stands above and around
// resources: tenants, subscriptions, groups, providers and lists of everything
// (control-plane.md §1, §2.9, §2.13).
package resources

import (
	"context"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
	"github.com/sealring/sealring/internal/vault"
)

// tenants knows the directories by name; *directory.Directory is one.
type tenants interface {
	Tenant(ctx context.Context, tenant id.Tenant) (directory.Tenant, error)
}

// Deps is what the provider is made of; all of it is needed unless it says otherwise.
type Deps struct {
	tracked.Deps
	RBAC    *rbac.Service
	Vaults  *vault.Service
	Tenants tenants
	// CloudName is what the cloud is called in the discovery document, for example "SealringCloud".
	CloudName string
	// Location and LocationName are the short and the displayed name of the installation's
	// one location: "local" and "Local". Any other location is accepted in bodies.
	Location, LocationName string
	// Unregistered says that a subscription has to register a namespace before it is used.
	Unregistered bool
	// Portal is the address of the portal; empty: none is named.
	Portal string
}

// resourcesProvider is Microsoft.Resources: what stands above and around resources.
type resourcesProvider struct {
	Deps
	catalog []catalogEntry
}

// Actions of Microsoft.Resources (CP §5.5).
const (
	groups        = "Microsoft.Resources/subscriptions/resourceGroups"
	readGroups    = "Microsoft.Resources/subscriptions/resourceGroups/read"
	writeGroups   = "Microsoft.Resources/subscriptions/resourceGroups/write"
	deleteGroups  = "Microsoft.Resources/subscriptions/resourceGroups/delete"
	readResources = "Microsoft.Resources/subscriptions/resources/read"
	readSubs      = "Microsoft.Resources/subscriptions/read"
)

// New makes Microsoft.Resources.
func New(d Deps) arm.Provider {
	p := &resourcesProvider{Deps: d, catalog: readCatalog()}
	routes := []arm.Route{
		arm.GetPublic("/metadata/endpoints", p.metadata),
		arm.GetByAnyone("/tenants", p.listTenants),
		arm.GetByAnyone("/subscriptions", p.listSubscriptions),
		arm.List("/subscriptions/{subscription}", readSubs, p.getSubscription),
		arm.List("/subscriptions/{subscription}/locations", readSubs, p.listLocations),

		arm.GetByAnyone("/providers", p.listProviders),
		arm.GetByAnyone("/providers/{namespace}", p.getProvider),
		arm.GetByAnyone("/subscriptions/{subscription}/providers", p.listProviders),
		arm.GetByAnyone("/subscriptions/{subscription}/providers/{namespace}", p.getProvider),

		arm.List("/subscriptions/{subscription}/resourceGroups", readGroups, p.listGroups),
		arm.Get(arm.InGroup, readGroups, p.getGroup),
		arm.Head(arm.InGroup, readGroups, p.headGroup),
		arm.Put(arm.InGroup, writeGroups, p.putGroup),
		arm.Patch(arm.InGroup, writeGroups, p.patchGroup),
		arm.Delete(arm.InGroup, deleteGroups, p.deleteGroup),

		arm.List("/subscriptions/{subscription}/resources", readResources, p.listResources),
		arm.List(arm.InGroup+"/resources", readResources, p.listResources),

		arm.Post(arm.InGroup+"/validateMoveResources", groups+"/validateMoveResources/action", p.validateMove),
		arm.Post(arm.InGroup+"/moveResources", groups+"/moveResources/action", p.moveResources),
		arm.Post(arm.InGroup+"/exportTemplate", groups+"/exportTemplate/action", p.exportGroup),
	}
	routes = append(append(routes, p.tagRoutes()...), arm.OperationRoutes()...)
	for _, e := range p.catalog {
		at := "/subscriptions/{subscription}/providers/" + e.Namespace
		routes = append(routes,
			arm.Post(at+"/register", e.Namespace+"/register/action", p.register(e, registered)),
			arm.Post(at+"/unregister", e.Namespace+"/unregister/action", p.register(e, unregistered)))
	}
	return arm.Provider{Namespace: "Microsoft.Resources", Routes: routes}
}

// wireTenant is a tenant in answers (CP §1.5).
type wireTenant struct {
	ID             string   `json:"id"`
	TenantID       string   `json:"tenantId"`
	DisplayName    string   `json:"displayName"`
	DefaultDomain  string   `json:"defaultDomain,omitempty"`
	TenantCategory string   `json:"tenantCategory"`
	TenantType     string   `json:"tenantType"`
	Domains        []string `json:"domains"`
	CountryCode    string   `json:"countryCode"`
}

// listTenants answers with the caller's own tenant; no other is ever named (S-54).
func (p *resourcesProvider) listTenants(ctx context.Context, r *arm.Request) (arm.Response, error) {
	t, err := p.Tenants.Tenant(ctx, r.Tenant())
	if err != nil {
		return arm.Response{}, err
	}
	w := wireTenant{ID: "/tenants/" + string(t.ID), TenantID: string(t.ID), DisplayName: t.DisplayName, TenantCategory: "Home",
		TenantType: "AAD", Domains: append([]string{}, t.Domains...)}
	if len(t.Domains) > 0 {
		w.DefaultDomain = t.Domains[0]
	}
	return arm.OK(arm.OnePage[wireTenant]{Value: []wireTenant{w}})
}

// wireSubscription is a subscription in answers (CP §1.5).
type wireSubscription struct {
	ID                  string             `json:"id"`
	SubscriptionID      string             `json:"subscriptionId"`
	TenantID            string             `json:"tenantId"`
	DisplayName         string             `json:"displayName"`
	State               string             `json:"state"`
	AuthorizationSource string             `json:"authorizationSource"`
	ManagedByTenants    []struct{}         `json:"managedByTenants"`
	Policies            subscriptionPolicy `json:"subscriptionPolicies"`
	Tags                map[string]string  `json:"tags,omitempty"`
}

// subscriptionPolicy says what a subscription may spend; here the same for all.
type subscriptionPolicy struct {
	LocationPlacementID string `json:"locationPlacementId"`
	QuotaID             string `json:"quotaId"`
	SpendingLimit       string `json:"spendingLimit"`
}

// newSubscription shapes a subscription.
func newSubscription(s resource.Subscription) wireSubscription {
	return wireSubscription{ID: resource.SubscriptionID(s.ID).String(), SubscriptionID: string(s.ID), TenantID: string(s.Tenant),
		DisplayName: s.Name, State: "Enabled", AuthorizationSource: "RoleBased", ManagedByTenants: []struct{}{},
		Policies: subscriptionPolicy{"Internal_2014-09-01", "Internal_2014-09-01", "Off"}, Tags: s.Tags}
}

// sees reports whether the caller has any role in a subscription: at it, above or below.
func (p *resourcesProvider) sees(ctx context.Context, r *arm.Request, sub resource.ID) (bool, error) {
	held, err := p.RBAC.ListAssignments(ctx, rbac.AssignmentQuery{Scope: sub, AssignedTo: r.Principal.Object})
	return len(held) > 0, err
}

// listSubscriptions answers with the subscriptions in which the caller has any role
// (CP-10, CP-11).
func (p *resourcesProvider) listSubscriptions(ctx context.Context, r *arm.Request) (arm.Response, error) {
	all, err := p.Resources.Subscriptions(ctx, r.Tenant())
	if err != nil {
		return arm.Response{}, err
	}
	list := arm.OnePage[wireSubscription]{Value: []wireSubscription{}}
	for _, s := range all {
		seen, err := p.sees(ctx, r, resource.SubscriptionID(s.ID))
		if err != nil {
			return arm.Response{}, err
		}
		if seen {
			list.Value = append(list.Value, newSubscription(s))
		}
	}
	list.Count = &arm.Count{Type: "Total", Value: len(list.Value)}
	return arm.OK(list)
}

// getSubscription answers whoever has any role in the subscription.
func (p *resourcesProvider) getSubscription(ctx context.Context, r *arm.Request) (arm.Response, error) {
	seen, err := p.sees(ctx, r, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	if !seen {
		return arm.Response{}, r.Deny()
	}
	s, err := p.Resources.Subscription(ctx, r.Subscription())
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newSubscription(s))
}

// wireLocation is a location in answers.
type wireLocation struct {
	ID                  string           `json:"id"`
	Name                string           `json:"name"`
	DisplayName         string           `json:"displayName"`
	RegionalDisplayName string           `json:"regionalDisplayName"`
	Type                string           `json:"type"`
	Metadata            locationMetadata `json:"metadata"`
}

// locationMetadata says what kind of place a location is.
type locationMetadata struct {
	RegionType     string `json:"regionType"`
	RegionCategory string `json:"regionCategory"`
}

// listLocations answers with the one location of the installation.
func (p *resourcesProvider) listLocations(ctx context.Context, r *arm.Request) (arm.Response, error) {
	seen, err := p.sees(ctx, r, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	if !seen {
		return arm.Response{}, r.Deny()
	}
	return arm.OK(arm.OnePage[wireLocation]{Value: []wireLocation{{ID: r.Target.String() + "/locations/" + p.Location, Name: p.Location,
		DisplayName: p.LocationName, RegionalDisplayName: p.LocationName, Type: "Region",
		Metadata: locationMetadata{RegionType: "Physical", RegionCategory: "Recommended"}}}})
}
