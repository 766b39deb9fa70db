package holding

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/resource"
)

// TestEveryHashHasAPlaceOfItsOwn, in tables of any size; equal ones have none, and cost
// those a place that share their pilot, but nobody else.
func TestEveryHashHasAPlaceOfItsOwn(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 3, 17, 1000, 50_000} {
		for _, equal := range []int{0, 2} {
			hashes := make([]uint64, n)
			for i := range hashes {
				hashes[i] = random.Uint64()
			}
			if n < equal {
				continue
			}
			for i := range equal {
				hashes[i] = hashes[0]
			}
			slices.Sort(hashes)
			pilots, places, homeless := settle(hashes)
			if len(homeless) < equal || len(homeless) > 30*equal {
				t.Errorf("%d of %d hashes without a place, %d are equal", len(homeless), n, equal)
			}
			taken := make([]bool, places)
			for i, h := range hashes {
				if slices.Contains(homeless, i) {
					continue
				}
				at := spot(h, pilots[pilotOf(h, len(pilots))], places)
				if taken[at] {
					t.Fatalf("two of %d hashes in place %d", n, at)
				}
				taken[at] = true
			}
		}
	}
}

// TestWhoHasNoPlaceHoldsTheSame: a principal whose hash is another's too keeps its grants,
// many or few, and nobody gets those of another.
func TestWhoHasNoPlaceHoldsTheSame(t *testing.T) {
	var b Book
	counts := map[Name]int{}
	var all []held
	for n := range 300 {
		principal, _ := ParseName(guid("p", n))
		counts[principal] = 1 + n%7
		for range counts[principal] {
			e := Entry{Name: Name(uuid.New()), Scope: scope(t, samples[n%len(samples)])}
			h := held{hashOf(principal), principal, b.grant(e)}
			if n < 5 {
				h.hash = 1 << 60
			}
			all = append(all, h)
		}
	}
	total := len(all)
	s := fill(b.scopes.view, all)
	if s.Len() != total || s.holders != len(counts) {
		t.Errorf("%d grants of %d, want %d of %d", s.Len(), s.holders, total, len(counts))
	}
	for principal, n := range counts {
		if h := s.of(principal); len(h.Grants()) != n || string(h.Principal()) != principal.String() {
			t.Errorf("%s holds %d, want %d", principal, len(h.Grants()), n)
		}
	}
	for n := range 1000 {
		stranger, _ := ParseName(guid("stranger", n))
		if h := s.of(stranger); h.Principal() != "" || h.Depths() != 0 {
			t.Errorf("%s holds what is another's", stranger)
		}
	}
	if h := s.of(Name{}); h.Depths() != 0 || h.Grants() != nil {
		t.Error("the name of zeros holds something")
	}
}

// TestWiderPagesHoldTheSame, whatever the kernel makes of the hint.
func TestWiderPagesHoldTheSame(t *testing.T) {
	memory := make([]uint32, 2<<20)
	for i := range memory {
		memory[i] = uint32(i)
	}
	widen(memory[:0])
	widen(memory[:100])
	widen(memory)
	for i, n := range memory {
		if n != uint32(i) {
			t.Fatalf("at %d there is %d now", i, n)
		}
	}
}

// TestManyScopesAreFound: more than have room in the first pieces of memory.
func TestManyScopesAreFound(t *testing.T) {
	var kept scopes
	long := func(n int) resource.ID {
		return scope(t, samples[2]+"/providers/Microsoft.KeyVault/vaults/"+strings.Repeat(guid("vault", n), 5))
	}
	for n := range 60_000 {
		kept.intern(long(n))
	}
	kept.widen()
	if len(kept.slabs) == 0 {
		t.Fatalf("%d pieces, want more", len(kept.chunks))
	}
	for n := range 60_000 {
		if n%1000 != 0 {
			continue
		}
		key := long(n).Key()
		if slot := kept.slot(key); kept.table[slot] == 0 {
			t.Errorf("%s is gone", key)
		}
	}
}
