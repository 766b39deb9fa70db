// Package web is the provider Microsoft.Web: apps of every kind, their slots and settings,
// and plans (control-plane.md §4.3, §4.4).
package web

import (
	"context"
	"net/http"
	"regexp"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
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
	IDs   *id.Source
	// Domain is the installation's domain, the end of apps' host names.
	Domain string
}

// recorder keeps the record of what was read under a permission of its own; *audit.Log is one.
type recorder interface {
	Write(ctx context.Context, e audit.Event) error
}

// webProvider is what is special about apps.
type webProvider struct{ Deps }

// New makes Microsoft.Web: apps of every kind, their slots and settings, and plans, which
// here have no effect. A PUT answers 200 always, as clients demand (CP §2.7).
func New(d Deps) arm.Provider {
	p := &webProvider{Deps: d}
	site := tracked.Type{Deps: d.Deps, Kind: sites, Created: http.StatusOK, Name: siteName, Prepare: p.prepareSite, Settle: settleSite, Show: p.showSite, After: p.afterSite}
	slot := tracked.Type{Deps: d.Deps, Kind: slots, Created: http.StatusOK, Name: slotName, Prepare: p.prepareSite, Settle: settleSite, Show: p.showSite, After: p.afterSite}
	plan := tracked.Type{Deps: d.Deps, Kind: plans, Created: http.StatusOK, Name: planName, Settle: settlePlan, Show: showPlan}
	static := tracked.Type{Deps: d.Deps, Kind: "Microsoft.Web/staticSites", Created: http.StatusOK, Name: planName}
	routes := append(append(plan.Routes(), static.Routes()...), p.siteRoutes(site)...)
	routes = append(append(routes, p.siteRoutes(slot)...), stacks()...)
	routes = append(routes, arm.Post(arm.InSubscription+"/providers/Microsoft.Web/checknameavailability", "Microsoft.Web/checknameavailability/read", p.checkName))
	return arm.Provider{Namespace: "Microsoft.Web", Routes: routes}
}

// siteRoutes are the operations on apps, or on slots.
func (p *webProvider) siteRoutes(t tracked.Type) []arm.Route {
	const policies = "basicPublishingCredentialsPolicies"
	at, kind := t.Item(), t.Kind
	routes := append(t.Routes(),
		arm.Get(at+"/config/{config}", kind+"/config/read", p.getConfig),
		arm.Put(at+"/config/{config}", kind+"/config/write", p.putConfig),
		arm.Patch(at+"/config/{config}", kind+"/config/write", p.putConfig),
		arm.Post(at+"/config/{config}/list", kind+"/config/list/action", p.listConfig),
		arm.Get(at+"/"+policies, kind+"/"+policies+"/read", t.On(p.listPolicies)),
		arm.Get(at+"/"+policies+"/{policy}", kind+"/"+policies+"/read", p.getPolicy),
		arm.Put(at+"/"+policies+"/{policy}", kind+"/"+policies+"/write", p.putPolicy),
		t.Post("publishxml", p.publishXML),
		t.Post("slotsswap", p.swap),
		t.Post("host/default/listkeys", hostKeys),
		t.Read("hostNameBindings", tracked.Empty), t.Read("functions", tracked.Empty))
	routes = append(routes, t.Post("start", p.power("Running")), t.Post("stop", p.power("Stopped")), t.Post("restart", p.power("Running")))
	for _, verb := range []string{"syncfunctiontriggers", "host/default/sync"} {
		routes = append(routes, t.Verb(verb, http.StatusOK))
	}
	return routes
}

// wireHostKeys are the keys of a function app; there are none, since nothing checks any.
type wireHostKeys struct {
	MasterKey    string   `json:"masterKey"`
	FunctionKeys struct{} `json:"functionKeys"`
	SystemKeys   struct{} `json:"systemKeys"`
}

// hostKeys answers that a function app has no keys.
func hostKeys(context.Context, *arm.Request) (arm.Response, error) { return arm.OK(wireHostKeys{}) }

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
	taken, err := p.Resources.NameTaken(ctx, sites, name)
	if err != nil {
		return arm.Response{}, err
	}
	if taken {
		return arm.OK(tracked.NameAnswer{Reason: "AlreadyExists", Message: "The name '" + name + "' is not available."})
	}
	return arm.OK(tracked.NameAnswer{NameAvailable: true})
}
