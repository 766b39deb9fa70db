// Package permission prepares the blocks that roles and deny assignments are made of, and
// says which actions they cover (control-plane.md §5.6).
package permission

import (
	"slices"

	"github.com/sealring/sealring/internal/rbac/condition"
	"github.com/sealring/sealring/internal/rbac/pattern"
)

// Block is one block of a role. What NotActions names is cut out of this block's Actions
// only; another block or role may still grant it. Patterns may hold `*`, which stands for
// any run of characters, slashes included.
type Block struct {
	Actions        []string `json:"actions,omitempty"`
	NotActions     []string `json:"notActions,omitempty"`
	DataActions    []string `json:"dataActions,omitempty"`
	NotDataActions []string `json:"notDataActions,omitempty"`
	// Condition must hold for the block to grant anything; "" holds always.
	Condition        string `json:"condition,omitempty"`
	ConditionVersion string `json:"conditionVersion,omitempty"`
}

// Set is blocks prepared for decisions. It is immutable.
type Set struct{ blocks []compiled }

// compiled is one block, both planes.
type compiled struct {
	control, data plane
	condition     condition.Condition
}

// plane holds what a block grants on one plane and what it cuts out of that.
type plane struct{ grants, cuts pattern.Set }

// Compile prepares blocks.
func Compile(blocks []Block) *Set {
	set := &Set{}
	for _, p := range blocks {
		set.blocks = append(set.blocks, compiled{
			control:   plane{pattern.CompileSet(p.Actions), pattern.CompileSet(p.NotActions)},
			data:      plane{pattern.CompileSet(p.DataActions), pattern.CompileSet(p.NotDataActions)},
			condition: condition.OrUnknown(p.Condition),
		})
	}
	return set
}

// covers reports whether the block grants the folded action on a plane and does not cut it
// out again, leaving its condition aside (S-43).
func (b *compiled) covers(action []byte, data bool) bool {
	p := &b.control
	if data {
		p = &b.data
	}
	return p.grants.Has(action) && !p.cuts.Has(action)
}

// Coverage is how blocks stand to an action. The zero value means that nobody asked yet.
type Coverage uint32

// The ways to stand to an action.
const (
	Never     Coverage = 1 + iota
	Always             // some block covers it without a condition
	Sometimes          // only blocks with a condition cover it
)

// Covers says how the blocks stand to the folded action.
func (s *Set) Covers(action []byte, data bool) Coverage {
	stands := Never
	for i := range s.blocks {
		if b := &s.blocks[i]; b.covers(action, data) {
			if b.condition.IsZero() {
				return Always
			}
			stands = Sometimes
		}
	}
	return stands
}

// Holds returns the best that a condition of the blocks that cover the action comes to:
// False if there is none.
func (s *Set) Holds(action []byte, data bool, facts condition.Facts) condition.Truth {
	best := condition.False
	for i := range s.blocks {
		if b := &s.blocks[i]; b.covers(action, data) {
			best = max(best, b.condition.Eval(facts))
		}
	}
	return best
}

// Stars counts the patterns with a star among what the blocks grant.
func (s *Set) Stars() (count int) {
	for i := range s.blocks {
		count += s.blocks[i].control.grants.Stars() + s.blocks[i].data.grants.Stars()
	}
	return count
}

// Patterns returns all patterns of a block.
func (b Block) Patterns() []string {
	return slices.Concat(b.Actions, b.NotActions, b.DataActions, b.NotDataActions)
}
