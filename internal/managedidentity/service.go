package managedidentity

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/entitlement"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/token"
)

// Topic is the change feed's topic of this package; keys are resource.ID.Key of
// user-assigned identities.
const Topic = "managedidentity"

// Failures of assignment and of minting.
var (
	// ErrIdentityNotFound is a block that names a user-assigned identity that does not exist
	// in the tenant: 400 FailedIdentityOperation (CP §2.12). Its sentence is the inner one.
	ErrIdentityNotFound = fault.New(fault.Invalid, "the user-assigned identity was not found")
	// ErrNotAllowed is an identity whose own restrictions exclude the host (S-49, CP §2.12).
	ErrNotAllowed = fault.New(fault.Invalid, "the user-assigned identity does not allow this host")
	// ErrNotAssigned is a selector that names no identity of the host.
	ErrNotAssigned = fault.New(fault.NotFound, "Identity not found")
	// ErrNoIdentity is a host without the identity that was asked for by not naming one.
	ErrNoIdentity = fault.New(fault.NotFound, "Identity not found")
	// ErrAmbiguous is a request that names no identity on a host with several (M-16).
	ErrAmbiguous = fault.New(fault.Invalid, ambiguous)
	// ErrDisabled is an identity whose service principal is switched off.
	ErrDisabled = fault.New(fault.Denied, "the identity is disabled")
)

// ambiguous is the sentence that clients know (TE §4.2).
const ambiguous = "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"

// principals is what this package needs of the directory; *directory.Directory has it.
type principals interface {
	CreateServicePrincipal(ctx context.Context, tx *store.Tx, n directory.NewServicePrincipal) (directory.ServicePrincipal, error)
	DeleteServicePrincipal(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) error
	ServicePrincipal(ctx context.Context, tenant id.Tenant, object id.Object) (directory.ServicePrincipal, error)
	Tenant(ctx context.Context, tenant id.Tenant) (directory.Tenant, error)
	ResolveAudience(ctx context.Context, tenant id.Tenant, requested string) (directory.Resource, error)
}

// people is all of it.
type people interface {
	principals
	revoker
	renamer
}

// entitled knows what a token says of its holder; *entitlement.Service is one. It reads
// memory only: it is asked for every token, cached or not.
type entitled interface {
	At(ctx context.Context, tenant id.Tenant, principal id.Object, person bool, resource id.App) (entitlement.Entitlement, error)
}

// issuer signs tokens; *token.Issuer is one.
type issuer interface {
	Issue(r token.Request) (token.Issued, error)
}

// signingKeys knows which keys are accepted; *keyring.Keyring is one.
type signingKeys interface {
	// Accepts reports whether tokens of a key are accepted now.
	Accepts(kid string) bool
}

// defaultLifetime is how long managed identities' tokens are valid (DT §3.6).
const defaultLifetime = 24 * time.Hour

// Config names what a Service needs.
type Config struct {
	Store     *store.DB
	Audit     *audit.Log
	Resources *resource.Service
	Directory people
	Trust     credentials
	// Entitlements are asked what a token says beside who its holder is.
	Entitlements entitled
	Issuer       issuer
	Keys         signingKeys
	Now          func() time.Time
	// Removed are called for each resource or group that is deleted, in the transaction that
	// deletes it and all below it: for what other packages hold at that scope (S-47).
	Removed []func(ctx context.Context, tx *store.Tx, scope resource.ID) error
	// Lifetime of the tokens; 0 means 24 h.
	Lifetime time.Duration
	// KeepOnChange keeps cached tokens to their half life even when what they say has
	// changed, as Azure does (the 24 h switch of M-15). Deleted, disabled and detached
	// identities get none all the same.
	KeepOnChange bool
	// OneFederatedWrite refuses a write of an identity's federated credentials while another is
	// under way, as Azure does; else they wait for each other.
	OneFederatedWrite bool
	// Strict refuses in identity blocks what Azure refuses and clients rarely send.
	Strict bool
}

// Service assigns identities and mints their tokens. It is safe for concurrent use.
type Service struct {
	db        *store.DB
	log       *audit.Log
	resources *resource.Service
	directory people
	trust     credentials
	entitled  entitled
	keep      bool
	issuer    issuer
	keys      signingKeys
	now       func() time.Time
	removed   []func(ctx context.Context, tx *store.Tx, scope resource.ID) error
	lifetime  time.Duration
	strict    bool

	hosts    *shelf[string, hostCell]
	tokens   *shelf[id.Object, principalTokens]
	minting  minting
	handouts handouts

	oneFederatedWrite bool
	federating        sync.Map // resource.ID.Key of identities whose credentials are being written
}

// New returns a Service whose caches follow the change feed of c.Store.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Audit == nil || c.Resources == nil || c.Directory == nil || c.Trust == nil || c.Entitlements == nil || c.Issuer == nil || c.Keys == nil || c.Now == nil {
		return nil, errors.New("managedidentity: Store, Audit, Resources, Directory, Trust, Entitlements, Issuer, Keys and Now are needed")
	}
	if c.Lifetime == 0 {
		c.Lifetime = defaultLifetime
	}
	s := &Service{
		db: c.Store, log: c.Audit, resources: c.Resources, directory: c.Directory, trust: c.Trust, entitled: c.Entitlements, keep: c.KeepOnChange, issuer: c.Issuer, keys: c.Keys, now: c.Now,
		removed: c.Removed, lifetime: c.Lifetime, strict: c.Strict, oneFederatedWrite: c.OneFederatedWrite,
		hosts: newShelf[string, hostCell](maxHosts), tokens: newShelf[id.Object, principalTokens](maxPrincipals),
	}
	s.handouts.of = map[handoutKey]*handout{}
	s.follow(c.KeepOnChange)
	return s, nil
}
