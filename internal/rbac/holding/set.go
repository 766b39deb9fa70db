package holding

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
)

// Grant is a role at a scope, as a principal holds it.
type Grant struct {
	Name Name   // of the assignment
	hash uint32 // of the scope
	ref  Ref
	// Role is the caller's number of the role; Mark is the caller's own.
	Role, Mark uint32
}

// shelf is the grants of the few principals whose ids hash alike, in one piece of memory:
// for each a head, and then its grants by hash, scope and name. In a head Name is the
// principal, hash its depths, and ref how many grants follow.
type shelf []Grant

// Set is who holds what. The zero Set is empty.
type Set struct {
	view
	filled table
	// What changed since: it hides what was filled.
	pages   []*page // a power of two
	changed int     // principals

	count, holders int
}

// pageBits is the logarithm of the number of shelves on a page.
const pageBits = 8

// page is what is copied where a shelf on it changes.
type page [1 << pageBits]shelf

// Len is the number of grants.
func (s *Set) Len() int { return s.count }

// Holding is the grants of one principal; the zero Holding is none.
type Holding struct{ own shelf }

// Principal is who holds them; "" for none.
func (h Holding) Principal() id.Object {
	if h.own == nil {
		return ""
	}
	return id.Object(h.own[0].Name.String())
}

// Depths has the DepthBit of every scope among the grants.
func (h Holding) Depths() uint32 {
	if h.own == nil {
		return 0
	}
	return h.own[0].hash
}

// Grants are the grants.
func (h Holding) Grants() []Grant {
	if h.own == nil {
		return nil
	}
	return h.own[1:]
}

// hashOf is the keyed hash of a principal.
func hashOf(principal Name) uint64 { return maphash.Bytes(seed, principal[:]) }

// Of returns what a principal holds itself.
func (s *Set) Of(principal id.Object) Holding {
	name, ok := ParseName(string(principal))
	if !ok {
		return Holding{}
	}
	return s.of(name)
}

// of is Of for a principal that was read.
func (s *Set) of(principal Name) Holding {
	hash := hashOf(principal)
	if s.changed > 0 {
		if p := s.pages[int(hash>>pageBits)&(len(s.pages)-1)]; p != nil {
			if h := p[hash&(1<<pageBits-1)].of(principal); h.own != nil {
				return h
			}
		}
	}
	return s.filled.of(principal, hash)
}

// of finds a principal.
func (on shelf) of(principal Name) Holding {
	for i := 0; i < len(on); {
		end := i + 1 + int(on[i].ref)
		if on[i].Name == principal {
			return Holding{on[i:end:end]}
		}
		i = end
	}
	return Holding{}
}

// At returns the grants of h at exactly the scope with that key, by name. hash is Hash(key).
func (s *Set) At(h Holding, hash uint32, key string) []Grant {
	grants := h.Grants()
	from := 0
	if len(grants) > 16 {
		low, high := 0, len(grants)
		for low < high {
			if mid := int(uint(low+high) >> 1); grants[mid].hash < hash {
				low = mid + 1
			} else {
				high = mid
			}
		}
		from = low
	}
	for ; from < len(grants) && grants[from].hash <= hash; from++ {
		if grants[from].hash != hash || !s.is(grants[from].ref, key) {
			continue
		}
		to := from + 1
		for to < len(grants) && grants[to].ref == grants[from].ref {
			to++
		}
		return grants[from:to]
	}
	return nil
}

// Scope returns the scope of a grant, as first written.
func (s *Set) Scope(g Grant) resource.ID {
	scope, err := resource.ParseID(s.text(g.ref))
	if err != nil {
		panic("holding: a scope that was an id is none: " + err.Error())
	}
	return scope
}

// sortGrants brings grants into the order of a shelf.
func sortGrants(grants []Grant) { slices.SortFunc(grants, compareGrants) }

// compareGrants orders grants by hash, scope and name.
func compareGrants(a, b Grant) int {
	switch {
	case a.hash != b.hash:
		if a.hash < b.hash {
			return -1
		}
		return 1
	case a.ref != b.ref:
		if a.ref < b.ref {
			return -1
		}
		return 1
	}
	return strings.Compare(string(a.Name[:]), string(b.Name[:]))
}
