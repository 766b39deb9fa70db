// Package value is the JSON of templates: values that keep the order of members and the
// exact text of numbers, objects whose member names compare without regard to case, and
// a reader that takes what people write into template files (control-plane.md §7.2):
// comments, unquoted names, line breaks inside strings, trailing commas, a byte order mark.
//
// A value is one of nil, bool, int64, Number, string, []any and *Object. Values are shared
// once they are made: nothing changes one that it did not make itself.
package value

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Number is a JSON number that is not a 64-bit integer, as written.
type Number string

// Object is a JSON object. Names compare without regard to ASCII case and keep the
// spelling and the place of their first writing. The zero Object is empty and ready.
type Object struct {
	names  []string
	values []any
	places map[string]int // by folded name; nil while there are few
}

// few is how many members are found faster one by one.
const few = 8

// NewObject returns an object of alternating names and values; it panics on an odd count.
func NewObject(pairs ...any) *Object {
	o := &Object{}
	for pair := range slices.Chunk(pairs, 2) {
		o.Set(pair[0].(string), pair[1])
	}
	return o
}

// Fold lower-cases the ASCII letters of a name.
func Fold(name string) string {
	for i := range len(name) {
		if c := name[i]; c >= 'A' && c <= 'Z' {
			b := []byte(name)
			for j := i; j < len(b); j++ {
				if b[j] >= 'A' && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return name
}

// Len is the number of members; 0 for nil.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.names)
}

// Names returns the names in order; the slice is not to be changed.
func (o *Object) Names() []string {
	if o == nil {
		return nil
	}
	return o.names
}

// Get returns a member; nil if there is none.
func (o *Object) Get(name string) any {
	v, _ := o.Find(name)
	return v
}

// Find returns a member and whether there is one, null or not.
func (o *Object) Find(name string) (any, bool) {
	if i := o.place(name); i >= 0 {
		return o.values[i], true
	}
	return nil, false
}

// place is where a member stands; -1 if there is none.
func (o *Object) place(name string) int {
	switch {
	case o == nil:
		return -1
	case o.places != nil:
		if i, ok := o.places[Fold(name)]; ok {
			return i
		}
		return -1
	}
	for i, have := range o.names {
		if len(have) == len(name) && (have == name || Fold(have) == Fold(name)) {
			return i
		}
	}
	return -1
}

// Has reports whether a member is there and not null.
func (o *Object) Has(name string) bool { return o.Get(name) != nil }

// Set gives a member a value.
func (o *Object) Set(name string, v any) {
	if i := o.place(name); i >= 0 {
		o.values[i] = v
		return
	}
	o.names, o.values = append(o.names, name), append(o.values, v)
	switch {
	case o.places != nil:
		o.places[Fold(name)] = len(o.names) - 1
	case len(o.names) > few:
		o.index()
	}
}

// index makes members findable by name once there are many.
func (o *Object) index() {
	o.places = make(map[string]int, 2*len(o.names))
	for i, name := range o.names {
		o.places[Fold(name)] = i
	}
}

// Delete takes a member out.
func (o *Object) Delete(name string) {
	i := o.place(name)
	if i < 0 {
		return
	}
	o.names = append(o.names[:i:i], o.names[i+1:]...)
	o.values = append(o.values[:i:i], o.values[i+1:]...)
	if o.places != nil {
		o.index()
	}
}

// Clone returns an object of the same members, which may be changed without the first.
func (o *Object) Clone() *Object {
	if o == nil {
		return &Object{}
	}
	return &Object{names: slices.Clone(o.names), values: slices.Clone(o.values), places: maps.Clone(o.places)}
}

// Text returns a member that is a string; "" for anything else.
func (o *Object) Text(name string) string {
	s, _ := o.Get(name).(string)
	return s
}

// Object returns a member that is an object; nil for anything else.
func (o *Object) Object(name string) *Object {
	v, _ := o.Get(name).(*Object)
	return v
}

// List returns a member that is an array; nil for anything else.
func (o *Object) List(name string) []any {
	v, _ := o.Get(name).([]any)
	return v
}

// MarshalJSON implements json.Marshaler.
func (o *Object) MarshalJSON() ([]byte, error) { return Append(nil, o), nil }

// Marshal writes a value as compact JSON.
func Marshal(v any) []byte { return Append(nil, v) }

// Append appends a value as compact JSON.
func Append(to []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(to, "null"...)
	case bool:
		return strconv.AppendBool(to, v)
	case int64:
		return strconv.AppendInt(to, v, 10)
	case Number:
		return append(to, v...)
	case string:
		return appendString(to, v)
	case []any:
		to = append(to, '[')
		for i, item := range v {
			if i > 0 {
				to = append(to, ',')
			}
			to = Append(to, item)
		}
		return append(to, ']')
	case *Object:
		to = append(to, '{')
		for i, name := range v.Names() {
			if i > 0 {
				to = append(to, ',')
			}
			to = append(appendString(to, name), ':')
			to = Append(to, v.values[i])
		}
		return append(to, '}')
	}
	panic("value: not a JSON value")
}

// appendString quotes s; the common case needs no escape.
func appendString(to []byte, s string) []byte {
	plain := utf8.ValidString(s)
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= 0x20 && s[i] != '"' && s[i] != '\\' && s[i] != 0x7f
	}
	if plain {
		return append(append(append(to, '"'), s...), '"')
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return append(to, strings.TrimSuffix(b.String(), "\n")...)
}

// Equal compares deeply. Strings compare by case, names do not; the order of members does
// not count, and 1 equals 1.0.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case []any:
		list, ok := b.([]any)
		if !ok || len(a) != len(list) {
			return false
		}
		for i := range a {
			if !Equal(a[i], list[i]) {
				return false
			}
		}
		return true
	case *Object:
		o, ok := b.(*Object)
		if !ok || a.Len() != o.Len() {
			return false
		}
		for i, name := range a.names {
			other, there := o.Find(name)
			if !there || !Equal(a.values[i], other) {
				return false
			}
		}
		return true
	case Number, int64:
		x, isX := Float(a)
		y, isY := Float(b)
		return isX && isY && x == y
	}
	switch b.(type) {
	case []any, *Object:
		return false
	}
	return a == b
}

// Float returns a number of either kind.
func Float(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case Number:
		f, err := strconv.ParseFloat(string(v), 64)
		return f, err == nil
	}
	return 0, false
}

// Size estimates the memory and the JSON text of v in bytes, and stops counting above limit.
func Size(v any, limit int) int {
	n := 8
	switch v := v.(type) {
	case string:
		n += len(v)
	case Number:
		n += len(v)
	case []any:
		for _, item := range v {
			if n += Size(item, limit-n); n > limit {
				return n
			}
		}
	case *Object:
		for i, name := range v.Names() {
			if n += len(name) + Size(v.values[i], limit-n-len(name)); n > limit {
				return n
			}
		}
	}
	return n
}

// WithoutNulls returns v without members that are null, at any depth; arrays keep theirs.
func WithoutNulls(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = WithoutNulls(item)
		}
		return out
	case *Object:
		out := &Object{}
		for _, name := range v.Names() {
			if item := v.Get(name); item != nil {
				out.Set(name, WithoutNulls(item))
			}
		}
		return out
	}
	return v
}
