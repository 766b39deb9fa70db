//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// graphClient is our program on the Microsoft Graph SDK for Python.
var graphClient = []string{filepath.Join(clients, "graph/.venv/bin/python"), filepath.Join(clients, "graph/client.py")}

// permit gives a principal an application permission of Graph, as scripts do: by the public
// ids (DT-7.8). It returns the assignment's path.
func (p *platform) permit(object, role string) string {
	p.t.Helper()
	var page struct{ Value []struct{ ID string } }
	p.rest(&page, "GET", p.Graph+"/v1.0/servicePrincipals?$filter=appId%20eq%20'00000003-0000-0000-c000-000000000000'")
	var made struct{ ID string }
	at := p.Graph + "/v1.0/servicePrincipals/" + object + "/appRoleAssignments"
	p.rest(&made, "POST", at, `{"principalId":"`+object+`","resourceId":"`+page.Value[0].ID+`","appRoleId":"`+role+`"}`)
	return at + "/" + made.ID
}

// wantGraphLife is what the SDK must see.
const wantGraphLife = `{
 "application":{"name":"orders","uris":true,"notes":"by the SDK","secret":true,"shown":[false],"roles":["Orders.Read"]},
 "service_principal":{"name":"orders","type":"Application","names":2},
 "twice":{"status":409,"code":"Request_MultipleObjectsWithSameKeyValue"},
 "enabled_role":{"status":400,"code":"CannotDeleteOrUpdateEnabledEntitlement"},
 "identities":{"count":true,"names":["inventory","listed"],"explicit":true},
 "assigned":{"to":[true],"type":"ServicePrincipal"},
 "assigned_twice":{"status":400,"code":"Request_BadRequest"},
 "identity_changed":{"status":403,"code":"Authorization_RequestDenied"},
 "groups":{"listed":["group 0","group 1","group 2","group 3","group 4"],"ordered":["group 4","group 3","group 2","group 1","group 0"]},
 "member_twice":{"status":400,"code":"Request_BadRequest"},
 "members_left":0,
 "group_missing":{"status":404,"code":"Request_ResourceNotFound"},
 "sign_ins":{"some":true,"resource":"Microsoft Graph","error":0},
 "interactive":0,
 "audits":{"service":"Core Directory","result":"success","by":true},
 "deleted":{"status":404,"code":"Request_ResourceNotFound"},
 "deleted_items":["orders"],
 "restored":true
}`

// M-10, M-12, M-14, DT-93, DT-99, DT-102: a managed identity calls Graph with Microsoft's own
// SDK, by the public names, with a permission, without it, and without it again.
func TestGraphSDK(t *testing.T) {
	if _, err := os.Stat(graphClient[0]); err != nil {
		missing(t, "the Graph SDK is not installed: run e2e/clients/install.sh graph")
	}
	p := start(t)
	p.identity("listed")
	_, object := p.site("inventory", true)
	flags := []string{"--app", "inventory", "--azure-names"}

	if a := p.client(flags, graphClient, "users"); a.OK || a.Status != 403 || a.Code != "Authorization_RequestDenied" {
		t.Errorf("without a permission: %+v", a)
	}
	assignment := p.permit(object, "df021288-bdef-4463-88db-98f22de89214") // User.Read.All
	if a := p.client(flags, graphClient, "users"); !a.OK {
		t.Errorf("with User.Read.All: %+v", a)
	}
	p.rest(nil, "DELETE", assignment)
	if a := p.client(flags, graphClient, "users"); a.OK || a.Status != 403 {
		t.Errorf("without it again: %+v", a)
	}

	for _, role := range []string{
		"1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9", "62a82d76-70ea-41e2-9197-370581804d09", // Application.ReadWrite.All, Group.ReadWrite.All
		"06b708a9-e830-4db3-a914-8e69da51d44f", "b0afded3-3588-46d8-8b3d-9842eff778da", // AppRoleAssignment.ReadWrite.All, AuditLog.Read.All
	} {
		p.permit(object, role)
	}
	got := p.client(flags, graphClient, "life")
	var want map[string]any
	if err := json.Unmarshal([]byte(wantGraphLife), &want); err != nil {
		t.Fatal(err)
	}
	if !got.OK {
		t.Fatalf("%+v", got)
	}
	for step, value := range want {
		if !reflect.DeepEqual(got.Steps[step], value) {
			t.Errorf("%s: got %v, want %v", step, got.Steps[step], value)
		}
	}
	if members, _ := got.Steps["members"].([]any); len(members) != 1 {
		t.Errorf("members: %v", got.Steps["members"])
	}
	if byIDs, _ := got.Steps["by_ids"].([]any); len(byIDs) != 2 {
		t.Errorf("by ids: %v", got.Steps["by_ids"])
	}
}
