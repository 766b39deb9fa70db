// Package vault keeps vaults and the secrets in them: versions, attributes, soft delete,
// recovery, purge, backup and restore. Values are sealed at rest (S-38), bound to tenant,
// vault, name and version. Every write is one transaction with its audit record, and
// the record of a read is durable before the value is returned.
//
// It decides nothing about who may do what, except that it can say what an access policy
// allows (PolicyAllows): its callers ask first, then call. Times are UTC, whole seconds.
// The rules are those of specs/resource-services.md §1 (RS).
package vault

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// topic is this package's topic in the change feed; keys are vault names in lower case.
const topic = "vault"

// sealer encrypts what is stored. seal.Sealer is one.
type sealer interface {
	Seal(ctx context.Context, purpose, binding string, plain []byte) ([]byte, error)
	Open(ctx context.Context, purpose, binding string, sealed []byte) ([]byte, error)
}

// recorder keeps the audit record. *audit.Log is one.
type recorder interface {
	Record(ctx context.Context, tx *store.Tx, e audit.Event) error
	Write(ctx context.Context, e audit.Event) error
}

// Config names what a Service needs. All of it is needed, PurgeEvery excepted.
type Config struct {
	Store  *store.DB
	Audit  recorder
	Sealer sealer
	Log    *slog.Logger
	Now    func() time.Time
	Rand   io.Reader // makes version ids
	IDs    *id.Source
	// PurgeEvery is how often Run looks for what is due; default one minute. What is due
	// is gone for readers at once, so this only bounds how long the bytes stay.
	PurgeEvery time.Duration
}

// Service is the vaults of the installation. It is safe for concurrent use.
type Service struct {
	db    *store.DB
	audit recorder
	seal  sealer
	log   *slog.Logger
	now   func() time.Time
	rand  io.Reader
	ids   *id.Source
	every time.Duration

	mu         sync.Mutex // guards generation and known
	generation int64
	known      map[string]Vault // by lower-case name; the zero Vault means there is none
}

// New returns a Service and subscribes its cache to the change feed.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Audit == nil || c.Sealer == nil || c.Log == nil || c.Now == nil || c.Rand == nil || c.IDs == nil {
		return nil, errors.New("vault: Store, Audit, Sealer, Log, Now, Rand and IDs are needed")
	}
	if c.PurgeEvery <= 0 {
		c.PurgeEvery = time.Minute
	}
	s := &Service{
		db: c.Store, audit: c.Audit, seal: c.Sealer, log: c.Log, now: c.Now, rand: c.Rand, ids: c.IDs, every: c.PurgeEvery,
		known: map[string]Vault{},
	}
	c.Store.Subscribe(topic, s.forget)
	return s, nil
}

// clock returns the time as it is stored.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Second) }
