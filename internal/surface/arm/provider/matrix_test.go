package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm"
)

// callers are the columns of the matrix.
var callers = []string{"", "stranger", "nobody", "reader", "owner"}

// The names in patterns, and what the matrix puts there.
var samples = strings.NewReplacer(
	"{subscription}", "11111111-1111-1111-1111-111111111111", "{group}", "rg", "{scope}", rg, "{virtualMachines}", "vm1",
	"{sites}", "app1", "{slots}", "stage", "{serverfarms}", "plan1", "{identity}", "id1", "{vault}", "vault1", "{location}", "local",
	"{operation}", "add", "{namespace}", "Microsoft.Compute")

// matrixNames are the names in patterns whose value depends on the route.
var matrixNames = map[string]string{
	"roleAssignments/{name}": "roleAssignments/22222222-2222-2222-2222-222222222222",
	"roleDefinitions/{name}": "roleDefinitions/33333333-3333-3333-3333-333333333333",
	"config/{config}/list":   "config/appsettings/list",
	"config/{config}":        "config/web",
}

// prepare brings everything that the matrix asks for into being.
func prepare(f *fixture) {
	f.t.Helper()
	f.ok("owner", "PUT", rg, `{"location":"local"}`)
	for _, path := range []string{vm, app, slot, rg + "/providers/Microsoft.Web/serverfarms/plan1", uai} {
		body := `{"location":"local","identity":{"type":"SystemAssigned"}}`
		if path == uai {
			body = `{"location":"local"}`
		}
		f.ok("owner", "PUT", path, body)
	}
	vaults := rg + "/providers/Microsoft.KeyVault/vaults/"
	f.do("owner", "PUT", vaults+"vault1", `{"location":"local","properties":{"createMode":"recover"}}`)
	f.ok("owner", "PUT", vaults+"vault1", `{"location":"local"}`)
	f.ok("owner", "PUT", rg+"/providers/Microsoft.Authorization/roleDefinitions/33333333-3333-3333-3333-333333333333", definitionBody)
	f.ok("owner", "PUT", rg+"/providers/Microsoft.Authorization/roleAssignments/22222222-2222-2222-2222-222222222222", f.assignmentBody())
}

// definitionBody is a custom role that nobody has.
const definitionBody = `{"properties":{"roleName":"Mine","type":"CustomRole","permissions":[{"actions":["Microsoft.Compute/*/read"]}],"assignableScopes":["` + rg + `"]}}`

// assignmentBody assigns a role to somebody who takes no part.
func (f *fixture) assignmentBody() string {
	if _, ok := f.people["bystander"]; !ok {
		f.person("bystander", "", "")
	}
	return `{"properties":{"roleDefinitionId":"` + sub + `/providers/Microsoft.Authorization/roleDefinitions/` + kvUse + `","principalId":"` + string(f.people["bystander"].Object) + `"}}`
}

// bodyFor is a body that the route takes.
func (f *fixture) bodyFor(route arm.Route) string {
	switch p := route.Pattern(); {
	case route.Method() == "GET" || route.Method() == "HEAD" || route.Method() == "DELETE":
		return ""
	case strings.Contains(p, "roleAssignments"):
		return f.assignmentBody()
	case strings.Contains(p, "roleDefinitions"):
		return definitionBody
	case strings.Contains(p, "accessPolicies"):
		return `{"properties":{"accessPolicies":[{"tenantId":"` + string(f.tenant) + `","objectId":"` + string(f.people["reader"].Object) + `","permissions":{"secrets":["get"]}}]}}`
	case strings.Contains(strings.ToLower(p), "checkname"):
		return `{"name":"another1"}`
	case strings.HasSuffix(p, "/why"):
		return `{"principalId":"` + string(f.people["reader"].Object) + `","action":"Microsoft.Compute/virtualMachines/read"}`
	case strings.Contains(p, "/config/"):
		return `{"properties":{"a":"b"}}`
	}
	return `{"location":"local"}`
}

// expected is the status class that the route owes a caller: 401, 403, or 2 for success.
func expected(route arm.Route, who string) int {
	reads := strings.HasSuffix(route.Action(), "/read")
	subscriptionItself := route.Action() == "Microsoft.Resources/subscriptions/read" // lists nothing: it is one thing
	switch {
	case route.Access() == arm.Public:
		return 2
	case who == "" || who == "stranger":
		return 401
	case route.Access() == arm.Anyone, who == "owner", who == "reader" && reads:
		return 2
	case route.Access() == arm.Filtered && !subscriptionItself:
		return 2
	}
	return 403
}

// TestEveryRouteForEveryKindOfCaller walks the whole table of routes: there is no route
// that the walk leaves out, and none without an expectation (S-43, S-46, S-50, S-54).
func TestEveryRouteForEveryKindOfCaller(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	prepare(f)
	f.person("bystander2", "", "")
	var table strings.Builder
	for _, p := range f.routes {
		for _, route := range p.Routes {
			path := route.Pattern()
			for from, to := range matrixNames {
				path = strings.Replace(path, from, to, 1)
			}
			path = samples.Replace(path)
			if strings.Contains(path, "identities/default") {
				path = vm + "/providers/Microsoft.ManagedIdentity/identities/default"
			}
			if strings.Contains(path, "{") {
				t.Fatalf("no sample for %s", path)
			}
			if strings.Contains(path, "/deletedVaults/") {
				f.ok("owner", "DELETE", rg+"/providers/Microsoft.KeyVault/vaults/vault1", "")
			}
			cells := []string{}
			for _, who := range callers {
				a := f.do(who, route.Method(), path, f.bodyFor(route))
				want := expected(route, who)
				got := a.status
				if got/100 == 2 {
					got = 2
				}
				if got != want {
					t.Errorf("%s %s as %q: %d, want %d\n%s", route.Method(), path, who, a.status, want, a.text)
				}
				if a.status == 403 && route.Method() != "HEAD" && a.at("error", "code") != "AuthorizationFailed" {
					t.Errorf("%s %s as %q: %s", route.Method(), path, who, a.text)
				}
				if route.Access() == arm.Filtered && who == "nobody" && a.status == 200 && a.count() != 0 {
					t.Errorf("%s shows things to nobody: %s", path, a.text)
				}
				cells = append(cells, map[bool]string{true: "yes", false: a.header.Get("X-Ms-Error-Code")}[got == 2])
			}
			table.WriteString(route.Method() + " " + route.Pattern() + " " + route.Access().String() + " " + strings.Join(cells, " ") + "\n")
			if route.Method() == "DELETE" || strings.Contains(path, "deletedVaults") || route.Method() == "PUT" {
				prepare(f)
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
		check(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want := must[[]byte](t)(os.ReadFile(file))
	if string(want) != got {
		t.Errorf("who may do what differs from %s; see the difference, and write it anew with UPDATE=1", file)
	}
}

func TestEveryProviderIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, p := range open(t, storetest.SQLite(t)).routes {
		listed["microsoft_"+strings.ToLower(strings.TrimPrefix(p.Namespace, "Microsoft."))+".go"] = true
	}
	for _, pattern := range []string{"microsoft_*.go", "*/microsoft_*.go"} {
		files := must[[]string](t)(filepath.Glob(pattern))
		for _, file := range files {
			if !listed[filepath.Base(file)] {
				t.Errorf("%s declares a provider that providers.go does not list", file)
			}
		}
	}
}
