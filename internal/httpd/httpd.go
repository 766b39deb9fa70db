// Package httpd is what every room shares of HTTP: handlers that return errors, request
// ids, bounded bodies, recovery from panics and one access event per request. It knows no
// wire format: each room writes its own failures.
package httpd

import (
	"context"
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

// Wrap turns h into an http.Handler with everything this package provides.
func Wrap(c Config, h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := c.Now()
		ev := &event{requestID: c.NewID()}
		ev.correlationID = inboundID(r)
		if ev.correlationID == "" {
			ev.correlationID = ev.requestID
		}
		r = r.WithContext(context.WithValue(r.Context(), eventKey{}, ev))
		if c.MaxBody > 0 && r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, c.MaxBody)
		}
		rec := &recorder{ResponseWriter: w}
		err := contained(h, rec, r)
		if err != nil && rec.status == 0 {
			c.WriteError(rec, r, err)
		}
		if rec.status == 0 {
			rec.WriteHeader(http.StatusOK)
		}
		logEvent(c, r, ev, rec, err, c.Now().Sub(began))
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

// logEvent writes the access event: info when served, warn when refused, error when it is our fault.
func logEvent(c Config, r *http.Request, ev *event, rec *recorder, err error, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case rec.status >= 500:
		level = slog.LevelError
	case rec.status >= 400:
		level = slog.LevelWarn
	}
	if !c.Log.Enabled(r.Context(), level) {
		return
	}
	attrs := append([]slog.Attr{
		slog.String("room", c.Room), slog.String("method", r.Method), slog.String("host", clip(r.Host)),
		slog.String("path", clip(r.URL.Path)), slog.Int("status", rec.status), slog.Int64("bytes", rec.bytes),
		slog.Int64("took_us", took.Microseconds()), slog.String("request_id", ev.requestID), slog.String("correlation_id", ev.correlationID),
	}, ev.notes()...)
	if err != nil {
		attrs = append(attrs, slog.String("err", clip(err.Error())))
	}
	c.Log.LogAttrs(r.Context(), level, "request", attrs...)
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
