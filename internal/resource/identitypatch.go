package resource

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// userAssignedType is the resource type that keys of userAssignedIdentities must have.
const userAssignedType = "Microsoft.ManagedIdentity/userAssignedIdentities"

// IdentityPatch is a parsed identity block of a request. The zero value is an absent one.
type IdentityPatch struct {
	present      bool // the member is there and not null
	typed        bool // it says `type`
	system, user bool // what type says
	emptyMap     bool // userAssignedIdentities is {}
	add, remove  []ID // keys with an object, keys with null; in the order of keys
}

// IsZero reports whether the request has no identity block, or a null one.
func (p IdentityPatch) IsZero() bool { return !p.present }

// ParseIdentity reads the `identity` member of a request body; empty input and null are an
// absent block. Read-only members are ignored. Accepted are the map of current versions and
// the lists of old Compute versions (CP §2.12). Errors: ErrIdentity.
func ParseIdentity(raw json.RawMessage) (IdentityPatch, error) {
	if isNull(raw) {
		return IdentityPatch{}, nil
	}
	var wire struct {
		Type                   *string         `json:"type"`
		UserAssignedIdentities json.RawMessage `json:"userAssignedIdentities"`
		IdentityIDs            json.RawMessage `json:"identityIds"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return IdentityPatch{}, ErrIdentity.With("The identity block is not an object with a type.")
	}
	p := IdentityPatch{present: true}
	if wire.Type != nil {
		if err := p.parseType(*wire.Type); err != nil {
			return IdentityPatch{}, err
		}
	}
	for _, keys := range []json.RawMessage{wire.UserAssignedIdentities, wire.IdentityIDs} {
		if err := p.parseKeys(keys); err != nil {
			return IdentityPatch{}, err
		}
	}
	return p, nil
}

// isNull reports whether raw is absent or the literal null.
func isNull(raw json.RawMessage) bool {
	trimmed := bytes.TrimSpace(raw)
	return len(trimmed) == 0 || string(trimmed) == "null"
}

// parseType reads the kinds of identity in any case, order and spacing.
func (p *IdentityPatch) parseType(text string) error {
	p.typed = true
	kinds := strings.Split(strings.ToLower(strings.ReplaceAll(text, " ", "")), ",")
	for _, kind := range kinds {
		switch {
		case kind == "systemassigned":
			p.system = true
		case kind == "userassigned":
			p.user = true
		case kind == "systemassigneduserassigned":
			p.system, p.user = true, true
		case kind == "none" && len(kinds) == 1:
		default:
			return ErrIdentity.With("The identity type '%s' is not valid. Use SystemAssigned, UserAssigned, both separated by a comma, or None.", shortened(text))
		}
	}
	return nil
}

// parseKeys reads the user-assigned identities, as a map or as a list.
func (p *IdentityPatch) parseKeys(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	entries := map[string]json.RawMessage{}
	var keys []string
	if json.Unmarshal(raw, &keys) == nil {
		for _, key := range keys {
			entries[key] = json.RawMessage("{}")
		}
	} else if err := json.Unmarshal(raw, &entries); err != nil {
		return ErrIdentity.With("userAssignedIdentities is not an object with resource ids as keys.")
	} else {
		keys = slices.Sorted(maps.Keys(entries))
	}
	p.emptyMap = len(entries) == 0
	for _, key := range keys {
		identity, err := ParseID(key)
		if err != nil || !identity.Is(userAssignedType) || identity.Group() == "" {
			return ErrIdentity.With("The user assigned identity id '%s' is not valid.", shortened(key))
		}
		value := bytes.TrimSpace(entries[key])
		switch {
		case isNull(value):
			p.remove = appendNew(p.remove, identity)
		case value[0] == '{':
			p.add = appendNew(p.add, identity)
		default:
			return ErrIdentity.With("The value of a user assigned identity is an empty object, or null to remove it.")
		}
	}
	for _, identity := range p.add {
		if slices.ContainsFunc(p.remove, identity.Equal) {
			return ErrIdentity.With("The user assigned identity '%s' is both added and removed.", identity)
		}
	}
	slices.SortFunc(p.add, func(a, b ID) int { return strings.Compare(a.Key(), b.Key()) })
	return nil
}

// appendNew appends identity unless an equal one is there: two spellings are one key.
func appendNew(list []ID, identity ID) []ID {
	if slices.ContainsFunc(list, identity.Equal) {
		return list
	}
	return append(list, identity)
}

// shortened keeps a caller's text in an error sentence to a bearable length.
func shortened(s string) string {
	if len(s) <= 300 {
		return s
	}
	return s[:300] + "…"
}
