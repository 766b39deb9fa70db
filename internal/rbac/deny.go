package rbac

import (
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac/condition"
	"github.com/sealring/sealring/internal/rbac/holding"
	"github.com/sealring/sealring/internal/rbac/permission"
)

// denial is a compiled deny assignment.
type denial struct {
	assignment *DenyAssignment
	blocks     *permission.Set
	everyone   bool
}

// setDenies prepares deny assignments.
func (p *Policy) setDenies(denies []*DenyAssignment) {
	p.denies, p.depths = map[string][]denial{}, 0
	for _, d := range denies {
		key := d.Scope.Key()
		p.denies[key] = append(p.denies[key], denial{d, permission.Compile(d.Permissions), slices.Contains(d.Principals, Everyone)})
		p.depths |= holding.DepthBit(holding.Depth(key))
	}
	for _, list := range p.denies {
		slices.SortFunc(list, func(a, b denial) int { return strings.Compare(string(a.assignment.Name), string(b.assignment.Name)) })
	}
}

// denied returns the deny assignment that forbids the action: the one with the longest
// scope, then the lowest name.
func (p *Policy) denied(r *Request, f *Facts, c *coverage) *DenyAssignment {
	var path holding.Path
	path.Cut(r.Scope.Key(), p.depths)
	for depth := path.Bottom(); depth > 0; depth-- {
		if p.depths&holding.DepthBit(depth) != 0 {
			if d := p.deniedAt(path.At(depth), r, f, c); d != nil {
				return d
			}
		}
	}
	for _, above := range f.Above {
		if d := p.deniedAt(above.Key(), r, f, c); d != nil {
			return d
		}
	}
	return p.deniedAt("/", r, f, c)
}

// deniedAt looks at the deny assignments of one scope at or above that of the request.
func (p *Policy) deniedAt(key string, r *Request, f *Facts, c *coverage) *DenyAssignment {
	list := p.denies[key]
	for i := range list {
		d := &list[i]
		a := d.assignment
		if a.ExactScope && key != r.Scope.Key() {
			continue
		}
		if !d.everyone && !names(a.Principals, r.Principal, f.Groups) || names(a.Exclude, r.Principal, f.Groups) {
			continue
		}
		// What nobody knows does not lift a prohibition.
		if stands := d.blocks.Covers(c.folded, c.data); stands == permission.Always ||
			stands == permission.Sometimes && d.blocks.Holds(c.folded, c.data, newEvaluation(*r, *f, c.folded)) != condition.False {
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
