package edm

import (
	"encoding/json"
	"strings"
)

// Body is a JSON object that a client sent.
type Body map[string]json.RawMessage

// Take removes a member and returns it; nil if there is none.
func (b Body) Take(name string) json.RawMessage {
	for k, v := range b {
		if strings.EqualFold(k, name) {
			delete(b, k)
			return v
		}
	}
	return nil
}

// Apply sets the properties that the body names in an object, in the order of the type. What
// the body says about itself ("@odata.type") is skipped; a name that the type does not have
// and one that is only read are refused. Errors: ErrProperty, those of the setters.
func (b Body) Apply(t *Type, object any) error {
	for name := range b {
		if strings.HasPrefix(name, "@odata.") || strings.Contains(name, "@odata.type") {
			continue
		}
		p := t.Find(name)
		if p == nil {
			return ErrProperty.With("Invalid property '%s'.", clipped(name))
		}
		if p.Value != nil && p.Set == nil {
			return ErrProperty.With("Property '%s' is read-only and cannot be set.", p.Name)
		}
	}
	for i := range t.Properties {
		p := &t.Properties[i]
		value := b.member(p.Name)
		switch {
		case value == nil:
		case p.Set != nil:
			if err := p.Set(object, value); err != nil {
				return err
			}
		default:
			object.(Profiled).Stored()[p.Name] = value
		}
	}
	return nil
}

// member returns the member with a name in any letter case; nil if there is none.
func (b Body) member(name string) json.RawMessage {
	if v, ok := b[name]; ok {
		return v
	}
	for k, v := range b {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

// Text reads a value that must be a text. Errors: ErrProperty.
func Text(name string, value json.RawMessage) (string, error) {
	return decode[string](name, value, "a text")
}

// TextOrNull reads a text; null is "". Errors: ErrProperty.
func TextOrNull(name string, value json.RawMessage) (string, error) {
	if string(value) == "null" {
		return "", nil
	}
	return Text(name, value)
}

// Bool reads a truth value. Errors: ErrProperty.
func Bool(name string, value json.RawMessage) (bool, error) {
	return decode[bool](name, value, "true or false")
}

// Texts reads a list of texts. Errors: ErrProperty.
func Texts(name string, value json.RawMessage) ([]string, error) {
	return decode[[]string](name, value, "a list of texts")
}

// Decode reads a value of a wire struct. Errors: ErrProperty.
func Decode[T any](name string, value json.RawMessage) (T, error) {
	return decode[T](name, value, "of the right form")
}

// decode reads a value; null is refused where T is not a list or pointer.
func decode[T any](name string, value json.RawMessage, form string) (T, error) {
	var out T
	if err := json.Unmarshal(value, &out); err != nil {
		return out, ErrProperty.With("The value of the property '%s' is not %s.", name, form)
	}
	if string(value) == "null" {
		if _, list := any(out).([]string); !list {
			return out, ErrProperty.With("The property '%s' cannot be null.", name)
		}
	}
	return out, nil
}
