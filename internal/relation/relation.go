// Package relation holds what ties directory objects together: groups and their members,
// owners, members of directory roles, app roles that principals have at resources, and
// delegated permissions that clients have (DT-6.4, DT-6.5).
//
// Writes take a *store.Tx and append their audit record and rows of the change feed to it.
// Reads are answered from memory: what the feed names is loaded again before the next
// answer, so a reader sees every write that was acknowledged before it asked. Both ends of
// a relation belong to one tenant; nothing here crosses it (S-54).
//
// A relation of an object that was deleted stays in the store, for the object may be
// restored, and says nothing meanwhile: reads leave out ends that do not live.
package relation

import (
	"context"
	"errors"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Topic is the change feed's topic of everything in this package.
const Topic = "relation"

// Failures of this package.
var (
	// ErrGroupNotFound is an object id that names no group of the tenant, or a deleted one.
	ErrGroupNotFound = fault.New(fault.NotFound, "the group does not exist in this tenant")
	// ErrObjectNotFound is an end of a relation that does not exist in the tenant.
	ErrObjectNotFound = fault.New(fault.NotFound, "the object does not exist in this tenant")
	// ErrRelationNotFound is a relation that does not exist.
	ErrRelationNotFound = fault.New(fault.NotFound, "the relation does not exist")
	// ErrRelationExists is a relation that exists already.
	ErrRelationExists = fault.New(fault.Conflict, "the relation exists already")
	// ErrInvalid is an input that breaks a rule of groups or relations.
	ErrInvalid = fault.New(fault.Invalid, "a property of the group or relation is not valid")
	// ErrAppRoleUnknown is an app role that the resource does not offer to such a principal.
	ErrAppRoleUnknown = fault.New(fault.Invalid, "the resource does not have this app role")
)

// Config names what a Service needs; all fields.
type Config struct {
	Store     *store.DB
	Audit     *audit.Log
	Directory *directory.Directory
	IDs       *id.Source
	Now       func() time.Time
}

// Service is the relations of all tenants of the installation. It is safe for concurrent use.
type Service struct {
	audit     *audit.Log
	directory *directory.Directory
	ids       *id.Source
	now       func() time.Time
	cache     *cache
}

// New checks c and returns a Service that follows the change feed of c.Store.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Audit == nil || c.Directory == nil || c.IDs == nil || c.Now == nil {
		return nil, errors.New("relation: Store, Audit, Directory, IDs and Now are needed")
	}
	s := &Service{audit: c.Audit, directory: c.Directory, ids: c.IDs, now: c.Now, cache: newCache(c.Store)}
	c.Store.Subscribe(Topic, s.cache.invalidate)
	return s, nil
}

// record appends the audit record of a write to the transaction that makes it.
func (s *Service) record(ctx context.Context, tx *store.Tx, operation, target string, details map[string]string) error {
	return s.audit.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: operation, Target: target, Details: details,
	})
}
