// Package id gives every kind of identifier a type of its own, so that a tenant
// cannot be passed where an application is meant.
//
// All of them are GUIDs in the canonical form of RFC 9562 §4: 36 characters, lower
// case. Parsing folds case and refuses every other spelling (braces, missing hyphens,
// blanks), because two spellings of one identifier are two cache keys and two rate
// limits.
package id

import (
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/fault"
)

// ErrMalformed is a text that is not a GUID in canonical form.
var ErrMalformed = fault.New(fault.Invalid, "not a GUID")

type (
	// Tenant is a directory: `tid` in tokens, tenantId in Resource Manager.
	Tenant string
	// Object is a directory object: `oid` in tokens, principalId in Resource Manager.
	Object string
	// App is an application: client_id in OAuth, `appid` or `azp` in tokens, appId in Graph.
	App string
	// Subscription is a Resource Manager subscription.
	Subscription string
)

// ParseTenant reads a tenant id in any letter case. Errors: ErrMalformed.
func ParseTenant(s string) (Tenant, error) { return parse[Tenant](s) }

// ParseObject reads an object id in any letter case. Errors: ErrMalformed.
func ParseObject(s string) (Object, error) { return parse[Object](s) }

// ParseApp reads an application id in any letter case. Errors: ErrMalformed.
func ParseApp(s string) (App, error) { return parse[App](s) }

// ParseSubscription reads a subscription id in any letter case. Errors: ErrMalformed.
func ParseSubscription(s string) (Subscription, error) { return parse[Subscription](s) }

// parse folds s to lower case and checks the canonical shape.
func parse[T ~string](s string) (T, error) {
	if len(s) != 36 {
		return "", fmt.Errorf("%w: %d characters instead of 36", ErrMalformed, len(s))
	}
	folded := strings.ToLower(s)
	if err := uuid.Validate(folded); err != nil {
		return "", ErrMalformed
	}
	return T(folded), nil
}

// Source makes new identifiers: version 4 GUIDs, 122 random bits each.
// It is safe for concurrent use if its reader is.
type Source struct{ rand io.Reader }

// NewSource returns a Source that draws on r, in production the operating system's generator.
func NewSource(r io.Reader) *Source { return &Source{rand: r} }

// Text returns a new GUID for things that have no type here: request ids, token ids.
// It panics if the random source fails: nothing may go on with a guessable identifier.
func (s *Source) Text() string { return uuid.Must(uuid.NewRandomFromReader(s.rand)).String() }

// Tenant returns a new tenant id.
func (s *Source) Tenant() Tenant { return Tenant(s.Text()) }

// Object returns a new object id.
func (s *Source) Object() Object { return Object(s.Text()) }

// App returns a new application id.
func (s *Source) App() App { return App(s.Text()) }

// Subscription returns a new subscription id.
func (s *Source) Subscription() Subscription { return Subscription(s.Text()) }
