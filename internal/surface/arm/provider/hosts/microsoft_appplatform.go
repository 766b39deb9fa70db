package hosts

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// springName is the rule for names of Spring services and apps (CP §4.1).
var springName = regexp.MustCompile(`^[a-z][a-z0-9-]{2,30}[a-z0-9]$`)

// appPlatform makes Microsoft.AppPlatform: Spring services and their apps (CP §4.7). The app
// is the host that matters; it takes up to 20 user-assigned identities.
func appPlatform(d Deps) arm.Provider {
	const kind = "Microsoft.AppPlatform/Spring"
	service := tracked.Type{Deps: d.Deps, Kind: kind, Name: springName, Made: []string{"fqdn", "version", "powerState"}, Settle: d.settleSpring, Show: d.showSpring}
	app := tracked.Type{Deps: d.Deps, Kind: kind + "/apps", Name: springName, Made: []string{"url", "fqdn"}, Show: d.showSpringApp}
	types := []tracked.Type{service, app, {Deps: d.Deps, Kind: kind + "/apps/deployments", Setting: true}}
	for _, setting := range []string{"configServers", "monitoringSettings", "certificates", "storages"} {
		types = append(types, tracked.Type{Deps: d.Deps, Kind: kind + "/" + setting, Created: http.StatusOK, Setting: true})
	}
	return provide("Microsoft.AppPlatform", types,
		service.Verb("start", http.StatusOK), service.Verb("stop", http.StatusOK),
		service.Read("serviceRegistries/{registry}", tracked.None), service.Read("buildServices/{build}", tracked.None),
		service.Read("containerRegistries", tracked.Empty), service.Read("apiPortals", tracked.Empty), service.Read("gateways", tracked.Empty),
		service.Verb("disableTestEndpoint", http.StatusOK))
}

// settleSpring gives a service its id.
func (d Deps) settleSpring(_ *resource.Resource, stored, props arm.Object) {
	d.once(stored, props, "serviceId")
}

// springSKU is the SKU that a service without one appears to have.
type springSKU struct {
	Name string `json:"name"`
	Tier string `json:"tier"`
}

// outboundIPs are the public addresses of a service; there are none.
type outboundIPs struct {
	PublicIPs []struct{} `json:"publicIPs"`
}

// showSpring fills in what azurerm dereferences (CP §4.3).
func (d Deps) showSpring(_ *arm.Request, res resource.Resource, w *tracked.Resource, props arm.Object) {
	if len(w.SKU) == 0 {
		w.SKU = tracked.Encode(springSKU{"S0", "Standard"})
	}
	tracked.Set(props, "fqdn", res.ID.Name()+".spring."+d.Domain)
	tracked.Set(props, "powerState", "Running")
	tracked.Fill(props, "zoneRedundant", false)
	profile := tracked.Decode(props["networkProfile"])
	tracked.Fill(profile, "outboundIPs", outboundIPs{[]struct{}{}})
	props["networkProfile"] = tracked.Encode(profile)
}

// springDisk is a disk of an app.
type springDisk struct {
	SizeInGB  int    `json:"sizeInGB"`
	MountPath string `json:"mountPath"`
}

// showSpringApp fills in what az spring and azurerm dereference (CP §4.3).
func (d Deps) showSpringApp(_ *arm.Request, res resource.Resource, _ *tracked.Resource, props arm.Object) {
	service, app, _ := strings.Cut(res.ID.FullName(), "/")
	host := service + "-" + app + ".spring." + d.Domain
	tracked.Fill(props, "public", false)
	tracked.Fill(props, "httpsOnly", false)
	tracked.Fill(props, "enableEndToEndTLS", false)
	tracked.Set(props, "fqdn", service+".spring."+d.Domain)
	if string(props["public"]) == "true" {
		tracked.Set(props, "url", "https://"+host)
	}
	tracked.Fill(props, "temporaryDisk", springDisk{5, "/tmp"})
	tracked.Fill(props, "persistentDisk", springDisk{0, "/persistent"})
}
