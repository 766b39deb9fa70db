// Package managementgroup keeps the tree above subscriptions: management groups, with one
// at the root of every tenant, and the subscriptions in them (control-plane.md §5.1).
//
// What is assigned at a management group holds for all below it, so rbac asks this package
// with every decision; it answers from memory, which follows the feed. The root group of a
// tenant bears the tenant's id and always exists. A subscription that nobody placed is in it.
package managementgroup

import (
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
)

// Topic is the change feed's topic of this package; keys are names of groups.
const Topic = "managementgroup"

// Type is the resource type of management groups.
const Type = "Microsoft.Management/managementGroups"

// prefix begins the keys of their ids.
const prefix = "/providers/microsoft.management/managementgroups/"

// The bounds of the tree, as in Azure: levels below the root, and groups of an installation.
const (
	maxLevels = 6
	maxGroups = 10000
)

// Failures; the comments name their codes on the wire.
var (
	// ErrNotFound is a group that does not exist in the tenant: ResourceNotFound.
	ErrNotFound = fault.New(fault.NotFound, "The management group was not found.")
	// ErrInvalid is a name, parent or change that breaks a rule: InvalidRequestContent.
	ErrInvalid = fault.New(fault.Invalid, "The management group is not valid.")
	// ErrTaken is a name that another tenant's group bears: Conflict.
	ErrTaken = fault.New(fault.Conflict, "The management group name is taken.")
	// ErrNotEmpty is the deletion of a group with something in it: BadRequest.
	ErrNotEmpty = fault.New(fault.Invalid, "The management group holds groups or subscriptions. Move them away first.")
)

// Group is a management group.
type Group struct {
	Name        string // as first written
	DisplayName string
	Tenant      id.Tenant
	Parent      string // name of the group above; "" for the root of the tenant
	Version     int64
	Updated     time.Time // UTC, whole seconds; zero for a root nobody changed
	UpdatedBy   id.Object
}

// ID is the group's scope.
func (g Group) ID() resource.ID { return ID(g.Name) }

// ID is the scope of the group of a name; the zero ID for a name that cannot be one.
func ID(name string) resource.ID {
	scope, err := resource.ParseID("/providers/" + Type + "/" + name)
	if err != nil || !scope.Is(Type) {
		return resource.ID{}
	}
	return scope
}

// Child is a group or subscription in a group.
type Child struct {
	Group        *Group          // nil for a subscription
	Subscription id.Subscription // "" for a group
}

// checkName applies the rule for names: 1 to 90 letters, digits and -_(). not ending in a
// full stop. Errors: ErrInvalid.
func checkName(name string) error {
	ok := name != "" && len(name) <= 90 && name[len(name)-1] != '.'
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '(' && c != ')' && c != '.' {
			ok = false
		}
	}
	if !ok {
		return ErrInvalid.With("The management group name '%.100s' is not valid: 1 to 90 letters, digits and -_(). are, not ending in a full stop.", name)
	}
	return nil
}
