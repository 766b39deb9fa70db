package workload

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/secret"
)

// Failures that callers can match.
var (
	// ErrNoProcess is a registration for a process that does not exist or did not start when it was said to.
	ErrNoProcess = fault.New(fault.Invalid, "no process has this id and start time")
	// ErrSpec is a registration that cannot be made: no resource, a negative or too long life.
	ErrSpec = fault.New(fault.Invalid, "the registration is not valid")
	// ErrNotRegistered is a handle that names no living registration.
	ErrNotRegistered = fault.New(fault.NotFound, "no workload is registered under this handle")
	// ErrSecret is a secret that belongs to no living registration (S-9).
	ErrSecret = fault.New(fault.Unauthenticated, "the secret header is missing or wrong")
	// ErrUnknownCaller is a connection that belongs to no workload, or not surely to one (S-8, L-10).
	ErrUnknownCaller = fault.New(fault.Denied, "the calling process belongs to no registered workload")
	// ErrNoEvidence is a system on which a connection cannot be traced to a process.
	ErrNoEvidence = fault.New(fault.Denied, "on this operating system a connection cannot be traced to a process; use the App Service endpoint")
	// ErrKept is a file of registrations that cannot be used.
	ErrKept = fault.New(fault.Internal, "the registrations of running programs cannot be read")
	// ErrTooMany is a registry that is full.
	ErrTooMany = fault.New(fault.Throttled, "too many workloads are registered")
)

// Kind says how a workload is recognised.
type Kind string

// The kinds.
const (
	// Machine is recognised by its connections, as on a virtual machine, and by its secret.
	Machine Kind = "machine"
	// App is recognised by its secret alone, as on App Service.
	App Kind = "app"
)

// appTypes are the resource types whose programs find IDENTITY_ENDPOINT in their
// environment and have no metadata service of a machine (token-endpoints.md §1, D2).
var appTypes = []string{
	"Microsoft.Web/sites",
	"Microsoft.Web/sites/slots",
	"Microsoft.App/containerApps",
	"Microsoft.App/jobs",
	"Microsoft.Logic/workflows",
	"Microsoft.Automation/automationAccounts",
}

// KindOf returns the kind of the programs of a resource: App for the types of App Service
// and its kin, Machine for every other.
func KindOf(host resource.ID) Kind {
	t := host.Type()
	for _, a := range appTypes {
		if strings.EqualFold(t, a) {
			return App
		}
	}
	return Machine
}

// Spec is what a registration is asked for.
type Spec struct {
	// Resource is the host whose identities the process may use.
	Resource resource.ID
	// PID and Start name the process: Start is in clock ticks since boot (field 22 of
	// /proc/<pid>/stat; on macOS microseconds since 1970). See StartTime.
	PID   int
	Start int64
	// TTL ends the registration earlier than the process does; 0 means it does not. At most 30 days.
	TTL time.Duration
	// Kind is Machine or App; empty means KindOf(Resource).
	Kind Kind
}

// Registration is what the registrant gets: the only time the secret is shown.
type Registration struct {
	Handle   string
	Secret   secret.Text
	Resource resource.ID
	Kind     Kind
	// Expires is zero when only the end of the process ends the registration. UTC, whole seconds.
	Expires time.Time
}

// Workload is one registered process. Its exported fields do not change.
type Workload struct {
	Handle   string
	Resource resource.ID
	Kind     Kind
	// PID and Start name the process as in Spec; 0 for the machine of Config.IMDSHost.
	PID   int
	Start int64
	// Expires is zero when only the end of the process ends the registration.
	Expires time.Time

	// deadline is Expires on the monotonic clock, where there is one: a step of the wall
	// clock neither ends nor prolongs a registration.
	deadline time.Time

	proc   *process // nil for the machine of Config.IMDSHost
	gone   atomic.Bool
	flight atomic.Int64 // requests under way, counted by Guard
	rate   bucket       // used by Guard under its lock
}

// aliveAt reports whether the registration still holds at t.
func (w *Workload) aliveAt(t time.Time) bool {
	if w.gone.Load() || !w.deadline.IsZero() && !t.Before(w.deadline) {
		return false
	}
	return w.proc == nil || w.proc.alive()
}
