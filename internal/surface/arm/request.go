package arm

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
)

// Request is what a handler sees of a request: where it goes, who asks, and what they sent.
type Request struct {
	// Principal is who asks; the zero Principal on public routes.
	Principal bearer.Principal
	// Target is the id the request is about: the resource, or for a collection its parent,
	// or for a verb what it acts on; on routes at AnyScope that scope. It is what was
	// authorised.
	Target resource.ID
	// Action is the action of the route.
	Action string
	// Version is the api-version, well formed; on public routes whatever was sent.
	Version string

	http  *http.Request
	room  *Room
	path  string // canonical, of links
	vars  map[string]string
	query url.Values // names in lower case
}

// Method is the HTTP method.
func (r *Request) Method() string { return r.http.Method }

// Tenant is the directory in which the request runs.
func (r *Request) Tenant() id.Tenant { return r.Principal.Tenant }

// Var returns a variable segment of the path as sent, by its name in the pattern.
func (r *Request) Var(name string) string { return r.vars[name] }

// Query returns a query parameter; names compare without regard to case, and of a repeated
// one the first counts.
func (r *Request) Query(name string) string { return r.query.Get(strings.ToLower(name)) }

// Header returns a request header.
func (r *Request) Header(name string) string { return r.http.Header.Get(name) }

// Subscription is the subscription in the path; "" at tenant scope.
func (r *Request) Subscription() id.Subscription { return r.Target.Subscription() }

// Visible reports whether the principal may do the route's action at scope; lists use it
// to leave out what the principal may not read.
func (r *Request) Visible(ctx context.Context, scope resource.ID) (bool, error) {
	return r.Allowed(ctx, r.Action, scope)
}

// Allowed reports whether the principal may do action at scope.
func (r *Request) Allowed(ctx context.Context, action string, scope resource.ID) (bool, error) {
	d, err := r.room.authorizer.Decide(ctx, rbac.Request{Principal: r.Principal.Object, Action: action, Scope: scope})
	return d.Allowed, err
}

// Deny is the refusal of the route's action at the target, for handlers that decide by more
// than one permission.
func (r *Request) Deny() error { return r.DenyAt(r.Target) }

// DenyAt is the refusal of the route's action at another scope that the body names.
func (r *Request) DenyAt(scope resource.ID) error { return denied(r.Principal, r.Action, scope) }

// Link builds the address of a path of ours under the name by which the client came (L-6, S-41).
func (r *Request) Link(ctx context.Context, path string) string {
	return httpd.EntryFrom(ctx).ResourceManager + path
}

// Body reads the request body as a JSON object (CP §2.10, S-63). Errors: ErrContent,
// httpd.ErrTooLarge, ErrMediaType.
func (r *Request) Body() (Object, error) { return readObject(r.http) }

// Peek reads the request body as Body does and leaves it to be read again. Errors: those of Body.
func (r *Request) Peek() (Object, error) {
	raw, err := httpd.ReadBody(r.http)
	if err != nil {
		return nil, err
	}
	r.http.Body = io.NopCloser(bytes.NewReader(raw))
	o, err := readObject(r.http)
	r.http.Body = io.NopCloser(bytes.NewReader(raw))
	return o, err
}

// Properties reads the member `properties` of the request body, nil if it is absent, and
// refuses one that differs from that name by case (S-63). Errors: those of Body.
func (r *Request) Properties() (Object, error) {
	body, err := r.Body()
	if err != nil {
		return nil, err
	}
	if err := body.Exact("properties"); err != nil {
		return nil, err
	}
	return body.Object("properties")
}

// lowerQuery parses a query string and folds the names. A parameter may be repeated, as
// clients do that add to a nextLink, but not with another value: which one counts would be
// anybody's guess. Errors: ErrQuery.
func lowerQuery(raw string) (url.Values, error) {
	parsed, err := url.ParseQuery(raw)
	if err != nil {
		return nil, ErrQuery.With("The query string is malformed.")
	}
	folded := url.Values{}
	for name, values := range parsed {
		key := strings.ToLower(name)
		folded[key] = append(folded[key], values...)
		for _, v := range folded[key] {
			if v != folded[key][0] {
				return nil, ErrQuery.With("A query parameter is given more than once.")
			}
		}
	}
	return folded, nil
}

// Location is the short name of the installation's location.
func (r *Request) Location() string { return r.room.location }
