package rbac

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac/holding"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// Topic is the change feed's topic of this package. Keys are "assignment/" and the principal,
// "role/" or "deny/" and the name.
const Topic = "rbac"

// The limits of Azure (CP §5.2, §5.3), which hold where Config says no other.
const (
	defaultLimit           = 4000
	defaultGroupLimit      = 500
	defaultDefinitionLimit = 5000
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
	// TenantOf returns the directory that holds the principal; known is false for none.
	TenantOf(ctx context.Context, principal id.Object) (tenant id.Tenant, known bool, err error)
}

// Hierarchy is what rbac asks about management groups. It answers from memory.
type Hierarchy interface {
	// Above returns the management groups above a scope, nearest first; none for the root.
	Above(ctx context.Context, scope resource.ID) ([]resource.ID, error)
	// Below returns the management groups and subscriptions below a management group; of
	// the root, none: everything is below it.
	Below(ctx context.Context, scope resource.ID) ([]resource.ID, error)
	// Exists reports whether scope is a management group.
	Exists(ctx context.Context, scope resource.ID) (bool, error)
	// Tenant returns the tenant that a scope belongs to; "" for the root, which every tenant
	// has, and for what is not there.
	Tenant(ctx context.Context, scope resource.ID) (id.Tenant, error)
}

// Request is a question: may Principal do Action at Scope?
type Request struct {
	Principal id.Object
	// Tenant is the directory that asks: a principal of another one does not exist for it (S-54).
	// "" where the principal itself asks.
	Tenant id.Tenant
	Action string // "Microsoft.KeyVault/vaults/secrets/getSecret/action", in any letter case
	Data   bool   // Action is a data action
	Scope  resource.ID
	// SubOperation is the part of the action, such as "Blob.List"; "" if it has none.
	SubOperation string
	// Attributes are what conditions may ask for beside what the scope itself tells: the names
	// of the resources on the way to it.
	Attributes []Attribute
}

// The reasons of decisions: stable codes for logs and answers.
const (
	ReasonGranted        = "granted"         // Decision.Assignment grants it
	ReasonDenyAssignment = "deny_assignment" // Decision.Deny forbids it
	ReasonNoGrant        = "no_grant"        // nothing grants it
	ReasonPrincipal      = "principal_gone"  // the principal is deleted, disabled or unknown
	ReasonTenant         = "other_tenant"    // the scope belongs to another tenant
)

// Decision is the answer. What it points to is read only.
type Decision struct {
	Allowed bool
	Reason  string
	Deny    *DenyAssignment // what forbade it

	policy *Policy
	holder holding.Holding
	grant  holding.Grant
}

// Assignment returns what allowed it: the assignment with the longest scope, then the
// lowest name, without its description and its times; nil if nothing did.
func (d Decision) Assignment() *Assignment {
	if d.policy == nil {
		return nil
	}
	return d.policy.assignment(d.holder.Principal(), d.grant)
}

// Config names what a Service needs.
type Config struct {
	Store     *store.DB
	Audit     *audit.Log
	Directory Directory
	// Hierarchy knows the management groups; nil: there are none.
	Hierarchy Hierarchy
	Now       func() time.Time
	// The most assignments a subscription may hold at and below it, the most a management
	// group may hold itself, and the most custom roles of a tenant; 0 means 4,000, 500 and
	// 5,000, as in Azure.
	AssignmentsPerSubscription, AssignmentsPerManagementGroup, CustomRoles int
	// Delay, if given, runs what makes a write effective some time later, as in Azure, where
	// it also lets a type stand in for a principal that is not known yet. nil: at once.
	Delay func(effective func())
}

// Service answers requests and keeps assignments, deny assignments and custom roles. It
// opens its own transactions and is safe for concurrent use.
type Service struct {
	db         *store.DB
	log        *audit.Log
	directory  Directory
	hierarchy  Hierarchy
	now        func() time.Time
	delay      func(func())
	limit      int
	groupLimit int
	roleLimit  int
	builtIn    []*Definition
	builtInID  map[RoleID]*Definition

	changes atomic.Uint64          // counts the changes heard of on the feed
	current atomic.Pointer[loaded] // the policy in use; stale when changes moved on
	filled  atomic.Bool            // rows of an earlier release have their paths

	mu    sync.Mutex // for the feed and load
	stale staleness

	loading sync.Mutex // held by whoever reads the tables
	book    *book      // makes the policies
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
	if c.AssignmentsPerSubscription < 0 || c.AssignmentsPerManagementGroup < 0 || c.CustomRoles < 0 {
		return nil, errors.New("rbac: a limit is negative")
	}
	builtIn, err := BuiltInDefinitions()
	if err != nil {
		return nil, err
	}
	s := &Service{db: c.Store, log: c.Audit, directory: c.Directory, hierarchy: c.Hierarchy, now: c.Now, delay: c.Delay,
		limit: cmp.Or(c.AssignmentsPerSubscription, defaultLimit), groupLimit: cmp.Or(c.AssignmentsPerManagementGroup, defaultGroupLimit),
		roleLimit: cmp.Or(c.CustomRoles, defaultDefinitionLimit), builtIn: builtIn, builtInID: make(map[RoleID]*Definition, len(builtIn)),
		stale: staleness{all: true}}
	for _, d := range builtIn {
		s.builtInID[d.ID] = d
	}
	c.Store.Subscribe(Topic, s.follow)
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
	facts, alive, err := s.facts(ctx, r)
	if err != nil {
		return Decision{}, err
	}
	if !alive {
		return Decision{Reason: ReasonPrincipal}, nil
	}
	if apart, err := s.apart(ctx, r.Principal, r.Scope); err != nil || apart {
		return Decision{Reason: ReasonTenant}, err
	}
	return p.Decide(r, facts), nil
}

// foreign reports whether the principal belongs to another directory than the one that asks.
func (s *Service) foreign(ctx context.Context, r Request) (bool, error) {
	if r.Tenant == "" {
		return false, nil
	}
	from, known, err := s.directory.TenantOf(ctx, r.Principal)
	return known && from != r.Tenant, err
}

// apart reports whether a principal belongs to another tenant than a scope: then nothing is
// allowed, whatever is assigned at the root that all tenants share (S-54).
func (s *Service) apart(ctx context.Context, principal id.Object, scope resource.ID) (bool, error) {
	if s.hierarchy == nil || scope.IsRoot() {
		return false, nil
	}
	at, err := s.hierarchy.Tenant(ctx, scope)
	if err != nil || at == "" {
		return false, err
	}
	from, known, err := s.directory.TenantOf(ctx, principal)
	return known && from != at, err
}

// facts gathers what a decision needs beside the policy.
func (s *Service) facts(ctx context.Context, r Request) (f Facts, alive bool, err error) {
	if f.Groups, alive, err = s.directory.Groups(ctx, r.Principal); err != nil || !alive {
		return f, alive, err
	}
	if foreign, err := s.foreign(ctx, r); err != nil || foreign {
		return f, false, err
	}
	f.Now = s.now()
	f.Above, err = s.above(ctx, r.Scope)
	return f, err == nil, err
}

// above returns the management groups above a scope.
func (s *Service) above(ctx context.Context, scope resource.ID) ([]resource.ID, error) {
	if s.hierarchy == nil || scope.IsRoot() {
		return nil, nil
	}
	return s.hierarchy.Above(ctx, scope)
}
