package permission

import (
	"strings"

	"github.com/sealring/sealring/internal/rbac/pattern"
)

// Operations are the folded names of operations, by plane. The zero value holds none.
type Operations struct{ control, data map[string]bool }

// Add takes what a block names without a star.
func (o *Operations) Add(b Block) {
	if o.control == nil {
		o.control, o.data = map[string]bool{}, map[string]bool{}
	}
	collect := func(into map[string]bool, lists ...[]string) {
		for _, list := range lists {
			for _, text := range list {
				if !strings.Contains(text, "*") {
					into[string(pattern.Fold(nil, text))] = true
				}
			}
		}
	}
	collect(o.control, b.Actions, b.NotActions)
	collect(o.data, b.DataActions, b.NotDataActions)
}

// IsZero reports whether nothing was added.
func (o *Operations) IsZero() bool { return o.control == nil }

// GrantedBy counts the operations that blocks grant on both planes, and their stars.
func (o *Operations) GrantedBy(blocks []Block) int {
	set := Compile(blocks)
	count := set.Stars()
	for name := range o.control {
		if set.Covers([]byte(name), false) != Never {
			count++
		}
	}
	for name := range o.data {
		if set.Covers([]byte(name), true) != Never {
			count++
		}
	}
	return count
}
