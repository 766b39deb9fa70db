package edm

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Entity is an object on its way to the wire.
type Entity struct {
	ID     string
	Type   *Type
	Object any // a pointer to what the properties of Type work on
	// Also are further members in front of the properties: annotations and expansions.
	Also []Member
	// Names are the properties that $select names; nil for all.
	Names []string
}

// Member is a named value of a JSON object.
type Member struct {
	Name  string
	Value any
}

// Typed adds the annotation that members of polymorphic collections carry (DT-6.1).
func (e Entity) Typed() Entity {
	e.Also = append([]Member{{"@odata.type", "#microsoft.graph." + e.Type.Name}}, e.Also...)
	return e
}

// CheckNames refuses names that none of the types has. Errors: ErrProperty.
func CheckNames(types []*Type, names []string) error {
	for _, n := range names {
		if !known(types, n) {
			return types[0].unknown(n)
		}
	}
	return nil
}

// known reports whether a type has the property.
func known(types []*Type, name string) bool {
	for _, t := range types {
		if t.Find(name) != nil {
			return true
		}
	}
	return false
}

// MarshalJSON writes annotations and properties in their order.
func (e Entity) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	member := func(name string, value any) error {
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, text)
		return nil
	}
	for _, m := range e.Also {
		if err := member(m.Name, m.Value); err != nil {
			return nil, err
		}
	}
	for _, p := range e.selected() {
		if err := member(p.Name, p.Of(e.Object)); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// selected are the properties to write.
func (e Entity) selected() []*Property {
	var out []*Property
	if e.Names == nil {
		for i := range e.Type.Properties {
			if !e.Type.Properties[i].OnDemand {
				out = append(out, &e.Type.Properties[i])
			}
		}
		return out
	}
	for _, n := range e.Names {
		if p := e.Type.Find(n); p != nil {
			out = append(out, p)
		}
	}
	return out
}
