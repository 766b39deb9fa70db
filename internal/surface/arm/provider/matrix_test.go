package provider_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// callers are the columns of the matrix.
var callers = []string{"", "stranger", "nobody", "reader", "owner"}

// The names in patterns, and what the matrix puts there.
var samples = strings.NewReplacer(
	"{subscription}", "11111111-1111-1111-1111-111111111111", "{group}", "rg", "{scope}", armtest.Group, "{virtualMachines}", "vm1",
	"{sites}", "app1", "{slots}", "stage", "{serverfarms}", "plan1", "{identity}", "id1", "{credential}", "fic1", "{managementGroup}", "mg1", "{deployment}", "dep1", "{vault}", "vault1", "{location}", "local",
	"{operation}", "add", "{instance}", "0", "{namespace}", "Microsoft.Compute")

// matrixNames are the names in patterns whose value depends on the route.
var matrixNames = map[string]string{
	"roleAssignments/{name}":       "roleAssignments/22222222-2222-2222-2222-222222222222",
	"roleDefinitions/{name}":       "roleDefinitions/33333333-3333-3333-3333-333333333333",
	"denyAssignments/{name}":       "denyAssignments/44444444-4444-4444-4444-444444444444",
	"locks/{name}":                 "locks/lock1",
	"config/{config}/list":         "config/appsettings/list",
	"eventtypes/management/values": "eventtypes/management/values?$filter=eventTimestamp%20ge%20'" + time.Now().UTC().Format(time.DateOnly) + "'",
	"config/{config}":              "config/web",
}

// anyName is a name in a pattern that any name will do for.
var anyName = regexp.MustCompile(`\{[A-Za-z]+\}`)

// absent are paths of what no resource has: whoever may ask learns that there is none.
var absent = regexp.MustCompile(`/(operation(Statuses|Results)/add|rollingUpgrades/latest|maintenanceConfigurations/thing1|serviceRegistries/thing1|buildServices/thing1|deployments/dep1/(operations|operationStatuses)/thing1)$`)

// special are the namespaces whose things need bodies of their own.
var special = regexp.MustCompile(`/Microsoft\.(Authorization|KeyVault|ManagedIdentity|Management|Resources/deployments)/`)

// hostPaths are the paths of what any body brings into being.
func hostPaths(f *armtest.Fixture) (puts []string) {
	for _, p := range f.Routes {
		for _, route := range p.Routes {
			at := anyName.ReplaceAllString(samples.Replace(route.Pattern()), "thing1")
			if route.Method() == "PUT" && strings.Contains(at, "/thing1") && !special.MatchString(at) {
				puts = append(puts, at)
			}
		}
	}
	return puts
}

// ensure brings the hosts that a path names into being, and reports whether it knew them
// all from the table of routes. made are those that are there.
func ensure(f *armtest.Fixture, puts []string, made map[string]bool, path string) bool {
	f.T.Helper()
	if !strings.Contains(path, "/thing1") {
		return false
	}
	var above []string
	for _, at := range puts {
		if strings.HasPrefix(path+"/", at+"/") {
			above = append(above, at)
		}
	}
	slices.Sort(above)
	for _, at := range above {
		if !made[at] && f.Do("owner", "GET", at, "").Status == 404 {
			f.OK("owner", "PUT", at, `{"location":"local","sku":{"name":"Standard_B1s","capacity":2}}`)
		}
		made[at] = true
	}
	return len(above) > 0
}

// prepare brings everything that the matrix asks for into being.
func prepare(f *armtest.Fixture) {
	f.T.Helper()
	f.OK("owner", "PUT", armtest.Group, `{"location":"local"}`)
	for _, path := range []string{vm, app, slot, armtest.Group + "/providers/Microsoft.Web/serverfarms/plan1", uai} {
		body := `{"location":"local","identity":{"type":"SystemAssigned"}}`
		if path == uai {
			body = `{"location":"local"}`
		}
		f.OK("owner", "PUT", path, body)
	}
	f.OK("owner", "PUT", uai+"/federatedIdentityCredentials/fic1", credentialBody)
	f.OK("owner", "PUT", armtest.Group+"/providers/Microsoft.Resources/deployments/dep1", deploymentBody)
	for who, role := range map[string]string{"owner": armtest.Owner, "reader": armtest.Reader} {
		f.GrantOnce(who, role, "/providers/Microsoft.Management/managementGroups/"+string(f.Tenant))
	}
	f.OK("owner", "PUT", "/providers/Microsoft.Management/managementGroups/mg1", `{}`)
	f.OK("owner", "PUT", "/providers/Microsoft.Management/managementGroups/mg1/subscriptions/11111111-1111-1111-1111-111111111111", "")
	f.OK("owner", "PUT", armtest.Group+"/providers/Microsoft.Authorization/denyAssignments/44444444-4444-4444-4444-444444444444", denyBody(f))
	vaults := armtest.Group + "/providers/Microsoft.KeyVault/vaults/"
	f.Do("owner", "PUT", vaults+"vault1", `{"location":"local","properties":{"createMode":"recover"}}`)
	f.OK("owner", "PUT", vaults+"vault1", `{"location":"local"}`)
	f.OK("owner", "PUT", armtest.Group+"/providers/Microsoft.Authorization/roleDefinitions/33333333-3333-3333-3333-333333333333", definitionBody)
	f.OK("owner", "PUT", armtest.Group+"/providers/Microsoft.Authorization/roleAssignments/22222222-2222-2222-2222-222222222222", assignmentBody(f))
}

// credentialBody is a federated credential that nobody uses.
const credentialBody = `{"properties":{"issuer":"https://issuer.example","subject":"s","audiences":["api://AzureADTokenExchange"]}}`

// lockBody is a lock.
const lockBody = `{"properties":{"level":"CanNotDelete"}}`

// denyBody forbids something to somebody who takes no part.
func denyBody(f *armtest.Fixture) string {
	assignmentBody(f)
	return `{"properties":{"denyAssignmentName":"D","permissions":[{"actions":["*"]}],"principals":[{"id":"` + string(f.People["bystander"].Object) + `"}]}}`
}

// definitionBody is a custom role that nobody has.
const definitionBody = `{"properties":{"roleName":"Mine","type":"CustomRole","permissions":[{"actions":["Microsoft.Compute/*/read"]}],"assignableScopes":["` + armtest.Group + `"]}}`

// assignmentBody assigns a role to somebody who takes no part.
func assignmentBody(f *armtest.Fixture) string {
	if _, ok := f.People["bystander"]; !ok {
		f.Person("bystander", "", "")
	}
	return `{"properties":{"roleDefinitionId":"` + armtest.Sub + `/providers/Microsoft.Authorization/roleDefinitions/` + armtest.SecretsUser + `","principalId":"` + string(f.People["bystander"].Object) + `"}}`
}

// deploymentBody deploys nothing.
const deploymentBody = `{"properties":{"template":{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","contentVersion":"1.0.0.0","resources":[]}}}`

// bodyFor is a body that the route takes.
func bodyFor(f *armtest.Fixture, route arm.Route) string {
	switch p := route.Pattern(); {
	case route.Method() == "GET" || route.Method() == "HEAD" || route.Method() == "DELETE":
		return ""
	case strings.Contains(p, "/deployments/{deployment}"):
		return deploymentBody
	case strings.Contains(p, "roleAssignments"):
		return assignmentBody(f)
	case strings.Contains(p, "roleDefinitions"):
		return definitionBody
	case strings.Contains(p, "denyAssignments"):
		return denyBody(f)
	case strings.Contains(p, "/locks/"):
		return lockBody
	case strings.HasSuffix(p, "/checkAccess"):
		assignmentBody(f)
		return `{"Subject":{"Attributes":{"ObjectId":"` + string(f.People["bystander"].Object) + `"}},"Actions":[{"Id":"a/b/read"}]}`
	case strings.Contains(p, "managementGroups") || strings.HasSuffix(p, "/elevateAccess"):
		return `{}`
	case strings.Contains(p, "federatedIdentityCredentials"):
		return credentialBody
	case strings.Contains(p, "accessPolicies"):
		return `{"properties":{"accessPolicies":[{"tenantId":"` + string(f.Tenant) + `","objectId":"` + string(f.People["reader"].Object) + `","permissions":{"secrets":["get"]}}]}}`
	case strings.Contains(strings.ToLower(p), "checkname"):
		return `{"name":"another1"}`
	case strings.HasSuffix(p, "/why"):
		return `{"principalId":"` + string(f.People["reader"].Object) + `","action":"Microsoft.Compute/virtualMachines/read"}`
	case strings.HasSuffix(p, "/tags/default"):
		return `{"operation":"Merge","properties":{"tags":{"a":"b"}}}`
	case strings.HasSuffix(p, "/exportTemplate"):
		return `{"resources":["*"]}`
	case strings.HasSuffix(p, "oveResources"):
		f.OK("owner", "PUT", armtest.Sub+"/resourceGroups/rg2", `{"location":"local"}`)
		return `{"resources":["` + armtest.Group + `/providers/Microsoft.Web/serverfarms/plan1"],"targetResourceGroup":"` + armtest.Sub + `/resourceGroups/rg2"}`
	case strings.HasSuffix(p, "/regenerateKey"):
		return `{"keyName":"key1"}`
	case strings.HasSuffix(p, "{slots}/slotsswap"):
		return `{"targetSlot":"production"}`
	case strings.HasSuffix(p, "/slotsswap"):
		return `{"targetSlot":"stage"}`
	case strings.Contains(p, "/config/"):
		return `{"properties":{"a":"b"}}`
	}
	return `{"location":"local"}`
}

// expected is the status class that the route owes a caller: 401, 403, 404, or 2 for success.
func expected(route arm.Route, who string) int {
	reads := strings.HasSuffix(route.Action(), "/read")
	subscriptionItself := route.Action() == "Microsoft.Resources/subscriptions/read" // lists nothing: it is one thing
	switch {
	case route.Access() == arm.Public:
		return 2
	case who == "":
		return 401
	case who == "stranger" && strings.HasPrefix(route.Pattern(), arm.InSubscription), who == "stranger" && strings.Contains(route.Pattern(), arm.AnyScope):
		return 404 // as of a subscription that does not exist
	case route.Access() == arm.Anyone, who == "owner", who == "reader" && reads:
		return 2
	case route.Access() == arm.Filtered && !subscriptionItself && !strings.HasSuffix(route.Action(), "/action"): // who asks about others needs it
		return 2
	}
	return 403
}

// TestEveryRouteForEveryKindOfCaller walks the whole table of routes: there is no route
// that the walk leaves out, and none without an expectation (S-43, S-46, S-50, S-54).
func TestEveryRouteForEveryKindOfCaller(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	prepare(f)
	f.Person("bystander2", "", "")
	var table strings.Builder
	puts, made := hostPaths(f), map[string]bool{}
	for _, p := range f.Routes {
		for _, route := range p.Routes {
			path := route.Pattern()
			for from, to := range matrixNames {
				path = strings.Replace(path, from, to, 1)
			}
			path = anyName.ReplaceAllString(samples.Replace(path), "thing1")
			ensured := ensure(f, puts, made, path)
			if strings.Contains(path, "identities/default") {
				path = vm + "/providers/Microsoft.ManagedIdentity/identities/default"
			}
			if strings.Contains(path, "/deletedVaults/") {
				f.OK("owner", "DELETE", armtest.Group+"/providers/Microsoft.KeyVault/vaults/vault1", "")
			}
			locked := strings.Contains(path, "/locks/")
			if locked {
				f.OK("owner", "PUT", path, lockBody)
			}
			if route.Method() == "DELETE" && strings.HasSuffix(path, "/managementGroups/mg1") { // it must be empty
				f.OK("owner", "DELETE", path+"/subscriptions/11111111-1111-1111-1111-111111111111", "")
			}
			cells := []string{}
			for _, who := range callers {
				a := f.Do(who, route.Method(), path, bodyFor(f, route))
				want := expected(route, who)
				got := a.Status
				ended := got == 409 && strings.HasSuffix(path, "deployments/dep1/cancel") // there is nothing left to cancel
				if got/100 == 2 || ended || got == 404 && want == 2 && strings.HasSuffix(a.At("error", "code"), "NotFound") && absent.MatchString(path) {
					got = 2
				}
				if got != want {
					t.Errorf("%s %s as %q: %d, want %d\n%s", route.Method(), path, who, a.Status, want, a.Text)
				}
				if a.Status == 403 && route.Method() != "HEAD" && a.At("error", "code") != "AuthorizationFailed" {
					t.Errorf("%s %s as %q: %s", route.Method(), path, who, a.Text)
				}
				if route.Access() == arm.Filtered && who == "nobody" && a.Status == 200 && a.Count() != 0 {
					t.Errorf("%s shows things to nobody: %s", path, a.Text)
				}
				cells = append(cells, map[bool]string{true: "yes", false: a.Header.Get("X-Ms-Error-Code")}[got == 2])
			}
			table.WriteString(route.Method() + " " + route.Pattern() + " " + route.Access().String() + " " + strings.Join(cells, " ") + "\n")
			if locked {
				f.OK("owner", "DELETE", path, "")
			}
			if route.Method() == "DELETE" {
				maps.DeleteFunc(made, func(at string, _ bool) bool { return strings.HasPrefix(at+"/", path+"/") })
			}
			if route.Method() == "DELETE" || strings.Contains(path, "deletedVaults") || route.Method() == "PUT" {
				if !ensured {
					prepare(f)
				}
			}
		}
	}
	compareMatrix(t, table.String())
}

// compareMatrix compares with the checked-in table, so that a change of who may do what
// shows in a review. UPDATE=1 writes it anew.
func compareMatrix(t *testing.T, got string) {
	t.Helper()
	const file = "testdata/matrix.txt"
	if os.Getenv("UPDATE") == "1" {
		armtest.Check(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want := armtest.Must[[]byte](t)(os.ReadFile(file))
	if string(want) != got {
		t.Errorf("who may do what differs from %s; see the difference, and write it anew with UPDATE=1", file)
	}
}

func TestEveryProviderIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, p := range armtest.Open(t, storetest.SQLite(t)).Routes {
		listed["microsoft_"+strings.ToLower(strings.TrimPrefix(p.Namespace, "Microsoft."))+".go"] = true
	}
	files := armtest.Must[[]string](t)(filepath.Glob("*/microsoft_*.go"))
	for _, file := range files {
		if !listed[filepath.Base(file)] {
			t.Errorf("%s declares a provider that providers.go does not list", file)
		}
	}
}
