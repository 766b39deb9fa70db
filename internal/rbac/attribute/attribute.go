// Package attribute says what is known of a request, for conditions: what the service
// supplied, and what follows from the scope, the action and the clock (control-plane.md §5.7).
package attribute

import (
	"strings"
	"time"

	"github.com/sealring/sealring/internal/rbac/condition"
	"github.com/sealring/sealring/internal/rbac/pattern"
	"github.com/sealring/sealring/internal/resource"
)

// Attribute is a fact about a request that conditions can ask for. A service that knows an
// attribute of its own supplies it with every request; without values it is absent, which
// is a fact too. What nobody supplies is unknown, and a grant that depends on it does not hold.
type Attribute struct {
	Source condition.Source
	// Type and Name are what stands before and behind the colon in conditions:
	// "Microsoft.Storage/storageAccounts/blobServices/containers/blobs" and "path". The name
	// "*" says that the type has no attributes but those supplied.
	Type, Name string
	Values     []string
}

// RoleAssignments is the type of the attributes of assignments, in lower case (CP §5.7).
const RoleAssignments = "microsoft.authorization/roleassignments"

// Facts is what is known of one request; it implements condition.Facts.
type Facts struct {
	Scope    resource.ID
	Action   []byte // folded
	SubOf    string // the part of the action; "" if it has none
	Supplied []Attribute
	Now      time.Time
}

// Matches implements condition.Facts.
func (e *Facts) Matches(p *pattern.Pattern) bool { return p.Match(e.Action) }

// SubOperation implements condition.Facts.
func (e *Facts) SubOperation(name string) bool {
	return e.SubOf != "" && strings.EqualFold(e.SubOf, name)
}

// Values implements condition.Facts: what the service supplied goes before what can be
// told from the scope, the action and the clock.
func (e *Facts) Values(a *condition.Attribute) ([]string, bool) {
	closed := false
	for i := range e.Supplied {
		have := &e.Supplied[i]
		if have.Source != a.Source || !strings.EqualFold(have.Type, a.Type) {
			continue
		}
		if have.Name == "*" {
			closed = true
		} else if sameName(have.Name, a) {
			return have.Values, true
		}
	}
	switch {
	case closed:
		return nil, true
	case a.Source == condition.Environment:
		return e.environment(a)
	case a.Type == RoleAssignments:
		return nil, !e.assigns(a.Source)
	case a.Source == condition.Resource && a.Type == "" && strings.EqualFold(a.Name, "HasObotoken"):
		return []string{"false"}, true
	case a.Source == condition.Request && a.Type == "" && strings.EqualFold(a.Name, "subOperation"):
		if e.SubOf == "" {
			return nil, true
		}
		return []string{e.SubOf}, true
	case a.Source == condition.Resource && a.Type != "" && strings.EqualFold(a.Name, "name"):
		return nameOf(e.Scope, a.Type), true
	}
	return nil, false
}

// sameName compares the name of an attribute as its modifier says.
func sameName(have string, a *condition.Attribute) bool {
	if a.Modifier == "key_case_sensitive" {
		return have == a.Name
	}
	return strings.EqualFold(have, a.Name)
}

// environment returns what is known of the surroundings: the time, and that no private
// link leads here.
func (e *Facts) environment(a *condition.Attribute) ([]string, bool) {
	switch {
	case a.Type == "" && strings.EqualFold(a.Name, "UtcNow"):
		return []string{e.Now.UTC().Format(time.RFC3339Nano)}, true
	case a.Type == "" && strings.EqualFold(a.Name, "isPrivateLink"):
		return []string{"false"}, true
	}
	return nil, true
}

// assigns reports whether the request writes (Request) or deletes (Resource) an assignment,
// so that the attributes of one matter.
func (e *Facts) assigns(from condition.Source) bool {
	switch string(e.Action) {
	case RoleAssignments + "/write":
		return from == condition.Request
	case RoleAssignments + "/delete":
		return from == condition.Resource
	}
	return false
}

// nameOf returns the name of the resource of a type on the way to scope; none if there is
// no such resource.
func nameOf(scope resource.ID, kind string) []string {
	key, text := scope.Key(), scope.String()
	const marker = "/providers/"
	for at := strings.Index(key, marker); at >= 0; {
		segments := strings.Split(key[at+len(marker):], "/")
		place := at + len(marker) + len(segments[0])
		full := segments[0]
		for i := 1; i+1 < len(segments) && segments[i] != "providers"; i += 2 {
			full += "/" + segments[i]
			place += 1 + len(segments[i]) + 1
			if full == kind {
				return []string{text[place : place+len(segments[i+1])]}
			}
			place += len(segments[i+1])
		}
		next := strings.Index(key[at+1:], marker)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	if group := scope.Group(); group != "" && kind == "microsoft.resources/subscriptions/resourcegroups" {
		return []string{group}
	}
	return nil
}
