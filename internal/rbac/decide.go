package rbac

import (
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac/pattern"
)

// Decide answers r for a principal that is alive and a member of groups, transitively
// (CP §5.6). It does no I/O, and no allocation for up to 16 groups and actions of up to
// 256 bytes.
func (p *Policy) Decide(r Request, groups []id.Object) Decision {
	var buf [256]byte
	action := pattern.Fold(buf[:0], r.Action)
	if d := p.denied(&r, groups, action); d != nil {
		return Decision{Reason: ReasonDenyAssignment, Deny: d}
	}
	if a := p.granted(&r, groups, action); a != nil {
		return Decision{Allowed: true, Reason: ReasonGranted, Assignment: a}
	}
	return Decision{Reason: ReasonNoGrant}
}

// granted climbs from the scope of the request to the root and returns the first
// assignment that grants the action: of several at one scope, the one with the lowest name.
func (p *Policy) granted(r *Request, groups []id.Object, action []byte) *Assignment {
	var buf [17]*holder
	holders := buf[:0]
	var depths uint64
	if h := p.holders[r.Principal]; h != nil {
		holders, depths = append(holders, h), h.depths
	}
	for _, g := range groups {
		if h := p.holders[g]; h != nil {
			holders, depths = append(holders, h), depths|h.depths
		}
	}
	scope := r.Scope.Key()
	for depth := depthOf(scope); scope != "" && depths != 0; depth-- {
		if depths&depthBit(depth) != 0 {
			if a := lowest(holders, scope, action, r.Data); a != nil {
				return a
			}
		}
		scope = above(scope)
	}
	return nil
}

// lowest returns the assignment with the lowest name that grants the action at exactly
// this scope.
func lowest(holders []*holder, scope string, action []byte, data bool) *Assignment {
	var best *Assignment
	for _, h := range holders {
		for _, g := range h.at[scope] {
			if (best == nil || g.assignment.Name < best.Name) && g.role.covers(action, data) {
				best = g.assignment
			}
		}
	}
	return best
}

// above cuts the last segment off a scope's key: "/" above one segment, "" above the root.
func above(key string) string {
	switch i := strings.LastIndexByte(key, '/'); {
	case key == "/" || i < 0:
		return ""
	case i == 0:
		return "/"
	default:
		return key[:i]
	}
}

// denied returns the deny assignment that forbids the action: the one with the longest
// scope, then the lowest name.
func (p *Policy) denied(r *Request, groups []id.Object, action []byte) *DenyAssignment {
	for i := range p.denies {
		d := &p.denies[i]
		a := d.assignment
		if !a.Scope.Contains(r.Scope) || a.ExactScope && !a.Scope.Equal(r.Scope) {
			continue
		}
		if !d.everyone && !names(a.Principals, r.Principal, groups) || names(a.Exclude, r.Principal, groups) {
			continue
		}
		if d.blocks.covers(action, r.Data) {
			return a
		}
	}
	return nil
}

// names reports whether list holds the principal or one of its groups.
func names(list []id.Object, principal id.Object, groups []id.Object) bool {
	return slices.Contains(list, principal) ||
		slices.ContainsFunc(groups, func(g id.Object) bool { return slices.Contains(list, g) })
}
