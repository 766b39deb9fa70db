// Package api is what the areas of Graph share: requests with their caller, routes with the
// permissions they demand, answers, pages, and the refusals that Graph's clients know.
//
// A route cannot be written without saying who may call it. Links name the configured entry,
// never the Host header (S-41).
package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/surface/graph/edm"
)

// Refusals of this surface. The texts are those that tools look for (DT-7.4).
var (
	ErrSegment  = fault.New(fault.NotFound, "Resource not found for the segment.")
	ErrMethod   = fault.New(fault.Invalid, "Specified HTTP method is not allowed for the request target.")
	ErrNotFound = fault.New(fault.NotFound, "Resource does not exist or one of its queried reference-property objects are not present.")
	ErrDenied   = fault.New(fault.Denied, "Insufficient privileges to complete the operation.")
	ErrRequest  = fault.New(fault.Invalid, "One or more property values specified are invalid.")
	ErrConflict = fault.New(fault.Conflict, "A conflicting object with one or more of the specified property values is present in the directory.")
	ErrQuota    = fault.New(fault.Denied, "The directory object quota limit has been exceeded.")
)

// NotFound is ErrNotFound of one object.
func NotFound(name string) error {
	return ErrNotFound.With("Resource '%s' does not exist or one of its queried reference-property objects are not present.", Clipped(name))
}

// Caller is who asks, and what it may do.
type Caller struct {
	bearer.Principal
	// Permissions are those of Graph that the caller has now: app roles, or what directory
	// roles and the scopes of the token leave a user.
	Permissions map[Permission]bool
	// Person says that the caller is a user.
	Person bool
}

// May reports whether the caller has one of the permissions.
func (c *Caller) May(any ...Permission) bool {
	for _, p := range any {
		if p == Anybody || c.Permissions[p] {
			return true
		}
	}
	return false
}

// Request is an authenticated request that found its route.
type Request struct {
	*http.Request
	Caller  Caller
	Version string   // "v1.0" or "beta"
	Path    []string // decoded segments behind the version, keys as segments of their own
	Params  map[string]string
	Room    Room
}

// Tenant is the caller's: nothing else is looked at (S-54).
func (r *Request) Tenant() id.Tenant { return r.Caller.Tenant }

// Room is what answers need of the surface they belong to.
type Room struct {
	Graph, Authority string // our own URLs, without a trailing slash, for requests without an Entry
	Pages            pages
	Now              func() time.Time
}

// pages makes and reads continuation tokens; *paging.Tokens is one.
type pages interface {
	Make(ctx context.Context, q paging.Query, position string) (string, error)
	Position(ctx context.Context, q paging.Query, token string) (string, error)
}

// URLBase is the configured name of Graph by which the client came, with the version.
func (r *Request) URLBase() string {
	base := httpd.EntryFrom(r.Context()).Graph
	if base == "" {
		base = r.Room.Graph
	}
	return base + "/" + r.Version
}

// Body reads the JSON object of a request, and says what is wrong with it.
func (r *Request) Body() (edm.Body, error) {
	body := edm.Body{}
	if err := httpd.ReadJSON(r.Request, &body); err != nil {
		return nil, err
	}
	if body == nil {
		return nil, ErrRequest.With("The body of the request is null.")
	}
	return body, nil
}

// Into reads the JSON body of a request into a wire struct.
func (r *Request) Into(v any) error { return httpd.ReadJSON(r.Request, v) }

// Object reads a parameter that is an object id. Errors: ErrNotFound for anything else.
func (r *Request) Object(param string) (id.Object, error) {
	object, err := id.ParseObject(r.Params[param])
	if err != nil {
		return "", NotFound(r.Params[param])
	}
	return object, nil
}

// Route is one operation.
type Route struct {
	Method string
	// Path are segments; one in braces is a parameter: "groups/{id}/members/{member}/$ref".
	Path string
	// Any are the permissions of which the caller needs one.
	Any []Permission
	// Owner is the parameter whose object the owners may call this for without a permission
	// of Any; an application among them needs Application.ReadWrite.OwnedBy. "" for none.
	Owner string
	Serve func(w http.ResponseWriter, r *Request) error
}

// Match reports whether the route's path is that of a request, and its parameters.
func (t *Route) Match(path []string) (map[string]string, bool) {
	pattern := strings.Split(t.Path, "/")
	if len(pattern) != len(path) {
		return nil, false
	}
	params := map[string]string{}
	for i, p := range pattern {
		switch {
		case strings.HasPrefix(p, "{"):
			if strings.HasPrefix(path[i], "$") {
				return nil, false
			}
			params[p[1:len(p)-1]] = path[i]
		case !strings.EqualFold(p, Local(path[i])):
			return nil, false
		}
	}
	return params, true
}

// Local is a name without the namespace of Graph, which the SDKs abbreviate.
func Local(name string) string {
	for _, space := range []string{"microsoft.graph.", "graph."} {
		if len(name) > len(space) && strings.EqualFold(name[:len(space)], space) {
			return name[len(space):]
		}
	}
	return name
}

// NoContent answers 204.
func NoContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Clipped caps a text that a caller chose.
func Clipped(s string) string {
	const limit = 256
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
