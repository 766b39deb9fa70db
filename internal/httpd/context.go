package httpd

import (
	"context"
	"net/http"
	"sync"

	"github.com/google/uuid"
)

// eventKey is the context key of the request's event.
type eventKey struct{}

// event is what is known of a request so far; the access line is made of it. It is also
// the request's context, which saves one on every request.
type event struct {
	context.Context

	requestID, correlationID string

	mu    sync.Mutex // guards what follows
	notes []note
	few   [4]note // the first notes, without an allocation
}

// note is a fact that Note added.
type note struct{ key, value string }

// Value implements context.Context.
func (e *event) Value(key any) any {
	if _, ok := key.(eventKey); ok {
		return e
	}
	return e.Context.Value(key)
}

// noted returns what Note added.
func (e *event) noted() []note {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.notes
}

// RequestID returns the id that this server gave the request; "" outside of one.
func RequestID(ctx context.Context) string {
	if ev, ok := ctx.Value(eventKey{}).(*event); ok {
		return ev.requestID
	}
	return ""
}

// CorrelationID returns the GUID that the client sent to find the request again, or else
// the request id.
func CorrelationID(ctx context.Context) string {
	if ev, ok := ctx.Value(eventKey{}).(*event); ok {
		return ev.correlationID
	}
	return ""
}

// Note adds a fact to the access event, under a snake_case key. Never a secret.
func Note(ctx context.Context, key, value string) {
	ev, ok := ctx.Value(eventKey{}).(*event)
	if !ok {
		return
	}
	ev.mu.Lock()
	defer ev.mu.Unlock()
	if ev.notes == nil {
		ev.notes = ev.few[:0]
	}
	ev.notes = append(ev.notes, note{key, clip(value)})
}

// inboundID returns the correlation GUID that a client sent, in any of the spellings of
// Resource Manager, Key Vault and the sign-in service; "" if there is no valid one.
func inboundID(r *http.Request) string {
	for _, name := range [...]string{"X-Ms-Correlation-Request-Id", "Client-Request-Id", "X-Ms-Client-Request-Id"} {
		if v := r.Header[name]; len(v) > 0 && len(v[0]) == 36 && uuid.Validate(v[0]) == nil {
			return v[0]
		}
	}
	return ""
}

// Entry is the configured name under which a request came in (L-6). Links, challenges and
// ids in answers are built from it, never from the text of the Host header.
type Entry struct {
	// Base is the URL of the name, without a trailing slash: "https://v1.vault.sealring.internal:8443".
	Base string
	// Label is what a wildcard name matched: "v1" of "v1.vault.sealring.internal"; else "".
	Label string
	// Parent is the URL of the name behind the label: "https://vault.sealring.internal:8443".
	Parent string
	// Authority is the sign-in service to name to this caller, without a trailing slash:
	// "https://login.sealring.internal:8443", or the public one for public names.
	Authority string
	// ResourceManager and Graph are the sibling services to name to this caller.
	ResourceManager, Graph string
	// VaultSuffix is the domain of vaults to name to this caller, with the port if it is
	// not 443: "vault.sealring.internal:8443".
	VaultSuffix string
	// Public is true for the public cloud's names, answered only where --azure-names asked.
	Public bool
}

// entryKey is the context key of the Entry.
type entryKey struct{}

// WithEntry returns a context that carries e.
func WithEntry(ctx context.Context, e Entry) context.Context {
	return context.WithValue(ctx, entryKey{}, e)
}

// EntryFrom returns the name under which the request came in; the zero Entry if none was set.
func EntryFrom(ctx context.Context) Entry {
	e, _ := ctx.Value(entryKey{}).(Entry)
	return e
}

// recorder remembers the status and counts bytes.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader notes the status.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write counts what is written.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
