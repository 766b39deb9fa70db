// Package provider lists the resource providers behind Resource Manager; each namespace has a
// package or a file below. A provider parses what its namespace says, calls the domain, and
// shapes the answer in the way of its own types (control-plane.md §3–§5).
package provider

import (
	"context"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/deployment"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	domain "github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/managementgroup"
	"github.com/sealring/sealring/internal/managementlock"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/authorization"
	"github.com/sealring/sealring/internal/surface/arm/provider/compute"
	"github.com/sealring/sealring/internal/surface/arm/provider/deployments"
	"github.com/sealring/sealring/internal/surface/arm/provider/hosts"
	"github.com/sealring/sealring/internal/surface/arm/provider/insights"
	"github.com/sealring/sealring/internal/surface/arm/provider/keyvault"
	"github.com/sealring/sealring/internal/surface/arm/provider/managedidentity"
	"github.com/sealring/sealring/internal/surface/arm/provider/management"
	"github.com/sealring/sealring/internal/surface/arm/provider/resources"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
	"github.com/sealring/sealring/internal/surface/arm/provider/web"
	"github.com/sealring/sealring/internal/vault"
)

// tenants knows the directories by name; *directory.Directory is one.
type tenants interface {
	Tenant(ctx context.Context, tenant id.Tenant) (directory.Tenant, error)
}

// recorder keeps the record of what was read under a permission of its own, and reads the
// log; *audit.Log is one.
type recorder interface {
	Query(ctx context.Context, f audit.Filter) (audit.Page, error)
	Write(ctx context.Context, e audit.Event) error
}

// Deps is what the providers are made of; all of it is needed unless it says otherwise.
type Deps struct {
	Resources  *resource.Service
	Identities *domain.Service
	RBAC       *rbac.Service
	Groups     *managementgroup.Service
	Locks      *managementlock.Service
	// Administrator reports whether a principal administers its tenant.
	Administrator func(ctx context.Context, tenant id.Tenant, principal id.Object) (bool, error)
	Vaults        *vault.Service
	Tenants       tenants
	// Deployments runs template deployments.
	Deployments *deployment.Service
	Audit       recorder
	Now         func() time.Time
	IDs         *id.Source
	// CloudName is what the cloud is called in the discovery document, for example "SealringCloud".
	CloudName string
	// Location and LocationName are the short and the displayed name of the installation's
	// one location: "local" and "Local". Any other location is accepted in bodies.
	Location, LocationName string
	// Domain is the installation's domain, "sealring.internal": the end of web apps' host
	// names and of the portal's.
	Domain string
	// Quotas are the most user-assigned identities of a host, by its type in lower case.
	Quotas map[string]int
	// Unregistered says that a subscription has to register a namespace before it is used.
	Unregistered bool
	// Portal is the address of the portal; empty: none is named.
	Portal string
}

// All lists the providers. It is the table of what Resource Manager serves.
func All(d Deps) []arm.Provider {
	base := tracked.Deps{Resources: d.Resources, Identities: d.Identities, Quotas: d.Quotas}
	above := resources.New(resources.Deps{Deps: base, RBAC: d.RBAC, Vaults: d.Vaults, Tenants: d.Tenants, CloudName: d.CloudName,
		Location: d.Location, LocationName: d.LocationName, Unregistered: d.Unregistered, Portal: d.Portal})
	above.Routes = append(above.Routes, deployments.Routes(deployments.Deps{Deployments: d.Deployments, Vaults: d.Vaults, Tenants: d.Tenants,
		CloudName: d.CloudName, LocationName: d.LocationName})...)
	all := append([]arm.Provider{
		above,
		authorization.New(authorization.Deps{RBAC: d.RBAC, Locks: d.Locks, Resources: d.Resources, Administrator: d.Administrator}),
		management.New(management.Deps{Groups: d.Groups, Scopes: d.Resources}),
		managedidentity.New(base),
		compute.New(compute.Deps{Deps: base, IDs: d.IDs}),
		web.New(web.Deps{Deps: base, Audit: d.Audit, IDs: d.IDs, Domain: d.Domain}),
		insights.New(insights.Deps{Audit: d.Audit, Now: d.Now}),
		keyvault.New(keyvault.Deps{Vaults: d.Vaults, Resources: d.Resources}),
	}, hosts.All(hosts.Deps{Deps: base, IDs: d.IDs, Audit: d.Audit, Domain: d.Domain})...)
	return append(all, resources.Operations(all, d.RBAC))
}
