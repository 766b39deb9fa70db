package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// siteMade are the properties of an app that only answers have.
var siteMade = []string{"state", "hostNames", "enabledHostNames", "defaultHostName", "hostNameSslStates", "lastModifiedTimeUtc",
	"repositorySiteName", "resourceGroup", "outboundIpAddresses", "possibleOutboundIpAddresses", "customDomainVerificationId"}

// settleSite takes settings and connection strings out of the body: they are kept apart,
// and no GET shows them (CP §4.3, S-51).
func settleSite(res *resource.Resource, stored, props arm.Object) {
	if res.Kind == "" {
		res.Kind = "app"
		if string(props["reserved"]) == "true" {
			res.Kind = "app,linux"
		}
	}
	if props.Has("siteConfig") {
		config := tracked.Decode(props["siteConfig"])
		withoutSettings(config)
		props["siteConfig"] = tracked.Encode(config)
	} else if stored.Has("siteConfig") {
		props["siteConfig"] = stored["siteConfig"]
	}
	for _, made := range siteMade {
		delete(props, made)
	}
	if stored.Has("state") {
		props["state"] = stored["state"]
	}
	if !props.Has("serverFarmId") {
		if tracked.Set(props, "serverFarmId", dynamicPlan(res).String()); stored.Has("serverFarmId") {
			props["serverFarmId"] = stored["serverFarmId"]
		}
	}
	if strings.HasSuffix(strings.ToLower(string(props["serverFarmId"])), `dynamicplan"`) {
		tracked.Set(props, "sku", "Dynamic")
	}
}

// dynamicPlan is the plan of an app that names none, as Azure calls it: one for each group,
// location and operating system.
func dynamicPlan(app *resource.Resource) resource.ID {
	name := resource.CanonicalLocation(app.Location)
	if strings.Contains(strings.ToLower(app.Kind), "linux") {
		name += "Linux"
	}
	return app.ID.GroupScope().Child(plans, name+"DynamicPlan")
}

// makePlan brings the plan of an app that names none into being.
func (p *webProvider) makePlan(ctx context.Context, app resource.Resource) error {
	at := dynamicPlan(&app)
	named, err := tracked.Decode(app.Properties).Text("serverFarmId")
	if err != nil || !strings.EqualFold(named, at.String()) {
		return err
	}
	if _, err := p.Resources.Get(ctx, at); !errors.Is(err, resource.ErrNotFound) {
		return err
	}
	_, _, err = p.Identities.PutHost(ctx, managedidentity.HostWrite{ID: at, Edit: func(res *resource.Resource, exists bool) error {
		if exists {
			return nil
		}
		linux := strings.HasSuffix(at.Name(), "LinuxDynamicPlan")
		res.Location, res.Kind, res.SKU = app.Location, "functionapp", json.RawMessage(`{"name":"Y1"}`)
		props := arm.Object{}
		tracked.Set(props, "reserved", linux)
		res.Properties = tracked.Encode(props)
		settlePlan(res, nil, props)
		return nil
	}})
	return err
}

// prepareSite takes over from the plan what an app has of it: whether it runs Linux, which
// the plan calls `reserved`, and the tier, which az looks at before it lists settings.
func (p *webProvider) prepareSite(ctx context.Context, r *arm.Request, w tracked.Write) error {
	if err := w.Properties.Exact("siteConfig"); err != nil {
		return err
	}
	config, err := w.Properties.Object("siteConfig")
	if err == nil {
		err = exactSettings(config)
	}
	if err != nil {
		return err
	}
	text, err := w.Properties.Text("serverFarmId")
	if err != nil || text == "" {
		return err
	}
	at, err := resource.ParseID(text)
	if err != nil || !at.Is(plans) {
		return nil // nothing here depends on the plan, and it need not exist
	}
	plan, err := p.Resources.Get(ctx, at)
	if errors.Is(err, resource.ErrNotFound) || err == nil && plan.Tenant != r.Tenant() {
		return nil
	}
	if err != nil {
		return err
	}
	if flag := tracked.Decode(plan.Properties)["reserved"]; string(flag) == "true" && !w.Properties.Has("reserved") {
		w.Properties["reserved"] = flag
	}
	if tier := tracked.Decode(plan.SKU)["tier"]; len(tier) > 0 {
		w.Properties["sku"] = tier
	}
	return nil
}

// power makes the verb that puts an app into a state. Nothing runs here, so the state is all
// that changes.
func (p *webProvider) power(state string) arm.Handler {
	return func(ctx context.Context, r *arm.Request) (arm.Response, error) {
		app := r.Target
		_, err := p.Identities.PatchHost(ctx, managedidentity.HostWrite{ID: app, Edit: func(res *resource.Resource, _ bool) error {
			props := tracked.Decode(res.Properties)
			tracked.Set(props, "state", state)
			res.Properties = tracked.Encode(props)
			return nil
		}})
		return arm.Response{Status: http.StatusOK}, err
	}
}

// afterSite makes the plan of an app that names none, and moves the settings of a site's body into their stores.
func (p *webProvider) afterSite(ctx context.Context, _ *arm.Request, res resource.Resource, props arm.Object) (resource.Resource, error) {
	if err := p.makePlan(ctx, res); err != nil {
		return res, err
	}
	return res, p.keepSettings(ctx, res.ID, tracked.Decode(props["siteConfig"]))
}

// sslState is one host name of an app and its certificate.
type sslState struct {
	Name     string `json:"name"`
	SSLState string `json:"sslState"`
	HostType string `json:"hostType"`
}

// hostOf is the host name that an app appears to have; nothing answers there.
func (p *webProvider) hostOf(app resource.ID) (host, repository string) {
	name := strings.ToLower(strings.ReplaceAll(app.FullName(), "/", "-"))
	return name + ".web." + p.Domain, name + ".scm.web." + p.Domain
}

// showSite fills in what az and Terraform dereference (CP §4.3).
func (p *webProvider) showSite(_ *arm.Request, res resource.Resource, w *tracked.Resource, props arm.Object) {
	host, repository := p.hostOf(res.ID)
	if w.Kind == "" {
		w.Kind = "app"
	}
	tracked.Fill(props, "state", "Running")
	tracked.Fill(props, "sku", "Standard")
	tracked.Fill(props, "enabled", true)
	tracked.Set(props, "hostNames", []string{host})
	tracked.Set(props, "enabledHostNames", []string{host, repository})
	tracked.Set(props, "defaultHostName", host)
	tracked.Set(props, "hostNameSslStates", []sslState{{host, "Disabled", "Standard"}, {repository, "Disabled", "Repository"}})
	tracked.Fill(props, "reserved", strings.Contains(strings.ToLower(w.Kind), "linux"))
	props["siteConfig"] = tracked.Encode(siteConfig(props))
	tracked.Fill(props, "httpsOnly", false)
	tracked.Fill(props, "clientAffinityEnabled", true)
	tracked.Fill(props, "clientCertEnabled", false)
	tracked.Fill(props, "clientCertMode", "Required")
	tracked.Fill(props, "publicNetworkAccess", "Enabled")
	tracked.Fill(props, "keyVaultReferenceIdentity", "SystemAssigned")
	tracked.Set(props, "outboundIpAddresses", "")
	tracked.Set(props, "possibleOutboundIpAddresses", "")
	tracked.Set(props, "customDomainVerificationId", "")
	tracked.Set(props, "lastModifiedTimeUtc", res.Changed.At.UTC().Format("2006-01-02T15:04:05"))
	tracked.Set(props, "repositorySiteName", res.ID.FullName())
	tracked.Set(props, "resourceGroup", res.ID.Group())
}

// siteConfig is the configuration of an app as answers show it: without credentials, and
// with what Azure gives to an app that says nothing of it (CP §4.3).
func siteConfig(props arm.Object) arm.Object {
	config := tracked.Decode(props["siteConfig"])
	withoutSettings(config)
	return tracked.Decode(arm.Merge(siteDefaults, tracked.Encode(config)))
}

// siteDefaults are what an app that says nothing of them has.
var siteDefaults = json.RawMessage(`{"numberOfWorkers":1,"alwaysOn":false,"ftpsState":"FtpsOnly","http20Enabled":false,"minTlsVersion":"1.2",` +
	`"scmMinTlsVersion":"1.2","loadBalancing":"LeastRequests","managedPipelineMode":"Integrated","use32BitWorkerProcess":true,"webSocketsEnabled":false,` +
	`"remoteDebuggingEnabled":false,"vnetRouteAllEnabled":false,"autoHealEnabled":false,"localMySqlEnabled":false,"linuxFxVersion":"","windowsFxVersion":"",` +
	`"acrUseManagedIdentityCreds":false,"scmIpSecurityRestrictionsUseMain":false}`)

// planSKU is the SKU of a plan.
type planSKU struct {
	Name     string `json:"name"`
	Tier     string `json:"tier"`
	Size     string `json:"size,omitempty"`
	Family   string `json:"family,omitempty"`
	Capacity int    `json:"capacity"`
}

// tiers are the tiers of plans by the beginning of their SKU, longest first.
var tiers = []struct{ prefix, tier string }{
	{"EP", "ElasticPremium"}, {"WS", "WorkflowStandard"}, {"FC", "FlexConsumption"}, {"Y", "Dynamic"}, {"F", "Free"}, {"D", "Shared"}, {"B", "Basic"},
	{"S", "Standard"}, {"I", "Isolated"}, {"P", "Premium"},
}

// settlePlan completes the SKU of a plan, of which clients send the name alone.
func settlePlan(res *resource.Resource, _, _ arm.Object) {
	sku := tracked.Decode(res.SKU)
	name, err := sku.Text("name")
	if err != nil || name == "" {
		name = "F1"
	}
	full := planSKU{Name: name, Tier: "Standard", Size: name, Family: name[:1], Capacity: 1}
	for _, t := range tiers {
		if strings.HasPrefix(strings.ToUpper(name), t.prefix) {
			full.Tier = t.tier
			break
		}
	}
	if upper := strings.ToUpper(name); full.Tier == "Premium" && len(upper) > 2 {
		full.Tier += upper[2:] // P1V2 is of PremiumV2
	}
	for member, value := range tracked.Decode(tracked.Encode(full)) {
		if !sku.Has(member) {
			sku[member] = value
		}
	}
	res.SKU = tracked.Encode(sku)
}

// showPlan fills in what az dereferences: it crashes where `reserved` is null (CP §4.3).
func showPlan(_ *arm.Request, res resource.Resource, w *tracked.Resource, props arm.Object) {
	for _, flag := range []string{"reserved", "isXenon", "hyperV", "perSiteScaling", "zoneRedundant", "elasticScaleEnabled"} {
		tracked.Fill(props, flag, false)
	}
	tracked.Set(props, "status", "Ready")
	tracked.Fill(props, "numberOfSites", 0)
	tracked.Fill(props, "maximumElasticWorkerCount", 1)
	tracked.Fill(props, "numberOfWorkers", 1)
	tracked.Set(props, "geoRegion", res.Location)
	if w.Kind == "" {
		w.Kind = "app"
	}
}
