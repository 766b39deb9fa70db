package rbac

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// Topic is the change feed's topic of this package; keys are names of assignments and roles.
const Topic = "rbac"

// defaultLimit is the most assignments of a subscription, and of custom roles 5,000 are
// allowed, as in Azure (CP §5.2, §5.3).
const (
	defaultLimit    = 4000
	definitionLimit = 5000
)

// Directory is what rbac asks about principals. It answers from memory: it is on the path
// of every decision.
type Directory interface {
	// Groups returns the groups that hold the principal, transitively, and whether it
	// exists and is neither deleted nor disabled.
	Groups(ctx context.Context, principal id.Object) (groups []id.Object, alive bool, err error)
	// PrincipalType returns what the principal is; found is false where there is none,
	// or it was deleted.
	PrincipalType(ctx context.Context, principal id.Object) (kind PrincipalType, found bool, err error)
}

// Request is a question: may Principal do Action at Scope?
type Request struct {
	Principal id.Object
	Action    string // "Microsoft.KeyVault/vaults/secrets/getSecret/action", in any letter case
	Data      bool   // Action is a data action
	Scope     resource.ID
}

// The reasons of decisions: stable codes for logs and answers.
const (
	ReasonGranted        = "granted"         // Decision.Assignment grants it
	ReasonDenyAssignment = "deny_assignment" // Decision.Deny forbids it
	ReasonNoGrant        = "no_grant"        // nothing grants it
	ReasonPrincipal      = "principal_gone"  // the principal is deleted, disabled or unknown
)

// Decision is the answer. Its pointers lead into the Policy: read only.
type Decision struct {
	Allowed    bool
	Reason     string
	Assignment *Assignment     // what allowed it: the one with the longest scope, then the lowest name
	Deny       *DenyAssignment // what forbade it
}

// Config names what a Service needs.
type Config struct {
	Store     *store.DB
	Audit     *audit.Log
	Directory Directory
	Now       func() time.Time
	// AssignmentsPerSubscription is the most assignments a subscription may hold at and
	// below it; 0 means 4,000, as in Azure.
	AssignmentsPerSubscription int
}

// Service answers requests and keeps assignments and custom roles. It opens its own
// transactions and is safe for concurrent use.
type Service struct {
	db        *store.DB
	log       *audit.Log
	directory Directory
	now       func() time.Time
	limit     int
	builtIn   []*Definition
	builtInID map[RoleID]*Definition

	changes atomic.Uint64          // counts the changes heard of on the feed
	current atomic.Pointer[loaded] // the policy in use; stale when changes moved on
	loading sync.Mutex             // held by whoever reads the tables
}

// loaded is a policy and the count of changes before it was read.
type loaded struct {
	changes uint64
	policy  *Policy
}

// New returns a Service over the tables of c.Store and subscribes to its feed.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Audit == nil || c.Directory == nil || c.Now == nil {
		return nil, errors.New("rbac: Store, Audit, Directory and Now are needed")
	}
	if c.AssignmentsPerSubscription < 0 {
		return nil, errors.New("rbac: AssignmentsPerSubscription is negative")
	}
	builtIn, err := BuiltInDefinitions()
	if err != nil {
		return nil, err
	}
	s := &Service{db: c.Store, log: c.Audit, directory: c.Directory, now: c.Now,
		limit: c.AssignmentsPerSubscription, builtIn: builtIn, builtInID: make(map[RoleID]*Definition, len(builtIn))}
	if s.limit == 0 {
		s.limit = defaultLimit
	}
	for _, d := range builtIn {
		s.builtInID[d.ID] = d
	}
	c.Store.Subscribe(Topic, func([]string) { s.changes.Add(1) })
	return s, nil
}

// Decide answers r. An error is a failure of the store or the directory; it allows nothing.
func (s *Service) Decide(ctx context.Context, r Request) (Decision, error) {
	if err := s.db.Fresh(); err != nil {
		return Decision{}, err
	}
	p, err := s.policy(ctx)
	if err != nil {
		return Decision{}, err
	}
	groups, alive, err := s.directory.Groups(ctx, r.Principal)
	if err != nil {
		return Decision{}, err
	}
	if !alive {
		return Decision{Reason: ReasonPrincipal}, nil
	}
	return p.Decide(r, groups), nil
}

// policy returns a policy that holds every change this process has heard of, reading the
// tables if need be. Changes of other processes arrive on the feed within a second (L-3).
func (s *Service) policy(ctx context.Context) (*Policy, error) {
	if l := s.current.Load(); l != nil && l.changes == s.changes.Load() {
		return l.policy, nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	changes := s.changes.Load() // before reading: a change meanwhile makes the result stale
	if l := s.current.Load(); l != nil && l.changes == changes {
		return l.policy, nil
	}
	var assignments []*Assignment
	var custom []*Definition
	err := s.db.View(ctx, func(tx *store.Tx) error {
		var err error
		if assignments, err = readAssignments(ctx, tx, "", nil); err != nil {
			return err
		}
		custom, err = readDefinitions(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	p := Compile(append(append([]*Definition{}, s.builtIn...), custom...), assignments, nil)
	s.current.Store(&loaded{changes, p})
	return p, nil
}
