package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/workload"
)

// registerRequest is the body of a registration. Times to live are seconds.
type registerRequest struct {
	ResourceID string        `json:"resource_id"`
	PID        int           `json:"pid"`
	StartTime  int64         `json:"start_time"`
	TTL        int64         `json:"ttl_seconds"`
	Kind       workload.Kind `json:"kind"`
}

// registered is the answer: what the process needs in its environment, and until when it
// works; expires_at is null where only the end of the process ends it.
type registered struct {
	IdentityEndpoint string     `json:"identity_endpoint"`
	IdentityHeader   string     `json:"identity_header"`
	IMDSEndpoint     string     `json:"imds_endpoint"`
	Handle           string     `json:"handle"`
	Kind             string     `json:"kind"`
	ExpiresAt        *time.Time `json:"expires_at"`
}

// rotateRequest is the body of a rotation.
type rotateRequest struct {
	Overlap int64 `json:"overlap_seconds"`
}

// listed is one workload as people see it.
type listed struct {
	Handle     string     `json:"handle"`
	ResourceID string     `json:"resource_id"`
	Kind       string     `json:"kind"`
	PID        int        `json:"pid"`
	StartTime  int64      `json:"start_time"`
	ExpiresAt  *time.Time `json:"expires_at"`
}

// list answers with everything that is registered.
type list struct {
	Workloads []listed `json:"workloads"`
}

// register makes a process a workload and answers with its secret.
func (room *Room) register(w http.ResponseWriter, r *http.Request) error {
	var body registerRequest
	if err := readStrict(r, &body, "resource_id", "pid", "start_time", "ttl_seconds", "kind"); err != nil {
		return err
	}
	host, err := resource.ParseID(body.ResourceID)
	if err != nil {
		return err
	}
	ttl, err := seconds(body.TTL)
	if err != nil {
		return err
	}
	reg, err := room.registry.Register(workload.Spec{Resource: host, PID: body.PID, Start: body.StartTime, TTL: ttl, Kind: body.Kind})
	if err != nil {
		return err
	}
	if err := room.record(r, "workload.register", host, body.PID, body.StartTime, reg.Handle); err != nil {
		_ = room.registry.Release(reg.Handle) // nothing unrecorded may work
		return err
	}
	return room.writeRegistration(w, http.StatusCreated, reg)
}

// rotate gives a workload a new secret.
func (room *Room) rotate(w http.ResponseWriter, r *http.Request) error {
	var body rotateRequest
	if err := readStrict(r, &body, "overlap_seconds"); err != nil {
		return err
	}
	overlap, err := seconds(body.Overlap)
	if err != nil {
		return err
	}
	if err := room.record(r, "workload.rotate", resource.ID{}, 0, 0, r.PathValue("handle")); err != nil {
		return err
	}
	reg, err := room.registry.Rotate(r.PathValue("handle"), overlap)
	if err != nil {
		return err
	}
	return room.writeRegistration(w, http.StatusOK, reg)
}

// release ends a registration.
func (room *Room) release(w http.ResponseWriter, r *http.Request) error {
	if err := room.registry.Release(r.PathValue("handle")); err != nil {
		return err
	}
	if err := room.record(r, "workload.release", resource.ID{}, 0, 0, r.PathValue("handle")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// list shows what is registered.
func (room *Room) list(w http.ResponseWriter, _ *http.Request) error {
	out := list{Workloads: []listed{}}
	for _, wl := range room.registry.List() {
		out.Workloads = append(out.Workloads, listed{
			Handle: wl.Handle, ResourceID: wl.Resource.String(), Kind: string(wl.Kind),
			PID: wl.PID, StartTime: wl.Start, ExpiresAt: orNull(wl.Expires),
		})
	}
	return httpd.WriteJSON(w, http.StatusOK, out)
}

// writeRegistration answers with the secret, uncacheable.
func (room *Room) writeRegistration(w http.ResponseWriter, status int, reg workload.Registration) error {
	w.Header().Set("Cache-Control", "no-store")
	return httpd.WriteJSON(w, status, registered{
		IdentityEndpoint: room.identity, IdentityHeader: reg.Secret.Reveal(), IMDSEndpoint: room.imds,
		Handle: reg.Handle, Kind: string(reg.Kind), ExpiresAt: orNull(reg.Expires),
	})
}

// record writes the change to the audit log, with who asked for it.
func (room *Room) record(r *http.Request, operation string, host resource.ID, pid int, start int64, handle string) error {
	p, _ := peerFrom(r.Context())
	details := map[string]string{"handle": handle, "peer_uid": strconv.Itoa(p.uid), "peer_pid": strconv.Itoa(p.pid)}
	e := audit.Event{
		Kind: audit.Security, Outcome: audit.Succeeded, Operation: operation, Target: host.String(), Details: details,
		Actor: audit.Actor{Name: "uid " + strconv.Itoa(p.uid), RequestID: httpd.RequestID(r.Context()), CorrelationID: httpd.CorrelationID(r.Context())},
	}
	if pid != 0 {
		e.Process = &audit.Process{PID: pid, StartTime: start}
	}
	if err := room.audit.Write(r.Context(), e); err != nil {
		return fmt.Errorf("record %s: %w", operation, err)
	}
	return nil
}

// seconds turns a number of seconds into a duration that cannot overflow.
func seconds(n int64) (time.Duration, error) {
	const most = 365 * 24 * 60 * 60
	if n < 0 || n > most {
		return 0, workload.ErrSpec.With("A time in seconds is 0 to %d.", most)
	}
	return time.Duration(n) * time.Second, nil
}

// orNull is nil for the zero time.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// readStrict reads one JSON object whose members are all among the names, spelled exactly
// (S-63). An empty body is an empty object. Errors: httpd.ErrBadJSON, httpd.ErrTooLarge.
func readStrict(r *http.Request, v any, names ...string) error {
	body, err := httpd.ReadBody(r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	var members map[string]json.RawMessage
	if err := httpd.DecodeJSON(body, &members); err != nil {
		return err
	}
	for name := range members {
		if !slices.Contains(names, name) {
			return httpd.ErrBadJSON.With("The member %q is not known here.", name)
		}
	}
	return httpd.DecodeJSON(body, v)
}
