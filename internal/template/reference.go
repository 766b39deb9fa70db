package template

import (
	"errors"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/template/expression"
	"github.com/sealring/sealring/internal/template/value"
)

// isRuntime reports whether an expression failed only because resources do not exist yet.
func isRuntime(err error) bool { return errors.Is(err, ErrRuntime) || errors.Is(err, ErrPending) }

// needsRuntime is a function that was called before resources exist.
func needsRuntime(name string) error {
	return ErrRuntime.With("The template function '%s' is not expected at this location. Please see https://aka.ms/arm-functions for usage details.", name)
}

// find returns the resource of the plan that a name or id means, here or, in a template
// that is evaluated in its parent's scope, there.
func (env *environment) find(name string) (*Resource, error) {
	for at := env; at != nil; at = at.above {
		p := at.plan
		if members, isLoop := p.loops[value.Fold(name)]; isLoop && p.symbolic && p.symbols[value.Fold(name)] == nil {
			return nil, invalid("The symbolic name '%s' is a copy loop of %d resources: name one of them, or use references().", clip(name), len(members))
		}
		found, err := p.dependency(name)
		if err != nil {
			return nil, err
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return nil, nil
}

// options reads the arguments behind the first: an api-version, and 'Full'.
func options(name string, args []any) (version string, full bool, err error) {
	for _, arg := range args {
		s, ok := arg.(string)
		switch {
		case !ok:
			return "", false, expression.ErrEvaluation.With("the template function '%s' takes strings", name)
		case strings.EqualFold(s, "full"):
			full = true
		default:
			version = s
		}
	}
	return version, full, nil
}

// callReference is the state of a resource (CP §7.6).
func callReference(env *environment, name string, args []any) (any, error) {
	if len(args) < 1 || len(args) > 3 {
		return nil, expression.ErrEvaluation.With("the template function 'reference' takes one to three arguments")
	}
	which, isText := args[0].(string)
	version, full, err := options(name, args[1:])
	if err != nil || !isText {
		return nil, expression.ErrEvaluation.With("the template function 'reference' takes strings")
	}
	if env.runtime == nil {
		return nil, needsRuntime(name)
	}
	r, err := env.find(which)
	if err != nil {
		return nil, err
	}
	if r != nil {
		return env.stateOf(r, version, full)
	}
	at, ok := parseID(which, env.plan.in.At)
	if !ok || at.IsZero() {
		return nil, invalid("The template reference '%s' is not valid: could not find template resource or resource copy with this name. Please see https://aka.ms/arm-function-reference for usage details.", clip(which))
	}
	if version == "" {
		return nil, invalid("The template function 'reference' needs an apiVersion for '%s', which is not a resource of the template.", at)
	}
	body, err := env.runtime.Read(at, version)
	if err != nil {
		return nil, err
	}
	return state(body, at, version, full, nil), nil
}

// stateOf is what reference gives of a resource of the plan.
func (env *environment) stateOf(r *Resource, version string, full bool) (any, error) {
	if !r.Enabled {
		if r.Existing {
			return nil, nil
		}
		return nil, ErrInvalid.With("The resource '%s' is referenced and is not deployed, since its condition is false.", r.ID)
	}
	body, err := env.runtime.State(r)
	if err != nil {
		return nil, err
	}
	if version == "" {
		version = r.APIVersion
	}
	return state(body, r.ID, version, full, r), nil
}

// state shapes a resource as reference does.
func state(body *value.Object, at resource.ID, version string, full bool, r *Resource) any {
	props := body.Object("properties")
	if props == nil {
		props = &value.Object{}
	}
	if !full {
		return props
	}
	out := value.NewObject("apiVersion", version)
	for _, name := range []string{"location", "sku", "tags", "kind", "plan", "identity", "zones", "managedBy", "extendedLocation", "etag"} {
		if body.Has(name) {
			out.Set(name, body.Get(name))
		}
	}
	out.Set("properties", props)
	out.Set("condition", true)
	out.Set("deploymentResourceLineInfo", &value.Object{})
	out.Set("existing", r == nil || r.Existing)
	out.Set("isConditionTrue", true)
	out.Set("subscriptionId", string(at.Subscription()))
	out.Set("resourceGroupName", at.Group())
	out.Set("scope", at.Scope().String())
	out.Set("resourceId", at.String())
	out.Set("referenceApiVersion", version)
	out.Set("isTemplateResource", r != nil)
	out.Set("isAction", false)
	operation := "Read"
	if r != nil && !r.Existing {
		operation = "Create"
	}
	out.Set("provisioningOperation", operation)
	return out
}

// callReferences is the list of the states of the members of a loop (language 2.0).
func callReferences(env *environment, name string, args []any) (any, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, expression.ErrEvaluation.With("the template function 'references' takes one or two arguments")
	}
	which, isText := args[0].(string)
	_, full, err := options(name, args[1:])
	if err != nil || !isText {
		return nil, expression.ErrEvaluation.With("the template function 'references' takes strings")
	}
	if env.runtime == nil {
		return nil, needsRuntime(name)
	}
	for at := env; at != nil; at = at.above {
		members, isLoop := at.plan.loops[value.Fold(which)]
		if !isLoop {
			continue
		}
		out := make([]any, len(members))
		for i, r := range members {
			if out[i], err = env.stateOf(r, "", full); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return nil, invalid("The template function 'references' names no copy loop '%s'.", clip(which))
}

// callResourceInfo tells what is known of a resource of the plan before it exists.
func callResourceInfo(env *environment, name string, args []any) (any, error) {
	which, err := oneText(name, args)
	if err != nil {
		return nil, err
	}
	r, err := env.find(which)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, invalid("The template has no resource '%s'.", clip(which))
	}
	return value.NewObject("id", r.ID.String(), "name", r.Name, "type", r.Type, "apiVersion", r.APIVersion), nil
}

// callList calls an operation of a resource: listKeys and its like.
func callList(env *environment, name string, args []any) (any, error) {
	if len(args) < 2 || len(args) > 3 {
		return nil, expression.ErrEvaluation.With("the template function '%s' takes two or three arguments", name)
	}
	which, okID := args[0].(string)
	version, okVersion := args[1].(string)
	if !okID || !okVersion {
		return nil, expression.ErrEvaluation.With("the template function '%s' takes a resource and an apiVersion", name)
	}
	if env.runtime == nil {
		return nil, needsRuntime(name)
	}
	r, err := env.find(which)
	if err != nil {
		return nil, err
	}
	var at resource.ID
	if r != nil {
		if _, err := env.stateOf(r, "", false); err != nil {
			return nil, err // not there yet, or not at all
		}
		at = r.ID
	} else if parsed, ok := parseID(which, env.plan.in.At); ok {
		at = parsed
	} else {
		return nil, invalid("The template function '%s' names no resource.", name)
	}
	var body any
	if len(args) == 3 {
		body = args[2]
	}
	return env.runtime.Act(at, name, version, body)
}
