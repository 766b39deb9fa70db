package rbac

import (
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac/condition"
	"github.com/sealring/sealring/internal/rbac/holding"
	"github.com/sealring/sealring/internal/rbac/permission"
	"github.com/sealring/sealring/internal/resource"
)

// Facts is what a decision needs to know beside the policy and the question.
type Facts struct {
	// Groups hold the principal, transitively.
	Groups []id.Object
	// Above are the management groups above the scope, nearest first.
	Above []resource.ID
	// Now is the time that conditions see.
	Now time.Time
}

// Decide answers r for a principal that is alive (CP §5.6). It does no I/O, and no
// allocation for actions it has seen, up to 16 groups, and roles without conditions.
func (p *Policy) Decide(r Request, f Facts) Decision {
	c := p.roles.coverage(r.Action, r.Data)
	if len(p.denies) > 0 {
		if d := p.denied(&r, &f, c); d != nil {
			return Decision{Reason: ReasonDenyAssignment, Deny: d}
		}
	}
	return p.granted(&r, &f, c)
}

// holders are the principal and the groups that hold anything.
type holders struct {
	buf    [17]holding.Holding
	more   []holding.Holding
	count  int
	depths uint32
}

// add takes what a principal holds.
func (h *holders) add(held holding.Holding) {
	depths := held.Depths()
	if depths == 0 {
		return
	}
	h.depths |= depths
	if h.count < len(h.buf) {
		h.buf[h.count] = held
		h.count++
		return
	}
	h.more = append(h.more, held)
}

// granted climbs from the scope of the request over its management groups to the root and
// returns the first assignment that grants the action: of several at one scope, the one
// with the lowest name.
func (p *Policy) granted(r *Request, f *Facts, c *coverage) Decision {
	var h holders
	h.add(p.set.Of(r.Principal))
	for _, g := range f.Groups {
		h.add(p.set.Of(g))
	}
	if h.depths == 0 {
		return Decision{Reason: ReasonNoGrant}
	}
	var path holding.Path
	path.Cut(r.Scope.Key(), h.depths)
	for depth := path.Bottom(); depth > 0; depth-- {
		if h.depths&holding.DepthBit(depth) != 0 {
			if best, ok := p.lowest(&h, r, f, path.At(depth), depth, c); ok {
				return p.allow(best)
			}
		}
	}
	if h.depths&holding.DepthBit(managementDepth) != 0 {
		for _, above := range f.Above {
			if best, ok := p.lowest(&h, r, f, above.Key(), managementDepth, c); ok {
				return p.allow(best)
			}
		}
	}
	if h.depths&1 != 0 {
		if best, ok := p.lowest(&h, r, f, "/", 0, c); ok {
			return p.allow(best)
		}
	}
	return Decision{Reason: ReasonNoGrant}
}

// managementDepth is the depth of the id of a management group.
const managementDepth = 4

// match is a grant and who holds it.
type match struct {
	holding.Grant
	holder holding.Holding
}

// allow is the decision by a grant.
func (p *Policy) allow(g match) Decision {
	return Decision{Allowed: true, Reason: ReasonGranted, policy: p, grant: g.Grant, holder: g.holder}
}

// lowest returns the grant with the lowest name that grants the action at exactly this scope.
func (p *Policy) lowest(h *holders, r *Request, f *Facts, scope string, depth int, c *coverage) (best match, found bool) {
	hash, bit := holding.Hash(scope), holding.DepthBit(depth)
	for i := range h.count + len(h.more) {
		var held *holding.Holding
		if i < h.count {
			held = &h.buf[i]
		} else {
			held = &h.more[i-h.count]
		}
		if held.Depths()&bit == 0 {
			continue
		}
		at := p.set.At(*held, hash, scope)
		for j := range at {
			g := &at[j]
			if found && !g.Name.Less(best.Name) {
				break
			}
			if p.grants(g, r, f, c) {
				best, found = match{*g, *held}, true
				break
			}
		}
	}
	return best, found
}

// grants reports whether a grant at the scope or above it covers the action, and its
// conditions hold.
func (p *Policy) grants(g *holding.Grant, r *Request, f *Facts, c *coverage) bool {
	stands := p.roles.covers(c, g.Role)
	n := g.Mark & conditionMask
	if stands == permission.Always && n == 0 {
		return true
	}
	return stands != permission.Never && p.conditioned(stands, g.Role, n, newEvaluation(*r, *f, c.folded))
}

// conditioned evaluates the conditions of an assignment and of the blocks of its role.
func (p *Policy) conditioned(stands permission.Coverage, role, number uint32, e *evaluation) bool {
	if number != 0 && p.conditions[number].Eval(e) != condition.True {
		return false
	}
	return stands == permission.Always || p.roles.roles[role].Holds(e.Action, e.data, e) == condition.True
}
