package arm

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
)

// Failures of reading bodies and queries.
var (
	// ErrContent is a body that is not the JSON object that was expected.
	ErrContent = fault.New(fault.Invalid, "The request content was invalid and could not be deserialized.")
	// ErrMediaType is a body that says it is not JSON.
	ErrMediaType = fault.New(fault.Invalid, "The request content type is not supported; send application/json.")
	// ErrFilter is a $filter that the list does not know.
	ErrFilter = fault.New(fault.Invalid, "The filter is not supported.")
	// ErrQuery is a query parameter or $filter that cannot be understood.
	ErrQuery = fault.New(fault.Invalid, "A query parameter is malformed.")
)

// Object is a JSON object whose members are read by their exact name. encoding/json would
// match names without regard to case, and then two readers could see two different bodies
// (S-63).
type Object map[string]json.RawMessage

// readObject reads a JSON object from a request.
func readObject(r *http.Request) (Object, error) {
	body, err := httpd.ReadBody(r)
	if err != nil {
		return nil, err
	}
	if ct := r.Header.Get("Content-Type"); ct != "" {
		media, _, err := mime.ParseMediaType(ct)
		if err != nil || media != "application/json" && media != "text/json" && media != "application/merge-patch+json" {
			return nil, ErrMediaType
		}
	}
	var o Object
	if err := httpd.DecodeJSON(body, &o); err != nil {
		if errors.Is(err, httpd.ErrBadJSON) {
			return nil, ErrContent.With("The request content was invalid and could not be deserialized: %s.", fault.Message(err))
		}
		return nil, err
	}
	if o == nil {
		return nil, ErrContent.With("The request content must be a JSON object.")
	}
	return o, nil
}

// Has reports whether the member is there and not null.
func (o Object) Has(name string) bool {
	raw, ok := o[name]
	return ok && !isNull(raw)
}

// Object returns a member that is an object; nil if it is absent or null. Errors: ErrContent.
func (o Object) Object(name string) (Object, error) {
	var v Object
	return v, o.Into(name, &v)
}

// Text returns a member that is a string; "" if it is absent or null. Errors: ErrContent.
func (o Object) Text(name string) (string, error) {
	var v string
	return v, o.Into(name, &v)
}

// Into decodes a member into dest, which it leaves alone if the member is absent or null.
// For structs use Object instead. Errors: ErrContent.
func (o Object) Into(name string, dest any) error {
	if !o.Has(name) {
		return nil
	}
	if err := json.Unmarshal(o[name], dest); err != nil {
		return ErrContent.With("The member '%s' has the wrong JSON type.", name)
	}
	return nil
}

// Exact refuses members that differ from one of names by case only. Errors: ErrContent.
func (o Object) Exact(names ...string) error {
	for have := range o {
		for _, want := range names {
			if have != want && same(have, want) {
				return ErrContent.With("The member '%s' must be spelled '%s'.", have, want)
			}
		}
	}
	return nil
}

// isNull reports whether raw is absent or the JSON value null.
func isNull(raw json.RawMessage) bool {
	trimmed := bytes.TrimSpace(raw)
	return len(trimmed) == 0 || string(trimmed) == "null"
}

// Merge applies an RFC 7396 merge patch to a JSON object; null members remove.
func Merge(base, patch json.RawMessage) json.RawMessage {
	if first(patch) != '{' {
		return patch
	}
	var p map[string]json.RawMessage
	if json.Unmarshal(patch, &p) != nil {
		return base
	}
	b := map[string]json.RawMessage{}
	if first(base) == '{' {
		if json.Unmarshal(base, &b) != nil {
			b = map[string]json.RawMessage{}
		}
	}
	for name, v := range p {
		if isNull(v) {
			delete(b, name)
			continue
		}
		b[name] = Merge(b[name], v)
	}
	return encode(b)
}

// first returns the first byte of a JSON value that is not white space; 0 if there is none.
func first(raw json.RawMessage) byte {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 {
		return trimmed[0]
	}
	return 0
}

// encode marshals a value that was decoded from JSON, which cannot fail.
func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
