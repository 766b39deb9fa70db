package provider

import "github.com/sealring/sealring/internal/surface/arm"

// resources is Microsoft.Resources.
func resources(d Deps) arm.Provider { return arm.Provider{Namespace: "Microsoft.Resources"} }
