// Package hosts is the resource providers of everything that can carry an identity and needs
// no package of its own: a file for each namespace, which says what its types need beyond
// the generic handlers (control-plane.md §4).
//
// A resource here is the record of something that runs elsewhere, or nowhere: nothing is
// started, and credentials in bodies are dropped rather than kept. What it does have is an
// identity, and a name under which a program on a machine can ask for its tokens.
package hosts

import (
	"context"
	"regexp"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// Deps is what the providers are made of; all of it is needed.
type Deps struct {
	tracked.Deps
	IDs   *id.Source
	Audit recorder
	// Domain is the installation's domain, the end of the host names of what is served here.
	Domain string
}

// recorder keeps the record of what was read under a permission of its own; *audit.Log is one.
type recorder interface {
	Write(ctx context.Context, e audit.Event) error
}

// All lists the providers.
func All(d Deps) []arm.Provider {
	return append([]arm.Provider{
		appPlatform(d),
		containerApps(d),
		containerInstance(d),
		containerService(d),
		hybridCompute(d),
		logic(d),
		network(d),
		serviceFabric(d),
		storage(d),
	}, records(d)...)
}

// provide makes a provider of types and of what else it serves.
func provide(namespace string, types []tracked.Type, more ...arm.Route) arm.Provider {
	p := arm.Provider{Namespace: namespace}
	for _, t := range types {
		p.Routes = append(p.Routes, t.Routes()...)
	}
	p.Routes = append(p.Routes, more...)
	return p
}

// names are rules for names that several types share.
var (
	lettersDigits63 = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$`)
	lowerDashes63   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// once gives a member a new GUID when it is first written, and keeps it.
func (d Deps) once(stored, props arm.Object, name string) {
	if stored.Has(name) {
		props[name] = stored[name]
	} else {
		tracked.Set(props, name, d.IDs.Text())
	}
}
