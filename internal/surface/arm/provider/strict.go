package provider

import (
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/resources"
)

// Strict is what arm refuses beyond its own rules (D-8): api-versions that are not listed
// here, and namespaces that a subscription has not registered.
func Strict(s *resource.Service, versions, registration bool) (strict arm.Strict) {
	if versions {
		strict.Versions = resources.Versions()
	}
	if registration {
		strict.Registered = resources.Registered(s)
	}
	return strict
}
