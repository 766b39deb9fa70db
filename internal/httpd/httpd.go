// Package httpd is what every room shares of HTTP: handlers that return errors, request
// ids, bounded bodies, recovery from panics and one access event per request. It knows no
// wire format: each room writes its own failures.
package httpd

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/sealring/sealring/internal/fault"
)

// Handler serves a request or returns why not. It must not have written anything when it
// returns an error.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ErrPanic is a programming mistake that a request ran into; the process goes on serving (S-67).
var ErrPanic = fault.New(fault.Internal, "internal error")

// Config is what a room tells Wrap about itself.
type Config struct {
	// Room names the surface in log lines: "sts", "arm", "keyvault".
	Room string
	Log  *slog.Logger
	Now  func() time.Time
	// NewID makes request ids.
	NewID func() string
	// MaxBody is the largest request body in bytes; reading more fails with ErrTooLarge.
	MaxBody int64
	// WriteError is the room's only translator of failures to its wire.
	WriteError func(w http.ResponseWriter, r *http.Request, err error)
}

// serving is what Wrap keeps of one request, in one allocation.
type serving struct {
	event    event
	recorder recorder
}

// Wrap turns h into an http.Handler with everything this package provides. Where the
// handler of Log is an AccessLog, it gets the access lines; its Meter, or that of a Metered
// handler, counts the request.
func Wrap(c Config, h Handler) http.Handler {
	lines, _ := c.Log.Handler().(*AccessLog)
	meter := meterOf(c.Log.Handler(), c.Room)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := c.Now()
		s := &serving{event: event{Context: r.Context(), requestID: c.NewID()}, recorder: recorder{ResponseWriter: w}}
		ev, rec := &s.event, &s.recorder
		ev.correlationID = inboundID(r)
		if ev.correlationID == "" {
			ev.correlationID = ev.requestID
		}
		r = r.WithContext(ev)
		if c.MaxBody > 0 && r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, c.MaxBody)
		}
		err := contained(h, rec, r)
		if err != nil && rec.status == 0 {
			c.WriteError(rec, r, err)
		}
		if rec.status == 0 {
			rec.WriteHeader(http.StatusOK)
		}
		now := c.Now()
		meter.count(rec.status, now.Sub(began))
		level := levelOf(rec.status)
		if !c.Log.Enabled(ev, level) {
			return
		}
		a := access{
			level: level, room: c.Room, method: r.Method, host: r.Host, path: r.URL.Path,
			status: rec.status, bytes: rec.bytes, took: now.Sub(began), at: now, ev: ev, err: err,
		}
		if lines != nil {
			lines.write(&a)
		} else {
			a.log(c.Log)
		}
	})
}

// contained calls h and turns a panic into ErrPanic with the stack in its text, for the log.
func contained(h Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			err = fmt.Errorf("%w: panic: %v\n%s", ErrPanic, p, debug.Stack())
		}
	}()
	return h(w, r)
}

// levelOf is info for what was served, warn for what was refused, error for our own faults.
func levelOf(status int) slog.Level {
	switch {
	case status >= 500:
		return slog.LevelError
	case status >= 400:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// log writes a to a logger.
func (a *access) log(log *slog.Logger) {
	attrs := []slog.Attr{
		slog.String("room", a.room), slog.String("method", a.method), slog.String("host", clip(a.host)),
		slog.String("path", clip(a.path)), slog.Int("status", a.status), slog.Int64("bytes", a.bytes),
		slog.Int64("took_us", a.took.Microseconds()), slog.String("request_id", a.ev.requestID), slog.String("correlation_id", a.ev.correlationID),
	}
	for _, n := range a.ev.noted() {
		attrs = append(attrs, slog.String(n.key, n.value))
	}
	if a.err != nil {
		attrs = append(attrs, slog.String("err", clip(a.err.Error())))
	}
	log.LogAttrs(a.ev, a.level, "request", attrs...)
}

// clip caps caller-chosen text at 1 KiB, stacks included (S-66).
func clip(s string) string {
	const limit = 1024
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}

// ErrTooLarge is a body above the room's limit.
var ErrTooLarge = fault.New(fault.Invalid, "the request body is too large")

// BodyError classifies an error of reading r.Body: ErrTooLarge, or err as it is.
func BodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return ErrTooLarge
	}
	return err
}
