// Package graph is the part of Microsoft Graph that reads service principals: v1.0, and
// beta with the same answers.
//
// It speaks GET /servicePrincipals with $filter, $select, $top, $count and paging, one
// service principal by object id or by appId, and POST /directoryObjects/getByIds, by which
// tools resolve names. Writes are refused: managed identities are changed through Resource
// Manager only, and applications are not managed here yet.
//
// Any authenticated principal of the tenant may read its service principals, as members may
// in Azure's default directory; Azure demands a Graph permission of applications instead
// (docs/divergences.md). Objects of another tenant are not found, as if they did not exist
// (S-54). Links name the configured entry, never the Host header (S-41).
package graph

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/paging"
)

// maxBody is the largest request body, in bytes (security defaults §6.2).
const maxBody = 1 << 20

// publicGraph is the name of the public service, whose tokens are accepted beside our own.
const publicGraph = "https://graph.microsoft.com"

// authenticator finds who asks; *bearer.Authenticator is one.
type authenticator interface {
	Authenticate(r *http.Request, audiences []string, tenant id.Tenant) (bearer.Principal, error)
}

// pages makes and reads continuation tokens; *paging.Tokens is one.
type pages interface {
	Make(ctx context.Context, q paging.Query, position string) (string, error)
	Position(ctx context.Context, q paging.Query, token string) (string, error)
}

// Config names what a Room needs; all fields but Audiences.
type Config struct {
	// Graph and Authority are our own URLs, without a trailing slash, for requests without an Entry.
	Graph, Authority string
	// Audiences are further names whose tokens are accepted, beside Graph, the public name
	// and the application id.
	Audiences     []string
	Tenant        id.Tenant
	Authenticator authenticator
	Directory     *directory.Directory
	Pages         pages
	Log           *slog.Logger
	Now           func() time.Time
	IDs           *id.Source
}

// Room is the directory's web surface. It is safe for concurrent use.
type Room struct {
	http.Handler
	graph, authority string
	audiences        []string
	tenant           id.Tenant
	authenticator    authenticator
	directory        *directory.Directory
	pages            pages
	now              func() time.Time
}

// New checks c and returns the room.
func New(c Config) (*Room, error) {
	if c.Graph == "" || c.Authority == "" || c.Tenant == "" || c.Authenticator == nil || c.Directory == nil || c.Pages == nil ||
		c.Log == nil || c.Now == nil || c.IDs == nil {
		return nil, errors.New("graph: Graph, Authority, Tenant, Authenticator, Directory, Pages, Log, Now and IDs are needed")
	}
	m := &Room{
		graph: c.Graph, authority: c.Authority, tenant: c.Tenant, authenticator: c.Authenticator, directory: c.Directory,
		pages: c.Pages, now: c.Now, audiences: []string{string(directory.GraphApp)},
	}
	for _, a := range append([]string{c.Graph, publicGraph}, c.Audiences...) {
		a = strings.TrimSuffix(a, "/")
		m.audiences = append(m.audiences, a, a+"/")
	}
	m.Handler = httpd.Wrap(httpd.Config{
		Room: "graph", Log: c.Log, Now: c.Now, NewID: c.IDs.Text, MaxBody: maxBody, WriteError: m.writeError,
	}, m.serve)
	return m, nil
}

// request is an authenticated request.
type request struct {
	*http.Request
	caller  bearer.Principal
	version string   // "v1.0" or "beta"
	path    []string // decoded segments behind the version
}

// serve authenticates, then finds the endpoint.
func (m *Room) serve(w http.ResponseWriter, r *http.Request) error {
	setHeaders(w.Header(), r)
	caller, err := m.authenticator.Authenticate(r, m.audiences, m.tenant)
	if err != nil {
		return err
	}
	httpd.Note(r.Context(), "principal_id", string(caller.Object))
	httpd.Note(r.Context(), "tenant_id", string(caller.Tenant))
	ctx := audit.WithActor(r.Context(), audit.Actor{
		Tenant: caller.Tenant, Object: caller.Object, App: caller.App, CorrelationID: httpd.CorrelationID(r.Context()),
		RequestID: httpd.RequestID(r.Context()), Source: r.RemoteAddr, UserAgent: r.UserAgent(),
	})
	version, path, ok := split(r.URL.EscapedPath())
	if !ok {
		return errSegment.With("Resource not found for the segment: the path begins with neither v1.0 nor beta, or is irregular.")
	}
	return m.route(w, &request{Request: r.WithContext(ctx), caller: caller, version: version, path: path})
}

// route chooses by the first segment; names are matched in any letter case (DT-90).
func (m *Room) route(w http.ResponseWriter, r *request) error {
	set, key := keyed(r.path[0])
	switch strings.ToLower(set) {
	case "serviceprincipals":
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return errReadOnly
		}
		switch {
		case key != "" && len(r.path) == 1:
			return m.getServicePrincipal(w, r, key)
		case key == "" && len(r.path) == 1:
			return m.listServicePrincipals(w, r)
		case key == "" && len(r.path) == 2 && strings.EqualFold(r.path[1], "$count"):
			return m.countServicePrincipals(w, r)
		case key == "" && len(r.path) == 2:
			return m.getServicePrincipal(w, r, r.path[1])
		}
	case "directoryobjects":
		last := strings.ToLower(r.path[len(r.path)-1])
		if len(r.path) == 2 && (last == "getbyids" || last == "microsoft.graph.getbyids") && r.Method == http.MethodPost {
			return m.getByIDs(w, r)
		}
	}
	return errSegment.With("Resource not found for the segment '%s'.", clipped(r.path[len(r.path)-1]))
}

// split reads "/{version}/a/b"; false for a path without a version, with an empty or dotted
// segment, or with control characters.
func split(path string) (version string, segments []string, ok bool) {
	path, ok = strings.CutPrefix(path, "/")
	if !ok {
		return "", nil, false
	}
	segments = strings.Split(strings.TrimSuffix(path, "/"), "/")
	for i, s := range segments {
		decoded, err := url.PathUnescape(s)
		if err != nil || decoded == "" || decoded == "." || decoded == ".." || len(decoded) > 512 ||
			strings.ContainsFunc(decoded, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return "", nil, false
		}
		segments[i] = decoded
	}
	version = strings.ToLower(segments[0])
	if version != "v1.0" && version != "beta" || len(segments) < 2 {
		return "", nil, false
	}
	return version, segments[1:], true
}

// keyed splits "set(key)" (DT-7.1); key is "" where there are no parentheses.
func keyed(segment string) (set, key string) {
	set, rest, found := strings.Cut(segment, "(")
	key, closed := strings.CutSuffix(rest, ")")
	if !found || !closed || key == "" {
		return segment, ""
	}
	return set, key
}
