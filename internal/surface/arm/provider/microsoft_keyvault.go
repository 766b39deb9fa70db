package provider

import "github.com/sealring/sealring/internal/surface/arm"

// keyVault is Microsoft.KeyVault.
func keyVault(d Deps) arm.Provider { return arm.Provider{Namespace: "Microsoft.KeyVault"} }
