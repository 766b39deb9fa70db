package rbac_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// TestParallelAssignmentsAreAllCounted: of a hundred at once as many are accepted as the
// limit allows, each is there, and each decides. // R-9, CP-119
func TestParallelAssignmentsAreAllCounted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db) // 20 in a subscription
		var accepted, refused atomic.Int32
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				scope := group.Child("Microsoft.KeyVault/vaults", fmt.Sprintf("v%d", i))
				_, _, err := f.PutAssignment(f.ctx, rbac.NewAssignment{Name: assignmentID(i), Scope: scope, Role: secretsUser, Principal: object("anna")})
				switch {
				case err == nil:
					accepted.Add(1)
				case errors.Is(err, rbac.ErrAssignmentLimit):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		list, err := f.ListAssignments(f.ctx, rbac.AssignmentQuery{Scope: sub})
		if err != nil || accepted.Load() != 20 || refused.Load() != 80 || len(list) != 20 {
			t.Fatalf("%d accepted, %d refused, %d there, %v", accepted.Load(), refused.Load(), len(list), err)
		}
		for _, a := range list {
			if !f.allowed("anna", getSecret, true, a.Scope) {
				t.Errorf("%s decides nothing", a.Scope)
			}
		}
		if f.allowed("anna", getSecret, true, resource.GroupID(subscription, "rg1")) {
			t.Error("allowed above")
		}
	})
}

// TestAssignmentsOfOneNameInParallel: one is made, the others repeat it. // R-9
func TestAssignmentsOfOneNameInParallel(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		var made atomic.Int32
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				_, created, err := f.PutAssignment(f.ctx, rbac.NewAssignment{Name: assignmentID(1), Scope: group, Role: readerRole, Principal: object("anna")})
				if err != nil {
					t.Error(err)
				}
				if created {
					made.Add(1)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 {
			t.Errorf("made %d times", made.Load())
		}
	})
}

// TestPagesOfAssignments: the pages of a list are the list, at every size and scope.
func TestPagesOfAssignments(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		for i, at := range []resource.ID{resource.Root(), sub, group, resource.GroupID(subscription, "rg1-x"), resource.GroupID(subscription, "rg10"), vault,
			group.Child("Microsoft.KeyVault/vaults", "V0"), vault.Child("secrets", "s")} {
			for k, role := range []rbac.RoleID{readerRole, secretsUser} {
				if k == 1 && i%2 == 0 {
					continue
				}
				if _, err := f.assign("anna", role, at); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, c := range []struct {
			q    rbac.AssignmentQuery
			want int
		}{
			{rbac.AssignmentQuery{Scope: resource.Root()}, 12}, {rbac.AssignmentQuery{Scope: group}, 9}, {rbac.AssignmentQuery{Scope: group, AtScope: true}, 4},
			{rbac.AssignmentQuery{Scope: vault}, 8}, {rbac.AssignmentQuery{Scope: sub, Principal: object("boris")}, 0}, {rbac.AssignmentQuery{Scope: sub, Role: secretsUser}, 4},
		} {
			for _, size := range []int{1, 2, 5, 100} {
				seen := map[rbac.AssignmentID]bool{}
				for after := ""; ; {
					page, next, err := f.AssignmentPage(f.ctx, c.q, after, size)
					if err != nil || len(page) > size {
						t.Fatalf("%d, %v", len(page), err)
					}
					for _, a := range page {
						seen[a.Name] = true
					}
					if after = next; next == "" {
						break
					}
				}
				if len(seen) != c.want {
					t.Errorf("%+v in pages of %d: %d, want %d", c.q, size, len(seen), c.want)
				}
			}
		}
	})
}
