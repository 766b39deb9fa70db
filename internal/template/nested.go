package template

import (
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/template/expression"
	"github.com/sealring/sealring/internal/template/value"
)

// Nested is what a resource of the type TypeDeployment asks for.
type Nested struct {
	// Scope is where it deploys.
	Scope    resource.ID
	Template *value.Object
	// Link is set where the template is elsewhere.
	Link     *value.Object
	Mode     string
	Location string
	Tags     any
	// Parameters are as in a request: {"name":{"value":…}} or a reference to a vault.
	Parameters *value.Object

	outer  *environment
	budget *expression.Budget
}

// innerScope reports whether a deployment's template has parameters of its own.
func innerScope(r *value.Object) bool {
	return strings.EqualFold(r.Object("properties").Object("expressionEvaluationOptions").Text("scope"), "inner")
}

// Nested computes the request of a deployment in the plan. Errors: as Body.
func (p *Plan) Nested(r *Resource, rt Runtime) (Nested, error) {
	p.shared.mu.Lock()
	defer p.shared.mu.Unlock()
	return p.nested(r, r.env.with(rt))
}

// NestedSketch is Nested before resources exist; it fails with an error of which
// IsRuntime holds where parameters are not known yet.
func (p *Plan) NestedSketch(r *Resource) (Nested, error) {
	p.shared.mu.Lock()
	defer p.shared.mu.Unlock()
	return p.nested(r, r.env)
}

// IsRuntime reports whether an error says only that resources do not exist yet.
func IsRuntime(err error) bool { return isRuntime(err) }

// nested evaluates everything but the template.
func (p *Plan) nested(r *Resource, env *environment) (Nested, error) {
	raw := r.raw.Clone()
	for _, name := range templateOnly {
		raw.Delete(name)
	}
	n := Nested{Scope: r.ID.Scope(), budget: p.shared.budget}
	props := r.raw.Object("properties")
	if props == nil {
		return n, invalid("The nested deployment '%s' has no properties.", clip(r.Name))
	}
	if props = props.Clone(); !innerScope(r.raw) {
		n.outer = &environment{owner: env.owner, plan: p, above: env.above, loops: env.loops, runtime: env.runtime}
	}
	n.Template = props.Object("template")
	props.Delete("template")
	raw.Set("properties", props)
	v, err := env.evaluate(raw)
	if err != nil {
		if isRuntime(err) {
			return n, err
		}
		return n, inResource(r, err)
	}
	body, _ := v.(*value.Object)
	props = body.Object("properties")
	n.Mode, n.Location, n.Tags = props.Text("mode"), body.Text("location"), body.Get("tags")
	n.Parameters, n.Link = props.Object("parameters"), props.Object("templateLink")
	if n.Template == nil && n.Link == nil {
		return n, invalid("The nested deployment '%s' has no template.", clip(r.Name))
	}
	return n, nil
}

// Plan makes the plan of a nested template. In's template, and for a template in its
// parent's scope its facts and parameters, come from n. Errors: as New.
func (n Nested) Plan(in Input) (*Plan, error) {
	in.Template, in.budget = n.Template, n.budget
	if n.outer != nil {
		in.outer = n.outer
		in.Facts = n.outer.owner.in.Facts
	}
	return New(in)
}

// At is the scope of the plan.
func (p *Plan) At() resource.ID { return p.in.At }
