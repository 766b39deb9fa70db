//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// resourcesThroughTheirLives is what every SDK's clients for Resource Manager report of the
// same calls.
const resourcesThroughTheirLives = `{
"group":              {"location":"local","state":"Succeeded","by":"sdk","exists":true,"other":false},
"identity":           {"name":"one","location":"local","ids":true},
"identity_updated":   {"same":true,"b":"2"},
"identity_missing":   {"status":404,"code":"ResourceNotFound"},
"identities":         ["four","one","three","two"],
"pages":              {"several":true,"names":4},
"role":               ["Reader"],
"assignment":         {"type":"ServicePrincipal","here":true},
"assignment_again":   {"status":409,"code":"RoleAssignmentExists"},
"assignments":        1,
"assignment_deleted": true,
"machine":            {"state":"Succeeded","identity":"SystemAssigned, UserAssigned","system":true,"users":1,"known":true},
"machine_updated":    {"identity":"SystemAssigned","users":0,"same":true},
"machine_deleted":    {"status":404,"code":"ResourceNotFound"},
"site":               {"kind":"app,linux","identity":"SystemAssigned","system":true},
"site_deleted":       {"status":404,"code":"ResourceNotFound"},
"vault":              {"rbac":true,"address":true,"count":1},
"activity":           {"others":0,"identity":true,"assignment":true,"machine":true},
"identity_deleted":   {"status":404,"code":"ResourceNotFound"},
"group_deleted":      false
}`

// M-10, M-13, CP-9, CP-20, CP-24, CP-27, CP-29, CP-32, CP-66, CP-92, CP-123: the current
// clients for Resource Manager, signed in by managed identity, take resources of every kind
// through their lives with their own pollers and pagers, and all report the same.
func TestResourceManagerSDKs(t *testing.T) {
	p := start(t)
	_, object := p.site("manager", true)
	p.grant(object, "Owner", "/subscriptions/"+p.SubscriptionID)
	for i, sdk := range available(t) {
		t.Run(sdk.language, func(t *testing.T) {
			t.Parallel()
			same(t, p.in(t).steps("manager", sdk.command, "armlife", p.ResourceManager, p.SubscriptionID, p.TenantID, fmt.Sprint(10+i)), resourcesThroughTheirLives)
		})
	}
}

// CP-31: 2,500 identities are listed without a gap or a repetition, by the Go client's pager
// and by az.
func TestLongLists(t *testing.T) {
	t.Parallel()
	if !alone(t, 5*time.Minute) {
		return
	}
	p := start(t)
	_, object := p.site("manager", true)
	p.grant(object, "Contributor", "/subscriptions/"+p.SubscriptionID)
	same(t, p.steps("manager", sdks[0].command, "armpages", p.ResourceManager, p.SubscriptionID, "many", "2500"), `{"listed":2500,"different":2500,"several_pages":true}`)
	a := p.azure(t, "--app", "ops")
	a.register()
	a.signIn()
	names := map[string]bool{}
	for _, name := range strings.Fields(a.ok("identity list -g many --query '[].name' -o tsv")) {
		names[name] = true
	}
	if len(names) != 2500 {
		t.Errorf("az lists %d identities", len(names))
	}
}
