package arm

import (
	"context"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/rbac"
)

// Where routes hang. AnyScope stands for the id of any scope, the tenant included: it is
// how extension resources (role assignments, system identities) are reached.
const (
	InSubscription = "/subscriptions/{subscription}"
	InGroup        = "/subscriptions/{subscription}/resourceGroups/{group}"
	AnyScope       = "{scope}"
)

// Handler does the work of a route: parse, call, answer. The request was authenticated and
// authorised; the subscription and the group in its path exist.
type Handler func(ctx context.Context, r *Request) (Response, error)

// Access says who may follow a route.
type Access int

// The kinds of access.
const (
	// Authorized needs the route's action at the request's target.
	Authorized Access = iota
	// Filtered is open to every principal; the answer holds only what the principal may
	// read by the route's action (CP §2.9).
	Filtered
	// Anyone is open to every authenticated principal (CP §5.5).
	Anyone
	// Public needs no token at all.
	Public
)

// String names the access for tests and documents.
func (a Access) String() string {
	return [...]string{"authorized", "filtered", "anyone", "public"}[a]
}

// Route is one row of the table of what Resource Manager serves. It is made only by the
// functions below, so that a route without an authorization cannot be written.
type Route struct {
	method, pattern, action string
	access                  Access
	handle                  Handler
	segments                []string // of pattern, without AnyScope
	scoped                  bool     // pattern begins with AnyScope
	ask                     Asker
}

// Asker completes the question whether the principal may follow a route: with what
// conditions ask for, or with another scope than the target. It runs before anything was
// decided and must change nothing; a body that cannot be read leaves the question as it is.
type Asker func(ctx context.Context, r *Request, q *rbac.Request) error

// Asking returns the route with a question of its own.
func (r Route) Asking(ask Asker) Route {
	r.ask = ask
	return r
}

// newRoute cuts the pattern. A pattern is a path whose segments are literals, compared
// without regard to case, or {names}.
func newRoute(method, pattern, action string, access Access, h Handler) Route {
	rest, scoped := strings.CutPrefix(pattern, AnyScope)
	return Route{method: method, pattern: pattern, action: action, access: access, handle: h,
		segments: strings.Split(strings.Trim(rest, "/"), "/"), scoped: scoped}
}

// Get reads one resource.
func Get(pattern, action string, h Handler) Route {
	return newRoute(http.MethodGet, pattern, action, Authorized, h)
}

// Head asks whether a resource exists.
func Head(pattern, action string, h Handler) Route {
	return newRoute(http.MethodHead, pattern, action, Authorized, h)
}

// Put creates or replaces a resource.
func Put(pattern, action string, h Handler) Route {
	return newRoute(http.MethodPut, pattern, action, Authorized, h)
}

// Patch changes a resource.
func Patch(pattern, action string, h Handler) Route {
	return newRoute(http.MethodPatch, pattern, action, Authorized, h)
}

// Delete removes a resource.
func Delete(pattern, action string, h Handler) Route {
	return newRoute(http.MethodDelete, pattern, action, Authorized, h)
}

// Post does something with a resource.
func Post(pattern, action string, h Handler) Route {
	return newRoute(http.MethodPost, pattern, action, Authorized, h)
}

// List reads a collection; the handler shows only the items for which Request.Visible
// holds, that is, those on which the principal may do action.
func List(pattern, action string, h Handler) Route {
	return newRoute(http.MethodGet, pattern, action, Filtered, h)
}

// Ask answers a question that is put by POST and changes nothing: to every principal, about
// itself; the handler demands the action for anything about others.
func Ask(pattern, action string, h Handler) Route {
	return newRoute(http.MethodPost, pattern, action, Filtered, h)
}

// GetByAnyone reads what every authenticated principal may know.
func GetByAnyone(pattern string, h Handler) Route {
	return newRoute(http.MethodGet, pattern, "", Anyone, h)
}

// PostByAnyone computes something from the body alone, for every authenticated principal.
func PostByAnyone(pattern string, h Handler) Route {
	return newRoute(http.MethodPost, pattern, "", Anyone, h)
}

// GetPublic reads what the whole world may know.
func GetPublic(pattern string, h Handler) Route {
	return newRoute(http.MethodGet, pattern, "", Public, h)
}

// Method is the HTTP method.
func (r Route) Method() string { return r.method }

// Pattern is the path with {names} for its variable segments.
func (r Route) Pattern() string { return r.pattern }

// Action is what the principal must be allowed to do; "" where Access needs none.
func (r Route) Action() string { return r.action }

// Access says who may follow the route.
func (r Route) Access() Access { return r.access }

// Provider is a namespace with its routes.
type Provider struct {
	// Namespace is the name in its usual spelling: "Microsoft.Compute".
	Namespace string
	Routes    []Route
}

// match tries the pattern on the segments of a path. It returns the segments with the
// literals spelled as in the pattern, and the variable ones by name; the id before the
// pattern's own segments is the variable "scope".
func (r Route) match(path []string) (canonical []string, vars map[string]string, ok bool) {
	before := len(path) - len(r.segments)
	if before < 0 || before > 0 && !r.scoped {
		return nil, nil, false
	}
	for i, p := range r.segments {
		if p[0] != '{' && !same(p, path[before+i]) {
			return nil, nil, false
		}
	}
	canonical = append(canonical, path[:before]...)
	vars = map[string]string{}
	if r.scoped {
		vars["scope"] = "/" + strings.Join(path[:before], "/")
	}
	for i, p := range r.segments {
		if p[0] == '{' {
			vars[p[1:len(p)-1]] = path[before+i]
			p = path[before+i]
		}
		canonical = append(canonical, p)
	}
	return canonical, vars, true
}
