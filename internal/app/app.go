// Package app builds a running server out of a configuration: it opens what must be
// open, wires rooms to the domain, and starts and stops everything in order. Nothing
// here decides anything; it is the one place that knows every other package, the real
// clock and the real random source.
//
// Start: data directory and lock, listeners bound, store, keys, domain, rooms, first
// objects, serving, endpoints.json. Nothing is written before the listeners are bound, so
// a busy port changes nothing. Stop: endpoints.json removed, listeners closed, requests
// drained (30 s at most), background work, store. A second signal exits at once.
package app

import (
	"io"
	"log/slog"
	"time"

	"github.com/sealring/sealring/internal/config"
	"github.com/sealring/sealring/internal/fault"
)

// Failures of starting, beside those of the store and the key-encryption key.
var (
	// ErrDataDir is a data directory that cannot or must not be used.
	ErrDataDir = fault.New(fault.Precondition, "the data directory cannot be used")
	// ErrInUse is a data directory that a running server holds.
	ErrInUse = fault.New(fault.Conflict, "the data directory is in use")
	// ErrListen is an address that cannot be listened on.
	ErrListen = fault.New(fault.Conflict, "cannot listen")
	// ErrFrozen is a setting that was settled at first start and is now asked to differ.
	ErrFrozen = fault.New(fault.Precondition, "this was settled when the installation was made")
)

// Config names what a Server needs: the validated configuration and the outside world.
type Config struct {
	config.Config
	Version string
	Log     *slog.Logger
	// AccessLog gets one JSON line per request, written beside the requests; nil sends
	// them through Log, which also says whether there are any.
	AccessLog io.Writer
	Now       func() time.Time
	Rand      io.Reader
	// ConfigHome is where the key-encryption key is kept by default: $XDG_CONFIG_HOME.
	ConfigHome string
	// Hostname is this machine's name in process facts and the name of its audit chain.
	Hostname string
	// IMDSHost is the resource id of the machine for which unregistered callers of the
	// metadata endpoint are answered; "" refuses them (L-10).
	IMDSHost string
	// AcceptClock starts although the clock stands before the newest record; that is recorded.
	AcceptClock bool
}
