// Package deployment runs template deployments (control-plane.md §7): it plans a template,
// applies its resources in the order of their dependencies, several at a time, and keeps
// the record of what was asked for and what became of it.
//
// Every resource is applied as a request of the deploying caller, through the Caller that
// the room supplies, so that each is authorised, locked, validated and recorded like any
// other. A deployment can do nothing that its caller cannot. What fails leaves standing
// what succeeded; what depends on it is skipped, what does not is finished.
//
// Secure parameters and outputs live in memory for as long as the deployment runs and are
// never stored, logged or shown. A deployment that its server did not finish, because it
// was stopped or lost, is recorded as failed.
package deployment

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/template"
	"github.com/sealring/sealring/internal/template/value"
)

// Topic is the change feed's topic of this package; keys are ID.Key of deployments.
const Topic = "deployment"

// Failures of deployments, beside those of templates.
var (
	// ErrNotFound is a deployment that does not exist.
	ErrNotFound = fault.New(fault.NotFound, "the deployment was not found")
	// ErrOperationNotFound is an operation that the deployment does not have.
	ErrOperationNotFound = fault.New(fault.NotFound, "the deployment operation was not found")
	// ErrActive is a deployment of the same name that still runs.
	ErrActive = fault.New(fault.Conflict, "the deployment is still running")
	// ErrFinished is a deployment that can no longer be canceled.
	ErrFinished = fault.New(fault.Conflict, "the deployment has ended")
	// ErrNameCharacters and ErrNameLength are names that deployments cannot have.
	ErrNameCharacters = fault.New(fault.Invalid, "the deployment name has characters that are not allowed")
	ErrNameLength     = fault.New(fault.Invalid, "the deployment name is too long")
	// ErrLocation is a deployment outside of groups without a location, or with another
	// than it has.
	ErrLocation = fault.New(fault.Invalid, "the deployment needs a location")
	// ErrLocationFixed is a deployment that exists in another location.
	ErrLocationFixed = fault.New(fault.Conflict, "the deployment exists in another location")
	// ErrContent is a request that is not one for a deployment.
	ErrContent = fault.New(fault.Invalid, "the deployment request is not valid")
	// ErrPreflight is a template of which some resources could not be deployed.
	ErrPreflight = fault.New(fault.Invalid, "the template deployment is not valid")
	// ErrLink is a template or parameters that are elsewhere.
	ErrLink = fault.New(fault.Invalid, "Linked templates and parameters are not fetched: send them in the request.")
	// ErrVaultClosed is a secret for a parameter that deployments cannot have.
	ErrVaultClosed = fault.New(fault.Invalid, "the secret cannot be read for the deployment")
	// ErrBusy is a server that takes no further deployments.
	ErrBusy = fault.New(fault.Unavailable, "the server takes no further deployments for now")
)

// Limits.
const (
	maxRecords   = 800 // per scope; the oldest are pruned
	maxActive    = 64  // deployments that run at a time, without nested ones
	maxPlanning  = 4   // templates that are planned at a time
	parallel     = 8   // requests of one deployment at a time
	maxDepth     = 6   // deployments nested in one another
	aliveEvery   = 5 * time.Second
	lostAfter    = 60 * time.Second
	flushEvery   = 500 * time.Millisecond
	finishWithin = 10 * time.Second
)

// Call is a request to Resource Manager. Path is an id, for a verb with the verb behind it.
type Call struct {
	Method, Path, Version string
	Query                 url.Values
	Body                  []byte
}

// Failure is why something failed, as clients are told.
type Failure struct {
	Status  int       `json:"-"`
	Code    string    `json:"code"`
	Message string    `json:"message"`
	Target  string    `json:"target,omitempty"`
	Details []Failure `json:"details,omitempty"`
}

// Caller does requests in the name of whoever deploys.
type Caller interface {
	// Do does one request and returns status and body of its answer.
	Do(ctx context.Context, c Call) (status int, body []byte, err error)
	// Check reports whether Do would let the request through to its handler.
	Check(ctx context.Context, c Call) error
	// Allowed reports whether the caller may do action at scope.
	Allowed(ctx context.Context, action string, scope resource.ID) (bool, error)
	// Explain tells what an error of the other methods looks like to a client.
	Explain(ctx context.Context, err error) Failure
	// Secret reads a secret that a parameter names.
	Secret(ctx context.Context, vault resource.ID, name, version string) (string, error)
}

// Request is what a client asks to deploy.
type Request struct {
	ID         resource.ID // of the deployment
	Tenant     id.Tenant   // whose caller deploys
	Location   string
	Tags       map[string]string
	Complete   bool // delete what the template does not name
	Template   *value.Object
	Parameters *value.Object // as sent: {"name":{"value":…}}
	Caller     Caller
	// Facts are what is known of caller, tenant and platform; this package adds the rest.
	Facts template.Facts
	// Correlation is the id under which everything is recorded.
	Correlation string
}

// Deployment is the record of one.
type Deployment struct {
	ID         resource.ID       `json:"-"`
	Tenant     id.Tenant         `json:"tenant"`
	State      string            `json:"state"`
	Location   string            `json:"location,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Mode       string            `json:"mode"`
	Operation  string            `json:"operation"` // names this run of the deployment
	Correlated string            `json:"correlation"`
	Hash       string            `json:"hash"`
	Started    time.Time         `json:"started"` // UTC
	Changed    time.Time         `json:"changed"`
	Duration   time.Duration     `json:"duration"`

	Parameters   json.RawMessage `json:"parameters,omitempty"` // objects as answers have them
	Outputs      json.RawMessage `json:"outputs,omitempty"`
	Resources    []string        `json:"resources,omitempty"` // ids that it deployed
	Providers    []Provided      `json:"providers,omitempty"`
	Dependencies []Dependency    `json:"dependencies,omitempty"`
	Failure      *Failure        `json:"failure,omitempty"`
}

// Provided is a namespace with the types that a deployment names.
type Provided struct {
	Namespace string   `json:"namespace"`
	Types     []string `json:"types"`
	Location  string   `json:"location,omitempty"`
}

// Dependency is a resource and what it waits for.
type Dependency struct {
	ID    string   `json:"id"`
	After []string `json:"after"`
}

// The states of deployments and operations that occur here (CP §7.8).
const (
	Running   = "Running"
	Succeeded = "Succeeded"
	Failed    = "Failed"
	Canceled  = "Canceled"
)

// Done reports whether the deployment has ended.
func (d Deployment) Done() bool { return d.State != Running }

// Operation is one thing that a deployment did.
type Operation struct {
	ID         string        `json:"id"`
	Place      int           `json:"place"`
	Kind       string        `json:"kind"` // Create, Delete, EvaluateDeploymentOutput
	State      string        `json:"state"`
	At         time.Time     `json:"at"`
	Duration   time.Duration `json:"duration"`
	Tracking   string        `json:"tracking"`
	Status     int           `json:"status,omitempty"` // of HTTP
	Failure    *Failure      `json:"failure,omitempty"`
	Target     string        `json:"target,omitempty"` // id; "" for outputs
	APIVersion string        `json:"api_version,omitempty"`
}

// Config names what a Service needs.
type Config struct {
	Store     *store.DB
	Audit     *audit.Log
	Resources *resource.Service
	Log       *slog.Logger
	IDs       *id.Source
	Now       func() time.Time
	// Server names this server: stable across restarts, unique among replicas.
	Server string
	// Wait is how long Start waits for a deployment to end before it returns; it still runs then.
	Wait time.Duration
}

// Service runs deployments. It is safe for concurrent use.
type Service struct {
	db        *store.DB
	log       *audit.Log
	resources *resource.Service
	out       *slog.Logger
	ids       *id.Source
	now       func() time.Time
	server    string
	wait      time.Duration
	queue     chan *run
	planning  chan struct{} // one for each plan being made: a plan may take much memory

	mu     sync.Mutex // guards active
	active map[string]*run
}

// New returns a Service; deployments begin once Run does.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Audit == nil || c.Resources == nil || c.Log == nil || c.IDs == nil || c.Now == nil || c.Server == "" {
		return nil, errors.New("deployment: Store, Audit, Resources, Log, IDs, Now and Server are needed")
	}
	if c.Wait < 0 {
		return nil, errors.New("deployment: Wait is 0 or more")
	}
	return &Service{db: c.Store, log: c.Audit, resources: c.Resources, out: c.Log, ids: c.IDs, now: c.Now, server: c.Server, wait: c.Wait,
		queue: make(chan *run), planning: make(chan struct{}, maxPlanning), active: map[string]*run{}}, nil
}
