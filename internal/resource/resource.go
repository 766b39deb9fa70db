package resource

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Topic is the change feed's topic of this package; keys are ID.Key of what changed.
const Topic = "resource"

// Failures of reading and writing.
var (
	// ErrSubscriptionNotFound is a subscription that does not exist.
	ErrSubscriptionNotFound = fault.New(fault.NotFound, "the subscription could not be found")
	// ErrGroupNotFound is a resource group that does not exist.
	ErrGroupNotFound = fault.New(fault.NotFound, "the resource group could not be found")
	// ErrNotFound is a resource that does not exist.
	ErrNotFound = fault.New(fault.NotFound, "the resource was not found")
	// ErrParentNotFound is a child written below a parent that does not exist.
	ErrParentNotFound = fault.New(fault.NotFound, "the parent resource was not found")
	// ErrPrecondition is a condition on the ETag that does not hold (CP §2.8).
	ErrPrecondition = fault.New(fault.Precondition, "the condition on the ETag is not met")
	// ErrNameTaken is a name that must be unique across the installation and is not free.
	ErrNameTaken = fault.New(fault.Conflict, "the name is taken")
	// ErrLocationFixed is an attempt to move a resource or group to another location.
	ErrLocationFixed = fault.New(fault.Conflict, "the location cannot be changed")
	// ErrInvalid is a body that cannot be stored.
	ErrInvalid = fault.New(fault.Invalid, "the resource body is not valid")
)

// Stamp says when and by whom something was written: half of `systemData`.
type Stamp struct {
	At     time.Time // UTC, whole seconds
	By     string    // object id or name of who wrote
	ByType string    // User, Application, ManagedIdentity; "" for the installation itself
}

// Resource is anything below a resource group or subscription that has a body of its own.
type Resource struct {
	ID        ID
	Tenant    id.Tenant
	Location  string // canonical short name
	Kind      string
	ManagedBy string
	Tags      map[string]string
	// SKU, Plan and Properties are JSON objects, or empty for absence. Extra is a JSON
	// object of the further top-level members. Nulls are dropped when stored (CP §2.10).
	SKU, Plan, Properties, Extra json.RawMessage
	Identity                     Identity
	// Sealed is a JSON object that may hold credentials: it is encrypted in the store, only
	// settings (Hidden) have one, and only Get and GetIn return it. In a write nil leaves what
	// is stored.
	Sealed json.RawMessage
	// Hidden keeps sub-resources that are settings rather than things (config stores,
	// locks) out of List unless asked for (CP §2.9).
	Hidden           bool
	Revision         int64 // of the last write; never used twice in an installation
	Created, Changed Stamp
}

// ETag is the strong entity tag of this revision, quotes included.
func (r Resource) ETag() string { return etag(r.Revision) }

// etag writes a revision as an entity tag.
func etag(revision int64) string { return `"` + strconv.FormatInt(revision, 16) + `"` }

// Subscription is a container of resource groups, owned by one tenant.
type Subscription struct {
	ID      id.Subscription
	Tenant  id.Tenant
	Name    string
	Tags    map[string]string
	Created time.Time // UTC, whole seconds
}

// Group is a resource group.
type Group struct {
	ID               ID
	Tenant           id.Tenant
	Location         string
	ManagedBy        string
	Tags             map[string]string
	Revision         int64
	Created, Changed Stamp
}

// ETag is the strong entity tag of this revision, quotes included.
func (g Group) ETag() string { return etag(g.Revision) }

// Precondition is what a request demands of the stored state: the values of If-Match and
// If-None-Match, "" where absent.
type Precondition struct{ IfMatch, IfNoneMatch string }

// Check applies p to something that exists with the given tag, or does not exist (tag "").
// Errors: ErrPrecondition.
func (p Precondition) Check(tag string) error {
	if p.IfMatch != "" && (tag == "" || !matches(p.IfMatch, tag)) {
		return ErrPrecondition
	}
	if p.IfNoneMatch != "" && tag != "" && matches(p.IfNoneMatch, tag) {
		return ErrPrecondition
	}
	return nil
}

// matches reports whether a header value, "*" or a list of tags, names tag.
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == tag || one == strings.Trim(tag, `"`) {
			return true
		}
	}
	return false
}

// Config names what a Service needs.
type Config struct {
	Store *store.DB
	Audit *audit.Log
	Now   func() time.Time
	// Sealer encrypts settings that may hold credentials; without one they are refused.
	Sealer sealer
}

// Service stores subscriptions, resource groups and resources. It is safe for concurrent use.
type Service struct {
	db     *store.DB
	log    *audit.Log
	now    func() time.Time
	sealer sealer
}

// New returns a Service over a migrated store.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Audit == nil || c.Now == nil {
		return nil, errors.New("resource: Store, Audit and Now are needed")
	}
	return &Service{db: c.Store, log: c.Audit, now: c.Now, sealer: c.Sealer}, nil
}
