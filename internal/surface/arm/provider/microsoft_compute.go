package provider

import "github.com/sealring/sealring/internal/surface/arm"

// compute is Microsoft.Compute.
func compute(d Deps) arm.Provider { return arm.Provider{Namespace: "Microsoft.Compute"} }
