package managedidentity_test

import (
	"testing"
	"time"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/store/storetest"
)

// a cached token whose key was revoked is not handed out again, even where the change
// feed has said nothing yet, or too early; an accepted one is.
func TestNoTokenOfARevokedKeyIsHandedOut(t *testing.T) {
	f := open(t, storetest.SQLite(t), nil)
	f.put(f.vm("v"), f.block("SystemAssigned"))
	mint := func() managedidentity.Minted {
		t.Helper()
		m, err := f.mint(f.vm("v"), 1, "", "")
		f.check(err)
		return m
	}
	first := mint()
	if again := mint(); again.UTI != first.UTI {
		t.Fatal("the token was not cached")
	}
	f.keys.revoked.Store(true)
	second := mint()
	if second.KeyID == first.KeyID || second.UTI == first.UTI {
		t.Errorf("a token of the revoked key %s was handed out", first.KeyID)
	}
	if again := mint(); again.UTI != second.UTI {
		t.Error("the successor's token is not cached")
	}
}

// the wall clock is stepped by an hour either way. No token is served past its true
// end, what is left of its life is never more than the whole nor less than nothing, and a
// step renews a token at most once.
func TestSteppedClock(t *testing.T) {
	f := open(t, storetest.SQLite(t), func(c *managedidentity.Config) { c.Lifetime = 2 * time.Hour })
	f.put(f.vm("v"), f.block("SystemAssigned"))
	const base = 1_760_000_000
	ends := map[string]int64{} // true time, by token
	elapsed, step := int64(0), int64(0)
	minted := 0
	for _, move := range []struct{ pass, step int64 }{
		{0, 0}, {60, 0}, {0, -3600}, {30, 0}, {0, 3600}, {1800, 0}, {0, -3600}, {600, 0}, {1800, 0}, {0, 3600}, {1, 0}, {0, 1}, {0, -1}, {3600, 0}, {3600, 0},
	} {
		elapsed, step = elapsed+move.pass, step+move.step
		f.offset.Store(elapsed + step)
		for range 3 {
			m, err := f.mint(f.vm("v"), 1, "", "")
			f.check(err)
			if _, ok := ends[m.UTI]; !ok {
				ends[m.UTI] = elapsed + 7200
				minted++
			}
			if elapsed >= ends[m.UTI] {
				t.Errorf("after %d s, %+d: a token is served %d s past its true end", elapsed, step, elapsed-ends[m.UTI])
			}
			if left := m.Expires.Unix() - (base + elapsed + step); left <= 0 || left > 7200 {
				t.Errorf("after %d s, %+d: %d s are left", elapsed, step, left)
			}
		}
	}
	if minted > 9 {
		t.Errorf("%d tokens were made", minted)
	}
}
