// Package web is the provider Microsoft.Web: apps of every kind, their slots and settings,
// and plans (control-plane.md §4.3, §4.4).
package web

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// Types of Microsoft.Web.
const (
	sites = "Microsoft.Web/sites"
	slots = "Microsoft.Web/sites/slots"
	plans = "Microsoft.Web/serverfarms"
)

// Rules for names (CP §4.1).
var (
	siteName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,58}[A-Za-z0-9])$`)
	slotName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,57}[A-Za-z0-9])$`)
	planName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,60}$`)
)

// Deps is what the provider is made of; all of it is needed.
type Deps struct {
	tracked.Deps
	Audit recorder
	// Domain is the installation's domain, the end of apps' host names.
	Domain string
}

// recorder keeps the record of what was read under a permission of its own; *audit.Log is one.
type recorder interface {
	Write(ctx context.Context, e audit.Event) error
}

// New makes Microsoft.Web: apps of every kind, their slots and settings, and plans, which
// here have no effect. A PUT answers 200 always, as clients demand (CP §2.7).
func New(d Deps) arm.Provider {
	p := &webProvider{Deps: d}
	site := tracked.Type{Deps: d.Deps, Kind: sites, Created: http.StatusOK, Name: siteName, Settle: settleSite, Show: p.showSite, After: p.keepSettings}
	slot := tracked.Type{Deps: d.Deps, Kind: slots, Created: http.StatusOK, Name: slotName, Settle: settleSite, Show: p.showSite, After: p.keepSettings}
	plan := tracked.Type{Deps: d.Deps, Kind: plans, Created: http.StatusOK, Name: planName, Show: showPlan}
	var routes []arm.Route
	for _, t := range []tracked.Type{site, slot, plan} {
		routes = append(routes, t.Routes()...)
	}
	for _, t := range []tracked.Type{site, slot} {
		item, _ := t.Path()
		at := arm.InGroup + item
		routes = append(routes,
			arm.Get(at+"/config/{config}", t.Kind+"/config/read", p.getConfig),
			arm.Put(at+"/config/{config}", t.Kind+"/config/write", p.putConfig),
			arm.Patch(at+"/config/{config}", t.Kind+"/config/write", p.putConfig),
			arm.Post(at+"/config/{config}/list", t.Kind+"/config/list/action", p.listConfig),
			arm.Post(at+"/publishxml", t.Kind+"/publishxml/action", p.publishXML))
	}
	routes = append(routes,
		arm.Post(arm.InSubscription+"/providers/Microsoft.Web/checknameavailability", "Microsoft.Web/checknameavailability/read", p.checkName),
		arm.GetByAnyone("/providers/Microsoft.Web/webAppStacks", noStacks),
		arm.GetByAnyone("/providers/Microsoft.Web/functionAppStacks", noStacks))
	return arm.Provider{Namespace: "Microsoft.Web", Routes: routes}
}

// webProvider is what is special about apps.
type webProvider struct{ Deps }

// settleSite takes settings and connection strings out of the body: they are kept apart,
// and no GET shows them (CP §4.3, S-51).
func settleSite(res *resource.Resource, stored, props arm.Object) {
	if res.Kind == "" {
		res.Kind = "app"
	}
	if props.Has("siteConfig") {
		config := tracked.Decode(props["siteConfig"])
		delete(config, "appSettings")
		delete(config, "connectionStrings")
		props["siteConfig"] = tracked.Encode(config)
	} else if stored.Has("siteConfig") {
		props["siteConfig"] = stored["siteConfig"]
	}
	for _, made := range []string{"state", "hostNames", "enabledHostNames", "defaultHostName", "hostNameSslStates", "lastModifiedTimeUtc",
		"repositorySiteName", "resourceGroup", "outboundIpAddresses", "possibleOutboundIpAddresses", "customDomainVerificationId"} {
		delete(props, made)
	}
}

// sslState is one host name of an app and its certificate.
type sslState struct {
	Name     string `json:"name"`
	SSLState string `json:"sslState"`
	HostType string `json:"hostType"`
}

// showSite fills in what az and Terraform dereference (CP §4.3).
func (p *webProvider) showSite(_ *arm.Request, res resource.Resource, w *tracked.Resource, props arm.Object) {
	name := strings.ToLower(strings.ReplaceAll(res.ID.FullName(), "/", "-"))
	host, repository := name+".web."+p.Domain, name+".scm.web."+p.Domain
	if w.Kind == "" {
		w.Kind = "app"
	}
	tracked.Set(props, "state", "Running")
	tracked.Fill(props, "enabled", true)
	tracked.Set(props, "hostNames", []string{host})
	tracked.Set(props, "enabledHostNames", []string{host, repository})
	tracked.Set(props, "defaultHostName", host)
	tracked.Set(props, "hostNameSslStates", []sslState{{host, "Disabled", "Standard"}, {repository, "Disabled", "Repository"}})
	tracked.Fill(props, "reserved", strings.Contains(strings.ToLower(w.Kind), "linux"))
	tracked.Fill(props, "siteConfig", struct{}{})
	tracked.Fill(props, "httpsOnly", false)
	tracked.Fill(props, "clientCertMode", "Required")
	tracked.Fill(props, "publicNetworkAccess", "Enabled")
	tracked.Set(props, "outboundIpAddresses", "")
	tracked.Set(props, "possibleOutboundIpAddresses", "")
	tracked.Set(props, "customDomainVerificationId", "")
	tracked.Set(props, "lastModifiedTimeUtc", res.Changed.At.UTC().Format("2006-01-02T15:04:05"))
	tracked.Set(props, "repositorySiteName", res.ID.FullName())
	tracked.Set(props, "resourceGroup", res.ID.Group())
}

// planSKU is the SKU that a plan without one appears to have.
type planSKU struct {
	Name     string `json:"name"`
	Tier     string `json:"tier"`
	Capacity int    `json:"capacity"`
}

// showPlan fills in what az dereferences: it crashes where `reserved` is null (CP §4.3).
func showPlan(_ *arm.Request, res resource.Resource, w *tracked.Resource, props arm.Object) {
	for _, flag := range []string{"reserved", "isXenon", "hyperV"} {
		tracked.Fill(props, flag, false)
	}
	tracked.Set(props, "status", "Ready")
	tracked.Fill(props, "numberOfSites", 0)
	tracked.Set(props, "geoRegion", res.Location)
	if len(w.SKU) == 0 {
		w.SKU = tracked.Encode(planSKU{"F1", "Free", 1})
	}
	if w.Kind == "" {
		w.Kind = "app"
	}
}

// setting is one element of siteConfig.appSettings.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// connection is one element of siteConfig.connectionStrings.
type connection struct {
	Name  string `json:"name"`
	Value string `json:"connectionString"`
	Type  string `json:"type"`
}

// keptConnection is a connection string in its store.
type keptConnection struct {
	Value string `json:"value"`
	Type  string `json:"type"`
}

// keepSettings moves the settings of a site's body into their stores (CP §4.3).
func (p *webProvider) keepSettings(ctx context.Context, _ *arm.Request, res resource.Resource, props arm.Object) (resource.Resource, error) {
	config := tracked.Decode(props["siteConfig"])
	var list []setting
	if err := config.Into("appSettings", &list); err != nil {
		return res, err
	}
	if list != nil {
		kept := map[string]string{}
		for _, s := range list {
			kept[s.Name] = s.Value
		}
		if _, err := p.keep(ctx, res.ID.Child("config", "appsettings"), tracked.Encode(kept), false); err != nil {
			return res, err
		}
	}
	var connections []connection
	if err := config.Into("connectionStrings", &connections); err != nil || connections == nil {
		return res, err
	}
	kept := map[string]keptConnection{}
	for _, c := range connections {
		kept[c.Name] = keptConnection{c.Value, c.Type}
	}
	_, err := p.keep(ctx, res.ID.Child("config", "connectionstrings"), tracked.Encode(kept), false)
	return res, err
}

// checkName says whether an app may have a name.
func (p *webProvider) checkName(ctx context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Body()
	if err != nil {
		return arm.Response{}, err
	}
	name, err := body.Text("name")
	if err != nil {
		return arm.Response{}, err
	}
	if !siteName.MatchString(name) {
		return arm.OK(tracked.NameAnswer{Reason: "Invalid", Message: "The name must have 2 to 60 letters, digits and hyphens."})
	}
	for after := ""; ; {
		page, next, err := p.Resources.List(ctx, resource.Query{Scope: resource.Root(), Type: sites, After: after})
		if err != nil {
			return arm.Response{}, err
		}
		for _, s := range page {
			if strings.EqualFold(s.ID.Name(), name) {
				return arm.OK(tracked.NameAnswer{Reason: "AlreadyExists", Message: "The name '" + name + "' is not available."})
			}
		}
		if next == "" {
			return arm.OK(tracked.NameAnswer{NameAvailable: true})
		}
		after = next
	}
}

// noStacks answers that no run-time stacks are offered: apps run elsewhere.
func noStacks(context.Context, *arm.Request) (arm.Response, error) {
	return arm.OK(arm.OnePage[json.RawMessage]{Value: []json.RawMessage{}})
}
