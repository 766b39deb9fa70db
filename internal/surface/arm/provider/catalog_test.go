package provider_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
	"github.com/sealring/sealring/internal/surface/arm/provider/resources"
)

// Tools choose an api-version from the list of a type: every type that can be written has one (CP §1.6).
func TestEveryTypeIsListedWithItsVersions(t *testing.T) {
	versions := resources.Versions()
	for _, p := range armtest.Open(t, storetest.SQLite(t)).Routes {
		for _, route := range p.Routes {
			kind, isWrite := strings.CutSuffix(route.Action(), "/write")
			if route.Method() != "PUT" || !isWrite || strings.HasPrefix(kind, "Microsoft.Resources/subscriptions/") {
				continue
			}
			if len(versions(kind)) == 0 {
				t.Errorf("%s can be written, and types.json does not list it", kind)
			}
		}
	}
}
