// Package registration changes what applications and service principals say of themselves,
// replaces their certificates, and brings back or ends for good what was deleted (DT-6.3, DT-6.6).
//
// It writes tables of package directory, in transactions of its caller, and notes each change
// under the directory's topic: every decision is made from what directory then loads. A
// managed identity's service principal is changed by Resource Manager only: here it is
// refused (DT-85).
package registration

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/store"
)

// Failures of this package.
var (
	// ErrInvalid is a value that an application or service principal cannot have.
	ErrInvalid = fault.New(fault.Invalid, "a property of the application is not valid")
	// ErrEnabled is an app role or scope that is changed or removed while it is enabled.
	ErrEnabled = fault.New(fault.Invalid, "Permission (scope or role) cannot be deleted or updated unless disabled first")
	// ErrHostName is an identifier URI under a domain that is not the tenant's.
	ErrHostName = fault.New(fault.Invalid, "the identifier URI does not use a verified domain of the tenant")
	// ErrManaged is a change of a managed identity's service principal.
	ErrManaged = fault.New(fault.Denied, "a managed identity is changed through Resource Manager only")
	// ErrNotDeleted is an object that is not among the deleted ones, or was deleted too long ago.
	ErrNotDeleted = fault.New(fault.NotFound, "no deleted object has this id")
	// ErrTaken is an object that cannot come back because another has its name.
	ErrTaken = fault.New(fault.Conflict, "another object has taken the place of the deleted one")
)

// Kept is how long a deleted object can be restored.
const Kept = 30 * 24 * time.Hour

// Config names what a Service needs; all fields.
type Config struct {
	Audit     *audit.Log
	Directory *directory.Directory
	Relations *relation.Service
	Store     *store.DB
	Now       func() time.Time
	Log       *slog.Logger
}

// Service changes registrations. It is safe for concurrent use.
type Service struct {
	audit     *audit.Log
	directory *directory.Directory
	relations *relation.Service
	db        *store.DB
	now       func() time.Time
	log       *slog.Logger
}

// New checks c and returns a Service.
func New(c Config) (*Service, error) {
	if c.Audit == nil || c.Directory == nil || c.Relations == nil || c.Store == nil || c.Now == nil || c.Log == nil {
		return nil, errors.New("registration: Audit, Directory, Relations, Store, Now and Log are needed")
	}
	return &Service{audit: c.Audit, directory: c.Directory, relations: c.Relations, db: c.Store, now: c.Now, log: c.Log}, nil
}

// record appends the audit record of a write to the transaction that makes it.
func (s *Service) record(ctx context.Context, tx *store.Tx, operation, target string, details map[string]string) error {
	return s.audit.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: operation, Target: target, Details: details,
	})
}
