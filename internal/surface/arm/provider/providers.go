// Package provider is the resource providers behind Resource Manager, a file for each
// namespace; one that outgrew its file has a package below. A provider parses what its namespace says, calls the domain, and shapes the
// answer in the way of its own types (control-plane.md §3–§5).
package provider

import (
	"context"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/authorization"
	"github.com/sealring/sealring/internal/vault"
)

// tenants knows the directories by name; *directory.Directory is one.
type tenants interface {
	Tenant(ctx context.Context, tenant id.Tenant) (directory.Tenant, error)
}

// recorder keeps the record of what was read under a permission of its own; *audit.Log is one.
type recorder interface {
	Write(ctx context.Context, e audit.Event) error
}

// Deps is what the providers are made of; all of it is needed unless it says otherwise.
type Deps struct {
	Resources  *resource.Service
	Identities *managedidentity.Service
	RBAC       *rbac.Service
	Vaults     *vault.Service
	Tenants    tenants
	Audit      recorder
	Now        func() time.Time
	IDs        *id.Source
	// CloudName is what the cloud is called in the discovery document, for example "SealringCloud".
	CloudName string
	// Location and LocationName are the short and the displayed name of the installation's
	// one location: "local" and "Local". Any other location is accepted in bodies.
	Location, LocationName string
	// Domain is the installation's domain, "sealring.internal": the end of web apps' host
	// names and of the portal's.
	Domain string
	// Portal is the address of the portal; empty: none is named.
	Portal string
}

// All lists the providers. It is the table of what Resource Manager serves.
func All(d Deps) []arm.Provider {
	return []arm.Provider{
		resources(d), // microsoft_resources.go
		authorization.New(authorization.Deps{RBAC: d.RBAC, Resources: d.Resources}), // authorization/microsoft_authorization.go
		managedIdentity(d), // microsoft_managedidentity.go
		compute(d),         // microsoft_compute.go
		web(d),             // microsoft_web.go
		keyVault(d),        // microsoft_keyvault.go
	}
}
