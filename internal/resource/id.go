package resource

import (
	"strings"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
)

// ErrInvalidID is a text that is not a resource id.
var ErrInvalidID = fault.New(fault.Invalid, "not a resource id")

// maxIDLength is the longest resource id accepted, in bytes.
const maxIDLength = 2048

// Types of the scopes that stand above resources.
const (
	TypeTenant       = "Microsoft.Resources/tenants"
	TypeSubscription = "Microsoft.Resources/subscriptions"
	TypeGroup        = "Microsoft.Resources/resourceGroups"
)

// ID names a scope of Resource Manager: the tenant root "/", a subscription, a resource
// group, a resource, a child or an extension. It prints as first written, except that the
// fixed words are spelled `subscriptions`, `resourceGroups` and `providers`; it compares
// without regard to ASCII case, segment by segment (S-44). The zero ID names nothing.
//
// IDs do not compare with ==: use Equal, and Key for maps and columns.
type ID struct {
	_    [0]func() // makes == a compile error
	text string
	key  string
}

// Root is the tenant scope, "/".
func Root() ID { return newID("/") }

// SubscriptionID is the scope of a subscription.
func SubscriptionID(s id.Subscription) ID { return newID("/subscriptions/" + string(s)) }

// GroupID is the scope of a resource group. The zero ID comes back for a name that cannot be one.
func GroupID(s id.Subscription, group string) ID {
	return orZero(ParseID("/subscriptions/" + string(s) + "/resourceGroups/" + group))
}

// newID wraps a text that is known to be canonical.
func newID(text string) ID { return ID{text: text, key: strings.ToLower(text)} }

// orZero drops the error of a parse whose failure the caller expresses by the zero ID.
func orZero(i ID, err error) ID {
	if err != nil {
		return ID{}
	}
	return i
}

// ParseID reads the id of any scope (CP §2.2). It refuses, rather than repairs, everything
// that two readers could understand differently: empty segments, a trailing slash, dot
// segments, percent signs, blanks at either end of a segment, control characters and all
// characters outside ASCII. Errors: ErrInvalidID.
func ParseID(s string) (ID, error) {
	if s == "/" {
		return Root(), nil
	}
	if len(s) > maxIDLength {
		return ID{}, ErrInvalidID.With("The resource id has more than %d characters.", maxIDLength)
	}
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return ID{}, ErrInvalidID.With("The resource id does not begin with a slash.")
	}
	segments := strings.Split(rest, "/")
	for _, seg := range segments {
		if !validSegment(seg) {
			return ID{}, ErrInvalidID.With("The resource id has a segment that cannot be a name or type.")
		}
	}
	if !canonicalise(segments) {
		return ID{}, ErrInvalidID.With("The resource id is not made of a scope and pairs of type and name.")
	}
	return newID("/" + strings.Join(segments, "/")), nil
}

// validSegment reports whether s may stand between two slashes: 1–260 printable ASCII
// characters, none of <>%&:\?/ (CP §2.2), and neither "." nor "..".
func validSegment(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > 260 || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || strings.IndexByte(`<>%&:\?`, c) >= 0 {
			return false
		}
	}
	return true
}

// canonicalise checks the grammar of CP §2.2 over the segments and spells the fixed words.
func canonicalise(seg []string) bool {
	at := 0
	if strings.EqualFold(seg[0], "subscriptions") {
		if len(seg) < 2 {
			return false
		}
		if _, err := id.ParseSubscription(seg[1]); err != nil {
			return false
		}
		seg[0] = "subscriptions"
		at = 2
		if len(seg) > at && strings.EqualFold(seg[at], "resourceGroups") {
			if len(seg) < at+2 || !validGroupName(seg[at+1]) {
				return false
			}
			seg[at] = "resourceGroups"
			at += 2
		}
	}
	for at < len(seg) {
		if !strings.EqualFold(seg[at], "providers") || len(seg) < at+4 || !validWord(seg[at+1]) {
			return false
		}
		seg[at] = "providers"
		at += 2
		for at < len(seg) && !strings.EqualFold(seg[at], "providers") {
			if len(seg) < at+2 || !validWord(seg[at]) {
				return false
			}
			at += 2
		}
		if strings.EqualFold(seg[at-2], "providers") {
			return false // a namespace without a type
		}
	}
	return true
}

// validWord reports whether s may be a namespace or a type: letters, digits and ._-$
// beginning with a letter or $.
func validWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '$'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}

// validGroupName applies the rule for resource group names: 1–90 letters, digits and
// -_(). not ending in a full stop. Letters are ASCII here (S-44; docs/divergences.md).
func validGroupName(s string) bool {
	if len(s) > 90 || strings.HasSuffix(s, ".") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("-_().", c) < 0 {
			return false
		}
	}
	return true
}

// String returns the id as it was written; "" for the zero ID.
func (i ID) String() string { return i.text }

// Key returns the id in lower case: equal IDs have equal keys, for maps and columns.
func (i ID) Key() string { return i.key }

// Equal reports whether both name the same thing.
func (i ID) Equal(other ID) bool { return i.key == other.key }

// IsZero reports whether i names nothing.
func (i ID) IsZero() bool { return i.key == "" }

// IsRoot reports whether i is the tenant scope.
func (i ID) IsRoot() bool { return i.key == "/" }

// Contains reports whether other is i or lies below it, by whole segments. The zero ID
// contains nothing and lies nowhere.
func (i ID) Contains(other ID) bool {
	if i.IsZero() || other.IsZero() {
		return false
	}
	if i.IsRoot() || i.key == other.key {
		return true
	}
	return len(other.key) > len(i.key) && other.key[len(i.key)] == '/' && other.key[:len(i.key)] == i.key
}

// MarshalText implements encoding.TextMarshaler.
func (i ID) MarshalText() ([]byte, error) { return []byte(i.text), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Errors: ErrInvalidID.
func (i *ID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*i = ID{}
		return nil
	}
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*i = parsed
	return nil
}
