package holding

import (
	"bytes"
	"cmp"
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

// held is a grant with its holder and the hash of the holder, while a Set is filled.
type held struct {
	hash      uint64
	principal Name
	Grant
}

// Fill makes a Set of all entries that each yields, in any order.
func (b *Book) Fill(each func(yield func(id.Object, Entry))) *Set {
	var all []held
	each(func(principal id.Object, e Entry) {
		if name, ok := ParseName(string(principal)); ok && !e.Scope.IsZero() { // no principal of ours is spelled otherwise
			all = append(all, held{hashOf(name), name, b.grant(e)})
		}
	})
	b.kept = b.scopes.count
	b.scopes.widen()
	return fill(b.scopes.view, all)
}

// fill puts the grants into places.
func fill(v view, all []held) *Set {
	slices.SortFunc(all, func(a, b held) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		if n := bytes.Compare(a.principal[:], b.principal[:]); n != 0 {
			return n
		}
		return compareGrants(a.Grant, b.Grant)
	})
	var hashes []uint64
	var starts []int // of the grants of each principal, and the end
	for i := range all {
		if i == 0 || all[i].principal != all[i-1].principal {
			hashes, starts = append(hashes, all[i].hash), append(starts, i)
		}
	}
	starts = append(starts, len(all))
	pilots, places, homeless := settle(hashes)
	s := &Set{view: v, filled: table{places: make([]place, places), pilots: pilots}}
	var grants []Grant
	var own shelf
	for i, hash := range hashes {
		if slices.Contains(homeless, i) {
			continue
		}
		held := all[starts[i]:starts[i+1]]
		grants = bare(grants[:0], held)
		own = v.shelf(own[:0], held[0].principal, grants)
		s.filled.put(spot(hash, pilots[pilotOf(hash, len(pilots))], places), own)
		s.holders++
		s.count += len(grants)
	}
	widen(s.filled.places)
	if len(homeless) > 0 {
		s.pages = make([]*page, pagesFor(s.holders))
	}
	for _, i := range homeless {
		held := all[starts[i]:starts[i+1]]
		s.put(held[0].principal, bare(nil, held))
	}
	return s
}

// bare appends the grants without their holder.
func bare(to []Grant, list []held) []Grant {
	for i := range list {
		to = append(to, list[i].Grant)
	}
	return to
}

// With returns a Set in which the principals hold what is said here and nothing else.
func (b *Book) With(s *Set, changed map[id.Object][]Entry) *Set {
	if len(changed) == 0 {
		return s
	}
	next := *s
	if next.pages = slices.Clone(s.pages); next.pages == nil {
		next.pages = make([]*page, pagesFor(s.holders))
	}
	copied := map[int]bool{}
	for principal, entries := range changed {
		name, ok := ParseName(string(principal))
		if !ok {
			continue
		}
		grants := make([]Grant, 0, len(entries))
		for _, e := range entries {
			if !e.Scope.IsZero() {
				grants = append(grants, b.grant(e))
			}
		}
		sortGrants(grants)
		next.view = b.scopes.view
		if p := int(hashOf(name)>>pageBits) & (len(next.pages) - 1); !copied[p] && next.pages[p] != nil {
			clone := *next.pages[p]
			next.pages[p], copied[p] = &clone, true
		}
		next.put(name, grants)
	}
	return &next
}

// pagesFor is the number of pages for the changes to a Set of so many principals: some
// shelves for an eighth of them.
func pagesFor(principals int) int {
	n := 1
	for n<<pageBits*16 < principals {
		n *= 2
	}
	return n
}

// Stale reports whether a Set should rather be filled anew in a new Book: most scopes kept
// are of no use any more, or a good part of it was changed.
func (b *Book) Stale(s *Set) bool {
	return b.scopes.count > 2*b.kept+1<<16 || s.changed > s.holders/4+1<<12
}

// grant makes a grant of an entry.
func (b *Book) grant(e Entry) Grant {
	return Grant{Name: e.Name, hash: Hash(e.Scope.Key()), ref: b.scopes.intern(e.Scope), Role: e.Role, Mark: e.Mark}
}

// put writes a new shelf in which the principal holds the grants, which are sorted; none
// of them hide what was filled too. The page is the Set's own.
func (s *Set) put(principal Name, grants []Grant) {
	hash := hashOf(principal)
	p, at := int(hash>>pageBits)&(len(s.pages)-1), hash&(1<<pageBits-1)
	if s.pages[p] == nil {
		s.pages[p] = &page{}
	}
	if before := s.of(principal); before.Depths() != 0 {
		s.holders--
		s.count -= len(before.Grants())
	}
	old := s.pages[p][at]
	known := old.of(principal)
	fresh := make(shelf, 0, len(old)-len(known.own)+1+len(grants))
	for i := 0; i < len(old); {
		end := i + 1 + int(old[i].ref)
		if old[i].Name != principal {
			fresh = append(fresh, old[i:end]...)
		}
		i = end
	}
	s.pages[p][at] = s.shelf(fresh, principal, grants)
	if known.own == nil {
		s.changed++
	}
	if len(grants) > 0 {
		s.holders++
		s.count += len(grants)
	}
}

// shelf appends the head and the grants of a principal, which are sorted.
func (v *view) shelf(to shelf, principal Name, grants []Grant) shelf {
	head := Grant{Name: principal, ref: Ref(len(grants))}
	for _, g := range grants {
		head.hash |= DepthBit(v.depth(g.ref))
	}
	return append(append(to, head), grants...)
}
