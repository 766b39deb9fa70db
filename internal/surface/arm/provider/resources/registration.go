package resources

import (
	"context"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// States of a namespace in a subscription.
const (
	registered   = "Registered"
	unregistered = "Unregistered"
	// notRegistered is the state before anybody decided.
	notRegistered = "NotRegistered"
)

// scopeText is the subscription in the path as the start of ids; "" at the tenant.
func scopeText(r *arm.Request) string {
	if r.Target.IsRoot() {
		return ""
	}
	return r.Target.String()
}

// stateOf is the state of a namespace in the subscription of the request. Unless the
// installation says otherwise everything is registered (CP §1.6).
func (p *resourcesProvider) stateOf(ctx context.Context, r *arm.Request, namespace string) (string, error) {
	if !p.Unregistered || r.Target.IsRoot() || strings.EqualFold(namespace, "Microsoft.Resources") || strings.EqualFold(namespace, "Microsoft.Authorization") {
		return registered, nil
	}
	state, err := p.Resources.Registration(ctx, r.Target, namespace)
	if state == "" {
		state = notRegistered
	}
	return state, err
}

// Registered returns what arm.Strict asks for.
func Registered(s *resource.Service) func(ctx context.Context, subscription resource.ID, namespace string) (bool, error) {
	return func(ctx context.Context, subscription resource.ID, namespace string) (bool, error) {
		state, err := s.Registration(ctx, subscription, namespace)
		return state == registered, err
	}
}

// listProviders answers with all namespaces in one page.
func (p *resourcesProvider) listProviders(ctx context.Context, r *arm.Request) (arm.Response, error) {
	list := arm.OnePage[wireProvider]{Value: []wireProvider{}}
	for _, e := range p.catalog {
		state, err := p.stateOf(ctx, r, e.Namespace)
		if err != nil {
			return arm.Response{}, err
		}
		list.Value = append(list.Value, e.wire(scopeText(r), p.LocationName, state))
	}
	return arm.OK(list)
}

// getProvider answers with one namespace. Errors: arm.ErrNamespace.
func (p *resourcesProvider) getProvider(ctx context.Context, r *arm.Request) (arm.Response, error) {
	e, err := findEntry(p.catalog, r.Var("namespace"))
	if err != nil {
		return arm.Response{}, err
	}
	state, err := p.stateOf(ctx, r, e.Namespace)
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(e.wire(scopeText(r), p.LocationName, state))
}

// register registers or unregisters e in a subscription, which is done when it is answered.
func (p *resourcesProvider) register(e catalogEntry, state string) arm.Handler {
	return func(ctx context.Context, r *arm.Request) (arm.Response, error) {
		if !p.Unregistered {
			return arm.OK(e.wire(scopeText(r), p.LocationName, registered))
		}
		if err := p.Resources.Register(ctx, r.Target, e.Namespace, state); err != nil {
			return arm.Response{}, err
		}
		return arm.OK(e.wire(scopeText(r), p.LocationName, state))
	}
}
