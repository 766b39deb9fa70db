package template

import (
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/template/expression"
	"github.com/sealring/sealring/internal/template/value"
)

// connect finds what every resource has to wait for, and refuses circles.
func (p *Plan) connect() error {
	p.index()
	for _, r := range p.Resources {
		for _, name := range r.dependsOn {
			targets, err := p.dependency(name)
			if err != nil {
				return err
			}
			if err := p.shared.budget.Spend(1 + len(targets)); err != nil {
				return explained(err, "")
			}
			if targets == nil {
				return invalid("The resource '%s' is not defined in the template. Please see https://aka.ms/arm-syntax for usage details.", clip(name))
			}
			r.After = append(r.After, targets...)
		}
		if err := p.implicit(r); err != nil {
			return err
		}
	}
	for _, r := range p.Resources {
		r.After = p.live(r)
	}
	return p.refuseCircles()
}

// live is After without doubles, without the resource itself where only references name it,
// and with what disabled resources wait for in their place.
func (p *Plan) live(r *Resource) []*Resource {
	var out []*Resource
	seen := map[*Resource]bool{}
	var visit func(list []*Resource)
	visit = func(list []*Resource) {
		for _, other := range list {
			if seen[other] {
				continue
			}
			seen[other] = true
			if !other.Enabled {
				visit(other.After)
				continue
			}
			out = append(out, other)
		}
	}
	visit(r.After)
	return out
}

// dependency returns the resources that an entry of dependsOn names: a symbolic name, a
// copy loop, an id, or a name. Nil means that there is none. Errors: ErrInvalid for a name
// that several resources have.
func (p *Plan) dependency(name string) ([]*Resource, error) {
	if r := p.symbols[value.Fold(name)]; r != nil {
		return []*Resource{r}, nil
	}
	if members, isLoop := p.loops[value.Fold(name)]; isLoop {
		return append([]*Resource{}, members...), nil
	}
	if found := p.byID(name); found != nil {
		return []*Resource{found}, nil
	}
	named := p.names[value.Fold(name)]
	if len(named) > 1 {
		return nil, invalid("The template resource reference '%s' is not unique: more than one resource has that name.", clip(name))
	}
	return named, nil
}

// byID returns the resource of an id, absolute or relative to the deployment; one that is
// enabled before one that is not.
func (p *Plan) byID(text string) *Resource {
	want, ok := parseID(text, p.in.At)
	if !ok {
		return nil
	}
	return p.ids[want.Key()]
}

// index makes resources findable by id and by name.
func (p *Plan) index() {
	p.ids, p.names = map[string]*Resource{}, map[string][]*Resource{}
	for _, r := range p.Resources {
		if found := p.ids[r.ID.Key()]; found == nil || !found.Enabled || found.Existing && !r.Existing {
			p.ids[r.ID.Key()] = r
		}
		p.names[value.Fold(r.Name)] = append(p.names[value.Fold(r.Name)], r)
	}
}

// implicit adds what the expressions of a resource refer to.
func (p *Plan) implicit(r *Resource) error {
	src := r.raw.Clone()
	for _, name := range templateOnly {
		src.Delete(name)
	}
	if r.IsNested() && innerScope(src) && src.Object("properties") != nil {
		props := src.Object("properties").Clone()
		props.Delete("template")
		src.Set("properties", props)
	}
	w := walker{turns: mentionsResources, visit: func(n expression.Node, env *environment) error {
		expression.Walk(n, func(c *expression.Call) bool { return p.refers(r, c, env) })
		return nil
	}}
	return w.walk(src, r.env)
}

// mentionsResources reports whether a JSON value may refer to resources, so that every turn
// of its loop has to be looked at. To look costs by the length.
func mentionsResources(raw any, env *environment) (bool, error) {
	text := value.Fold(string(value.Marshal(raw)))
	return strings.Contains(text, "reference") || strings.Contains(text, "list"), env.owner.shared.budget.Spend(len(text) / 64)
}

// refers notes what one call refers to, and says whether to look at its arguments. Of an
// `if` whose condition is known only the branch that is taken counts.
func (p *Plan) refers(r *Resource, c *expression.Call, env *environment) bool {
	switch {
	case c.Namespace != "":
		return true
	case c.Name == "if" && len(c.Args) == 3:
		if v, err := env.node(c.Args[0]); err == nil {
			branch := c.Args[2]
			if v == true {
				branch = c.Args[1]
			}
			expression.Walk(branch, func(c *expression.Call) bool { return p.refers(r, c, env) })
			return false
		}
	case (c.Name == "reference" || c.Name == "references" || isList(c.Name)) && len(c.Args) > 0:
		v, err := env.node(c.Args[0])
		name, isText := v.(string)
		if err != nil || !isText {
			return true // known only later: the runtime says ErrPending
		}
		if targets, err := p.dependency(name); err == nil && p.shared.budget.Spend(len(targets)) == nil {
			for _, t := range targets {
				if t != r {
					r.After = append(r.After, t)
				}
			}
		}
	}
	return true
}

// walker calls visit for every expression in a JSON value, in the first turn of the loops
// of properties, and in every turn of those for whose input turns holds.
type walker struct {
	visit func(n expression.Node, env *environment) error
	turns func(input any, env *environment) (bool, error)
}

// walk goes through a value.
func (w walker) walk(raw any, env *environment) error {
	switch v := raw.(type) {
	case string:
		inside, ok := expression.Is(v)
		if !ok {
			return nil
		}
		if err := env.owner.shared.budget.Spend(1 + len(inside)/16); err != nil {
			return explained(err, "")
		}
		n, err := expression.Parse(inside)
		if err != nil {
			return explained(err, "The language expression '"+clip(v)+"' is not valid: ")
		}
		return w.visit(n, env)
	case []any:
		if err := env.owner.shared.budget.Spend(1 + len(v)/16); err != nil {
			return explained(err, "")
		}
		for _, item := range v {
			if err := w.walk(item, env); err != nil {
				return err
			}
		}
	case *value.Object:
		if err := env.owner.shared.budget.Spend(1 + v.Len()/16); err != nil {
			return explained(err, "")
		}
		for _, name := range v.Names() {
			if err := w.member(v, name, env); err != nil {
				return err
			}
		}
	}
	return nil
}

// member goes through one member of an object.
func (w walker) member(o *value.Object, name string, env *environment) error {
	item := o.Get(name)
	loops := copyLoops(name, item)
	if loops == nil {
		if err := w.walk(name, env); err != nil {
			return err
		}
		return w.walk(item, env)
	}
	for _, l := range loops {
		if err := w.walk(l.Get("count"), env); err != nil {
			return err
		}
		count := int64(1)
		many, err := w.turns(l.Get("input"), env)
		if err != nil {
			return explained(err, "")
		}
		if many {
			if n, err := env.count(l); err == nil { // else it is known only later, or never
				count = n
			}
		}
		for i := range count {
			if err := env.owner.shared.budget.Spend(10); err != nil {
				return explained(err, "")
			}
			if err := w.walk(l.Get("input"), env.in(loop{name: value.Fold(l.Text("name")), index: i, property: true})); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuseCircles finds resources that wait for one another. Errors: ErrCircular.
func (p *Plan) refuseCircles() error {
	waiting := map[*Resource]int{}
	followers := map[*Resource][]*Resource{}
	var ready []*Resource
	for _, r := range p.Resources {
		if waiting[r] = len(r.After); waiting[r] == 0 {
			ready = append(ready, r)
		}
		for _, other := range r.After {
			followers[other] = append(followers[other], r)
		}
	}
	for len(ready) > 0 {
		r := ready[0]
		ready = ready[1:]
		delete(waiting, r)
		for _, f := range followers[r] {
			if waiting[f]--; waiting[f] == 0 {
				ready = append(ready, f)
			}
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	var names []string
	for r := range waiting {
		names = append(names, r.ID.String())
	}
	slices.Sort(names)
	return ErrCircular.With("Deployment template validation failed: 'Circular dependency detected on resource: '%s'. Please see https://aka.ms/arm-syntax-resources for usage details.'.", clip(strings.Join(names, "', '")))
}

// checkCalls finds functions that do not exist, wherever they stand, so that validation
// tells of them (CP-137).
func (p *Plan) checkCalls() error {
	check := func(n expression.Node, env *environment) error {
		var failed error
		expression.Walk(n, func(c *expression.Call) bool {
			_, ours := contextual[c.Name]
			known := ours || expression.Known(c.Name) || isList(c.Name)
			if c.Namespace != "" {
				known = env.owner.functions[c.Namespace+"."+c.Name] != nil
			}
			if !known && failed == nil {
				failed = invalid("The template function '%s' is not valid. Please see https://aka.ms/arm-functions for usage details.", clip(strings.TrimPrefix(c.Namespace+"."+c.Name, ".")))
			}
			return true
		})
		return failed
	}
	once := walker{visit: check, turns: func(any, *environment) (bool, error) { return false, nil }}
	for _, r := range p.Resources {
		src := r.raw.Clone()
		src.Delete("resources")
		if r.IsNested() && src.Object("properties") != nil {
			props := src.Object("properties").Clone()
			props.Delete("template")
			src.Set("properties", props)
		}
		if err := once.walk(src, r.env); err != nil {
			return err
		}
	}
	env := &environment{owner: p, plan: p}
	if p.in.outer != nil {
		env = p.in.outer
	}
	if err := once.walk(p.in.Template.Get("outputs"), env); err != nil {
		return err
	}
	if p.in.outer != nil {
		return nil
	}
	return once.walk(p.in.Template.Get("variables"), env)
}
