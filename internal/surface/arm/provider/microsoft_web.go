package provider

import "github.com/sealring/sealring/internal/surface/arm"

// web is Microsoft.Web.
func web(d Deps) arm.Provider { return arm.Provider{Namespace: "Microsoft.Web"} }
