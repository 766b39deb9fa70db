// Package appservice is the token endpoint of App Service, Functions, Container Apps and
// Automation: IDENTITY_ENDPOINT with X-IDENTITY-HEADER (dialect D2 of the token-endpoints
// specification, api-version 2019-08-01), and MSI_ENDPOINT with the header secret (D3,
// 2017-09-01) on the same URL.
//
// It serves GET /msi/token. The caller is known by the secret of its registration alone
// (internal/workload, S-9); which process held the connection is recorded as far as the
// kernel says. No secret, a wrong one or two give 401 before anything else is read. Marks
// of a proxy or browser, a foreign Host and every second reading of path or parameters
// are refused; nothing is redirected.
//
// Different from Azure: expires_in is added, and the 2017-09-01 answer gives its times as
// digits, because every client reads those (TE §3.3, §5.2).
package appservice

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
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/workload"
)

// Path is where the token endpoint lives under the node's address.
const Path = "/msi/token"

// minter picks an identity of the caller's host and returns a token of it.
type minter interface {
	Mint(context.Context, managedidentity.Caller, managedidentity.Request) (managedidentity.Minted, error)
}

// callers says whose secret it is, and who holds the connection.
type callers interface {
	BySecret(presented string) (*workload.Workload, error)
	Confirm(ctx context.Context, c workload.Caller) error
	Process(ctx context.Context) *audit.Process
}

// switches says whether an app has turned its endpoint off (WEBSITE_DISABLE_MSI). It is
// asked for every request and must answer from memory.
type switches interface {
	Disabled(ctx context.Context, host resource.ID) (bool, error)
}

// Config names what the room needs.
type Config struct {
	Minter  minter
	Callers callers
	// Switches may be nil: then no app can turn its endpoint off.
	Switches switches
	// Guard bounds what callers use up; shared with the other local endpoints.
	Guard *workload.Guard
	// Refusals remembers what was refused; its Run is the application's to start.
	Refusals *localtoken.Refusals
	// Hosts are further names of this endpoint, without ports (S-6).
	Hosts []string
	Log   *slog.Logger
	Now   func() time.Time
	IDs   *id.Source
}

// Room serves the endpoint. Its listener should have workload.ConnContext, else processes
// stay unknown.
type Room struct {
	minter   minter
	callers  callers
	switches switches
	guard    *workload.Guard
	refusals *localtoken.Refusals
	hosts    localtoken.Hosts
	now      func() time.Time
	answers  localtoken.Answers
	handler  http.Handler
}

// New returns a ready Room.
func New(c Config) (*Room, error) {
	if c.Minter == nil || c.Callers == nil || c.Guard == nil || c.Refusals == nil {
		return nil, errors.New("appservice: Minter, Callers, Guard and Refusals are needed")
	}
	if c.Log == nil || c.Now == nil || c.IDs == nil {
		return nil, errors.New("appservice: Log, Now and IDs are needed")
	}
	room := &Room{
		minter: c.Minter, callers: c.Callers, switches: c.Switches, guard: c.Guard, refusals: c.Refusals,
		hosts: localtoken.NewHosts(c.Hosts...), now: c.Now,
	}
	room.handler = httpd.Wrap(httpd.Config{
		Room: "appservice", Log: c.Log, Now: c.Now, NewID: c.IDs.Text, MaxBody: localtoken.MaxBody + 1, WriteError: room.writeError,
	}, room.serve)
	return room, nil
}

// ServeHTTP implements http.Handler.
func (room *Room) ServeHTTP(w http.ResponseWriter, r *http.Request) { room.handler.ServeHTTP(w, r) }

// serve refuses what did not come straight from a program, routes, and demands the secret.
func (room *Room) serve(w http.ResponseWriter, r *http.Request) error {
	if err := localtoken.CheckFraming(r); err != nil { // S-60
		return err
	}
	if err := localtoken.CheckForwarding(r.Header); err != nil { // S-2
		return err
	}
	if err := room.hosts.Check(r); err != nil { // S-6
		return err
	}
	if r.Method != http.MethodOptions {
		if err := localtoken.CheckBrowser(r.Header); err != nil { // S-6
			return err
		}
	}
	target, err := localtoken.ParseTarget(r.RequestURI) // S-4
	switch {
	case err != nil:
		return err
	case target.Path != Path:
		return localtoken.ErrNotFound
	case r.Method != http.MethodGet: // S-3
		return localtoken.ErrMethod
	}
	ctx := audit.WithActor(r.Context(), audit.Actor{
		RequestID: httpd.RequestID(r.Context()), CorrelationID: httpd.CorrelationID(r.Context()),
		Source: r.RemoteAddr, UserAgent: r.UserAgent(),
	})
	caller, err := room.authenticate(ctx, r)
	if err != nil {
		return err
	}
	if err := localtoken.DiscardBody(r); err != nil {
		return err
	}
	return room.token(ctx, w, target.Query, len(r.Header[headerSecret]) > 0, caller)
}
