// Package arm speaks the Resource Manager protocol: one tree of resource ids under which
// every provider hangs its routes (control-plane.md §2). The providers themselves are in
// the package provider below this one.
//
// Each request is authenticated by bearer token and authorised by the action of the very
// route that runs, at the canonical id that is used (S-50), before anything is said about
// whether a resource exists (CP §2.1). Lists are open to every principal and hold only what
// the principal may read. Everything is done when the answer is sent; a
// client that insists on polling is told so when it asks.
//
// It collapses empty segments of paths, since az and Terraform send them (L-5), and never
// redirects. It refuses encoded slashes, dot segments and characters outside ASCII, batch
// requests and method overrides. Any well-formed api-version is accepted for what is
// served; differences from Azure are listed in docs/divergences.md.
package arm

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
)

// maxBody is the largest request body in bytes (CP §2.10).
const maxBody = 4 << 20

// authenticator finds out who sends a request; *bearer.Authenticator is one.
type authenticator interface {
	Authenticate(r *http.Request, audiences []string, tenant id.Tenant) (bearer.Principal, error)
}

// authorizer decides; *rbac.Service is one.
type authorizer interface {
	Decide(ctx context.Context, r rbac.Request) (rbac.Decision, error)
}

// scopes knows the subscriptions and groups; *resource.Service is one.
type scopes interface {
	Subscription(ctx context.Context, sub id.Subscription) (resource.Subscription, error)
	Group(ctx context.Context, group resource.ID) (resource.Group, error)
}

// recorder keeps refusals and failed writes; *audit.Log is one.
type recorder interface {
	Write(ctx context.Context, e audit.Event) error
}

// pager makes and reads continuation tokens; *paging.Tokens is one.
type pager interface {
	Make(ctx context.Context, q paging.Query, position string) (string, error)
	Position(ctx context.Context, q paging.Query, token string) (string, error)
}

// Config names what a Room needs; all of it.
type Config struct {
	Log           *slog.Logger
	Now           func() time.Time
	IDs           *id.Source
	Authenticator authenticator
	Authorizer    authorizer
	Scopes        scopes
	Locks         locker
	Audit         recorder
	Pages         pager
	// Providers are what is served; provider.All makes them.
	Providers []Provider
	// Tenant is the directory that challenges name, whatever the path (CP §1.8).
	Tenant id.Tenant
	// Audiences are accepted in tokens, with and without a trailing slash both listed (CP §1.8).
	Audiences []string
	// Location is the short name of the installation's location, for example "local".
	Location string
	// Strict refuses more; the zero value nothing more.
	Strict Strict
}

// Room is Resource Manager as an http.Handler. It is safe for concurrent use.
type Room struct {
	handler       http.Handler
	now           func() time.Time
	authenticator authenticator
	authorizer    authorizer
	scopes        scopes
	locks         locker
	audit         recorder
	pages         pager
	providers     []Provider
	namespaces    map[string]Provider // by folded name
	table         table
	tenant        id.Tenant
	audiences     []string
	location      string
	strict        Strict
}

// New returns a Room, or says what is missing.
func New(c Config) (*Room, error) {
	switch {
	case c.Log == nil || c.Now == nil || c.IDs == nil:
		return nil, errors.New("arm: Log, Now and IDs are needed")
	case c.Authenticator == nil || c.Authorizer == nil || c.Scopes == nil || c.Locks == nil || c.Audit == nil || c.Pages == nil:
		return nil, errors.New("arm: Authenticator, Authorizer, Scopes, Locks, Audit and Pages are needed")
	case len(c.Providers) == 0 || c.Tenant == "" || len(c.Audiences) == 0 || c.Location == "":
		return nil, errors.New("arm: Providers, Tenant, Audiences and Location are needed")
	}
	m := &Room{now: c.Now, authenticator: c.Authenticator, authorizer: c.Authorizer, scopes: c.Scopes, locks: c.Locks, audit: c.Audit,
		pages: c.Pages, providers: c.Providers, namespaces: map[string]Provider{}, tenant: c.Tenant,
		audiences: c.Audiences, location: c.Location, strict: c.Strict}
	for _, p := range c.Providers {
		m.namespaces[fold(p.Namespace)] = p
	}
	m.table = newTable(c.Providers)
	m.handler = httpd.Wrap(httpd.Config{Room: "arm", Log: c.Log, Now: c.Now, NewID: c.IDs.Text, MaxBody: maxBody, WriteError: m.writeError}, m.serve)
	return m, nil
}

// ServeHTTP implements http.Handler.
func (m *Room) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }
