package holding

import (
	"slices"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
)

// Entry is a grant as it is entered.
type Entry struct {
	Name       Name
	Scope      resource.ID
	Role, Mark uint32
}

// Book makes Sets. It keeps the scopes of all of them, also of grants that are gone:
// Stale says when it is time for a new Book.
type Book struct {
	scopes scopes
	kept   int // scopes after Fill
}

// perShelf is how many principals share a shelf when a Set is filled.
const perShelf = 4

// Fill makes a Set of all entries that each yields, in any order.
func (b *Book) Fill(each func(yield func(id.Object, Entry))) *Set {
	drafts := map[id.Object]*[]Grant{}
	each(func(principal id.Object, e Entry) {
		if len(principal) != 36 || e.Scope.IsZero() {
			return // no principal of ours is spelled so: it can hold nothing
		}
		list := drafts[principal]
		if list == nil {
			list = &[]Grant{}
			drafts[principal] = list
		}
		*list = append(*list, b.grant(e))
	})
	s := &Set{view: b.scopes.view, pages: make([]*page, pagesFor(len(drafts)))}
	for principal, list := range drafts {
		s.put(principal, *list)
		delete(drafts, principal)
	}
	b.kept = b.scopes.count
	return s
}

// pagesFor is the number of pages for so many principals, a power of two.
func pagesFor(principals int) int {
	n := 1
	for n<<pageBits*perShelf < principals {
		n *= 2
	}
	return n
}

// With returns a Set in which the principals hold what is said here and nothing else.
func (b *Book) With(s *Set, changed map[id.Object][]Entry) *Set {
	if len(changed) == 0 {
		return s
	}
	next := &Set{pages: slices.Clone(s.pages), count: s.count, holders: s.holders}
	if len(next.pages) == 0 {
		next.pages = make([]*page, 1)
	}
	copied := map[int]bool{}
	for principal, entries := range changed {
		if len(principal) != 36 {
			continue
		}
		grants := make([]Grant, 0, len(entries))
		for _, e := range entries {
			if !e.Scope.IsZero() {
				grants = append(grants, b.grant(e))
			}
		}
		next.view = b.scopes.view
		if p, _ := number(principal, len(next.pages)); !copied[p] && next.pages[p] != nil {
			clone := *next.pages[p]
			next.pages[p], copied[p] = &clone, true
		}
		next.put(principal, grants)
	}
	return next
}

// Stale reports whether a Set should rather be filled anew in a new Book: most scopes kept
// are of no use any more, or four times as many principals share a shelf as did at first.
func (b *Book) Stale(s *Set) bool {
	return b.scopes.count > 2*b.kept+1<<16 || s.holders > 4*perShelf*len(s.pages)<<pageBits
}

// grant makes a grant of an entry.
func (b *Book) grant(e Entry) Grant {
	return Grant{Name: e.Name, hash: Hash(e.Scope.Key()), ref: b.scopes.intern(e.Scope), Role: e.Role, Mark: e.Mark}
}

// put writes a new shelf in which the principal holds the grants. The page is the Set's own.
func (s *Set) put(principal id.Object, grants []Grant) {
	sortGrants(grants)
	p, at := number(principal, len(s.pages))
	if s.pages[p] == nil {
		s.pages[p] = &page{}
	}
	old := s.pages[p][at]
	fresh := &shelf{}
	s.count += len(grants)
	if old != nil {
		fresh.holders = make([]holder, 0, len(old.holders)+1)
		fresh.grants = make([]Grant, 0, len(old.grants)+len(grants))
		for i, h := range old.holders {
			from, to := h.from, uint32(len(old.grants))
			if i+1 < len(old.holders) {
				to = old.holders[i+1].from
			}
			if string(h.principal[:]) == string(principal) {
				s.count -= int(to - from)
				s.holders--
				continue
			}
			h.from = uint32(len(fresh.grants))
			fresh.holders = append(fresh.holders, h)
			fresh.grants = append(fresh.grants, old.grants[from:to]...)
		}
	}
	if len(grants) > 0 {
		h := holder{from: uint32(len(fresh.grants))}
		copy(h.principal[:], principal)
		for _, g := range grants {
			h.depths |= DepthBit(s.depth(g.ref))
		}
		s.holders++
		fresh.holders = append(fresh.holders, h)
		fresh.grants = append(fresh.grants, grants...)
	}
	s.pages[p][at] = fresh
}
