package provider

import "github.com/sealring/sealring/internal/surface/arm"

// managedIdentity is Microsoft.ManagedIdentity.
func managedIdentity(d Deps) arm.Provider { return arm.Provider{Namespace: "Microsoft.ManagedIdentity"} }
