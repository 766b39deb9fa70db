package web

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// swap exchanges what runs in two slots of an app, or in the app and a slot: configuration
// and settings, but for those that stick to their slot. Identities stay where they are
// (CP §4.4).
func (p *webProvider) swap(ctx context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Body()
	if err != nil {
		return arm.Response{}, err
	}
	target, err := body.Text("targetSlot")
	if err != nil {
		return arm.Response{}, err
	}
	app := r.Target
	if app.Is(slots) {
		app = app.Parent()
	}
	other := app
	if target != "" && !strings.EqualFold(target, "production") {
		if other = app.Child("slots", target); other.IsZero() {
			return arm.Response{}, arm.ErrContent.With("The member 'targetSlot' is not the name of a slot.")
		}
	}
	if other.Equal(r.Target) {
		return arm.Response{}, arm.ErrContent.With("A slot cannot be swapped with itself.")
	}
	allowed, err := r.Allowed(ctx, other.Type()+"/slotsswap/action", other) // it is changed like the first
	if err != nil {
		return arm.Response{}, err
	}
	if !allowed {
		return arm.Response{}, r.DenyAt(other)
	}
	if err := r.Unlocked(ctx, other, false); err != nil {
		return arm.Response{}, err
	}
	sticky, err := p.sticky(ctx, app)
	if err != nil {
		return arm.Response{}, err
	}
	if err := p.swapSettings(ctx, r.Target, other, "appsettings", sticky.Settings); err != nil {
		return arm.Response{}, err
	}
	if err := p.swapSettings(ctx, r.Target, other, "connectionstrings", sticky.Connections); err != nil {
		return arm.Response{}, err
	}
	if err := p.swapConfig(ctx, r.Target, other); err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK}, nil
}

// stickyNames are the settings that stay with their slot.
type stickyNames struct {
	Settings    []string `json:"appSettingNames"`
	Connections []string `json:"connectionStringNames"`
}

// sticky reads them.
func (p *webProvider) sticky(ctx context.Context, app resource.ID) (out stickyNames, err error) {
	raw, err := p.kept(ctx, app.Child("config", "slotConfigNames"))
	if err != nil {
		return out, err
	}
	o := tracked.Decode(raw)
	if err := o.Into("appSettingNames", &out.Settings); err != nil {
		return out, err
	}
	return out, o.Into("connectionStringNames", &out.Connections)
}

// swapSettings exchanges the settings of two slots that do not stick.
func (p *webProvider) swapSettings(ctx context.Context, a, b resource.ID, config string, sticky []string) error {
	of := func(app resource.ID) (arm.Object, error) {
		raw, err := p.kept(ctx, app.Child("config", config))
		return tracked.Decode(raw), err
	}
	ofA, err := of(a)
	if err != nil {
		return err
	}
	ofB, err := of(b)
	if err != nil {
		return err
	}
	next := func(own, others arm.Object) json.RawMessage {
		out := arm.Object{}
		stays := func(name string) bool {
			return slices.ContainsFunc(sticky, func(s string) bool { return strings.EqualFold(s, name) })
		}
		for name, v := range own {
			if stays(name) {
				out[name] = v
			}
		}
		for name, v := range others {
			if !stays(name) {
				out[name] = v
			}
		}
		return tracked.Encode(out)
	}
	if _, err := p.keep(ctx, a.Child("config", config), replaced(next(ofA, ofB))); err != nil {
		return err
	}
	_, err = p.keep(ctx, b.Child("config", config), replaced(next(ofB, ofA)))
	return err
}

// swapConfig exchanges the siteConfig of two slots.
func (p *webProvider) swapConfig(ctx context.Context, a, b resource.ID) error {
	siteA, err := p.Resources.Get(ctx, a)
	if err != nil {
		return err
	}
	siteB, err := p.Resources.Get(ctx, b)
	if err != nil {
		return err
	}
	give := func(to resource.ID, from resource.Resource) error {
		config := tracked.Decode(from.Properties)["siteConfig"]
		_, err := p.Identities.PatchHost(ctx, managedidentity.HostWrite{ID: to, Edit: func(res *resource.Resource, _ bool) error {
			props := tracked.Decode(res.Properties)
			props["siteConfig"] = config
			res.Properties = tracked.Encode(props)
			return nil
		}})
		return err
	}
	if err := give(a, siteB); err != nil {
		return err
	}
	return give(b, siteA)
}
