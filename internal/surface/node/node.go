// Package node is where programs on this machine are made workloads: the registration
// socket of the data directory (L-11).
//
//	POST   /node/v1/workloads                  registers a process for a resource
//	GET    /node/v1/workloads                  lists what is registered, without secrets
//	POST   /node/v1/workloads/{handle}/rotate  a new secret; the old one overlaps, one hour at most
//	DELETE /node/v1/workloads/{handle}         ends a registration
//
// It is served on a unix socket of mode 0600 and believes nobody else: the kernel must say
// that the peer is the owner of the data directory (SO_PEERCRED). Bodies are strict JSON.
// The secret is in the answer to a registration and nowhere else.
package node

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/workload"
)

// Failures of this room.
var (
	// errPeer is a connection that is not the owner's, or of which the kernel does not say.
	errPeer = fault.New(fault.Denied, "only the owner of the data directory may register workloads")
	// errNotFound is a path that is not served.
	errNotFound = fault.New(fault.NotFound, "there is nothing at this path")
)

// maxBody is the largest request body in bytes.
const maxBody = 8 << 10

// registry keeps the workloads.
type registry interface {
	Register(workload.Spec) (workload.Registration, error)
	Rotate(handle string, overlap time.Duration) (workload.Registration, error)
	Release(handle string) error
	List() []*workload.Workload
}

// recorder is the audit log.
type recorder interface {
	Write(ctx context.Context, e audit.Event) error
}

// Config names what the room needs.
type Config struct {
	Registry registry
	Audit    recorder
	// OwnerUID is the user that owns the data directory: the one that this process runs as.
	OwnerUID int
	// IdentityEndpoint is what programs get as IDENTITY_ENDPOINT: "http://127.0.0.1:8080/msi/token".
	IdentityEndpoint string
	// IMDSEndpoint is the address of the metadata service: "http://127.0.0.1:8082".
	IMDSEndpoint string
	Log          *slog.Logger
	Now          func() time.Time
	IDs          *id.Source
}

// Room serves the registration socket. Its http.Server needs ConnContext.
type Room struct {
	registry registry
	audit    recorder
	owner    int
	identity string
	imds     string
	handler  *http.ServeMux
}

// New returns a ready Room.
func New(c Config) (*Room, error) {
	if c.Registry == nil || c.Audit == nil || c.IdentityEndpoint == "" || c.IMDSEndpoint == "" || c.OwnerUID < 0 {
		return nil, errors.New("node: Registry, Audit, OwnerUID and both endpoints are needed")
	}
	if c.Log == nil || c.Now == nil || c.IDs == nil {
		return nil, errors.New("node: Log, Now and IDs are needed")
	}
	room := &Room{registry: c.Registry, audit: c.Audit, owner: c.OwnerUID, identity: c.IdentityEndpoint, imds: c.IMDSEndpoint}
	mux := http.NewServeMux()
	route := func(pattern string, h httpd.Handler) {
		mux.Handle(pattern, httpd.Wrap(httpd.Config{
			Room: "node", Log: c.Log, Now: c.Now, NewID: c.IDs.Text, MaxBody: maxBody, WriteError: writeError,
		}, room.guarded(h)))
	}
	route("POST /node/v1/workloads", room.register)
	route("GET /node/v1/workloads", room.list)
	route("POST /node/v1/workloads/{handle}/rotate", room.rotate)
	route("DELETE /node/v1/workloads/{handle}", room.release)
	route("/", func(http.ResponseWriter, *http.Request) error { return errNotFound })
	room.handler = mux
	return room, nil
}

// ServeHTTP implements http.Handler. A path that the mux would redirect from, one with dot
// or empty segments, is not found: nothing here answers with a redirect.
func (room *Room) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path.Clean(r.URL.Path) != r.URL.Path {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = "/", ""
	}
	room.handler.ServeHTTP(w, r)
}

// guarded lets only the owner's connections through (L-11).
func (room *Room) guarded(h httpd.Handler) httpd.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, known := peerFrom(r.Context())
		if !known || p.uid != room.owner {
			room.recordStranger(r, p, known)
			return errPeer
		}
		return h(w, r)
	}
}

// recordStranger writes the refusal of a peer that is not the owner.
func (room *Room) recordStranger(r *http.Request, p peer, known bool) {
	e := audit.Event{Kind: audit.Security, Outcome: audit.Denied, Operation: "workload.register", Reason: "not_the_owner"}
	if known {
		e.Process = &audit.Process{PID: p.pid, UID: &p.uid}
	}
	if err := room.audit.Write(r.Context(), e); err != nil {
		httpd.Note(r.Context(), "audit_err", err.Error())
	}
}
