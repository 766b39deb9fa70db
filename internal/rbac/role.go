package rbac

import (
	"slices"

	"github.com/sealring/sealring/internal/rbac/pattern"
)

// compiledRole is a role prepared for decisions: its blocks, one entry each.
type compiledRole struct{ blocks []block }

// block is one permission block, both planes.
type block struct{ control, data plane }

// plane holds what a block grants on one plane and what it cuts out of that.
type plane struct{ grants, cuts patternSet }

// patternSet is a set of patterns: those without a star by name, the others in order.
type patternSet struct {
	exact map[string]struct{}
	wild  []pattern.Pattern
}

// compileBlocks prepares permission blocks. With conditioned false, blocks with a
// condition are left out: what nobody can check grants nothing. Deny assignments keep
// them, for the same reason.
func compileBlocks(permissions []Permission, conditioned bool) *compiledRole {
	role := &compiledRole{}
	for _, p := range permissions {
		if p.Condition != "" && !conditioned {
			continue
		}
		role.blocks = append(role.blocks, block{
			control: plane{compileSet(p.Actions), compileSet(p.NotActions)},
			data:    plane{compileSet(p.DataActions), compileSet(p.NotDataActions)},
		})
	}
	return role
}

// compileSet prepares patterns.
func compileSet(texts []string) patternSet {
	var set patternSet
	for _, text := range texts {
		p := pattern.Compile(text)
		head, literal := p.Literal()
		if !literal {
			set.wild = append(set.wild, p)
			continue
		}
		if set.exact == nil {
			set.exact = map[string]struct{}{}
		}
		set.exact[head] = struct{}{}
	}
	return set
}

// covers reports whether some block of the role grants the folded action on its plane and
// does not cut it out again (S-43).
func (r *compiledRole) covers(action []byte, data bool) bool {
	return slices.ContainsFunc(r.blocks, func(b block) bool {
		p := &b.control
		if data {
			p = &b.data
		}
		return p.grants.has(action) && !p.cuts.has(action)
	})
}

// has reports whether some pattern of the set matches.
func (s *patternSet) has(action []byte) bool {
	if _, ok := s.exact[string(action)]; ok {
		return true
	}
	for i := range s.wild {
		if s.wild[i].Match(action) {
			return true
		}
	}
	return false
}
