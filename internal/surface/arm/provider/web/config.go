package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// openConfigs are the settings of an app that GET may show, and what they are before they
// are written. All others may hold credentials: they are encrypted in the store, and read by
// POST …/list only, which has a permission and a record of its own (S-51).
var openConfigs = map[string]json.RawMessage{
	"slotconfignames": json.RawMessage(`{}`),
	"authsettingsv2":  json.RawMessage(`{"platform":{"enabled":false}}`), // names the settings that hold credentials
	// Without exactly these, Terraform sees a difference for ever (CP §4.3).
	"logs": json.RawMessage(`{"applicationLogs":{"fileSystem":{"level":"Off"},"azureTableStorage":{"level":"Off"},"azureBlobStorage":{"level":"Off"}},` +
		`"httpLogs":{"fileSystem":{"retentionInMb":35,"retentionInDays":0,"enabled":false},"azureBlobStorage":{"enabled":false}},` +
		`"failedRequestsTracing":{"enabled":false},"detailedErrorMessages":{"enabled":false}}`),
}

// sealedDefaults are the sealed settings that are not empty before they are written. A
// backup that was never set has no properties at all (CP §4.3).
var sealedDefaults = map[string]json.RawMessage{
	"authsettings": json.RawMessage(`{"enabled":false}`),
	"backup":       nil,
}

// change computes the next properties of a setting from those stored.
type change func(stored json.RawMessage) json.RawMessage

// replaced is the change of a PUT, merged that of a PATCH.
func replaced(props json.RawMessage) change {
	return func(json.RawMessage) json.RawMessage { return props }
}

// merged is the change of a PATCH.
func merged(props json.RawMessage) change {
	return func(stored json.RawMessage) json.RawMessage {
		return arm.Merge(tracked.Encode(tracked.Decode(stored)), props)
	}
}

// keep changes one set of settings of an app, and returns what is kept then. It is a hidden
// child of the app: its parent must exist, and it goes with it.
func (p *webProvider) keep(ctx context.Context, config resource.ID, c change) (json.RawMessage, error) {
	_, open := openConfigs[strings.ToLower(config.Name())]
	res, _, err := p.Identities.PutHost(ctx, managedidentity.HostWrite{ID: config, Edit: func(res *resource.Resource, _ bool) error {
		res.Hidden = true
		if open {
			res.Properties = c(res.Properties)
		} else {
			res.Properties, res.Sealed = nil, c(res.Sealed)
		}
		return nil
	}})
	if open {
		return res.Properties, err
	}
	return res.Sealed, err
}

// kept returns a set of settings, nil if it was never written. Errors: resource.ErrNotFound
// for an app that does not exist.
func (p *webProvider) kept(ctx context.Context, config resource.ID) (json.RawMessage, error) {
	res, err := p.Resources.Get(ctx, config)
	if errors.Is(err, resource.ErrNotFound) {
		_, err := p.Resources.Get(ctx, config.Parent())
		return nil, err
	}
	if res.Sealed != nil {
		return res.Sealed, err
	}
	return res.Properties, err
}

// newConfig shapes one set of settings; without properties if there are none.
func newConfig(config resource.ID, props json.RawMessage) tracked.Resource {
	return tracked.Resource{ID: config.String(), Name: config.Name(), Type: config.Type(), Properties: props}
}

// getConfig shows settings that hold no credentials.
func (p *webProvider) getConfig(ctx context.Context, r *arm.Request) (arm.Response, error) {
	name := strings.ToLower(r.Target.Name())
	if name == "web" {
		site, err := p.Resources.Get(ctx, r.Target.Parent())
		if err != nil {
			return arm.Response{}, err
		}
		return arm.OK(newConfig(r.Target, tracked.Encode(siteConfig(tracked.Decode(site.Properties)))))
	}
	defaults, open := openConfigs[name]
	if !open {
		return arm.Response{}, arm.ErrMethod.With("The settings '%s' are read by POST to '%s/list'.", r.Target.Name(), r.Target)
	}
	props, err := p.kept(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newConfig(r.Target, arm.Merge(defaults, tracked.Encode(tracked.Decode(props)))))
}

// putConfig replaces settings, or merges into them by PATCH. The answer shows them, since
// the caller knows them.
func (p *webProvider) putConfig(ctx context.Context, r *arm.Request) (arm.Response, error) {
	sent, err := r.Properties()
	if err != nil {
		return arm.Response{}, err
	}
	if sent == nil {
		sent = arm.Object{}
	}
	c := replaced(tracked.Encode(sent))
	if r.Method() == http.MethodPatch {
		c = merged(tracked.Encode(sent))
	}
	if strings.EqualFold(r.Target.Name(), "web") {
		return p.putWebConfig(ctx, r, sent, c)
	}
	props, err := p.keep(ctx, r.Target, c)
	if err != nil {
		return arm.Response{}, err
	}
	if _, open := openConfigs[strings.ToLower(r.Target.Name())]; !open { // who may write them may not read the rest (S-51)
		props = arm.Merge(nil, tracked.Encode(sent))
	}
	if props == nil {
		props = json.RawMessage(`{}`)
	}
	return arm.OK(newConfig(r.Target, props))
}

// putWebConfig writes config/web, which is the siteConfig of the app.
func (p *webProvider) putWebConfig(ctx context.Context, r *arm.Request, sent arm.Object, c change) (arm.Response, error) {
	if err := exactSettings(sent); err != nil {
		return arm.Response{}, err
	}
	app := r.Target.Parent()
	site, err := p.Identities.PatchHost(ctx, managedidentity.HostWrite{ID: app, Edit: func(res *resource.Resource, _ bool) error {
		props := tracked.Decode(res.Properties)
		next := tracked.Decode(c(props["siteConfig"]))
		withoutSettings(next)
		props["siteConfig"] = tracked.Encode(next)
		res.Properties = tracked.Encode(props)
		return nil
	}})
	if err != nil {
		return arm.Response{}, err
	}
	if err := p.keepSettings(ctx, app, sent); err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newConfig(r.Target, tracked.Encode(siteConfig(tracked.Decode(site.Properties)))))
}

// listConfig shows settings that may hold credentials; that it did is on record first.
func (p *webProvider) listConfig(ctx context.Context, r *arm.Request) (arm.Response, error) {
	name := strings.ToLower(r.Target.Name())
	if name == "publishingcredentials" {
		return p.publishingCredentials(ctx, r)
	}
	props, err := p.kept(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	if defaults, open := openConfigs[name]; open {
		props = arm.Merge(defaults, tracked.Encode(tracked.Decode(props)))
	}
	if props == nil {
		var known bool
		if props, known = sealedDefaults[name]; !known {
			props = json.RawMessage(`{}`)
		}
	}
	if err := p.noteReading(ctx, r); err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newConfig(r.Target, props))
}

// noteReading puts on record that credentials were read (S-51).
func (p *webProvider) noteReading(ctx context.Context, r *arm.Request) error {
	return p.Audit.Write(ctx, audit.Event{Kind: audit.Activity, Outcome: audit.Succeeded, Operation: r.Action, Target: r.Target.String(),
		Subscription: r.Subscription()})
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

// keepSettings moves the settings of a siteConfig into their stores (CP §4.3).
func (p *webProvider) keepSettings(ctx context.Context, app resource.ID, config arm.Object) error {
	var list []setting
	if err := config.Into("appSettings", &list); err != nil {
		return err
	}
	if list != nil {
		kept := map[string]string{}
		for _, s := range list {
			kept[s.Name] = s.Value
		}
		if _, err := p.keep(ctx, app.Child("config", "appsettings"), replaced(tracked.Encode(kept))); err != nil {
			return err
		}
	}
	var connections []connection
	if err := config.Into("connectionStrings", &connections); err != nil || connections == nil {
		return err
	}
	kept := map[string]keptConnection{}
	for _, c := range connections {
		kept[c.Name] = keptConnection{c.Value, c.Type}
	}
	_, err := p.keep(ctx, app.Child("config", "connectionstrings"), replaced(tracked.Encode(kept)))
	return err
}

// exactSettings refuses settings and connection strings under a name that differs by case:
// they would stay in the body, where every reader sees them (S-51, S-63). Errors: arm.ErrContent.
func exactSettings(config arm.Object) error { return config.Exact("appSettings", "connectionStrings") }

// withoutSettings takes what is kept apart out of a siteConfig.
func withoutSettings(config arm.Object) {
	delete(config, "appSettings")
	delete(config, "connectionStrings")
}
