package rbac_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
)

// crowd compiles a policy of n assignments over n/3 principals (at least one), the usual
// way round: data roles on vaults, readers on groups, each at a scope of its own. The last
// principal holds another tenth of them, up to 10,000. ask makes a question that the i-th
// principal's grants allow.
func crowd(t testing.TB, n int) (policy *rbac.Policy, ask func(i int) rbac.Request, many id.Object) {
	roles := []rbac.RoleID{"acdd72a7-3385-48ef-bd42-f606fba81ae7", "4633458b-17de-408a-b874-0445c86b69e6", "b24988ac-6180-42a0-ab88-20f7382dd24c"}
	principal := func(i int) id.Object { return id.Object(guid(1, i)) }
	many = principal(n)
	scope := func(i int) string {
		s := fmt.Sprintf("/subscriptions/%s/resourceGroups/group%d", guid(2, i%100), i/3)
		if i%3 == 1 {
			s += fmt.Sprintf("/providers/Microsoft.KeyVault/vaults/vault%d", i)
		}
		return s
	}
	each := func(yield func(*rbac.Assignment)) {
		for i := range n {
			yield(&rbac.Assignment{Name: rbac.AssignmentID(guid(3, i)), Scope: scopeID(t, scope(i)), Role: roles[i%3],
				Principal: principal(i / 3), PrincipalType: rbac.ServicePrincipal})
		}
		for i := range min(n/10, 10_000) {
			yield(&rbac.Assignment{Name: rbac.AssignmentID(guid(4, i)), Scope: scopeID(t, scope(3*i+1)), Role: roles[1],
				Principal: many, PrincipalType: rbac.ServicePrincipal})
		}
	}
	ask = func(i int) rbac.Request {
		i %= n / 3
		return rbac.Request{Principal: principal(i), Data: true, Action: getSecret, Scope: scopeID(t, scope(3*i+1)+"/secrets/db")}
	}
	return rbac.Stream(builtIns(t), each), ask, many
}

// guid numbers GUIDs of a kind, spread over all values.
func guid(kind, n int) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%d %d", kind, n))
	return uuid.UUID(h[:16]).String()
}

// TestAGrantTakesLittleMemory: as the heap grows, and what it keeps (CP §5.6, the decision
// row of docs/performance.md).
func TestAGrantTakesLittleMemory(t *testing.T) {
	const n = 60_000 // the built-in roles take as much as 20,000 assignments
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	policy, _, _ := crowd(t, n)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := float64(after.HeapAlloc-before.HeapAlloc) / float64(policy.Len()); each > 150 {
		t.Errorf("%.0f bytes for each of %d assignments", each, policy.Len())
	}
	runtime.KeepAlive(policy)
}

// BenchmarkDecide answers with the median, since a decision is shorter than the noise of
// the machine: for any principal of all, for one asked about again and again, for one that
// holds 10,000 assignments, and for a refusal in groups. SEALRING_BENCH_ASSIGNMENTS sets
// the size of the largest policy; 3000000 is what docs/performance.md shows.
func BenchmarkDecide(b *testing.B) {
	sizes := []int{300, 100_000}
	if n, err := strconv.Atoi(os.Getenv("SEALRING_BENCH_ASSIGNMENTS")); err == nil {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		policy, ask, many := crowd(b, n)
		took := time.Since(start)
		runtime.GC()
		runtime.ReadMemStats(&after)
		any := make([]rbac.Request, min(n/3, 200_000))
		for i := range any {
			any[i] = ask(i * 7919)
		}
		rich := make([]rbac.Request, min(n/30, 3000))
		for i := range rich {
			rich[i] = ask(i)
			rich[i].Principal = many
		}
		groups := rbac.Facts{Groups: []id.Object{object("g1"), object("g2"), any[1].Principal, any[2].Principal}}
		refused := any[0]
		refused.Action = "Microsoft.KeyVault/vaults/secrets/setSecret/action"
		for _, c := range []struct {
			name    string
			asked   []rbac.Request
			facts   rbac.Facts
			allowed bool
		}{
			{"any", any, rbac.Facts{}, true}, {"hot", any[:1], rbac.Facts{}, true},
			{"holder of many", rich, rbac.Facts{}, true}, {"refused in groups", []rbac.Request{refused}, groups, false},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				for _, r := range c.asked {
					if policy.Decide(r, c.facts).Allowed != c.allowed {
						b.Fatalf("%+v: allowed %t", r, !c.allowed)
					}
				}
				b.ReportAllocs()
				const batch = 16 // a clock reading for each would be most of the figure
				var took []time.Duration
				i, warm := 0, 0
				for b.Loop() {
					for k := range batch { // a question has just been read from the wire: the policy is cold, it is not
						r := &c.asked[(i+k)%len(c.asked)]
						for at := 0; at < len(r.Scope.Key()); at += 64 {
							warm += int(r.Scope.Key()[at])
						}
						warm += int(r.Principal[0])
					}
					from := time.Now()
					for range batch {
						policy.Decide(c.asked[i], c.facts)
						if i++; i == len(c.asked) {
							i = 0
						}
					}
					if len(took) < 1<<20 {
						took = append(took, time.Since(from))
					}
				}
				runtime.KeepAlive(warm)
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/batch, "median-ns/decision")
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(policy.Len()), "bytes/assignment")
				b.ReportMetric(percentile99(took)/batch, "p99-ns/decision")
			})
		}
		b.Logf("%d assignments compiled in %s", policy.Len(), took)
	}
}

// percentile99 is the 99th percentile in nanoseconds of sorted durations.
func percentile99(sorted []time.Duration) float64 {
	return float64(sorted[len(sorted)*99/100].Nanoseconds())
}

// TestDecideAllocatesNothing keeps the decision off the garbage collector.
func TestDecideAllocatesNothing(t *testing.T) {
	policy, ask, _ := crowd(t, 3000)
	r := ask(5)
	groups := []id.Object{ask(1).Principal, ask(2).Principal}
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
