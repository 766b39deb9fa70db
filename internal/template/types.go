package template

import (
	"strings"

	"github.com/sealring/sealring/internal/template/value"
)

// checker holds a value against the constraints of a parameter.
type checker struct {
	plan      *Plan
	parameter string
	secure    bool // values are not said back
}

// bad is a value that does not fit, at a place inside the parameter.
func (c checker) bad(place, why string) error {
	return ErrParameterValue.With("Deployment template validation failed: 'The provided value for the template parameter '%s%s' is not valid. %s'.", clip(c.parameter), clip(place), why)
}

// check holds v against a schema and what is below it.
func (c checker) check(schema *value.Object, v any, place string, depth int) error {
	if schema == nil || depth > 40 {
		return nil
	}
	s := c.plan.resolved(schema)
	if err := c.plan.shared.budget.Spend(1 + len(s.List("allowedValues"))/4); err != nil {
		return err
	}
	kind := strings.ToLower(s.Text("type"))
	if v == nil {
		if s.Get("nullable") == true || kind == "" {
			return nil
		}
		return c.bad(place, "Expected a value of type '"+typeNames[kind]+"'. Actual value is 'Null'.")
	}
	if have := kindOf(v); kind != "" && have != strings.TrimPrefix(kind, "secure") {
		return c.bad(place, "Expected a value of type '"+typeNames[kind]+"', but received a value of type '"+typeNames[have]+"'.")
	}
	if allowed, limited := s.Get("allowedValues").([]any); limited && !c.allowed(allowed, v) {
		why := "The parameter value is not part of the allowed value(s)"
		if !c.secure {
			why += ": '" + clip(string(value.Marshal(allowed))) + "'"
		}
		return c.bad(place, why+".")
	}
	if err := c.bounds(s, v, place); err != nil {
		return err
	}
	switch v := v.(type) {
	case []any:
		return c.items(s, v, place, depth)
	case *value.Object:
		return c.members(s, v, place, depth)
	}
	return nil
}

// kindOf is the folded name of a value's type.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case int64, value.Number:
		return "int"
	case bool:
		return "bool"
	case []any:
		return "array"
	}
	return "object"
}

// allowed reports whether v is one of the allowed values; of an array each item may be.
func (c checker) allowed(allowed []any, v any) bool {
	for _, a := range allowed {
		if value.Equal(a, v) {
			return true
		}
	}
	list, isList := v.([]any)
	if !isList {
		return false
	}
	for _, item := range list {
		if _, nested := item.([]any); nested || !c.allowed(allowed, item) {
			return false
		}
	}
	return true
}

// bounds checks minimum and maximum of numbers and lengths.
func (c checker) bounds(s *value.Object, v any, place string) error {
	low, high, n := "minLength", "maxLength", 0.0
	switch v := v.(type) {
	case int64, value.Number:
		low, high = "minValue", "maxValue"
		n, _ = value.Float(v)
	case string:
		n = float64(len([]rune(v)))
	case []any:
		n = float64(len(v))
	default:
		return nil
	}
	if limit, there := value.Float(s.Get(low)); there && n < limit {
		return c.bad(place, "The value is below the "+low+" of the parameter.")
	}
	if limit, there := value.Float(s.Get(high)); there && n > limit {
		return c.bad(place, "The value is above the "+high+" of the parameter.")
	}
	return nil
}

// items checks the items of an array.
func (c checker) items(s *value.Object, list []any, place string, depth int) error {
	prefix := s.List("prefixItems")
	for i, item := range list {
		schema := s.Object("items")
		if i < len(prefix) {
			schema, _ = prefix[i].(*value.Object)
		} else if s.Get("items") == false {
			return c.bad(place, "The array has more items than its type allows.")
		}
		if err := c.check(schema, item, place+"["+uintText(uint64(i))+"]", depth+1); err != nil {
			return err
		}
	}
	if len(list) < len(prefix) {
		return c.bad(place, "The array has fewer items than its type demands.")
	}
	return nil
}

// members checks the members of an object.
func (c checker) members(s *value.Object, o *value.Object, place string, depth int) error {
	if d := s.Object("discriminator"); d != nil {
		variant := d.Object("mapping").Object(o.Text(d.Text("propertyName")))
		if variant == nil {
			return c.bad(place, "The member '"+clip(d.Text("propertyName"))+"' names no variant of the type.")
		}
		return c.check(variant, o, place, depth+1)
	}
	declared := s.Object("properties")
	for _, name := range declared.Names() {
		schema := declared.Object(name)
		v, there := o.Find(name)
		if !there && c.plan.resolved(schema).Get("nullable") != true {
			return c.bad(place, "The member '"+clip(name)+"' is missing.")
		}
		if err := c.check(schema, v, place+"."+name, depth+1); err != nil {
			return err
		}
	}
	rest, free := s.Get("additionalProperties").(*value.Object)
	if declared == nil && !free {
		return nil
	}
	for _, name := range o.Names() {
		if _, known := declared.Find(name); known {
			continue
		}
		if s.Get("sealed") == true || s.Get("additionalProperties") == false {
			return c.bad(place, "The member '"+clip(name)+"' is not one of the type's.")
		}
		if free {
			if err := c.check(rest, o.Get(name), place+"."+name, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
