//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// parallel is how many requests race, over connections of their own.
const parallel = 100

// race sends them all at once and returns the answers.
func race(v *victim, do func(i int) reply) []reply {
	v.client.Transport.(*http.Transport).MaxIdleConnsPerHost = parallel
	out := make([]reply, parallel)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range parallel {
		wg.Go(func() {
			<-start
			out[i] = do(i)
		})
	}
	close(start)
	wg.Wait()
	return out
}

// tally counts statuses, in the order asked for; any other status fails the test.
func tally(t *testing.T, what string, all []reply, statuses ...int) []int {
	t.Helper()
	n := make([]int, len(statuses))
	for _, a := range all {
		known := false
		for i, s := range statuses {
			if a.status == s {
				n[i]++
				known = true
			}
		}
		if !known {
			t.Errorf("%s: status %d %s", what, a.status, tail(a.body, 300))
		}
	}
	return n
}

// what a hundred parallel writers were promised is what is stored, no more and no
// less, on both engines: new objects, one object made by all, unique combinations, versions,
// and conditional writes of which exactly one may win.
func TestRacesLoseNoUpdate(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			v := newVictim(t, buildWithFailpoints(t), engine)
			v.up("")
			m := newModel(v)
			m.prepare()
			raceCreations(t, m)
			raceAssignments(t, m)
			raceOnOneHost(t, m)
			raceSecrets(t, m)
			m.invariants("after the races")
			m.chain()
		})
	}
}

// raceCreations makes many identities, and one by many.
func raceCreations(t *testing.T, m *model) {
	t.Helper()
	before := len(m.all(m.v.group()+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities", "2023-01-31"))
	n := tally(t, "an identity each", race(m.v, func(i int) reply { return m.identity(fmt.Sprintf("race-%d", i)) }), 201, 503)
	if now := len(m.all(m.v.group()+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities", "2023-01-31")); now-before != n[0] {
		t.Errorf("an identity each: %d accepted, %d stored", n[0], now-before)
	}
	all := race(m.v, func(int) reply { return m.identity("race-same") })
	n = tally(t, "one identity by all", all, 201, 200)
	principals := map[string]bool{}
	for _, a := range all {
		principals[principalOf(a)] = true
	}
	if n[0] != 1 || len(principals) != 1 {
		t.Errorf("one identity by all: made %d times, %d principals", n[0], len(principals))
	}
}

// raceAssignments makes one combination of scope, principal and role under many names, and
// many combinations.
func raceAssignments(t *testing.T, m *model) {
	t.Helper()
	v := m.v
	principal := m.known["fixed/"+fixedName(0, 0)].principal
	put := func(scope, name string) reply {
		return v.arm("PUT", scope+"/providers/Microsoft.Authorization/roleAssignments/"+name, "2022-04-01", "", `{"properties":{"roleDefinitionId":"/subscriptions/`+
			v.SubscriptionID+`/providers/Microsoft.Authorization/roleDefinitions/`+roles[0]+`","principalId":"`+principal+`","principalType":"ServicePrincipal"}}`)
	}
	name := func(kind, i int) string { return fmt.Sprintf("c7a5ace0-0000-4000-8%03d-%012d", kind, i) }
	n := tally(t, "one combination", race(v, func(i int) reply { return put(v.group(), name(1, i)) }), 201, 409)
	if stored := countAssignments(m, name(1, 0)[:23]); n[0] != 1 || stored != 1 {
		t.Errorf("one combination: %d accepted, %d stored, want one", n[0], stored)
	}
	n = tally(t, "a combination each", race(v, func(i int) reply { return put(m.identityPath(fmt.Sprintf("race-%d", i)), name(2, i)) }), 201, 503)
	if stored := countAssignments(m, name(2, 0)[:23]); stored != n[0] {
		t.Errorf("a combination each: %d accepted, %d stored", n[0], stored)
	}
}

// countAssignments counts those whose name begins so.
func countAssignments(m *model, prefix string) (n int) {
	for _, r := range m.all("/subscriptions/"+m.v.SubscriptionID+"/providers/Microsoft.Authorization/roleAssignments", "2022-04-01") {
		if strings.HasPrefix(r.Name, prefix) {
			n++
		}
	}
	return n
}

// raceOnOneHost: a system identity enabled by all is one; of writers that name the entity
// tag they read exactly one wins, and the next reader's tag works again.
func raceOnOneHost(t *testing.T, m *model) {
	t.Helper()
	path := m.machinePath("race")
	all := race(m.v, func(i int) reply {
		return m.v.arm("PUT", path, "2024-07-01", "", `{"location":"local","tags":{"n":"`+fmt.Sprint(i)+`"},"identity":{"type":"SystemAssigned"},"properties":{}}`)
	})
	n := tally(t, "one host by all", all, 201, 200)
	principals := map[string]bool{}
	for _, a := range all {
		principals[principalOf(a)] = true
	}
	if n[0] != 1 || len(principals) != 1 {
		t.Errorf("one host by all: made %d times, %d principals", n[0], len(principals))
	}
	for round := range 3 {
		read := m.v.arm("GET", path, "2024-07-01", "", "")
		m.expect(read)
		tag := read.header.Get("ETag")
		if tag == "" {
			t.Fatal("the host has no entity tag")
		}
		all := race(m.v, func(i int) reply {
			return m.v.arm("PATCH", path, "2024-07-01", "", fmt.Sprintf(`{"tags":{"n":"%d-%d"}}`, round, i), "If-Match", tag)
		})
		if n := tally(t, "conditional writes", all, 200, 412); n[0] != 1 {
			t.Errorf("%d writers with one tag won, want 1", n[0])
		}
		for i, a := range all {
			if a.status != 200 {
				continue
			}
			if now := m.v.arm("GET", path, "2024-07-01", "", ""); !strings.Contains(now.body, fmt.Sprintf(`"%d-%d"`, round, i)) {
				t.Errorf("writer %d won and its update is lost: %s", i, tail(now.body, 300))
			}
		}
	}
}

// raceSecrets: every accepted value of one secret is a version.
func raceSecrets(t *testing.T, m *model) {
	t.Helper()
	all := race(m.v, func(i int) reply {
		return m.v.vaultCall("PUT", crashVault, "/secrets/race", "", fmt.Sprintf(`{"value":"%d"}`, i))
	})
	tally(t, "versions of one secret", all, 200, 503)
	for i, a := range all {
		if a.status != 200 {
			continue
		}
		got := m.v.vaultCall("GET", crashVault, "/secrets/race/"+versionOf(a.body), "", "")
		if got.status != 200 || !strings.Contains(got.body, fmt.Sprintf(`"value":"%d"`, i)) {
			t.Errorf("version %s was accepted and is lost: %d %s", versionOf(a.body), got.status, tail(got.body, 200))
		}
	}
}
