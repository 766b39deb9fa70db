package httpd

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// S-63, S-69: what is accepted is one JSON value, within the limits, that two readers of
// members read alike.
func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[true,null,"x"]}`, "\xef\xbb\xbf{}", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{}{}`, `[`, ``, `"\ud800"`, `{"a":{"a":{"a":[]}}}`,
		strings.Repeat("[", 65) + strings.Repeat("]", 65), `1e999999`, `{"":0,"":1}`, `{"a":[{"b":1},{"b":2}]}`, "nul", "{\"\xff\":1,\"\xfe\":2}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var v any
		if DecodeJSON(body, &v) != nil {
			return
		}
		plain := bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
		if !json.Valid(plain) {
			t.Fatalf("accepted %q", body)
		}
		if d := depth(v); d > maxDepth {
			t.Fatalf("depth %d", d)
		}
		if names := bytes.Count(plain, []byte(`":`)); members(v) > maxMembers || names == 0 && members(v) > len(plain) {
			t.Fatalf("%d members", members(v))
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := DecodeJSON(again, &v); err != nil {
			t.Fatalf("%s does not come back: %v", again, err)
		}
	})
}

// depth is how deep objects and lists are nested.
func depth(v any) int {
	deepest := -1
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			deepest = max(deepest, depth(e))
		}
		return max(deepest, 0) + 1
	case []any:
		for _, e := range v {
			deepest = max(deepest, depth(e))
		}
		return max(deepest, 0) + 1
	}
	return 0
}

// members counts the members of objects.
func members(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			n += 1 + members(e)
		}
	case []any:
		for _, e := range v {
			n += members(e)
		}
	}
	return n
}

// S-66, S-69: the correlation id of a request is a GUID or nothing, whatever was sent.
func FuzzInboundID(f *testing.F) {
	for _, seed := range []string{"0f8fad5b-d9cb-469f-a165-70867728950e", "", "x\n{}", "{0f8fad5b-d9cb-469f-a165-70867728950e}", "urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e", strings.Repeat("0", 36)} {
		f.Add(seed, "")
		f.Add("", seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		r := &http.Request{Header: http.Header{"X-Ms-Correlation-Request-Id": {first}, "X-Ms-Client-Request-Id": {second}}}
		if got := inboundID(r); got != "" && (len(got) != 36 || uuid.Validate(got) != nil || got != first && got != second) {
			t.Fatalf("%q and %q give %q", first, second, got)
		}
	})
}
