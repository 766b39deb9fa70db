package holding

import (
	"cmp"
	"math/bits"
	"slices"
)

// inline is how many grants have room in the place of their holder.
const inline = 3

// place is where one principal is found: a head, and its grants if there are at most
// inline of them; of more, the ref of the first says where head and grants are among the
// many. It is two lines of the processor's cache, next to each other.
type place [1 + inline]Grant

// table finds the place of a principal in one step. A place belongs to one principal, and
// the pilots, small enough to stay in the cache, say which: principals whose hashes begin
// alike share a pilot, which was chosen so that they fall on places of their own.
type table struct {
	places []place
	pilots []uint16
	many   shelf
}

// perPilot is how many principals share a pilot, on average.
const perPilot = 4

// of finds a principal with that hash. Whoever else has the place does not count.
func (t *table) of(principal Name, hash uint64) Holding {
	if len(t.places) == 0 {
		return Holding{}
	}
	p := &t.places[spot(hash, t.pilots[pilotOf(hash, len(t.pilots))], len(t.places))]
	if p[0].Name != principal || p[0].ref == 0 {
		return Holding{}
	}
	if n := 1 + p[0].ref; n <= Ref(len(p)) {
		return Holding{p[:n:n]}
	}
	from, end := p[1].ref, p[1].ref+1+p[0].ref
	return Holding{t.many[from:end:end]}
}

// put gives a place to a shelf of one principal.
func (t *table) put(at int, own shelf) {
	p := &t.places[at]
	if copy(p[:], own) == len(own) {
		return
	}
	*p = place{own[0], {ref: Ref(len(t.many))}}
	t.many = append(t.many, own...)
}

// pilotOf is which of n pilots counts for a hash; greater hashes have later pilots.
func pilotOf(hash uint64, n int) int {
	high, _ := bits.Mul64(hash, uint64(n))
	return int(high)
}

// spot is which of n places a hash falls on with a pilot.
func spot(hash uint64, pilot uint16, n int) int {
	mixed := hash + uint64(pilot)*0x9e3779b97f4a7c15
	mixed = (mixed ^ mixed>>32) * 0xd6e8feb86659fd93
	high, _ := bits.Mul64(mixed^mixed>>32, uint64(n))
	return int(high)
}

// settle chooses the pilots for sorted hashes, the largest groups first, while most places
// are free. It returns the number of places and those hashes, by position, that found none:
// equal ones, which a keyed hash of 64 bits does not have in practice.
func settle(hashes []uint64) (pilots []uint16, places int, homeless []int) {
	places = len(hashes) + len(hashes)/16 + 1
	pilots = make([]uint16, len(hashes)/perPilot+1)
	var groups [][2]int // positions from, to
	for from := 0; from < len(hashes); {
		to := from + 1
		for to < len(hashes) && pilotOf(hashes[to], len(pilots)) == pilotOf(hashes[from], len(pilots)) {
			to++
		}
		groups = append(groups, [2]int{from, to})
		from = to
	}
	slices.SortStableFunc(groups, func(a, b [2]int) int { return cmp.Compare(b[1]-b[0], a[1]-a[0]) })
	taken := make([]uint64, places/64+1)
	for _, g := range groups {
		pilot, ok := choose(hashes[g[0]:g[1]], taken, places)
		if !ok {
			for i := g[0]; i < g[1]; i++ {
				homeless = append(homeless, i)
			}
			continue
		}
		pilots[pilotOf(hashes[g[0]], len(pilots))] = pilot
	}
	return pilots, places, homeless
}

// choose returns the first pilot that brings all hashes to places that are not taken, and
// takes them.
func choose(hashes []uint64, taken []uint64, places int) (pilot uint16, ok bool) {
	for i := 1; i < len(hashes); i++ {
		if hashes[i] == hashes[i-1] {
			return 0, false
		}
	}
	for {
		n := 0
		for ; n < len(hashes); n++ {
			at := spot(hashes[n], pilot, places)
			if taken[at/64]&(1<<(at%64)) != 0 {
				break
			}
			taken[at/64] |= 1 << (at % 64)
		}
		if n == len(hashes) {
			return pilot, true
		}
		for n--; n >= 0; n-- { // the others have not taken theirs yet
			at := spot(hashes[n], pilot, places)
			taken[at/64] &^= 1 << (at % 64)
		}
		if pilot++; pilot == 0 {
			return 0, false
		}
	}
}
