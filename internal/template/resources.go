package template

import (
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/template/value"
)

// Resource is one resource of a plan: what its template says, with everything settled that
// is known before any resource exists.
type Resource struct {
	ID         resource.ID
	Type, Name string // as the template has them
	APIVersion string
	// Symbol is the symbolic name, with the turn of the loop in brackets; "" in version 1.0.
	Symbol string
	// Existing is a resource that is read and not written.
	Existing bool
	// Enabled is false where the condition is.
	Enabled bool
	// After are the resources that have to be done first, without those that are not Enabled.
	After []*Resource

	raw       *value.Object
	env       *environment
	loop      string   // folded name of the copy loop
	dependsOn []string // as evaluated, not yet resolved
}

// templateOnly are the members of a resource that say what to do with it; the others are
// what is sent.
var templateOnly = []string{"type", "apiVersion", "apiProfile", "name", "condition", "copy", "dependsOn", "scope", "comments", "resources",
	"existing", "metadata", "resourceGroup", "subscriptionId", "tenantId", "@options", "import", "asserts"}

// expand makes the resources of the plan.
func (p *Plan) expand() error {
	env := &environment{owner: p, plan: p}
	if out := p.in.outer; out != nil {
		env = &environment{owner: out.owner, plan: p, above: out, loops: out.loops}
	}
	return p.expandAll(p.in.Template.Get("resources"), nil, env, 0)
}

// expandAll makes the resources of an array or of an object of symbolic names; parent is
// the resource in which they stand, nil at the top.
func (p *Plan) expandAll(raw any, parent *Resource, env *environment, depth int) error {
	if depth > maxNesting {
		return invalid("Resources are nested in resources too deeply.")
	}
	switch list := raw.(type) {
	case nil:
		if depth == 0 {
			return invalid("The template has no 'resources'.")
		}
		return nil
	case []any:
		for _, item := range list {
			o, ok := item.(*value.Object)
			if !ok {
				return invalid("A resource of the template is not an object.")
			}
			if err := p.expandOne(o, "", parent, env, depth); err != nil {
				return err
			}
		}
		return nil
	case *value.Object:
		for _, symbol := range list.Names() {
			o := list.Object(symbol)
			if o == nil {
				return invalid("The resource '%s' of the template is not an object.", clip(symbol))
			}
			if err := p.expandOne(o, symbol, parent, env, depth); err != nil {
				return err
			}
		}
		return nil
	}
	return invalid("The 'resources' of the template are neither an array nor an object.")
}

// expandOne makes the resource, or one for every turn of its copy loop.
func (p *Plan) expandOne(raw *value.Object, symbol string, parent *Resource, env *environment, depth int) error {
	loopSpec := raw.Object("copy")
	if loopSpec == nil {
		_, err := p.add(raw, symbol, parent, env, depth)
		return err
	}
	name := loopSpec.Text("name")
	if name == "" {
		return invalid("A copy loop has no name.")
	}
	count, err := env.count(loopSpec)
	if err != nil {
		return err
	}
	mode := strings.ToLower(loopSpec.Text("mode"))
	batch := count
	if mode == "serial" {
		batch = 1
		if size, err := env.evaluate(loopSpec.Get("batchSize")); err != nil {
			return err
		} else if n, ok := size.(int64); ok && n > 0 {
			batch = n
		} else if size != nil {
			return invalid("The batch size of the copy loop '%s' is not a positive integer.", clip(name))
		}
	} else if mode != "" && mode != "parallel" {
		return invalid("The mode of the copy loop '%s' is neither 'parallel' nor 'serial'.", clip(name))
	}
	key := value.Fold(name)
	p.loops[key] = slices.Clip(p.loops[key])
	var earlier, current []*Resource
	for i := range count {
		if i > 0 && i%max(batch, 1) == 0 {
			earlier, current = current, nil
		}
		r, err := p.add(raw, indexed(symbol, i), parent, env.in(loop{name: key, index: i}), depth)
		if err != nil {
			return err
		}
		r.loop = key
		r.After = append(r.After, earlier...)
		current = append(current, r)
		p.loops[key] = append(p.loops[key], r)
		if symbol != "" && !strings.EqualFold(symbol, name) {
			p.loops[value.Fold(symbol)] = append(p.loops[value.Fold(symbol)], r)
		}
	}
	if symbol != "" && count == 0 {
		p.loops[value.Fold(symbol)] = nil
	}
	return nil
}

// indexed is the symbolic name of a member of a loop.
func indexed(symbol string, i int64) string {
	if symbol == "" {
		return ""
	}
	return symbol + "[" + uintText(uint64(i)) + "]"
}

// add makes one resource and those that stand in it.
func (p *Plan) add(raw *value.Object, symbol string, parent *Resource, env *environment, depth int) (*Resource, error) {
	if len(p.Resources) >= maxResources {
		return nil, invalid("The number of template resources limit exceeded. Limit: '%d'.", maxResources)
	}
	r := &Resource{raw: raw, env: env, Symbol: symbol, Existing: raw.Get("existing") == true, Enabled: true}
	if err := p.settleResource(r, parent); err != nil {
		where := "The resource '" + clip(r.Name) + "' of type '" + clip(r.Type) + "' cannot be read: "
		return nil, explained(err, where)
	}
	for _, other := range p.Resources {
		if other.ID.Equal(r.ID) && other.Enabled && r.Enabled && !other.Existing && !r.Existing {
			return nil, invalid("The resource '%s' is defined multiple times in a template. Please see https://aka.ms/arm-syntax-resources for usage details.", r.ID)
		}
	}
	if symbol != "" {
		p.symbols[value.Fold(symbol)] = r
	}
	p.Resources = append(p.Resources, r)
	if strings.EqualFold(r.Type, TypeDeployment) {
		return r, nil
	}
	return r, p.expandAll(raw.Get("resources"), r, env, depth+1)
}

// settleResource computes what is known of a resource before any exists.
func (p *Plan) settleResource(r *Resource, parent *Resource) (err error) {
	if r.Type, err = r.env.text(r.raw.Get("type"), "the type of a resource"); err != nil {
		return err
	}
	if r.Name, err = r.env.text(r.raw.Get("name"), "the name of a resource"); err != nil {
		return err
	}
	if parent != nil {
		if first, _, _ := strings.Cut(r.Type, "/"); !strings.Contains(first, ".") {
			r.Type = parent.Type + "/" + r.Type
		}
		if strings.Count(r.Name, "/")+1 < strings.Count(r.Type, "/") {
			r.Name = parent.Name + "/" + r.Name
		}
	}
	if r.raw.Has("apiVersion") {
		if r.APIVersion, err = r.env.text(r.raw.Get("apiVersion"), "the apiVersion of a resource"); err != nil {
			return err
		}
	}
	if r.APIVersion == "" {
		return invalid("The resource '%s' of type '%s' has no 'apiVersion'.", clip(r.Name), clip(r.Type))
	}
	if r.raw.Has("condition") {
		v, err := r.env.evaluate(r.raw.Get("condition"))
		if err != nil {
			return err
		}
		enabled, ok := v.(bool)
		if !ok {
			return invalid("The condition of the resource '%s' is not a boolean.", clip(r.Name))
		}
		r.Enabled = enabled
	}
	if parent != nil {
		r.Enabled = r.Enabled && parent.Enabled
	}
	src := r.raw
	if parent != nil && !src.Has("scope") && parent.raw.Has("scope") {
		src = src.Clone()
		src.Set("scope", parent.raw.Get("scope"))
	}
	if r.ID, err = p.place(r.env, src, r.Type, r.Name); err != nil {
		return err
	}
	switch list := r.raw.Get("dependsOn").(type) {
	case nil:
	case []any:
		for _, item := range list {
			text, err := r.env.text(item, "a dependency of a resource")
			if err != nil {
				return err
			}
			r.dependsOn = append(r.dependsOn, text)
		}
	default:
		return invalid("The 'dependsOn' of the resource '%s' is not an array.", clip(r.Name))
	}
	return nil
}

// IsNested reports whether the resource is a deployment.
func (r *Resource) IsNested() bool { return strings.EqualFold(r.Type, TypeDeployment) }

// Body computes what is sent for a resource, without null members (CP §2.10).
// Errors: those of evaluation, ErrPending, those of the runtime.
func (p *Plan) Body(r *Resource, rt Runtime) (*value.Object, error) {
	p.shared.mu.Lock()
	defer p.shared.mu.Unlock()
	return p.body(r, r.env.with(rt))
}

// Sketch is Body as far as it can be computed before resources exist: what cannot, stays
// the expression that it is in the template. A runtime may know some of the resources.
func (p *Plan) Sketch(r *Resource, rt Runtime) (*value.Object, error) {
	p.shared.mu.Lock()
	defer p.shared.mu.Unlock()
	env := r.env.with(rt)
	env.static = true
	return p.body(r, env)
}

// body computes the members to send.
func (p *Plan) body(r *Resource, env *environment) (*value.Object, error) {
	send := r.raw.Clone()
	for _, name := range templateOnly {
		send.Delete(name)
	}
	v, err := env.evaluate(send)
	if err != nil {
		return nil, inResource(r, err)
	}
	if out, ok := value.WithoutNulls(v).(*value.Object); ok {
		return out, nil
	}
	return nil, inResource(r, ErrInvalid)
}

// inResource puts the name of the resource before an error of evaluation.
func inResource(r *Resource, err error) error {
	if fault.KindOf(err) != fault.Invalid {
		return err
	}
	return ErrInvalid.With("Unable to process template language expressions for resource '%s'. '%s'", r.ID, fault.Message(err))
}
