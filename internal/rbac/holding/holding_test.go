package holding

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
)

// guid numbers GUIDs.
func guid(kind string, n int) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s %d", kind, n)).String()
}

// scope parses an id.
func scope(t testing.TB, text string) resource.ID {
	t.Helper()
	s, err := resource.ParseID(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// samples are scopes of every shape; the texts after each are not it.
var samples = []string{
	"/", "/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e", "/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/rg1",
	"/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/rg10", "/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/RG2",
	"/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/rg1/providers/Microsoft.KeyVault/vaults/V1",
	"/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/rg1/providers/Microsoft.KeyVault/vaults/v1/secrets/s",
	"/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/rg1/providers/Microsoft.KeyVault/vaults/v1/providers/Microsoft.Authorization/locks/l",
	"/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/providers/Microsoft.Authorization/locks/l",
	"/providers/Microsoft.Management/managementGroups/top", "/providers/Microsoft.Management/managementGroups/top/providers/Microsoft.Authorization/locks/l",
	"/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/rg1/providers/Microsoft.KeyVault/vaults/" + strings.Repeat("x", 260),
}

// TestScopesAreFoundAsTheyAre: each is itself in any letter case, and no other.
func TestScopesAreFoundAsTheyAre(t *testing.T) {
	var kept scopes
	refs := map[string]Ref{}
	for _, text := range samples {
		refs[text] = kept.intern(scope(t, text))
	}
	for _, text := range samples {
		if again := kept.intern(scope(t, strings.ToUpper(text))); again != refs[text] {
			t.Errorf("%s has two places", text)
		}
		if got := kept.text(refs[text]); got != text {
			t.Errorf("%s is kept as %s", text, got)
		}
		if got := kept.depth(refs[text]); got != Depth(text) {
			t.Errorf("%s: depth %d, want %d", text, got, Depth(text))
		}
		for _, other := range samples {
			if kept.is(refs[text], scope(t, other).Key()) != (text == other) {
				t.Errorf("%s is, or is not, %s", text, other)
			}
		}
		if kept.is(refs[text], scope(t, text).Key()+"x") || kept.is(refs[text], "") {
			t.Errorf("%s is something else", text)
		}
	}
}

// TestSetsAgreeWithAMap changes a Set a thousand times beside a plain map.
func TestSetsAgreeWithAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	model := map[id.Object][]Entry{}
	entries := func() (list []Entry) {
		for range random.IntN(40) {
			list = append(list, Entry{Name: Name(uuid.New()), Scope: scope(t, samples[random.IntN(len(samples))]), Role: random.Uint32N(5)})
		}
		return list
	}
	for n := range 200 {
		model[id.Object(guid("p", n))] = entries()
	}
	var b Book
	s := b.Fill(func(yield func(id.Object, Entry)) {
		for p, list := range model {
			for _, e := range list {
				yield(p, e)
			}
		}
	})
	first, firstModel := s, map[id.Object]int{}
	for p, list := range model {
		firstModel[p] = len(list)
	}
	check := func() {
		total := 0
		for p, list := range model {
			total += len(list)
			h := s.Of(p)
			if len(h.Grants()) != len(list) {
				t.Fatalf("%s holds %d, want %d", p, len(h.Grants()), len(list))
			}
			for _, text := range samples {
				at := scope(t, text)
				var want []Name
				for _, e := range list {
					if e.Scope.Equal(at) {
						want = append(want, e.Name)
					}
				}
				slices.SortFunc(want, func(a, b Name) int { return strings.Compare(a.String(), b.String()) })
				var got []Name
				for _, g := range s.At(h, Hash(at.Key()), at.Key()) {
					got = append(got, g.Name)
					if !s.Scope(g).Equal(at) {
						t.Fatalf("a grant at %s says %s", at, s.Scope(g))
					}
				}
				if !slices.Equal(got, want) || len(want) > 0 && h.Depths()&DepthBit(Depth(at.Key())) == 0 {
					t.Fatalf("%s at %s: %v, want %v", p, at, got, want)
				}
			}
		}
		if s.Len() != total {
			t.Fatalf("%d grants, want %d", s.Len(), total)
		}
	}
	check()
	for range 50 {
		changed := map[id.Object][]Entry{}
		for range 20 {
			p := id.Object(guid("p", random.IntN(400)))
			changed[p] = entries()
			model[p] = changed[p]
		}
		s = b.With(s, changed)
	}
	check()
	for p, n := range firstModel { // what was handed out does not change
		if got := len(first.Of(p).Grants()); got != n {
			t.Fatalf("%s held %d, now %d", p, n, got)
		}
	}
}

// TestNamesKeepTheirSpelling and their order.
func TestNamesKeepTheirSpelling(t *testing.T) {
	for n := range 100 {
		a, b := guid("a", n), guid("b", n)
		x, ok := ParseName(strings.ToUpper(a))
		y, _ := ParseName(b)
		if !ok || x.String() != a || x.Less(y) != (a < b) {
			t.Errorf("%s is kept as %s", a, x)
		}
	}
	for _, bad := range []string{"", guid("a", 1)[1:], strings.Replace(guid("a", 1), "-", "x", 1), "g" + guid("a", 1)[1:]} {
		if _, ok := ParseName(bad); ok {
			t.Errorf("%q is a name", bad)
		}
	}
}
