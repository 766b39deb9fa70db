package rbac_test

import (
	"fmt"
	"testing"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
)

// crowd compiles a policy of n assignments over n/10 principals (at least one), the usual
// way round: data roles on vaults, readers on groups. The first principal is asked about.
func crowd(t testing.TB, n int) (*rbac.Policy, rbac.Request) {
	const sub = "/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e"
	roles := []rbac.RoleID{"acdd72a7-3385-48ef-bd42-f606fba81ae7", "4633458b-17de-408a-b874-0445c86b69e6", "b24988ac-6180-42a0-ab88-20f7382dd24c"}
	assignments := make([]*rbac.Assignment, n)
	for i := range assignments {
		scope := fmt.Sprintf("%s/resourceGroups/rg%d", sub, i)
		if i%2 == 0 {
			scope += fmt.Sprintf("/providers/Microsoft.KeyVault/vaults/v%d", i)
		}
		assignments[i] = &rbac.Assignment{Name: assignmentID(i), Scope: scopeID(t, scope), Role: roles[i%len(roles)], Principal: object(fmt.Sprint(i / 10))}
	}
	return rbac.Compile(builtIns(t), assignments, nil), rbac.Request{
		Principal: object("0"), Data: true, Action: "Microsoft.KeyVault/vaults/secrets/getSecret/action",
		Scope: scopeID(t, sub+"/resourceGroups/rg4/providers/Microsoft.KeyVault/vaults/v4/secrets/db")}
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000} {
		policy, r := crowd(b, n)
		if !policy.Decide(r, rbac.Facts{}).Allowed {
			b.Fatal("not allowed")
		}
		groups := []id.Object{object("g1"), object("g2"), object("g3"), object("1")}
		b.Run(fmt.Sprintf("allowed/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				policy.Decide(r, rbac.Facts{})
			}
		})
		refused := r
		refused.Action = "Microsoft.KeyVault/vaults/secrets/setSecret/action"
		b.Run(fmt.Sprintf("refused in groups/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				policy.Decide(refused, rbac.Facts{Groups: groups})
			}
		})
	}
}

// TestDecideAllocatesNothing keeps the decision off the garbage collector.
func TestDecideAllocatesNothing(t *testing.T) {
	policy, r := crowd(t, 1000)
	groups := []id.Object{object("1"), object("2")}
	if n := testing.AllocsPerRun(100, func() { policy.Decide(r, rbac.Facts{Groups: groups}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestTheReportedAssignmentIsTheNearest: longest scope first, then the lowest name. // CP §5.6
func TestTheReportedAssignmentIsTheNearest(t *testing.T) {
	group := resource.GroupID("0f8fad5b-d9cb-469f-a165-70867728950e", "rg")
	vm := group.Child("Microsoft.Compute/virtualMachines", "vm")
	const reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	policy := rbac.Compile(builtIns(t), []*rbac.Assignment{
		{Name: "00000000-0000-0000-0000-000000000001", Scope: resource.Root(), Role: reader, Principal: object("p")},
		{Name: "00000000-0000-0000-0000-000000000003", Scope: group, Role: reader, Principal: object("g")},
		{Name: "00000000-0000-0000-0000-000000000002", Scope: group, Role: reader, Principal: object("p")},
	}, nil)
	d := policy.Decide(rbac.Request{Principal: object("p"), Action: "a/b/read", Scope: vm}, rbac.Facts{Groups: []id.Object{object("g")}})
	if !d.Allowed || d.Assignment().Name != "00000000-0000-0000-0000-000000000002" {
		t.Errorf("got %+v", d)
	}
}
