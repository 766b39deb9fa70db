// Package imds is the token endpoint of a virtual machine and its kin: Azure's Instance
// Metadata Service, category identity (dialect D1 of the token-endpoints specification).
//
// It serves GET /metadata/identity/oauth2/token, /metadata/identity/info and
// /metadata/versions. The caller proves itself by nothing it sends: the kernel says which
// process holds the connection (internal/workload). What it sends only keeps others out:
// the Metadata header first of all, no mark of a proxy or browser, a Host that names us,
// one reading of path and parameters. Everything else is refused, with the errors that
// client libraries know; nothing is redirected, and nothing is passed on.
//
// Different from Azure: /metadata/instance is not served (404, which sends regional
// clients to the global endpoint), and 429 appears only above Guard's limits.
package imds

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/localtoken"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/workload"
)

// minter picks an identity of the caller's host and returns a token of it.
type minter interface {
	Mint(context.Context, managedidentity.Caller, managedidentity.Request) (managedidentity.Minted, error)
}

// callers says whose process is at the other end of a request's connection.
type callers interface {
	ByContext(ctx context.Context) (workload.Caller, error)
	Confirm(ctx context.Context, c workload.Caller) error
}

// Config names what the room needs.
type Config struct {
	Minter  minter
	Callers callers
	// Guard bounds what callers use up; shared with the other local endpoints.
	Guard *workload.Guard
	// Refusals remembers what was refused; its Run is the application's to start.
	Refusals *localtoken.Refusals
	// Hosts are further names of this endpoint, without ports (S-6).
	Hosts []string
	// Tenant is what /metadata/identity/info answers.
	Tenant id.Tenant
	Log    *slog.Logger
	Now    func() time.Time
	IDs    *id.Source
}

// Room serves the endpoint. Its listener needs workload.ConnContext.
type Room struct {
	minter   minter
	callers  callers
	guard    *workload.Guard
	refusals *localtoken.Refusals
	hosts    localtoken.Hosts
	tenant   id.Tenant
	now      func() time.Time
	answers  localtoken.Answers
	handler  http.Handler
}

// New returns a ready Room.
func New(c Config) (*Room, error) {
	if c.Minter == nil || c.Callers == nil || c.Guard == nil || c.Refusals == nil {
		return nil, errors.New("imds: Minter, Callers, Guard and Refusals are needed")
	}
	if c.Tenant == "" || c.Log == nil || c.Now == nil || c.IDs == nil {
		return nil, errors.New("imds: Tenant, Log, Now and IDs are needed")
	}
	room := &Room{
		minter: c.Minter, callers: c.Callers, guard: c.Guard, refusals: c.Refusals,
		hosts: localtoken.NewHosts(c.Hosts...), tenant: c.Tenant, now: c.Now,
	}
	room.handler = httpd.Wrap(httpd.Config{
		Room: "imds", Log: c.Log, Now: c.Now, NewID: c.IDs.Text, MaxBody: localtoken.MaxBody + 1, WriteError: room.writeError,
	}, room.serve)
	return room, nil
}

// ServeHTTP implements http.Handler.
func (room *Room) ServeHTTP(w http.ResponseWriter, r *http.Request) { room.handler.ServeHTTP(w, r) }

// actor marks what is done under the returned context as asked by this request.
func actor(r *http.Request) context.Context {
	ctx := r.Context()
	return audit.WithActor(ctx, audit.Actor{
		RequestID: httpd.RequestID(ctx), CorrelationID: httpd.CorrelationID(ctx),
		Source: r.RemoteAddr, UserAgent: r.UserAgent(),
	})
}
