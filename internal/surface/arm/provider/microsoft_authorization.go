package provider

import "github.com/sealring/sealring/internal/surface/arm"

// authorization is Microsoft.Authorization.
func authorization(d Deps) arm.Provider { return arm.Provider{Namespace: "Microsoft.Authorization"} }
