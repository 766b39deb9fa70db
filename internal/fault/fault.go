// Package fault names the kinds of failure and keeps what may be said about them aloud
// apart from what only the log may hold.
//
// A domain package declares its failures as variables, `var ErrX = fault.New(kind, message)`,
// and returns them wrapped with %w and the thing being done. The text of the wrapping is
// for the log. Only Message, the sentence given to New or With, reaches a client, and
// nothing of an Internal failure does.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what a caller can do about a failure. The zero value is Internal, so that an
// error nobody classified is never explained to a stranger.
type Kind int

// The kinds, in the order of style of their HTTP statuses: 500, 400, 401, 403, 404, 409, 412, 429, 503.
const (
	Internal Kind = iota
	Invalid
	Unauthenticated
	Denied
	NotFound
	Conflict
	Precondition
	Throttled
	Unavailable
)

// String names the kind for logs.
func (k Kind) String() string {
	names := [...]string{"internal", "invalid", "unauthenticated", "denied", "not_found",
		"conflict", "precondition", "throttled", "unavailable"}
	if k < 0 || int(k) >= len(names) {
		return "internal"
	}
	return names[k]
}

// Error is a failure of a known kind. Compare with errors.Is.
type Error struct {
	kind    Kind
	message string
	parent  *Error
}

// New declares a failure: its kind and the sentence that may be said about it.
func New(kind Kind, message string) *Error { return &Error{kind: kind, message: message} }

// With returns the same failure with a more exact sentence that may be said aloud, for
// example one that names the missing resource. errors.Is still finds e.
func (e *Error) With(format string, args ...any) error {
	return &Error{kind: e.kind, message: fmt.Sprintf(format, args...), parent: e}
}

// Error returns the sentence.
func (e *Error) Error() string { return e.message }

// Unwrap lets errors.Is find the declared failure behind one made by With.
func (e *Error) Unwrap() error {
	if e.parent == nil {
		return nil
	}
	return e.parent
}

// KindOf finds the kind of the first classified failure in err's chain; Internal if there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.kind
	}
	return Internal
}

// Message returns what may be said aloud about err: the sentence of the first classified
// failure in its chain, or "" when the failure is internal.
func Message(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.kind != Internal {
		return e.message
	}
	return ""
}
