// Package secret holds text that must not be shown: it prints as [secret] in every verb,
// refuses to be marshalled, does not compare with ==, and compares in constant time.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
)

// ErrNotShown is returned by every attempt to marshal a Text.
var ErrNotShown = errors.New("a secret is not written out")

// mask is what every way of printing shows.
const mask = "[secret]"

// Text is a password, key, token or header value that proves something.
type Text struct {
	_     [0]func() // makes == a compile error
	value string
}

// New wraps value.
func New(value string) Text { return Text{value: value} }

// Reveal returns the value, for the one place that needs it.
func (t Text) Reveal() string { return t.value }

// Empty reports whether there is no value at all.
func (t Text) Empty() bool { return t.value == "" }

// Equal compares in time that depends on neither value nor length.
func (t Text) Equal(other Text) bool {
	a, b := sha256.Sum256([]byte(t.value)), sha256.Sum256([]byte(other.value))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String implements fmt.Stringer with a mask.
func (t Text) String() string { return mask }

// GoString implements fmt.GoStringer with a mask.
func (t Text) GoString() string { return mask }

// LogValue implements slog.LogValuer with a mask.
func (t Text) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalText refuses; it also stops encoding/json.
func (t Text) MarshalText() ([]byte, error) { return nil, ErrNotShown }
