package arm

import (
	"context"
	"strings"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/resource"
)

// Failures of strict mode.
var (
	// ErrUnknownVersion is an api-version that Azure does not list for the type (CP §2.4).
	ErrUnknownVersion = fault.New(fault.Invalid, "No registered resource provider found for the API version.")
	// ErrUnregistered is a namespace that the subscription has not registered (CP §1.6).
	ErrUnregistered = fault.New(fault.Conflict, "The subscription is not registered to use the namespace.")
)

// Strict is what Azure refuses and Sealring does not by default (D-8).
type Strict struct {
	// Versions returns the api-versions of a full resource type, newest first; none for
	// types it does not know, of which every version is accepted. Nil refuses none.
	Versions func(fullType string) []string
	// Registered reports whether a subscription may use a namespace. Nil refuses none.
	Registered func(ctx context.Context, subscription resource.ID, namespace string) (bool, error)
}

// fullType is the resource type that the pattern of a route is about; of a verb that of the
// resource it acts on, if known does not know the verb for a type.
func (r Route) fullType(known func(string) []string) string {
	last := -1
	for i, segment := range r.segments {
		if segment == "providers" && i+1 < len(r.segments) && r.segments[i+1][0] != '{' {
			last = i + 1
		}
	}
	if last < 0 {
		return above(r.segments)
	}
	parts := []string{r.segments[last]}
	for i := last + 1; i < len(r.segments); i += 2 {
		parts = append(parts, r.segments[i])
	}
	for len(parts) > 2 && len(known(strings.Join(parts, "/"))) == 0 {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, "/")
}

// above is the type of what stands above resources, by the last literal of its pattern.
func above(segments []string) string {
	for i := len(segments) - 1; i >= 0; i-- {
		switch segment := segments[i]; segment {
		case "operationStatuses", "operationResults": // asked about with the version of what was started
			return ""
		case "resourceGroups", "subscriptions", "tenants", "resources", "providers", "deployments":
			return "Microsoft.Resources/" + segment
		}
	}
	return ""
}

// checkVersion refuses api-versions that are not listed for the type. Errors:
// ErrUnknownVersion, ErrVersion.
func (m *Room) checkVersion(route Route, r *Request) error {
	if m.strict.Versions == nil {
		return nil
	}
	kind := route.fullType(m.strict.Versions)
	listed := m.strict.Versions(kind)
	if len(listed) == 0 {
		return nil
	}
	for _, v := range listed {
		if v == r.Version {
			return nil
		}
	}
	namespace, name, _ := strings.Cut(kind, "/")
	if namespace == "Microsoft.Resources" {
		return ErrVersion.With("The api-version '%s' is invalid. The supported versions are '%s'.", clip(r.Version), strings.Join(listed, ","))
	}
	return ErrUnknownVersion.With("No registered resource provider found for location '%s' and API version '%s' for type '%s'. The supported api-versions are '%s'. The supported locations are '%s'.",
		m.location, clip(r.Version), name, strings.Join(listed, ", "), m.location)
}

// checkRegistered refuses namespaces that the subscription in the path has not registered,
// but for what is always there. Errors: ErrUnregistered.
func (m *Room) checkRegistered(ctx context.Context, route Route, r *Request) error {
	namespace, _, _ := strings.Cut(route.action, "/")
	switch {
	case m.strict.Registered == nil || r.Target.Subscription() == "":
		return nil
	case same(namespace, "Microsoft.Resources"), same(namespace, "Microsoft.Authorization"), strings.HasSuffix(route.action, "/register/action"), namespace == "":
		return nil
	}
	ok, err := m.strict.Registered(ctx, resource.SubscriptionID(r.Target.Subscription()), namespace)
	if err != nil || ok {
		return err
	}
	return ErrUnregistered.With("The subscription is not registered to use namespace '%s'. See https://aka.ms/rps-not-found for how to register subscriptions.", namespace)
}
