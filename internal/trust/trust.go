// Package trust holds what proves a client beside its secrets and certificates: the federated
// credentials by which applications and user-assigned identities trust outside issuers, and
// which applications accept each client assertion only once.
//
// It keeps the rules of S-36 and S-37 and decides nothing about an assertion: that is package
// federation's. Writes take a *store.Tx, or open their own; each appends its audit record and
// a row of the change feed. Reads come from memory, as of every write that was acknowledged
// before they began.
package trust

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Topic is the change feed's topic of this package; keys are client ids of owners.
const Topic = "trust"

// maxOwners bounds the cache: owners, not bytes.
const maxOwners = 16384

// applications knows which applications live; *directory.Directory is one.
type applications interface {
	Application(ctx context.Context, tenant id.Tenant, app id.App) (directory.Application, error)
}

// Config names what a Service needs; all but Limit.
type Config struct {
	Store     *store.DB
	Audit     *audit.Log
	Directory applications
	IDs       *id.Source
	Now       func() time.Time
	// Limit is how many federated credentials an application or identity may have; 0 means 1,000.
	Limit int
	// Restored is when the installation was last restored from a backup; zero: never. Which
	// assertions were used between the backup and then, nobody knows any more.
	Restored time.Time
}

// Service keeps federated credentials. It is safe for concurrent use.
type Service struct {
	db           *store.DB
	audit        *audit.Log
	applications applications
	ids          *id.Source
	now          func() time.Time
	restored     time.Time
	limit        int

	mu     sync.Mutex // guards owners
	owners map[id.App]*owner
}

// owner is what is remembered of a client. A change takes it off the map, so that what a
// reader loads into it meanwhile reaches no later reader.
type owner struct {
	mu     sync.Mutex // held while loading; guards what follows
	loaded bool
	held   held
}

// held is what a client holds.
type held struct {
	credentials []FederatedCredential // by name; shared, never changed
	once        bool                  // each client assertion works once
}

// New returns a Service that follows the change feed of c.Store.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Audit == nil || c.Directory == nil || c.IDs == nil || c.Now == nil {
		return nil, errors.New("trust: Store, Audit, Directory, IDs and Now are needed")
	}
	s := &Service{db: c.Store, audit: c.Audit, applications: c.Directory, ids: c.IDs, now: c.Now, restored: c.Restored, limit: cmp.Or(c.Limit, maxFederated), owners: map[id.App]*owner{}}
	c.Store.Subscribe(Topic, func(keys []string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, k := range keys {
			delete(s.owners, id.App(k))
		}
	})
	return s, nil
}

// of returns what a client holds. A full cache loses an arbitrary other one.
func (s *Service) of(ctx context.Context, app id.App) (held, error) {
	if err := s.db.Fresh(); err != nil {
		return held{}, err
	}
	s.mu.Lock()
	o := s.owners[app]
	if o == nil {
		for other := range s.owners {
			if len(s.owners) < maxOwners {
				break
			}
			delete(s.owners, other)
		}
		o = &owner{}
		s.owners[app] = o
	}
	s.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.loaded {
		return o.held, nil
	}
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if o.held.credentials, err = federatedOf(ctx, tx, app); err != nil {
			return err
		}
		var n int64
		_, err = tx.Get(ctx, "SELECT COUNT(*) FROM directory_single_use WHERE app_id = $1", []any{string(app)}, &n)
		o.held.once = n > 0
		return err
	})
	if err != nil {
		return held{}, fmt.Errorf("read what %s trusts: %w", app, err)
	}
	slices.SortFunc(o.held.credentials, func(a, b FederatedCredential) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	o.loaded = true
	return o.held, nil
}

// FederatedCredentials returns the federated credentials of an application or user-assigned
// identity of the tenant, by name; none for one that does not exist. The slice is shared.
func (s *Service) FederatedCredentials(ctx context.Context, tenant id.Tenant, app id.App) ([]FederatedCredential, error) {
	h, err := s.of(ctx, app)
	if err != nil || len(h.credentials) > 0 && h.credentials[0].Tenant != tenant {
		return nil, err
	}
	return h.credentials, nil
}

// FederatedCredential returns one of them, by name or id. Errors: ErrFederatedNotFound.
func (s *Service) FederatedCredential(ctx context.Context, tenant id.Tenant, app id.App, name string) (FederatedCredential, error) {
	all, err := s.FederatedCredentials(ctx, tenant, app)
	if err != nil {
		return FederatedCredential{}, err
	}
	if c, ok := findFederated(all, name); ok {
		return c, nil
	}
	return FederatedCredential{}, federatedNotFound(name)
}

// SignInCredentials returns the federated credentials of a client that signs in to a tenant
// and exists there, wherever its application is registered: an application of several
// tenants has one set (DT 2.6). One that is deleted at home has none anywhere.
func (s *Service) SignInCredentials(ctx context.Context, tenant id.Tenant, app id.App) ([]FederatedCredential, error) {
	h, err := s.of(ctx, app)
	if err != nil || len(h.credentials) == 0 || h.credentials[0].Tenant == tenant {
		return h.credentials, err
	}
	_, err = s.applications.Application(ctx, h.credentials[0].Tenant, app)
	if errors.Is(err, directory.ErrApplicationNotFound) {
		return nil, nil
	}
	return h.credentials, err
}

// record appends the audit record of a write to the transaction that makes it.
func (s *Service) record(ctx context.Context, tx *store.Tx, operation, target string, details map[string]string) error {
	return s.audit.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: operation, Target: target, Details: details,
	})
}

// clipped caps a text that a caller chose, for sentences.
func clipped(s string) string {
	const limit = 256
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
