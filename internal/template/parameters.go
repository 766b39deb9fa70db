package template

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/template/expression"
	"github.com/sealring/sealring/internal/template/value"
)

// versionForm is the form of contentVersion.
var versionForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+){3}$`)

// uintText writes a number.
func uintText(n uint64) string { return strconv.FormatUint(n, 10) }

// Parameter is a parameter with its value.
type Parameter struct {
	Name string
	Type string // as answers spell it: String, SecureString, Int …
	// Value is absent where Secure is set: it is not shown.
	Value  any
	Secure bool
}

// typeNames are the types of parameters and outputs as answers spell them.
var typeNames = map[string]string{"string": "String", "securestring": "SecureString", "int": "Int", "bool": "Bool",
	"object": "Object", "secureobject": "SecureObject", "array": "Array"}

// lazy is a value that is computed when it is first asked for.
type lazy struct {
	compute func() (any, error)
	value   any
	err     error
	state   int // 0 not yet, 1 being computed, 2 known
}

// get computes the value once. What needs itself is an error.
func (l *lazy) get() (any, error) {
	switch l.state {
	case 1:
		return nil, expression.ErrEvaluation.With("a parameter or variable is defined by itself")
	case 0:
		l.state = 1
		l.value, l.err = l.compute()
		l.state = 2
	}
	return l.value, l.err
}

// readParameters checks what was given against what is declared.
func (p *Plan) readParameters() error {
	declared := p.in.Template.Object("parameters")
	if p.in.outer != nil {
		return nil // a template in its parent's scope has its parent's
	}
	if declared.Len() > maxParameters {
		return invalid("The template has %d parameters; the limit is %d.", declared.Len(), maxParameters)
	}
	for _, name := range p.in.Parameters.Names() {
		if _, known := declared.Find(name); !known {
			return ErrParameterKey.With("Deployment template validation failed: 'The following parameters were supplied, but do not correspond to any parameters defined in the template: '%s'. The parameters defined in the template are: '%s'.'.",
				clip(name), clip(strings.Join(declared.Names(), ", ")))
		}
	}
	for _, name := range declared.Names() {
		schema := declared.Object(name)
		if schema == nil {
			return invalid("The template parameter '%s' is not an object.", clip(name))
		}
		p.params[value.Fold(name)] = &lazy{compute: func() (any, error) { return p.parameter(name, schema) }}
	}
	for _, name := range declared.Names() {
		v, err := p.params[value.Fold(name)].get()
		if err != nil {
			return explained(err, "The template parameter '"+clip(name)+"' cannot be used: ")
		}
		shown := Parameter{Name: name, Type: typeNames[p.typeOf(declared.Object(name))], Value: v}
		if shown.Secure = p.hidden(name, declared.Object(name)); shown.Secure {
			shown.Value = nil
		}
		p.Parameters = append(p.Parameters, shown)
	}
	return nil
}

// parameter settles one parameter.
func (p *Plan) parameter(name string, schema *value.Object) (any, error) {
	if _, known := typeNames[p.typeOf(schema)]; !known {
		return nil, invalid("The template parameter '%s' has no type that is known.", clip(name))
	}
	v, given := p.in.Parameters.Find(name)
	fallback, hasDefault := schema.Find("defaultValue")
	switch {
	case given && (v != nil || !hasDefault):
	case hasDefault:
		env := &environment{owner: p, plan: p, defaults: true}
		var err error
		if v, err = env.evaluate(fallback); err != nil {
			return nil, err
		}
	case schema.Get("nullable") == true:
	default:
		return nil, ErrParameterMissing.With("Deployment template validation failed: 'The value for the template parameter '%s' is not provided. Please see https://aka.ms/arm-create-parameter-file for usage details.'.", clip(name))
	}
	c := checker{plan: p, parameter: name, secure: p.hidden(name, schema)}
	return v, c.check(schema, v, "", 0)
}

// resolved follows $ref to the definitions; the members beside $ref count too.
func (p *Plan) resolved(schema *value.Object) *value.Object {
	for range maxNesting {
		ref := schema.Text("$ref")
		name, ok := strings.CutPrefix(ref, "#/definitions/")
		target := p.schemas[value.Fold(name)]
		if !ok || target == nil {
			return schema
		}
		if p.shared.budget.Spend(1+target.Len()/4) != nil {
			return schema // whoever asked finds the budget spent
		}
		merged := target.Clone()
		for _, member := range schema.Names() {
			if member != "$ref" {
				merged.Set(member, schema.Get(member))
			}
		}
		schema = merged
	}
	return schema
}

// typeOf is the folded type of a parameter, output or definition.
func (p *Plan) typeOf(schema *value.Object) string {
	return strings.ToLower(p.resolved(schema).Text("type"))
}

// hidden reports whether the value of a parameter is not to be shown.
func (p *Plan) hidden(name string, schema *value.Object) bool {
	return p.in.Secret[value.Fold(name)] || p.secure(schema)
}

// secure reports whether values of a schema are not to be shown, in whole or in part.
func (p *Plan) secure(schema *value.Object) bool {
	return p.secureBelow(schema, map[*value.Object]bool{})
}

// secureBelow is secure without the schemas that the search has seen. Where there is too much
// to look at, everything counts as secure.
func (p *Plan) secureBelow(schema *value.Object, seen map[*value.Object]bool) bool {
	if schema == nil || seen[schema] {
		return false
	}
	seen[schema] = true
	r := p.resolved(schema)
	if p.shared.budget.Spend(1) != nil {
		return true
	}
	if strings.HasPrefix(strings.ToLower(r.Text("type")), "secure") {
		return true
	}
	parts := []*value.Object{r.Object("items"), r.Object("additionalProperties")}
	for _, name := range r.Object("properties").Names() {
		parts = append(parts, r.Object("properties").Object(name))
	}
	for _, item := range r.List("prefixItems") {
		o, _ := item.(*value.Object)
		parts = append(parts, o)
	}
	for _, name := range r.Object("discriminator").Object("mapping").Names() {
		parts = append(parts, r.Object("discriminator").Object("mapping").Object(name))
	}
	for _, part := range parts {
		if p.secureBelow(part, seen) {
			return true
		}
	}
	return false
}

// readVariables makes the variables known; each is computed when it is first used.
func (p *Plan) readVariables() error {
	declared := p.in.Template.Object("variables")
	if declared.Len() > maxVariables {
		return invalid("The template has %d variables; the limit is %d.", declared.Len(), maxVariables)
	}
	env := &environment{owner: p, plan: p}
	if p.in.outer != nil {
		return nil
	}
	for _, name := range declared.Names() {
		raw := declared.Get(name)
		if list, isLoop := raw.([]any); isLoop && strings.EqualFold(name, "copy") {
			for _, item := range list {
				one, _ := item.(*value.Object)
				if one.Text("name") == "" {
					return invalid("A copy loop of the variables has no name.")
				}
				p.variables[value.Fold(one.Text("name"))] = &lazy{compute: func() (any, error) { return env.copies(one) }}
			}
			continue
		}
		p.variables[value.Fold(name)] = &lazy{compute: func() (any, error) { return env.evaluate(raw) }}
	}
	return nil
}

// explained puts words before the message of an error of an expression, so that a person
// finds the place; other errors stay as they are.
func explained(err error, where string) error {
	for _, own := range []error{ErrInvalid, ErrParameterKey, ErrParameterMissing, ErrParameterValue, ErrCircular, ErrPending} {
		if errors.Is(err, own) {
			return err
		}
	}
	if fault.KindOf(err) == fault.Invalid {
		return invalid("%s%s", where, fault.Message(err))
	}
	return err
}
