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

// openConfigs are the settings of an app that GET may show; all others may hold credentials
// and are read by POST …/list only, which has a permission and a record of its own (S-51).
var openConfigs = map[string]json.RawMessage{
	"web":             nil, // the site's siteConfig
	"slotconfignames": json.RawMessage(`{}`),
	// Without exactly these, Terraform sees a difference for ever (CP §4.3).
	"logs": json.RawMessage(`{"applicationLogs":{"fileSystem":{"level":"Off"},"azureTableStorage":{"level":"Off"},"azureBlobStorage":{"level":"Off"}},` +
		`"httpLogs":{"fileSystem":{"retentionInMb":35,"retentionInDays":0,"enabled":false},"azureBlobStorage":{"enabled":false}},` +
		`"failedRequestsTracing":{"enabled":false},"detailedErrorMessages":{"enabled":false}}`),
}

// keep stores the properties of one set of settings of an app, as a hidden child of it.
func (p *webProvider) keep(ctx context.Context, config resource.ID, props json.RawMessage, patch bool) (resource.Resource, error) {
	res, _, err := p.Identities.PutHost(ctx, managedidentity.HostWrite{ID: config, Edit: func(res *resource.Resource, exists bool) error {
		res.Hidden = true
		if patch && exists {
			props = arm.Merge(res.Properties, props)
		}
		res.Properties = props
		return nil
	}})
	return res, err
}

// getConfig shows settings that hold no credentials.
func (p *webProvider) getConfig(ctx context.Context, r *arm.Request) (arm.Response, error) {
	name := strings.ToLower(r.Target.Name())
	defaults, open := openConfigs[name]
	if !open {
		return arm.Response{}, arm.ErrMethod.With("The settings '%s' are read by POST to '%s/list'.", r.Target.Name(), r.Target)
	}
	site, err := p.Resources.Get(ctx, r.Target.Parent())
	if err != nil {
		return arm.Response{}, err
	}
	if name == "web" {
		defaults = tracked.Decode(site.Properties)["siteConfig"]
	}
	kept, err := p.Resources.Get(ctx, r.Target)
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return arm.Response{}, err
	}
	props := tracked.Encode(tracked.Decode(defaults))
	if err == nil {
		props = arm.Merge(props, tracked.Encode(tracked.Decode(kept.Properties)))
	}
	return arm.OK(newConfig(r.Target, props))
}

// newConfig shapes one set of settings.
func newConfig(config resource.ID, props json.RawMessage) tracked.Resource {
	if len(props) == 0 {
		props = json.RawMessage(`{}`)
	}
	return tracked.Resource{ID: config.String(), Name: config.Name(), Type: config.Type(), Properties: props}
}

// putConfig replaces settings, or merges into them by PATCH.
func (p *webProvider) putConfig(ctx context.Context, r *arm.Request) (arm.Response, error) {
	props, err := r.Properties()
	if err != nil {
		return arm.Response{}, err
	}
	kept, err := p.keep(ctx, r.Target, tracked.Encode(props), r.Method() == http.MethodPatch)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newConfig(r.Target, kept.Properties))
}

// listConfig shows settings that may hold credentials; that it did is on record first.
func (p *webProvider) listConfig(ctx context.Context, r *arm.Request) (arm.Response, error) {
	kept, err := p.Resources.Get(ctx, r.Target)
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return arm.Response{}, err
	}
	if err != nil {
		if _, err := p.Resources.Get(ctx, r.Target.Parent()); err != nil {
			return arm.Response{}, err
		}
	}
	err = p.Audit.Write(ctx, audit.Event{Kind: audit.Activity, Outcome: audit.Succeeded, Operation: r.Action, Target: r.Target.String(),
		Subscription: r.Subscription()})
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newConfig(r.Target, kept.Properties))
}

// publishXML answers with a publishing profile that leads nowhere: az asks for it behind
// every create, and there is nothing to publish to.
func (p *webProvider) publishXML(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if _, err := p.Resources.Get(ctx, r.Target); err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK, XML: `<publishData></publishData>`}, nil
}
