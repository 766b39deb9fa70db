package directory

import (
	"context"
	"strings"

	"github.com/sealring/sealring/internal/directory/builtin"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Audience is a further name of a built-in resource: one of our own hosts.
type Audience struct {
	AppID id.App // of the built-in table
	Name  string // "https://vault.sealring.internal:8443"
}

// Resource is what a token is asked for.
type Resource struct {
	AppID id.App
	// DisplayName is for records and people.
	DisplayName string
	// Version of the access tokens it takes: 1 or 2 (DT-3.1).
	Version int
	// Audience is the claim `aud`: in version 1 the requested text as spelled, in version 2
	// the application id (DT-3.8 step 4).
	Audience string
}

// ResolveAudience finds the resource that requested names: an application id, an
// identifier URI of the tenant's applications, a built-in name or one of ours. A trailing
// slash and the letter case of scheme and host do not matter (DT-3.8 step 3); a suffix
// "/.default" must have been removed. Errors: ErrAudienceUnknown.
func (d *Directory) ResolveAudience(ctx context.Context, tenant id.Tenant, requested string) (Resource, error) {
	if b, ok := d.names[requested]; ok { // canonical already, as nearly always
		return resolved(b.App, b.Name, b.Version, requested), nil
	}
	name := builtin.Canonical(requested)
	if name == "" {
		return Resource{}, ErrAudienceUnknown.With("the resource is empty")
	}
	if b, ok := d.names.find(name); ok {
		return resolved(b.App, b.Name, b.Version, requested), nil
	}
	s, err := d.cache.read(ctx)
	if err != nil {
		return Resource{}, err
	}
	defer d.cache.done()
	app, ok := s.uris[uriIn{tenant, name}]
	if !ok {
		app = id.App(strings.ToLower(name))
	}
	sp, ok := s.byApp[appIn{tenant, app}]
	if !ok || !sp.Enabled || sp.Kind != KindApplication {
		return Resource{}, ErrAudienceUnknown.With("the resource %q is not known in this tenant", clipped(requested))
	}
	version := 1
	if a, ok := s.applications[app]; ok {
		version = a.TokenVersion
	}
	return resolved(app, sp.DisplayName, version, requested), nil
}

// resolved builds the answer with the audience of the version.
func resolved(app id.App, name string, version int, requested string) Resource {
	r := Resource{AppID: app, DisplayName: name, Version: version, Audience: requested}
	if version == 2 {
		r.Audience = string(app)
	}
	if len(requested) == len(app) {
		if a, err := id.ParseApp(requested); err == nil {
			r.Audience = string(a)
		}
	}
	return r
}

// clipped caps a text that a caller chose, for sentences.
func clipped(s string) string {
	const limit = 256
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}

// audienceTable finds built-in resources by canonical name. It does not change after New.
type audienceTable map[string]*builtin.Resource

// newAudienceTable indexes the built-in table and our own names.
func newAudienceTable(extra []Audience) (audienceTable, error) {
	t := audienceTable{}
	for i := range builtin.Resources {
		b := &builtin.Resources[i]
		t[string(b.App)] = b
		for _, u := range b.URIs {
			t[builtin.Canonical(u)] = b
		}
	}
	for _, a := range extra {
		b, ok := t[string(a.AppID)]
		if !ok || builtin.Canonical(a.Name) == "" {
			return nil, ErrInvalid.With("the audience %q does not belong to a built-in resource", a.Name)
		}
		t[builtin.Canonical(a.Name)] = b
	}
	return t, nil
}

// find looks up a canonical name. Every storage account's own host is storage (DT-3.8).
func (t audienceTable) find(name string) (*builtin.Resource, bool) {
	if b, ok := t[name]; ok {
		return b, true
	}
	host, ok := strings.CutPrefix(name, "https://")
	account, service, found := strings.Cut(host, ".")
	if !ok || !found || account == "" {
		return nil, false
	}
	switch service {
	case "blob.core.windows.net", "queue.core.windows.net", "table.core.windows.net":
		return t[string(StorageApp)], true
	}
	return nil, false
}

// createBuiltins gives a tenant the service principals of the built-in resources.
func (d *Directory) createBuiltins(ctx context.Context, tx *store.Tx, tenant id.Tenant) error {
	for _, b := range builtin.Resources {
		names := append([]string{string(b.App)}, b.URIs...)
		for i := range names {
			names[i] = strings.TrimSuffix(names[i], "/")
		}
		sp := ServicePrincipal{Tenant: tenant, App: b.App, Kind: KindApplication, DisplayName: b.Name, Names: names}
		if _, err := d.insertServicePrincipal(ctx, tx, sp); err != nil {
			return err
		}
	}
	return nil
}
