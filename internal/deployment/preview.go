package deployment

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/template"
	"github.com/sealring/sealring/internal/template/value"
)

// PreflightError is ErrPreflight with what is wrong with the resources.
type PreflightError struct {
	Err     error
	Details []Failure
}

// Error implements error.
func (e *PreflightError) Error() string { return e.Err.Error() }

// Unwrap finds the failure itself.
func (e *PreflightError) Unwrap() error { return e.Err }

// planned is a resource of a plan or of a plan nested in it.
type planned struct {
	x *exec
	r *template.Resource
}

// flatten lists the resources that a deployment would write, those of nested deployments
// included, as far as their parameters are known before anything exists.
func (s *Service) flatten(ctx context.Context, x *exec, out []planned) ([]planned, error) {
	for _, n := range x.order {
		if n.r.Existing {
			continue
		}
		out = append(out, planned{x, n.r})
		if !n.r.IsNested() || x.depth+1 >= maxDepth {
			continue
		}
		asked, err := x.plan.NestedSketch(n.r)
		if template.IsRuntime(err) || err == nil && asked.Link != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		req := Request{ID: n.r.ID, Tenant: x.req.Tenant, Location: asked.Location, Template: asked.Template, Parameters: asked.Parameters, Caller: x.req.Caller,
			Facts: x.req.Facts, Complete: strings.EqualFold(asked.Mode, "Complete")}
		inner, err := s.prepareNested(ctx, req, asked, x)
		if errors.Is(err, resource.ErrGroupNotFound) {
			continue // made by this deployment, or missing when its turn comes
		}
		if err != nil {
			return nil, err
		}
		if out, err = s.flatten(ctx, inner, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Validate plans a deployment and checks that its caller may do each of its writes. It
// returns the record as it would begin, with the ids that would be written. Nothing is
// changed. Errors: as Start, *PreflightError.
func (s *Service) Validate(ctx context.Context, req Request) (Deployment, error) {
	x, err := s.prepare(ctx, req, nil)
	if err != nil {
		return Deployment{}, err
	}
	all, err := s.flatten(ctx, x, nil)
	if err != nil {
		return Deployment{}, err
	}
	d := x.snapshot()
	d.State, d.Resources = Succeeded, nil
	failures, err := check(ctx, req.Caller, all)
	if err != nil {
		return Deployment{}, err
	}
	if failures != nil {
		var said []string
		for _, f := range failures {
			said = append(said, f.Message)
		}
		return Deployment{}, &PreflightError{Details: failures,
			Err: ErrPreflight.With("The template deployment '%s' is not valid according to the validation procedure. See inner errors for details. '%.1000s'", req.ID.Name(), strings.Join(said, "', '"))}
	}
	for _, p := range all {
		d.Resources = append(d.Resources, p.r.ID.String())
	}
	return d, nil
}

// check asks for every write whether the caller may do it.
func check(ctx context.Context, c Caller, all []planned) (failures []Failure, err error) {
	for _, p := range all {
		err := c.Check(ctx, Call{Method: http.MethodPut, Path: p.r.ID.String(), Version: p.r.APIVersion})
		if err == nil {
			continue
		}
		f := c.Explain(ctx, err)
		if f.Status >= 500 {
			return nil, err
		}
		f.Target = p.r.ID.String()
		failures = append(failures, f)
	}
	return failures, nil
}

// Change is what a deployment would do to a resource.
type Change struct {
	ID   resource.ID
	Kind string // Create, Modify, NoChange, Delete, Ignore, Deploy, Unsupported
	// Before and After are the resource, nil where there is none; Delta is what differs.
	Before, After *value.Object
	Delta         []Difference
	Why           string // of Unsupported
}

// Difference is one path that would change.
type Difference struct {
	Path          string
	Kind          string // Create, Modify, Delete
	Before, After any
}

// WhatIf says what a deployment would do, without doing it. Errors: as Start.
func (s *Service) WhatIf(ctx context.Context, req Request) ([]Change, error) {
	x, err := s.prepare(ctx, req, nil)
	if err != nil {
		return nil, err
	}
	all, err := s.flatten(ctx, x, nil)
	if err != nil {
		return nil, err
	}
	mask := newMasker(x.plan)
	seen := map[string]bool{}
	var keep []string // what is there because of something that the template names
	var out []Change
	for _, p := range all {
		if p.r.IsNested() {
			continue
		}
		c, err := p.change(ctx)
		if err != nil {
			return nil, err
		}
		seen[p.r.ID.Key()] = true
		keep = append(keep, made(c.Before)...)
		out = append(out, mask.change(c))
	}
	if req.ID.Scope().Type() != resource.TypeGroup {
		return out, nil
	}
	rest, err := x.leftovers(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, at := range rest {
		if seen[at.Key()] {
			continue
		}
		c := Change{ID: at, Kind: "Ignore"}
		if req.Complete && !x.mentions(at) && !keeps(keep, at) {
			c.Kind = "Delete"
		}
		c.Before = value.NewObject("id", at.String(), "name", at.FullName(), "type", at.Type())
		out = append(out, c)
	}
	return out, nil
}

// mentions reports whether the plan names a resource or something below it.
func (x *exec) mentions(i resource.ID) bool {
	for _, n := range x.order {
		if i.Contains(n.r.ID) {
			return true
		}
	}
	return false
}

// change compares what a resource is with what it would become.
func (p planned) change(ctx context.Context) (Change, error) {
	c := Change{ID: p.r.ID}
	body, err := p.x.plan.Sketch(p.r, &present{runtime{x: p.x, ctx: ctx}})
	if err != nil {
		return c, err
	}
	raw, err := p.read(ctx)
	if err != nil {
		f := p.x.req.Caller.Explain(ctx, err)
		switch {
		case f.Status >= 500:
			return c, err
		case f.Status == http.StatusNotFound:
			c.Kind = "Create"
			c.After = value.NewObject("id", p.r.ID.String(), "name", p.r.ID.FullName(), "type", p.r.ID.Type(), "apiVersion", p.r.APIVersion)
			for _, name := range body.Names() {
				c.After.Set(name, body.Get(name))
			}
			return c, nil
		case f.Status == http.StatusMethodNotAllowed:
			c.Kind = "Deploy" // a thing that is written and cannot be read
			return c, nil
		}
		c.Kind, c.Why = "Unsupported", f.Message
		return c, nil
	}
	if c.Before, err = value.ParseObject(raw); err != nil {
		return c, err
	}
	c.Delta = compare("", c.Before, body, p.r)
	c.After = laid(c.Before, body)
	if c.Kind = "NoChange"; len(c.Delta) > 0 {
		c.Kind = "Modify"
	}
	return c, nil
}

// read returns the resource as it is. Settings that are secret cannot be read by GET, only
// by an operation with a permission of its own.
func (p planned) read(ctx context.Context) ([]byte, error) {
	_, raw, err := p.x.req.Caller.Do(ctx, Call{Method: http.MethodGet, Path: p.r.ID.String(), Version: p.r.APIVersion})
	if err == nil || p.x.req.Caller.Explain(ctx, err).Status != http.StatusMethodNotAllowed {
		return raw, err
	}
	_, raw, listErr := p.x.req.Caller.Do(ctx, Call{Method: http.MethodPost, Path: p.r.ID.String() + "/list", Version: p.r.APIVersion})
	if listErr == nil {
		return raw, nil
	}
	switch p.x.req.Caller.Explain(ctx, listErr).Status {
	case http.StatusMethodNotAllowed, http.StatusForbidden:
		return nil, err
	}
	return nil, listErr
}

// present is a runtime for what-if: resources of the template that exist already are what
// they are, the others are not known.
type present struct{ runtime }

// State implements template.Runtime.
func (p *present) State(r *template.Resource) (*value.Object, error) {
	body, err := p.Read(r.ID, r.APIVersion)
	if err != nil {
		return nil, template.ErrPending
	}
	return body, nil
}

// Read implements template.Runtime.
func (p *present) Read(at resource.ID, version string) (*value.Object, error) {
	body, err := p.runtime.Read(at, version)
	if err != nil {
		return nil, template.ErrPending
	}
	return body, nil
}

// Act implements template.Runtime: nothing is called.
func (p *present) Act(resource.ID, string, string, any) (any, error) { return nil, template.ErrPending }
