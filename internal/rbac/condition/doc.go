// Package condition reads and evaluates the conditions on roles, role assignments and deny
// assignments: the attribute-based language of version 2.0 (control-plane.md §5.7).
//
// A condition is a pure function of the facts of a request. Its value has three forms:
// what depends on an attribute that nobody supplied is Unknown, negated or not. Whoever
// asks takes Unknown for the refusal: a grant under it does not hold, a prohibition does.
// An attribute that was looked for and is not there is a fact, though: comparisons with it
// are false, and Exists tells.
//
// AND binds tighter than OR. Keywords, sources, attributes and functions are read in any
// letter case and printed in one.
package condition

import (
	"strings"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/rbac/pattern"
)

// ErrSyntax is a text that is no condition; its message says where and why.
var ErrSyntax = fault.New(fault.Invalid, "The condition is not valid.")

// The bounds of a condition: bytes of text, depth of parentheses and negations.
const (
	maxLength = 8 << 10
	maxDepth  = 64
)

// Condition is a parsed condition; the zero Condition is absent, and always holds. It is
// immutable and safe for concurrent use.
type Condition struct {
	root node
	text string
}

// IsZero reports whether there is no condition.
func (c Condition) IsZero() bool { return c.root == nil }

// Text returns the condition as it was written.
func (c Condition) Text() string { return c.text }

// String returns the condition in its canonical spelling: parsing it gives the same condition.
func (c Condition) String() string {
	if c.root == nil {
		return ""
	}
	var b strings.Builder
	c.root.print(&b, 0)
	return b.String()
}

// Source says whose attribute an attribute is.
type Source uint8

// The sources.
const (
	Request Source = iota
	Resource
	Principal
	Environment
)

// sources are their names, in order.
var sources = [...]string{"Request", "Resource", "Principal", "Environment"}

// String returns the source as conditions spell it.
func (s Source) String() string { return sources[s] }

// Attribute names an attribute: @Resource[Microsoft.Storage/…/blobs/tags:Project<$key_case_sensitive$>]
// has the type "microsoft.storage/…/blobs/tags", the name "Project" and the modifier
// "key_case_sensitive". Types are in lower case; names are as written and compare without case,
// except under that modifier.
type Attribute struct {
	Source   Source
	Type     string
	Name     string
	Modifier string
	written  string // type as written
}

// Facts is what conditions ask about a request.
type Facts interface {
	// Matches reports whether the action of the request matches the pattern.
	Matches(p *pattern.Pattern) bool
	// SubOperation reports whether the request is the named part of its action, such as "Blob.List".
	SubOperation(name string) bool
	// Values returns the values of an attribute: none where it is known to be absent.
	// known is false where the platform does not know the attribute.
	Values(a *Attribute) (values []string, known bool)
}

// Truth is the value of a condition.
type Truth uint8

// The truth values, in order.
const (
	False Truth = iota
	Unknown
	True
)

// String names the value for explanations.
func (t Truth) String() string { return [...]string{"false", "unknown", "true"}[t] }

// Eval evaluates the condition. The absent one is True.
func (c *Condition) Eval(f Facts) Truth {
	if c.root == nil {
		return True
	}
	return c.root.eval(f)
}

// OrUnknown is Parse for what was stored: a text that is no condition becomes one that is
// always Unknown, so that nothing is granted under it.
func OrUnknown(text string) Condition {
	c, err := Parse(text)
	if err != nil {
		return Condition{root: unknowable{}, text: text}
	}
	return c
}
