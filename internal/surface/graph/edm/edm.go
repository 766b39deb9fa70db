// Package edm is the entity data model of Graph: types with named properties, how their
// values are selected, filtered, searched, ordered, written and read from bodies. It knows no
// object of the directory and no HTTP.
//
// A property is computed from the domain's object, or stored: known to Graph, meaning nothing
// here, kept as it came and shown again (DT-6.1). A name that Graph does not know is refused.
package edm

import (
	"encoding/json"
	"strings"

	"github.com/sealring/sealring/internal/fault"
)

// Failures of this package.
var (
	// ErrProperty is a property that a type does not have, or that cannot be set so.
	ErrProperty = fault.New(fault.Invalid, "One or more property values specified are invalid.")
	// ErrUnsupported is a query that needs what the request does not ask for.
	ErrUnsupported = fault.New(fault.Invalid, "Unsupported Query.")
)

// Type is an entity type.
type Type struct {
	Name       string // "servicePrincipal"
	Properties []Property
}

// Property is one property. Value and Set work on a pointer to the domain's object.
type Property struct {
	Name string
	// Value is a string, a bool, a []string, a time.Time (UTC), nil, or anything that marshals and is not
	// filtered by. It is nil for a stored property.
	Value func(object any) any
	// Set takes a value from a body; nil for a property that is only read.
	Set func(object any, value json.RawMessage) error
	// OnDemand properties are written where $select names them only.
	OnDemand bool
	missing  json.RawMessage // value of a stored property that nobody set
}

// Read is a property that is computed and cannot be set.
func Read[T any](name string, value func(*T) any) Property {
	return Property{Name: name, Value: func(o any) any { return value(o.(*T)) }}
}

// Write is a property that is computed and can be set. Errors of set say what is wrong with
// the value.
func Write[T any](name string, value func(*T) any, set func(*T, json.RawMessage) error) Property {
	p := Read(name, value)
	p.Set = func(o any, v json.RawMessage) error { return set(o.(*T), v) }
	return p
}

// Null are stored properties that are null until they are set.
func Null(names ...string) []Property { return stored("null", names) }

// Empty are stored properties that are an empty collection until they are set.
func Empty(names ...string) []Property { return stored("[]", names) }

// Default is a stored property with another value until it is set, in JSON.
func Default(name, value string) Property { return stored(value, []string{name})[0] }

// Asked makes properties be written where $select names them only.
func Asked(list []Property) []Property {
	for i := range list {
		list[i].OnDemand = true
	}
	return list
}

// stored makes stored properties.
func stored(missing string, names []string) []Property {
	out := make([]Property, len(names))
	for i, n := range names {
		out[i] = Property{Name: n, missing: json.RawMessage(missing)}
	}
	return out
}

// Profiled is an object with stored properties.
type Profiled interface {
	// Stored returns the stored properties by name; the map may be changed in a body's reading.
	Stored() map[string]json.RawMessage
}

// Find returns the property with a name, in any letter case; nil if there is none.
func (t *Type) Find(name string) *Property {
	for i := range t.Properties {
		if strings.EqualFold(t.Properties[i].Name, name) {
			return &t.Properties[i]
		}
	}
	return nil
}

// Of returns the property's value of an object.
func (p *Property) Of(object any) any {
	if p.Value != nil {
		return p.Value(object)
	}
	if o, ok := object.(Profiled); ok {
		if v, ok := o.Stored()[p.Name]; ok {
			return v
		}
	}
	return p.missing
}

// comparable is the property's value as filters see it: a stored text or truth value is one.
func (p *Property) comparable(object any) any {
	v := p.Of(object)
	raw, ok := v.(json.RawMessage)
	if !ok {
		return v
	}
	var out any
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	switch out := out.(type) {
	case string, bool:
		return out
	case []any:
		list := make([]string, 0, len(out))
		for _, e := range out {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

// unknown refuses a name that the type does not have.
func (t *Type) unknown(name string) error {
	return ErrProperty.With("Could not find a property named '%s' on type 'microsoft.graph.%s'.", clipped(name), t.Name)
}

// clipped caps a text that a caller chose.
func clipped(s string) string {
	const limit = 256
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
