package managedidentity_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sealring/sealring/internal/entitlement"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/token"
)

// DT-73, DT-99: what a token says of its holder decides whether a cached one is good still.
func TestACachedTokenIsRenewedWhenWhatItSaysChanges(t *testing.T) {
	for name, keep := range map[string]bool{"as usual": false, "kept to its half life, as Azure does": true} {
		f := open(t, storetest.SQLite(t), func(c *managedidentity.Config) { c.KeepOnChange = keep })
		f.put(f.vm("v"), f.block("SystemAssigned"))
		get := func() (string, string) {
			t.Helper()
			m, err := f.mint(f.vm("v"), 1, "", "")
			f.check(err)
			return m.UTI, fmt.Sprint(f.claims(m)["roles"])
		}
		first, roles := get()
		if roles != "<nil>" {
			t.Errorf("%s: roles %s before any were given", name, roles)
		}
		f.says.Roles = []string{"User.Read.All"}
		second, roles := get()
		if keep && second != first || !keep && (second == first || roles != "[User.Read.All]") {
			t.Errorf("%s: another token %v, roles %s", name, second != first, roles)
		}
		if again, _ := get(); again != second {
			t.Errorf("%s: nothing changed, and another token", name)
		}
	}
}

// DT-33: a resource that demands an assignment.
func TestAnIdentityThatIsNotAssignedGetsNoToken(t *testing.T) {
	f := open(t, storetest.SQLite(t), nil)
	f.put(f.vm("v"), f.block("SystemAssigned"))
	f.says.err = entitlement.ErrNotAssigned
	if _, err := f.mint(f.vm("v"), 1, "", ""); !errors.Is(err, token.ErrAudienceUnknown) || len(fault.Message(err)) < 40 {
		t.Errorf("refused with %v", err)
	}
	f.says.err = nil
	if _, err := f.mint(f.vm("v"), 1, "", ""); err != nil {
		t.Errorf("assigned: %v", err)
	}
}
