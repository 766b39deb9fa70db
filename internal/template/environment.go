package template

import (
	"strings"

	"github.com/sealring/sealring/internal/template/expression"
	"github.com/sealring/sealring/internal/template/value"
)

// loop is a copy loop in which something is evaluated.
type loop struct {
	name     string // folded
	index    int64
	property bool // of a property, a variable or an output; copyIndex() without a name means another one first
}

// environment is where an expression stands. Owner gives parameters, variables, functions
// and facts; plan gives resources. They differ in a nested template that is evaluated in
// its parent's scope.
type environment struct {
	owner, plan *Plan
	above       *environment // of the parent, where owner and plan differ
	loops       []loop
	runtime     Runtime
	defaults    bool // newGuid and utcNow may be called
	static      bool // what is not known before resources exist stays as it is written

	function  *value.Object // the template's function whose body this is; nil outside
	arguments *value.Object
	depth     int
}

// in returns the environment of one turn of a loop.
func (env *environment) in(l loop) *environment {
	inner := *env
	inner.loops = append(append([]loop(nil), env.loops...), l)
	return &inner
}

// with returns the environment with a runtime.
func (env *environment) with(rt Runtime) *environment {
	inner := *env
	inner.runtime = rt
	return &inner
}

// expression evaluates the inside of one expression.
func (env *environment) expression(inside string) (any, error) {
	if err := env.owner.shared.budget.Spend(1 + len(inside)/16); err != nil {
		return nil, err
	}
	n, err := expression.Parse(inside)
	if err != nil {
		return nil, err
	}
	return env.node(n)
}

// node evaluates a parsed expression.
func (env *environment) node(n expression.Node) (any, error) {
	return (&expression.Evaluator{Env: env, Budget: env.owner.shared.budget}).Eval(n)
}

// evaluate computes everything in a JSON value: strings, names of members, copy loops.
func (env *environment) evaluate(raw any) (any, error) {
	if err := env.owner.shared.budget.Spend(1); err != nil {
		return nil, err
	}
	switch v := raw.(type) {
	case string:
		inside, ok := expression.Is(v)
		if !ok {
			return expression.Plain(v), nil
		}
		out, err := env.expression(inside)
		if env.static && isRuntime(err) {
			return v, nil
		}
		return out, err
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			var err error
			if out[i], err = env.evaluate(item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *value.Object:
		return env.object(v)
	}
	return raw, nil
}

// object computes the members of an object.
func (env *environment) object(raw *value.Object) (*value.Object, error) {
	if err := env.owner.shared.budget.Spend(4 + 2*raw.Len()); err != nil {
		return nil, err
	}
	out := &value.Object{}
	set := func(name string, v any) error {
		if _, twice := out.Find(name); twice {
			return invalid("An object has the member '%s' twice.", clip(name))
		}
		out.Set(name, v)
		return nil
	}
	for _, name := range raw.Names() {
		item := raw.Get(name)
		if loops := copyLoops(name, item); loops != nil {
			for _, l := range loops {
				list, err := env.copies(l)
				if err == nil {
					err = set(l.Text("name"), list)
				}
				if err != nil {
					return nil, err
				}
			}
			continue
		}
		key, err := env.text(name, "the name of a member")
		if err != nil {
			return nil, err
		}
		v, err := env.evaluate(item)
		if err == nil {
			err = set(key, v)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// copyLoops returns the loops that a member `copy` holds; nil if it is an ordinary member.
func copyLoops(name string, item any) []*value.Object {
	list, ok := item.([]any)
	if !ok || len(list) == 0 || !strings.EqualFold(name, "copy") {
		return nil
	}
	var loops []*value.Object
	for _, one := range list {
		o, _ := one.(*value.Object)
		if o.Text("name") == "" || o.Get("count") == nil {
			return nil
		}
		if _, there := o.Find("input"); !there {
			return nil
		}
		loops = append(loops, o)
	}
	return loops
}

// copies computes the items of a loop of a property, a variable or an output.
func (env *environment) copies(l *value.Object) ([]any, error) {
	count, err := env.count(l)
	if err != nil {
		return nil, err
	}
	out := make([]any, count)
	for i := range out {
		if err := env.owner.shared.budget.Spend(1); err != nil {
			return nil, err
		}
		if out[i], err = env.in(loop{name: value.Fold(l.Text("name")), index: int64(i), property: true}).evaluate(l.Get("input")); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// count computes how often a loop turns.
func (env *environment) count(l *value.Object) (int64, error) {
	v, err := env.evaluate(l.Get("count"))
	if err != nil {
		return 0, explained(err, "The count of the copy loop '"+clip(l.Text("name"))+"' cannot be evaluated: ")
	}
	n, ok := v.(int64)
	if !ok || n < 0 || n > maxCopies {
		return 0, invalid("The count of the copy loop '%s' must be an integer from 0 to %d.", clip(l.Text("name")), maxCopies)
	}
	return n, nil
}

// text computes a string that must be one.
func (env *environment) text(raw any, what string) (string, error) {
	v, err := env.evaluate(raw)
	if err != nil {
		return "", err
	}
	s, ok := v.(string)
	if !ok {
		return "", invalid("The template language expression for %s is not a string.", what)
	}
	return s, nil
}

// CallUser implements expression.Environment.
func (env *environment) CallUser(namespace, name string, args []any) (any, error) {
	f := env.owner.functions[namespace+"."+name]
	if f == nil {
		return nil, expression.ErrFunction.With("The template function '%s.%s' is not valid.", clip(namespace), clip(name))
	}
	params := f.List("parameters")
	if len(params) != len(args) {
		return nil, expression.ErrEvaluation.With("the template function '%s.%s' is called with %d arguments instead of %d", namespace, name, len(args), len(params))
	}
	if env.depth >= maxNesting*4 {
		return nil, expression.ErrBudget.With("functions of the template call one another too deeply")
	}
	inner := &environment{owner: env.owner, plan: env.plan, function: f, arguments: &value.Object{}, depth: env.depth + 1}
	for i, param := range params {
		schema, _ := param.(*value.Object)
		c := checker{plan: env.owner, parameter: schema.Text("name"), secure: true}
		if err := c.check(schema, args[i], "", 0); err != nil {
			return nil, err
		}
		inner.arguments.Set(schema.Text("name"), args[i])
	}
	return inner.evaluate(f.Object("output").Get("value"))
}

// contextual are the built-in functions that depend on where an expression stands.
var contextual = map[string]func(env *environment, name string, args []any) (any, error){
	"parameters": callParameters, "variables": callVariables, "copyindex": callCopyIndex,
	"subscription": callFact, "resourcegroup": callFact, "tenant": callFact, "managementgroup": callFact,
	"deployment": callFact, "deployer": callFact, "environment": callFact,
	"newguid": callFresh, "utcnow": callFresh, "providers": callProviders, "roledefinitions": callRoleDefinitions,
	"resourceid": callResourceID, "subscriptionresourceid": callResourceID, "tenantresourceid": callResourceID,
	"managementgroupresourceid": callResourceID, "extensionresourceid": callResourceID,
	"reference": callReference, "references": callReferences, "resourceinfo": callResourceInfo,
	"pickzones": callZones, "tologicalzone": callZones, "tologicalzones": callZones, "tophysicalzone": callZones, "tophysicalzones": callZones,
}

// isList reports whether a function is one of the list* family (CP §7.5).
func isList(name string) bool { return strings.HasPrefix(name, "list") }

// Call implements expression.Environment.
func (env *environment) Call(name string, args []any) (any, error) {
	if f, ok := contextual[name]; ok {
		if env.function != nil && (name == "variables" || name == "reference" || name == "references") {
			return nil, expression.ErrFunction.With("The template function '%s' cannot be called in a function of the template.", name)
		}
		return f(env, name, args)
	}
	if isList(name) {
		return callList(env, name, args)
	}
	return nil, expression.ErrFunction.With("The template function '%s' is not valid. Please see https://aka.ms/arm-functions for usage details.", clip(name))
}

// oneText returns the only argument, a string.
func oneText(name string, args []any) (string, error) {
	if len(args) == 1 {
		if s, ok := args[0].(string); ok {
			return s, nil
		}
	}
	return "", expression.ErrEvaluation.With("the template function '%s' takes one string", name)
}

// callParameters reads a parameter, or in a function of the template one of its arguments.
func callParameters(env *environment, name string, args []any) (any, error) {
	which, err := oneText(name, args)
	if err != nil {
		return nil, err
	}
	if env.function != nil {
		v, there := env.arguments.Find(which)
		if !there {
			return nil, expression.ErrEvaluation.With("the template function has no parameter '%s'", clip(which))
		}
		return v, nil
	}
	p := env.owner.params[value.Fold(which)]
	if p == nil {
		return nil, invalid("The template parameter '%s' is not found. Please see https://aka.ms/arm-syntax-parameters for usage details.", clip(which))
	}
	return p.get()
}

// callVariables reads a variable.
func callVariables(env *environment, name string, args []any) (any, error) {
	which, err := oneText(name, args)
	if err != nil {
		return nil, err
	}
	v := env.owner.variables[value.Fold(which)]
	if v == nil {
		return nil, invalid("The template variable '%s' is not found. Please see https://aka.ms/arm-syntax-variables for usage details.", clip(which))
	}
	return v.get()
}

// callCopyIndex is the turn of a loop, plus an offset.
func callCopyIndex(env *environment, name string, args []any) (any, error) {
	bad := expression.ErrEvaluation.With("The template function 'copyIndex' is not expected at this location, or names no loop around it.")
	offset := int64(0)
	if n := len(args); n > 0 {
		if i, ok := args[n-1].(int64); ok {
			offset, args = i, args[:n-1]
		}
	}
	which := ""
	switch len(args) {
	case 0:
	case 1:
		var err error
		if which, err = oneText(name, args); err != nil {
			return nil, err
		}
	default:
		return nil, bad
	}
	found := -1
	for i := len(env.loops) - 1; i >= 0; i-- {
		l := env.loops[i]
		if which != "" && l.name == value.Fold(which) || which == "" && !l.property {
			found = i
			break
		}
	}
	if found < 0 && which == "" {
		found = len(env.loops) - 1
	}
	if found < 0 {
		return nil, bad
	}
	return env.loops[found].index + offset, nil
}

// callFact answers what is known of the deployment's place.
func callFact(env *environment, name string, args []any) (any, error) {
	f := env.owner.in.Facts
	o := map[string]*value.Object{"subscription": f.Subscription, "resourcegroup": f.ResourceGroup, "tenant": f.Tenant,
		"managementgroup": f.ManagementGroup, "deployment": f.Deployment, "deployer": f.Deployer, "environment": f.Environment}[name]
	if len(args) != 0 {
		return nil, expression.ErrEvaluation.With("the template function '%s' takes no arguments here", name)
	}
	if o == nil {
		return nil, invalid("The template function '%s' is not expected at this location: it does not exist at the scope of this deployment.", name)
	}
	return o, nil
}

// callFresh makes what differs between deployments; only defaults of parameters may.
func callFresh(env *environment, name string, args []any) (any, error) {
	if !env.defaults {
		return nil, invalid("The template function '%s' is not expected at this location. It can only be used in the default value of a parameter.", name)
	}
	if name == "newguid" {
		return env.owner.in.NewGUID(), nil
	}
	form := ""
	if len(args) > 0 {
		var err error
		if form, err = oneText(name, args); err != nil {
			return nil, err
		}
	}
	return expression.FormatTime(env.owner.in.Now.UTC(), form)
}

// callProviders describes a namespace or a type.
func callProviders(env *environment, name string, args []any) (any, error) {
	namespace, kind := "", ""
	switch len(args) {
	case 1, 2:
		var ok bool
		if namespace, ok = args[0].(string); ok && len(args) == 2 {
			kind, ok = args[1].(string)
		}
		if ok && env.owner.in.Facts.Provider != nil {
			return env.owner.in.Facts.Provider(namespace, kind)
		}
	}
	return nil, expression.ErrEvaluation.With("the template function '%s' takes a namespace and a type", name)
}

// callRoleDefinitions finds a role by its name.
func callRoleDefinitions(env *environment, name string, args []any) (any, error) {
	which, err := oneText(name, args)
	if err != nil {
		return nil, err
	}
	if env.owner.in.Facts.RoleDefinition == nil {
		return nil, expression.ErrFunction.With("The template function 'roleDefinitions' is not available here.")
	}
	return env.owner.in.Facts.RoleDefinition(which)
}

// callZones answers for places without availability zones: none to pick, and the numbers
// of zones stay what they are.
func callZones(_ *environment, name string, args []any) (any, error) {
	switch {
	case name == "pickzones" && len(args) >= 3:
		return []any{}, nil
	case name != "pickzones" && len(args) == 3:
		return args[2], nil
	}
	return nil, expression.ErrEvaluation.With("the template function '%s' is called with a wrong number of arguments", name)
}
