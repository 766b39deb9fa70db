package holding

import (
	"hash/maphash"
	"sort"

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

// holder is where the grants of a principal begin; they end where those of the next begin.
type holder struct {
	principal [36]byte
	depths    uint32
	from      uint32
}

// shelf is a few principals with all their grants: in order of hash, scope and name.
type shelf struct {
	holders []holder
	grants  []Grant
}

// pageBits is the logarithm of the number of shelves on a page.
const pageBits = 8

// page is what is copied where a shelf on it changes.
type page [1 << pageBits]*shelf

// Set is who holds what. The zero Set is empty.
type Set struct {
	view
	pages          []*page
	count, holders int
}

// Len is the number of grants.
func (s *Set) Len() int { return s.count }

// Holding is the grants of one principal; the zero Holding is none.
type Holding struct {
	on *shelf
	at int
	// Depths has the DepthBit of every scope among the grants.
	Depths uint32
}

// Principal is who holds them.
func (h Holding) Principal() id.Object {
	if h.on == nil {
		return ""
	}
	return id.Object(h.on.holders[h.at].principal[:])
}

// Grants are the grants.
func (h Holding) Grants() []Grant {
	if h.on == nil {
		return nil
	}
	from, to := h.on.holders[h.at].from, uint32(len(h.on.grants))
	if h.at+1 < len(h.on.holders) {
		to = h.on.holders[h.at+1].from
	}
	return h.on.grants[from:to:to]
}

// number is the shelf on which a principal stands; the pages are a power of two.
func number(principal id.Object, pages int) (page, at int) {
	n := int(maphash.String(seed, string(principal))) & (pages<<pageBits - 1)
	return n >> pageBits, n & (1<<pageBits - 1)
}

// Of returns what a principal holds itself.
func (s *Set) Of(principal id.Object) Holding {
	if len(s.pages) == 0 {
		return Holding{}
	}
	p, at := number(principal, len(s.pages))
	if s.pages[p] == nil || s.pages[p][at] == nil {
		return Holding{}
	}
	on := s.pages[p][at]
	for i := range on.holders {
		h := &on.holders[i]
		if string(h.principal[:]) != string(principal) {
			continue
		}
		return Holding{on: on, at: i, Depths: h.depths}
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
func sortGrants(grants []Grant) {
	sort.Slice(grants, func(i, j int) bool {
		a, b := &grants[i], &grants[j]
		switch {
		case a.hash != b.hash:
			return a.hash < b.hash
		case a.ref != b.ref:
			return a.ref < b.ref
		}
		return a.Name.Less(b.Name)
	})
}
