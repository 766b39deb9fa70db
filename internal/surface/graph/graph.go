// Package graph is the directory's web surface: the part of Microsoft Graph that manages
// applications, service principals, groups, users, app roles and logs, v1.0, and beta with
// the same answers. docs/graph.md lists what is served.
//
// Every route says which permission it demands; who has none of them is refused. What a
// caller may do is read from the directory at each request, not from the token: a permission
// that was taken away is gone at once. Objects of another tenant are not found, as if they
// did not exist (S-54). A managed identity's service principal is changed through Resource
// Manager only (DT-85). Links name the configured entry, never the Host header (S-41).
package graph

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/application"
	"github.com/sealring/sealring/internal/surface/graph/federated"
	"github.com/sealring/sealring/internal/surface/graph/logs"
	"github.com/sealring/sealring/internal/surface/graph/model"
	"github.com/sealring/sealring/internal/surface/graph/people"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/trust"
)

// maxBody is the largest request body, in bytes (security defaults §6.2).
const maxBody = 1 << 20

// publicGraph is the name of the public service, whose tokens are accepted beside our own.
const publicGraph = "https://graph.microsoft.com"

// authenticator finds who asks; *bearer.Authenticator is one.
type authenticator interface {
	Authenticate(r *http.Request, audiences []string, tenant id.Tenant) (bearer.Principal, error)
}

// Config names what a Room needs; all fields but Audiences.
type Config struct {
	// Graph and Authority are our own URLs, without a trailing slash, for requests without an Entry.
	Graph, Authority string
	// Audiences are further names whose tokens are accepted, beside Graph, the public name
	// and the application id.
	Audiences     []string
	Authenticator authenticator
	Directory     *directory.Directory
	Trust         *trust.Service
	Relations     *relation.Service
	Registrations *registration.Service
	Audit         *audit.Log
	Pages         *paging.Tokens
	Log           *slog.Logger
	Now           func() time.Time
	IDs           *id.Source
}

// Room is the directory's web surface. It is safe for concurrent use.
type Room struct {
	http.Handler
	api           api.Room
	routes        table
	audiences     []string
	authenticator authenticator
	domain        *model.Domain
}

// New checks c and returns the room.
func New(c Config) (*Room, error) {
	if c.Graph == "" || c.Authority == "" || c.Authenticator == nil || c.Directory == nil || c.Trust == nil || c.Relations == nil ||
		c.Registrations == nil || c.Audit == nil || c.Pages == nil || c.Log == nil || c.Now == nil || c.IDs == nil {
		return nil, errors.New("graph: Graph, Authority, Authenticator, Directory, Trust, Relations, Registrations, Audit, Pages, Log, Now and IDs are needed")
	}
	m := &Room{
		api:           api.Room{Graph: c.Graph, Authority: c.Authority, Pages: c.Pages, Now: c.Now},
		authenticator: c.Authenticator, audiences: []string{string(directory.GraphApp)},
		domain: &model.Domain{Directory: c.Directory, Relations: c.Relations, Registrations: c.Registrations, Trust: c.Trust},
	}
	m.routes = newTable(append(Routes(m.domain, c.Audit), api.Route{Method: http.MethodPost, Path: "$batch", Any: []api.Permission{api.Anybody}, Serve: m.batch}))
	for _, a := range append([]string{c.Graph, publicGraph}, c.Audiences...) {
		a = strings.TrimSuffix(a, "/")
		m.audiences = append(m.audiences, a, a+"/")
	}
	m.Handler = httpd.Wrap(httpd.Config{
		Room: "graph", Log: c.Log, Now: c.Now, NewID: c.IDs.Text, MaxBody: maxBody, WriteError: m.writeError,
	}, m.serve)
	return m, nil
}

// Routes are the operations of all areas.
func Routes(d *model.Domain, log *audit.Log) []api.Route {
	var out []api.Route
	for _, area := range [][]api.Route{application.Routes(d), people.Routes(d), federated.Routes(d), logs.Routes(d, log)} {
		out = append(out, area...)
	}
	return out
}

// serve authenticates, then finds and authorizes the operation.
func (m *Room) serve(w http.ResponseWriter, r *http.Request) error {
	setHeaders(w.Header(), r)
	principal, err := m.authenticator.Authenticate(r, m.audiences, token.AnyTenant)
	if err != nil {
		return err
	}
	httpd.Note(r.Context(), "principal_id", string(principal.Object))
	httpd.Note(r.Context(), "tenant_id", string(principal.Tenant))
	caller, err := m.caller(r.Context(), principal)
	if err != nil {
		return err
	}
	kind := "Application"
	switch {
	case caller.Person:
		kind = "User"
	case principal.MIRID != "":
		kind = string(directory.KindManagedIdentity)
	}
	ctx := audit.WithActor(r.Context(), audit.Actor{
		Tenant: caller.Tenant, Object: caller.Object, App: caller.App, Name: principal.UPN, Type: kind, CorrelationID: httpd.CorrelationID(r.Context()),
		RequestID: httpd.RequestID(r.Context()), Source: r.RemoteAddr, UserAgent: r.UserAgent(),
	})
	return m.dispatch(w, r.WithContext(ctx), caller)
}

// dispatch serves one operation of a caller: a request of its own, or one of a batch.
func (m *Room) dispatch(w http.ResponseWriter, r *http.Request, caller api.Caller) error {
	version, path, ok := split(r.URL.EscapedPath())
	if !ok {
		return api.ErrSegment.With("Resource not found for the segment: the path begins with neither v1.0 nor beta, or is irregular.")
	}
	route, params, err := m.routes.find(r.Method, path)
	if err != nil {
		return err
	}
	request := &api.Request{Request: r, Caller: caller, Version: version, Path: path, Params: params, Room: m.api}
	if err := m.authorize(request, route); err != nil {
		return err
	}
	return route.Serve(w, request)
}
