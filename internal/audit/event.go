// Package audit is the append-only record of who did what to which resource: activity
// (writes), sign-ins (tokens handed out) and security (refusals and alarms).
//
// A record is written in the transaction it describes (Record), or, where there is no
// other write, in a commit of its own that concurrent callers share (Write). Each server
// chains its records by hash, so an edit, a cut or an insertion shows. Nothing secret may
// enter an Event: tokens are named by their `uti`, secrets by their identifiers.
package audit

import (
	"context"
	"time"

	"github.com/sealring/sealring/internal/id"
)

// Kind is the stream an event belongs to.
type Kind string

// The kinds.
const (
	Activity Kind = "activity" // a write, accepted or failed
	SignIn   Kind = "signin"   // a token minted, handed out, or refused to an authenticated caller
	Security Kind = "security" // refusals, revocations, alarms
)

// Outcome says how it ended.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "Succeeded"
	Failed    Outcome = "Failed"
	Denied    Outcome = "Denied"
)

// Event is one thing that happened. Texts are capped at 1 KiB each when recorded.
type Event struct {
	Kind    Kind      `json:"kind"`
	Time    time.Time `json:"time"` // UTC; set by the log if zero
	Actor   Actor     `json:"actor"`
	Outcome Outcome   `json:"outcome"`

	// Operation is the Resource Manager action ("Microsoft.Compute/virtualMachines/write"),
	// or a dotted name where there is none ("token.issue", "token.handout").
	Operation string `json:"operation"`
	// Target is what it was done to: a resource id, or a directory object's id.
	Target string `json:"target,omitempty"`
	// Subscription owns the target, where there is one.
	Subscription id.Subscription `json:"subscription_id,omitempty"`
	// Reason is a stable code for a failure or refusal.
	Reason string `json:"reason,omitempty"`
	// Process is who held the connection, as far as the kernel could say.
	Process *Process `json:"process,omitempty"`
	// Details are further facts under stable snake_case keys.
	Details map[string]string `json:"details,omitempty"`
}

// Actor is who acted and in which request. The zero Actor is the installation itself.
type Actor struct {
	Tenant        id.Tenant `json:"tenant_id,omitempty"`
	Object        id.Object `json:"principal_id,omitempty"`
	App           id.App    `json:"client_id,omitempty"`
	Name          string    `json:"name,omitempty"`
	Type          string    `json:"type,omitempty"` // User, Application, ManagedIdentity
	CorrelationID string    `json:"correlation_id,omitempty"`
	RequestID     string    `json:"request_id,omitempty"`
	Source        string    `json:"source,omitempty"` // peer address, host:port
	UserAgent     string    `json:"user_agent,omitempty"`
	// Method and ClientRequestID are the HTTP method and the client's own name of the request.
	Method          string `json:"method,omitempty"`
	ClientRequestID string `json:"client_request_id,omitempty"`
}

// Process is the process that asked a node endpoint. What could not be read is absent,
// never guessed (L-10): UID is nil, the texts are empty.
type Process struct {
	Host       string `json:"host,omitempty"`
	PID        int    `json:"pid,omitempty"`
	StartTime  int64  `json:"start_time,omitempty"` // clock ticks since boot, field 22 of /proc/<pid>/stat
	UID        *int   `json:"uid,omitempty"`
	Executable string `json:"executable,omitempty"`
	Unit       string `json:"unit,omitempty"` // systemd unit or container, where known
}

// actorKey is the context key of the Actor of this request.
type actorKey struct{}

// WithActor marks everything done under the returned context as done by a.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom returns who acts under ctx; the zero Actor if nobody was set.
func ActorFrom(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}
