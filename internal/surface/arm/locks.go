package arm

import (
	"context"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/resource"
)

// ErrLocked is a change of what is locked (CP §2.13).
var ErrLocked = fault.New(fault.Conflict, "The scope is locked.")

// locker knows the locks; *managementlock.Service is one.
type locker interface {
	Blocking(ctx context.Context, scope resource.ID, deletion, below bool) ([]resource.ID, error)
}

// harmless are the verbs that change nothing, beside those that begin with "list".
var harmless = map[string]bool{
	"checkaccess": true, "validate": true, "whatif": true, "exporttemplate": true, "calculatetemplatehash": true,
	"checknameavailability": true, "validatemoveresources": true,
}

// changes reports whether the route changes what a lock protects. Locks themselves are
// not protected: whoever may take them away can.
func (r Route) changes() bool {
	action := fold(r.action)
	switch {
	case strings.HasPrefix(action, "microsoft.authorization/locks/"):
		return false
	case r.method == http.MethodPut, r.method == http.MethodPatch, r.method == http.MethodDelete:
		return true
	case r.method != http.MethodPost, strings.HasSuffix(action, "/read"):
		return false
	}
	rest := strings.TrimSuffix(action, "/action")
	verb := rest[strings.LastIndexByte(rest, '/')+1:]
	return !strings.HasPrefix(verb, "list") && !harmless[verb]
}

// unlocked refuses to change what is locked (CP §2.1 step 11). Errors: ErrLocked.
func (m *Room) unlocked(ctx context.Context, route Route, r *Request) error {
	if !route.changes() {
		return nil
	}
	// What hangs on a scope goes without taking along what lies below the scope.
	return m.free(ctx, r.Target, route.method == http.MethodDelete, !route.scoped)
}

// Unlocked refuses to change another scope than the request's own, or to delete what is at
// it and below, if a lock forbids that. Errors: ErrLocked.
func (r *Request) Unlocked(ctx context.Context, scope resource.ID, deletion bool) error {
	return r.room.free(ctx, scope, deletion, true)
}

// free refuses where a lock forbids to change or delete.
func (m *Room) free(ctx context.Context, scope resource.ID, deletion, below bool) error {
	at, err := m.locks.Blocking(ctx, scope, deletion, below)
	if err != nil || len(at) == 0 {
		return err
	}
	operation := "write"
	if deletion {
		operation = "delete"
	}
	scopes := make([]string, len(at))
	for i, s := range at {
		scopes[i] = s.String()
	}
	return ErrLocked.With("The scope '%s' cannot perform %s operation because following scope(s) are locked: '%s'. Please remove the lock and try again.",
		scope, operation, strings.Join(scopes, ","))
}
