// Package directory holds tenants, applications, service principals and the credentials
// that applications sign in with, shaped as in Microsoft Entra.
//
// Writes take a *store.Tx, so that a resource and its identity appear or vanish together
// (`managedidentity` composes them); each appends its audit record and a row of the change
// feed in that transaction. Reads are answered from memory: the whole directory is held,
// and what the feed names is loaded again before the next answer, so a reader sees every
// write that was acknowledged before it asked.
//
// Object ids are made here and never reused or chosen by a caller (S-47). A deleted
// service principal stays as a tombstone, matches nobody from the commit of its deletion
// on (L-9), and is not handed out by any read.
package directory

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Topic is the change feed's topic of everything in this package.
const Topic = "directory"

// Failures of this package.
var (
	// ErrTenantNotFound is a tenant that this installation does not hold.
	ErrTenantNotFound = fault.New(fault.NotFound, "the tenant does not exist")
	// ErrApplicationNotFound is a client id without an application and service principal in the tenant.
	ErrApplicationNotFound = fault.New(fault.NotFound, "the application does not exist in this tenant")
	// ErrServicePrincipalNotFound is an object id that names no service principal of the tenant, or a deleted one.
	ErrServicePrincipalNotFound = fault.New(fault.NotFound, "the service principal does not exist in this tenant")
	// ErrCredentialNotFound is a key id that names no credential of the application.
	ErrCredentialNotFound = fault.New(fault.NotFound, "the credential does not exist")
	// ErrDisabled is a service principal that may not sign in.
	ErrDisabled = fault.New(fault.Denied, "the service principal is disabled")
	// ErrWrongSecret is a client secret that matches none of the application's.
	ErrWrongSecret = fault.New(fault.Unauthenticated, "the client secret is wrong")
	// ErrCredentialExpired is a client secret that matches one outside its validity.
	ErrCredentialExpired = fault.New(fault.Unauthenticated, "the client credential has expired")
	// ErrAudienceUnknown is a resource that nobody in the tenant answers to.
	ErrAudienceUnknown = fault.New(fault.Invalid, "the resource is not known in this tenant")
	// ErrInvalid is an input of a creation that breaks a rule of the directory.
	ErrInvalid = fault.New(fault.Invalid, "a property of the directory object is not valid")
)

// Config names what a Directory needs.
type Config struct {
	Store *store.DB
	Audit *audit.Log
	IDs   *id.Source
	// Rand makes client secrets; in production the operating system's generator.
	Rand io.Reader
	Now  func() time.Time
	// Hasher keys the hash under which client secrets are stored: *seal.Sealer.
	Hasher hasher
	// PasswordMemory is what hashing a password costs in KiB of memory, and in time accordingly;
	// 0 means 19 MiB. Only tests, which hash hundreds, have a reason to set it.
	PasswordMemory uint32
	// Audiences are further names of resources, beside the built-in table: our own hosts.
	Audiences []Audience
}

// hasher makes keyed hashes, the same for ever and on every replica.
type hasher interface {
	MAC(purpose string, data []byte) []byte
}

// Directory is the directory of all tenants of the installation. It is safe for concurrent use.
type Directory struct {
	audit *audit.Log
	ids   *id.Source
	rand  io.Reader
	now   func() time.Time
	hash  hasher
	names audienceTable
	cache *cache
	// hashers holds a place for every password that may be hashed at the same time.
	hashers chan struct{}
	cost    argonCost
}

// New checks c and returns a Directory that follows the change feed of c.Store.
func New(c Config) (*Directory, error) {
	if c.Store == nil || c.Audit == nil || c.IDs == nil || c.Rand == nil || c.Now == nil || c.Hasher == nil {
		return nil, errors.New("directory: Store, Audit, IDs, Rand, Now and Hasher are needed")
	}
	names, err := newAudienceTable(c.Audiences)
	if err != nil {
		return nil, err
	}
	d := &Directory{audit: c.Audit, ids: c.IDs, rand: c.Rand, now: c.Now, hash: c.Hasher, names: names, cache: newCache(c.Store), hashers: make(chan struct{}, hashersAtOnce), cost: newCost(c.PasswordMemory)}
	c.Store.Subscribe(Topic, d.cache.invalidate)
	return d, nil
}

// record appends the audit record of a write to the transaction that makes it.
func (d *Directory) record(ctx context.Context, tx *store.Tx, operation, target string, details map[string]string) error {
	return d.audit.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: operation, Target: target, Details: details,
	})
}

// seconds is t as the store keeps it: UTC whole seconds, 0 for the zero time.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// instant is the inverse of seconds.
func instant(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}
