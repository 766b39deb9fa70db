// Package ops answers the people and machines that look after a server: liveness,
// readiness, version and metrics, on a loopback listener of its own (S-64). Answers hold a status
// and nothing else; there is no way from here to data or to an administrator's right.
package ops

import (
	"context"
	"errors"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/sealring/sealring/internal/httpd"
)

// readyTimeout bounds one readiness check.
const readyTimeout = 2 * time.Second

// Config names what the room needs.
type Config struct {
	// Version is the release, for /version.
	Version string
	// Ready reports why the server cannot serve now; nil if it can.
	Ready func(context.Context) error
	// Read is asked at every scrape.
	Read func(context.Context) Readings
}

// Room serves the operations listener.
type Room struct {
	version string
	ready   func(context.Context) error
	mux     *http.ServeMux
}

// New returns a ready Room.
func New(c Config) (*Room, error) {
	if c.Ready == nil || c.Version == "" || c.Read == nil {
		return nil, errors.New("ops: Version, Ready and Read are needed")
	}
	r := &Room{version: c.Version, ready: c.Ready, mux: http.NewServeMux()}
	r.mux.HandleFunc("GET /livez", r.live)
	r.mux.HandleFunc("GET /readyz", r.readiness)
	r.mux.HandleFunc("GET /version", r.versionInfo)
	r.mux.Handle("GET /metrics", scraped(c.Version, c.Read))
	r.mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	r.mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	r.mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return r, nil
}

// ServeHTTP implements http.Handler.
func (o *Room) ServeHTTP(w http.ResponseWriter, r *http.Request) { o.mux.ServeHTTP(w, r) }

// status is the body of every answer.
type status struct {
	Status string `json:"status"`
}

// live says that the process serves requests at all.
func (o *Room) live(w http.ResponseWriter, _ *http.Request) {
	_ = httpd.WriteJSON(w, http.StatusOK, status{"ok"})
}

// readiness says whether work should be sent here.
func (o *Room) readiness(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if o.ready(ctx) != nil {
		_ = httpd.WriteJSON(w, http.StatusServiceUnavailable, status{"unavailable"})
		return
	}
	_ = httpd.WriteJSON(w, http.StatusOK, status{"ok"})
}

// versionInfo names the release.
func (o *Room) versionInfo(w http.ResponseWriter, _ *http.Request) {
	_ = httpd.WriteJSON(w, http.StatusOK, status{o.version})
}
