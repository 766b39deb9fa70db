// Package managementlock keeps locks: what nobody may delete, or change at all, whatever
// their roles say, until the lock is taken away (control-plane.md §2.13).
//
// A lock holds at its scope and everywhere below. What is above a locked thing cannot be
// deleted either, since that would take the locked thing along. Locks concern Resource
// Manager only: the data in a locked vault can be written.
package managementlock

import (
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
)

// Topic is the change feed's topic of this package; keys are ids of locks.
const Topic = "managementlock"

// Failures; the comments name their codes on the wire.
var (
	// ErrNotFound is a lock that does not exist: LockNotFound.
	ErrNotFound = fault.New(fault.NotFound, "The lock could not be found.")
	// ErrInvalid is a lock that breaks a rule: InvalidRequestContent.
	ErrInvalid = fault.New(fault.Invalid, "The lock is not valid.")
	// ErrTooMany is one lock more than a scope may have: Conflict.
	ErrTooMany = fault.New(fault.Conflict, "The scope has too many locks.")
)

// Level says what a lock forbids.
type Level string

// The levels. ReadOnly forbids what CanNotDelete does, and every change beside.
const (
	CanNotDelete Level = "CanNotDelete"
	ReadOnly     Level = "ReadOnly"
)

// perScope is how many locks a scope may have, as in Azure.
const perScope = 20

// Lock is one lock.
type Lock struct {
	Scope   resource.ID // subscription, group or resource
	Name    string      // as first written; unique at its scope without regard to case
	Level   Level
	Notes   string
	Owners  []string // application ids, for people to read
	Created time.Time
	Updated time.Time // both UTC, whole seconds

	CreatedBy, UpdatedBy id.Object // empty: the installation itself
}

// ID is the lock's own id.
func (l *Lock) ID() resource.ID { return l.Scope.Child("Microsoft.Authorization/locks", l.Name) }

// check applies the rules for locks. Errors: ErrInvalid.
func (l *Lock) check() error {
	switch {
	case l.Scope.Subscription() == "":
		return ErrInvalid.With("Locks stand on subscriptions, resource groups and resources.")
	case l.Name == "" || len(l.Name) > 90 || l.ID().IsZero():
		return ErrInvalid.With("The lock name has 1 to 90 characters that can stand in an id.")
	case l.Level != CanNotDelete && l.Level != ReadOnly:
		return ErrInvalid.With("The lock level '%.40s' is not supported. Supported are CanNotDelete and ReadOnly.", l.Level)
	case len(l.Notes) > 512:
		return ErrInvalid.With("The notes of a lock have at most 512 characters.")
	case len(l.Owners) > 20:
		return ErrInvalid.With("A lock has at most 20 owners.")
	}
	return nil
}
