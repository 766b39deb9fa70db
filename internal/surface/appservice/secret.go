package appservice

import (
	"context"
	"net"
	"net/http"
	"strconv"

	"github.com/sealring/sealring/internal/workload"
)

// The headers that hold the secret, as net/http spells them: D2 and D3.
const (
	headerIdentity = "X-Identity-Header"
	headerSecret   = "Secret"
)

// authenticate finds the workload by its secret. Exactly one value of either header is
// needed; if both headers are there, both must be the same workload's. Lookups are by
// hash, so their time tells nothing (S-9, TE-52). Errors: workload.ErrSecret, workload.ErrBusy.
func (room *Room) authenticate(ctx context.Context, r *http.Request) (workload.Caller, error) {
	var found *workload.Workload
	presented := false
	for _, name := range [...]string{headerIdentity, headerSecret} {
		values := r.Header[name]
		if len(values) == 0 {
			continue
		}
		presented = true
		if len(values) > 1 {
			return workload.Caller{}, room.wrongSecret(ctx, r, "secret_twice")
		}
		w, err := room.callers.BySecret(values[0])
		if err != nil || found != nil && found != w {
			return workload.Caller{}, room.wrongSecret(ctx, r, "wrong_secret")
		}
		found = w
	}
	if !presented {
		room.refusals.Count("no_secret")
		return workload.Caller{}, workload.ErrSecret
	}
	return workload.Caller{Workload: found, Process: room.callers.Process(ctx)}, nil
}

// wrongSecret records a wrong secret, raises the alarm when there were too many from one
// caller, and returns the refusal. Callers are told apart by what the kernel says, the
// user, or else by address.
func (room *Room) wrongSecret(ctx context.Context, r *http.Request, reason string) error {
	process := room.callers.Process(ctx)
	switch room.guard.WrongSecret(callerName(ctx, r)) {
	case workload.Alert:
		room.refusals.Record(ctx, "too_many_wrong_secrets", "", process)
		return workload.ErrBusy
	case workload.Ignore:
		room.refusals.Count("too_many_wrong_secrets")
		return workload.ErrBusy
	}
	room.refusals.Record(ctx, reason, "", process)
	return workload.ErrSecret
}

// callerName names who sent a wrong secret.
func callerName(ctx context.Context, r *http.Request) string {
	if uid, known := workload.UID(ctx); known {
		return "uid " + strconv.Itoa(uid)
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
