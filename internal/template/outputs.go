package template

import (
	"errors"

	"github.com/sealring/sealring/internal/template/value"
)

// Output is one output with its value.
type Output struct {
	Name string
	Type string // as answers spell it
	// Value is what the output is; of a Secure one it is for a parent template only, and
	// never shown or stored.
	Value  any
	Secure bool
}

// readOutputs checks the declarations.
func (p *Plan) readOutputs() error {
	p.outputs = p.in.Template.Object("outputs")
	if p.outputs.Len() > maxOutputs {
		return invalid("The template has %d outputs; the limit is %d.", p.outputs.Len(), maxOutputs)
	}
	for _, name := range p.outputs.Names() {
		o := p.outputs.Object(name)
		if _, known := typeNames[p.typeOf(o)]; o == nil || !known {
			return invalid("The template output '%s' has no type that is known.", clip(name))
		}
		if !o.Has("value") && o.Object("copy") == nil {
			return invalid("The template output '%s' has no value.", clip(name))
		}
	}
	return nil
}

// Outputs computes the outputs whose condition holds. Errors: those of evaluation and of
// the runtime.
func (p *Plan) Outputs(rt Runtime) ([]Output, error) {
	p.shared.mu.Lock()
	defer p.shared.mu.Unlock()
	env := &environment{owner: p, plan: p, runtime: rt}
	if out := p.in.outer; out != nil {
		env = &environment{owner: out.owner, plan: p, above: out, loops: out.loops, runtime: rt}
	}
	var outputs []Output
	for _, name := range p.outputs.Names() {
		v, shown, err := p.output(env, p.outputs.Object(name))
		switch {
		case errors.Is(err, ErrPending):
			return nil, err
		case err != nil:
			return nil, explained(err, "The template output '"+clip(name)+"' is not valid: ")
		case !shown:
			continue
		}
		schema := p.outputs.Object(name)
		secure := p.secure(schema)
		if err := (checker{plan: p, parameter: name, secure: secure}).check(schema, v, "", 0); err != nil {
			return nil, invalid("The template output '%s' is not of the type '%s'.", clip(name), typeNames[p.typeOf(schema)])
		}
		outputs = append(outputs, Output{Name: name, Type: typeNames[p.typeOf(schema)], Value: v, Secure: secure})
	}
	return outputs, nil
}

// output computes one output, and whether it is there at all.
func (p *Plan) output(env *environment, o *value.Object) (any, bool, error) {
	if o.Has("condition") {
		v, err := env.evaluate(o.Get("condition"))
		if err != nil {
			return nil, false, err
		}
		if holds, ok := v.(bool); !ok {
			return nil, false, invalid("The condition is not a boolean")
		} else if !holds {
			return nil, false, nil
		}
	}
	if spec := o.Object("copy"); spec != nil {
		list, err := env.copies(spec)
		return list, true, err
	}
	v, err := env.evaluate(o.Get("value"))
	return v, true, err
}
