package arm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
)

// Call is a request that this server does for a caller. Path is the id of a resource, for a
// verb with the verb behind it; Query is further parameters; Body a JSON object, nil for none.
type Call struct {
	Method, Path, Version string
	Query                 url.Values
	Body                  []byte
}

// Caller does requests in the name of whoever sent one, for handlers whose work consists
// of others: template deployments. Every check of CP §2.1 is made again for every one of
// them, so that nothing can be done this way that the principal may not do directly.
type Caller struct {
	room      *Room
	principal bearer.Principal
	remote    string
}

// Caller returns the caller of r.
func (r *Request) Caller() *Caller {
	return &Caller{room: r.room, principal: r.Principal, remote: r.http.RemoteAddr}
}

// Raw reads the request body as it is, for the endpoints that take more than JSON.
// Errors: httpd.ErrTooLarge, httpd.ErrBadJSON.
func (r *Request) Raw() ([]byte, error) { return httpd.ReadBody(r.http) }

// Do does one request and returns status and body of its answer. Errors: those of the
// route, as Told tells them.
func (c *Caller) Do(ctx context.Context, call Call) (status int, body []byte, err error) {
	route, r, err := c.prepare(ctx, call)
	if err != nil {
		return 0, nil, err
	}
	var resp Response
	if err = c.room.admit(ctx, route, r); err == nil {
		resp, err = c.room.answer(ctx, route, r)
	}
	if err != nil {
		return 0, nil, c.room.record(ctx, route, r, err)
	}
	if resp.Body == nil {
		return resp.Status, nil, nil
	}
	body, err = json.Marshal(resp.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("encode answer of %s: %w", call.Path, err)
	}
	return resp.Status, body, nil
}

// Check reports whether Do would let the request through to its handler; a group that does
// not exist yet is no obstacle. Errors: those of the checks, nothing is recorded.
func (c *Caller) Check(ctx context.Context, call Call) error {
	route, r, err := c.prepare(ctx, call)
	if err != nil {
		return err
	}
	if err := c.room.admit(ctx, route, r); !errors.Is(err, resource.ErrGroupNotFound) {
		return err
	}
	return nil
}

// Allowed reports whether the caller may do action at scope.
func (c *Caller) Allowed(ctx context.Context, action string, scope resource.ID) (bool, error) {
	r := &Request{room: c.room, Principal: c.principal}
	return r.Allowed(ctx, action, scope)
}

// Denied is the refusal of an action at a scope, in the words that clients know.
func (c *Caller) Denied(action string, scope resource.ID) error {
	return denied(c.principal, action, scope)
}

// Tenant is the directory of the caller.
func (c *Caller) Tenant() id.Tenant { return c.principal.Tenant }

// prepare makes the request and finds its route.
func (c *Caller) prepare(ctx context.Context, call Call) (Route, *Request, error) {
	hr, err := http.NewRequestWithContext(ctx, call.Method, (&url.URL{Path: call.Path}).String(), bytes.NewReader(call.Body))
	if err != nil {
		return Route{}, nil, fmt.Errorf("make a request of %s: %w", call.Path, err)
	}
	hr.RemoteAddr = c.remote
	hr.Header.Set("Content-Type", "application/json")
	path, err := split(hr.URL.EscapedPath())
	if err != nil {
		return Route{}, nil, err
	}
	route, r, found := c.room.find(hr, path)
	if !found {
		return Route{}, nil, c.room.unknown(call.Method, path)
	}
	query := url.Values{"api-version": {call.Version}}
	for name, values := range call.Query {
		query[name] = values
	}
	if r.query, err = lowerQuery(query.Encode()); err != nil {
		return Route{}, nil, err
	}
	if r.Version, err = version(r.query); err != nil {
		return Route{}, nil, err
	}
	r.Principal = c.principal
	if r.Target, err = targetOf(route, r); err != nil {
		return Route{}, nil, ErrPath.With("The request path is not a valid resource id.")
	}
	if err := c.room.checkVersion(route, r); err != nil {
		return Route{}, nil, err
	}
	return route, r, nil
}

// answer calls the handler of an admitted request.
func (m *Room) answer(ctx context.Context, route Route, r *Request) (Response, error) {
	resp, err := route.handle(ctx, r)
	if err != nil {
		return Response{}, m.explained(r, err)
	}
	return resp, nil
}
