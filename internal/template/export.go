package template

import (
	"encoding/json"

	"github.com/sealring/sealring/internal/template/value"
)

// Literal writes a JSON value so that a template that holds it means just that: texts that
// would be taken for expressions get a second bracket. What is not JSON stays as it is.
func Literal(raw json.RawMessage) json.RawMessage {
	v, err := value.Parse(raw)
	if err != nil {
		return raw
	}
	return value.Marshal(escaped(v))
}

// escaped doubles the bracket of texts that a template would take for expressions.
func escaped(v any) any {
	switch v := v.(type) {
	case string:
		if len(v) > 1 && v[0] == '[' && v[len(v)-1] == ']' {
			return "[" + v
		}
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = escaped(item)
		}
		return out
	case *value.Object:
		out := &value.Object{}
		for _, name := range v.Names() {
			out.Set(escaped(name).(string), escaped(v.Get(name)))
		}
		return out
	}
	return v
}
