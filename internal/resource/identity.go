package resource

import (
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
)

// ErrIdentity is an identity block that contradicts itself or the resource type (CP §2.12).
var ErrIdentity = fault.New(fault.Invalid, "the identity block is not valid")

// Identity is the identity block of a resource.
type Identity struct {
	// System says that the resource has an identity of its own; the next three are then set.
	System      bool
	PrincipalID id.Object
	ClientID    id.App
	Tenant      id.Tenant
	// UserAssigned are the attached identities, in the order of their keys.
	UserAssigned []Attached
}

// Attached is a user-assigned identity named in a block. One that was deleted since stays
// named, with PrincipalID and ClientID empty, until the block is written again (CP §3.2).
type Attached struct {
	ID          ID // as first written
	PrincipalID id.Object
	ClientID    id.App
}

// Dead reports whether the identity was deleted after it was attached, or is not resolved yet.
func (a Attached) Dead() bool { return a.PrincipalID == "" }

// IsZero reports whether there is no identity at all: the block is absent from answers.
func (i Identity) IsZero() bool { return !i.System && len(i.UserAssigned) == 0 }

// Find returns the entry of a user-assigned identity.
func (i Identity) Find(identity ID) (Attached, bool) {
	n := slices.IndexFunc(i.UserAssigned, func(a Attached) bool { return a.ID.Equal(identity) })
	if n < 0 {
		return Attached{}, false
	}
	return i.UserAssigned[n], true
}

// Type returns the block's `type` in the spelling of the resource type; "" for the zero Identity.
func (i Identity) Type(rules IdentityRules) string {
	switch {
	case i.System && len(i.UserAssigned) > 0 && rules.Spaced:
		return "SystemAssigned, UserAssigned"
	case i.System && len(i.UserAssigned) > 0:
		return "SystemAssigned,UserAssigned"
	case i.System:
		return "SystemAssigned"
	case len(i.UserAssigned) > 0:
		return "UserAssigned"
	}
	return ""
}

// Patch applies p to a stored block by the rules of PATCH (CP §2.12, rows 1–11). Identities
// that were not attached before come back with only their ID. Errors: ErrIdentity.
func (p IdentityPatch) Patch(stored Identity, rules IdentityRules) (Identity, error) {
	if !p.present {
		return stored, nil
	}
	system, user := p.system, p.user
	if !p.typed { // row 10
		system, user = stored.System, len(stored.UserAssigned) > 0 || len(p.add) > 0
	}
	if err := p.check(system, user, rules); err != nil {
		return Identity{}, err
	}
	next := stored
	next.setSystem(system)
	next.UserAssigned = nil
	if user {
		next.UserAssigned = p.merge(stored.UserAssigned)
	}
	if user && p.typed && len(next.UserAssigned) == 0 && len(p.remove) == 0 {
		return Identity{}, ErrIdentity.With("The identity type names user assigned identities, but there is none: list at least one in userAssignedIdentities.")
	}
	return next, rules.allow(stored, next)
}

// Put applies p to a stored block by the rules of PUT: the block is replaced. Identities
// that were not attached before come back with only their ID. Errors: ErrIdentity.
func (p IdentityPatch) Put(stored Identity, rules IdentityRules) (Identity, error) {
	if !p.present {
		if rules.KeepOnPut {
			return stored, nil
		}
		return Identity{}, nil
	}
	system, user := p.system, p.user
	if !p.typed {
		user = len(p.add) > 0
	}
	if err := p.check(system, user, rules); err != nil {
		return Identity{}, err
	}
	next := stored
	next.setSystem(system)
	next.UserAssigned = nil
	if user {
		if len(p.add) == 0 {
			return Identity{}, ErrIdentity.With("The identity type names user assigned identities, but there is none: list at least one in userAssignedIdentities.")
		}
		for _, identity := range p.add {
			kept, ok := stored.Find(identity)
			if !ok || kept.Dead() {
				kept = Attached{ID: identity}
			}
			next.UserAssigned = append(next.UserAssigned, kept)
		}
	}
	return next, rules.allow(stored, next)
}

// setSystem switches the system-assigned identity; its ids go with it.
func (i *Identity) setSystem(on bool) {
	i.System = on
	if !on {
		i.PrincipalID, i.ClientID, i.Tenant = "", "", ""
	}
}

// check refuses what the block itself says wrongly for the type of identity it asks for.
func (p IdentityPatch) check(system, user bool, rules IdentityRules) error {
	if !user && (len(p.add) > 0 || rules.Strict && p.emptyMap) {
		return ErrIdentity.With("The identity type does not include UserAssigned, but userAssignedIdentities names identities.")
	}
	if system && !rules.System || user && !rules.User || system && user && !rules.Both {
		asked := Identity{System: system}
		if user {
			asked.UserAssigned = []Attached{{}}
		}
		return ErrIdentity.With("The identity type '%s' is not supported by this resource type.", asked.Type(rules))
	}
	return nil
}

// merge adds and removes by the map of a PATCH, in the order of keys. A dead entry that is
// named again comes back to be resolved anew.
func (p IdentityPatch) merge(stored []Attached) []Attached {
	var out []Attached
	has := func(list []ID, one ID) bool { return slices.ContainsFunc(list, one.Equal) }
	for _, a := range stored {
		if !has(p.remove, a.ID) {
			out = append(out, a)
		}
	}
	for _, identity := range p.add {
		known := slices.ContainsFunc(out, func(a Attached) bool { return a.ID.Equal(identity) })
		if !known {
			out = append(out, Attached{ID: identity})
		}
	}
	slices.SortFunc(out, func(a, b Attached) int { return strings.Compare(a.ID.Key(), b.ID.Key()) })
	return out
}

// Names reports whether the block of the request lists an identity as assigned.
func (p IdentityPatch) Names(identity ID) bool { return slices.ContainsFunc(p.add, identity.Equal) }
