package graph

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/sealring/sealring/internal/surface/graph/api"
)

// table finds routes by the first segment of their path, in lower case.
type table map[string][]api.Route

// newTable indexes routes; among those that match, the first one serves.
func newTable(routes []api.Route) table {
	t := table{}
	for _, r := range routes {
		first, _, _ := strings.Cut(r.Path, "/")
		first = strings.ToLower(first)
		t[first] = append(t[first], r)
	}
	return t
}

// find returns the route of a request and the parameters of its path. Routes without
// parameters are preferred. Errors: api.ErrSegment, api.ErrMethod.
func (t table) find(method string, path []string) (*api.Route, map[string]string, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var found *api.Route
	var params map[string]string
	known := false
	routes := t[strings.ToLower(path[0])]
	for i := range routes {
		p, ok := routes[i].Match(path)
		if !ok {
			continue
		}
		known = true
		if routes[i].Method == method && (found == nil || len(p) < len(params)) {
			found, params = &routes[i], p
		}
	}
	switch {
	case found != nil:
		return found, params, nil
	case known:
		return nil, nil, api.ErrMethod
	}
	return nil, nil, api.ErrSegment.With("Resource not found for the segment '%s'.", api.Clipped(path[len(path)-1]))
}

// split reads "/{version}/a/b(key)"; keys become segments of their own (DT-7.1). It is false
// for a path without a version, with a dotted segment, an empty one but right behind the
// version, or with control characters.
func split(path string) (version string, segments []string, ok bool) {
	path, ok = strings.CutPrefix(path, "/")
	if !ok {
		return "", nil, false
	}
	if at := strings.IndexByte(path, '/'); at > 0 && strings.HasPrefix(path[at:], "//") {
		path = path[:at] + path[at+1:] // the SDK for Python joins its base and a path so
	}
	for s := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		decoded, err := url.PathUnescape(s)
		if err != nil || decoded == "" || decoded == "." || decoded == ".." || len(decoded) > 512 || len(segments) > maxSegments ||
			strings.ContainsFunc(decoded, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return "", nil, false
		}
		name, key := keyed(decoded)
		segments = append(segments, name)
		if key != "" {
			segments = append(segments, key)
		}
	}
	version = strings.ToLower(segments[0])
	if version != "v1.0" && version != "beta" || len(segments) < 2 {
		return "", nil, false
	}
	return version, segments[1:], true
}

// maxSegments is how deep a path may be.
const maxSegments = 16

// keyed splits "set(key)" (DT-7.1); key is "" where there are no parentheses, or nothing in them.
func keyed(segment string) (set, key string) {
	set, rest, found := strings.Cut(segment, "(")
	key, closed := strings.CutSuffix(rest, ")")
	if !found || !closed || set == "" {
		return segment, ""
	}
	if !strings.Contains(key, "=") {
		key = strings.TrimSuffix(strings.TrimPrefix(key, "'"), "'")
	}
	return set, key
}
