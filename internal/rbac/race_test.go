package rbac_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// S-46: of two owners who are removed at the same moment one stays, every time.
func TestTheLastOwnerStaysInARace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		for range 20 {
			var owners []rbac.AssignmentID
			for _, who := range []string{"anna", "boris"} {
				a, err := f.assign(who, rbac.Owner, sub)
				if err != nil && !errors.Is(err, rbac.ErrAssignmentExists) {
					t.Fatal(err)
				}
				owners = append(owners, a.Name)
			}
			errs := make([]error, len(owners))
			var race sync.WaitGroup
			for i, name := range owners {
				race.Go(func() { _, errs[i] = f.DeleteAssignment(f.ctx, sub, name) })
			}
			race.Wait()
			if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), rbac.ErrLastOwner) {
				t.Fatalf("anna: %v; boris: %v", errs[0], errs[1])
			}
			for i, name := range owners {
				if errs[i] != nil { // the one who stayed, by the installation
					if _, err := f.DeleteAssignment(t.Context(), sub, name); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}
