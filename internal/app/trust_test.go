package app

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/client"
)

// S-71: everything by which an identity is trusted is listed: what it is attached to, roles
// held directly, from above and through a group, outside subjects and which of them nobody
// uses, and when it signed in last; identities that nobody uses show as such.
func TestEverythingAboutAnIdentityIsListed(t *testing.T) {
	t.Parallel()
	a := attack(t)
	group, subscription := a.vars["group"], "/subscriptions/"+a.vars["sub"]
	graph := func(method, path, body string) (id string) {
		t.Helper()
		answer, err := a.client.Do(t.Context(), client.Request{Method: method, URL: a.Endpoints().Local + "/v1.0" + path, Body: []byte(body), Token: a.client.AdminToken, Audience: client.AudienceGraph})
		if err != nil {
			t.Fatal(err)
		}
		var made struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal(answer.Body, &made)
		return made.ID
	}
	shared := group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shared"
	a.put(t, shared+"?api-version=2023-01-31", `{"location":"local"}`)
	a.put(t, shared+"/federatedIdentityCredentials/shop-ci?api-version=2023-01-31", `{"properties":{"issuer":"https://ci.example","subject":"repo:shop","audiences":["api://AzureADTokenExchange"]}}`)
	a.put(t, group+"/providers/Microsoft.Web/sites/app1?api-version=2023-12-01", `{"location":"local","identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"`+shared+`":{}}},"properties":{}}`)
	found, err := a.client.Principal(t.Context(), "shared")
	if err != nil {
		t.Fatal(err)
	}
	team := graph(http.MethodPost, "/groups", `{"displayName":"team","mailEnabled":false,"mailNickname":"team","securityEnabled":true}`)
	graph(http.MethodPost, "/groups/"+team+"/members/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/`+found.ID+`"}`)
	grant := func(name, scope, principal, kind, role string) {
		a.put(t, scope+"/providers/Microsoft.Authorization/roleAssignments/"+name+"-2222-4333-8444-555555555555?api-version=2022-04-01",
			`{"properties":{"principalId":"`+principal+`","principalType":"`+kind+`","roleDefinitionId":"`+subscription+`/providers/Microsoft.Authorization/roleDefinitions/`+role+`"}}`)
	}
	grant("44444441", subscription, found.ID, "ServicePrincipal", "acdd72a7-3385-48ef-bd42-f606fba81ae7")
	grant("44444442", group, found.ID, "ServicePrincipal", "acdd72a7-3385-48ef-bd42-f606fba81ae7")
	grant("44444443", group, team, "Group", "b24988ac-6180-42a0-ab88-20f7382dd24c")

	one, err := a.client.Identity(t.Context(), found.ID, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if one.Type != "ManagedIdentity" || !strings.EqualFold(one.Resource, shared) || one.LastUse != nil {
		t.Errorf("%+v", one)
	}
	if len(one.Hosts) != 1 || !strings.EqualFold(one.Hosts[0], group+"/providers/Microsoft.Web/sites/app1") {
		t.Errorf("attached to %v", one.Hosts)
	}
	if len(one.Federated) != 1 || one.Federated[0].Name != "shop-ci" || one.Federated[0].Subject != "repo:shop" || !one.Federated[0].Dangling {
		t.Errorf("trusts %+v", one.Federated)
	}
	for _, held := range []client.HeldRole{{Role: "Reader", Scope: subscription}, {Role: "Reader", Scope: group}, {Role: "Contributor", Scope: group, Through: team}} {
		if !slices.Contains(one.Assignments, held) {
			t.Errorf("%+v is not among %+v", held, one.Assignments)
		}
	}
	if len(one.Assignments) != 3 {
		t.Errorf("roles %+v", one.Assignments)
	}

	if a.vars["header"] == "" {
		return // callers are not known on this system
	}
	asks, _ := a.asks()
	if got := a.exchange(t, "node", asks["minting, App Service"].raw, 1); len(got) == 0 || got[0].status != http.StatusOK {
		t.Fatalf("%+v", got)
	}
	all, err := a.client.Identities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, i := range all {
		used[i.DisplayName] = i.LastUse != nil && time.Since(*i.LastUse) < time.Minute
	}
	for name, want := range map[string]bool{"app1": true, "shared": false, "vm1": false, "Sealring administrator": true} {
		if got, listed := used[name]; !listed || got != want {
			t.Errorf("%s is listed %v, used %v, want %v", name, listed, got, want)
		}
	}
	if len(all) != 4 {
		t.Errorf("%d identities: %v", len(all), used)
	}
}
