package graph_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/token"
)

// object is a JSON object as clients read it.
type object = map[string]any

// do sends a request that has to be answered with a status, and reads the answer.
func (w *world) do(status int, method, target, body string) object {
	w.t.Helper()
	rec := w.send(method, target, body, map[string]string{"Content-Type": "application/json"})
	if rec.Code != status {
		w.t.Fatalf("%s %s: %d %s, want %d", method, target, rec.Code, rec.Body, status)
	}
	out := object{}
	if rec.Body.Len() > 0 {
		if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
			w.t.Fatalf("%s %s: %s", method, target, rec.Body)
		}
	}
	return out
}

// text is a member that is a text.
func text(o object, name string) string { s, _ := o[name].(string); return s }

func TestLifeOfAnApplication(t *testing.T) { // DT-88, DT-89, DT-101
	w := newWorld(t).admin()
	const role = `{"id":"22222222-2222-4222-8222-222222222222","allowedMemberTypes":["Application"],"displayName":"r","description":"d","value":"Orders.Read","isEnabled":true}`
	app := w.do(201, "POST", "/v1.0/applications", `{"@odata.type":"#microsoft.graph.application","displayName":"shop","tags":["a"],"web":{"redirectUris":["https://shop.example/cb"]},
		"api":{"requestedAccessTokenVersion":2,"oauth2PermissionScopes":[{"id":"33333333-3333-4333-8333-333333333333","value":"access","type":"User","isEnabled":true,"adminConsentDisplayName":"a","adminConsentDescription":"b"}]},
		"appRoles":[`+role+`]}`)
	at, appID := "/v1.0/applications/"+text(app, "id"), text(app, "appId")
	if text(app, "id") == appID || text(app, "signInAudience") != "AzureADMyOrg" {
		t.Errorf("created: %v", app)
	}
	w.do(204, "PATCH", at, `{"identifierUris":["api://`+appID+`"],"notes":"n"}`)
	got := w.do(200, "GET", "/v1.0/applications(appId='"+appID+"')", "")
	if text(got, "notes") != "n" || len(got["appRoles"].([]any)) != 1 || got["api"].(object)["requestedAccessTokenVersion"] != float64(2) || len(got["tags"].([]any)) != 1 {
		t.Errorf("changed: %v", got)
	}
	if p := w.list("/v1.0/applications?$filter="+url.QueryEscape("identifierUris/any(s:s eq 'api://"+appID+"')"), nil); p.names() != "shop" {
		t.Errorf("found by its URI: %s", p.names())
	}
	sp := w.do(201, "POST", "/v1.0/servicePrincipals", `{"appId":"`+appID+`","tags":["WindowsAzureActiveDirectoryIntegratedApp"]}`)
	spAt := "/v1.0/servicePrincipals/" + text(sp, "id")
	if names := sp["servicePrincipalNames"].([]any); len(names) != 2 || names[0] != appID || sp["replyUrls"].([]any)[0] != "https://shop.example/cb" {
		t.Errorf("service principal: %v", sp)
	}
	refused(t, "a second service principal", w.send("POST", "/v1.0/servicePrincipals", `{"appId":"`+appID+`"}`, nil), 409, "Request_MultipleObjectsWithSameKeyValue", "already in use")
	w.do(204, "PATCH", spAt, `{"appRoleAssignmentRequired":true,"accountEnabled":true,"notes":null}`)
	refused(t, "an enabled role is removed", w.send("PATCH", at, `{"appRoles":[]}`, nil), 400, "CannotDeleteOrUpdateEnabledEntitlement", "unless disabled first")
	w.do(204, "PATCH", at, `{"appRoles":[`+strings.Replace(role, `"isEnabled":true`, `"isEnabled":false`, 1)+`]}`)
	w.do(204, "PATCH", at, `{"appRoles":[]}`)
	refused(t, "a foreign domain", w.send("PATCH", at, `{"identifierUris":["https://fabrikam.example/x"]}`, nil), 400, "HostNameNotOnVerifiedDomain", "verified domain")
	refused(t, "an unknown property", w.send("PATCH", at, `{"colour":"red"}`, nil), 400, "Request_BadRequest", "Invalid property 'colour'.")
	refused(t, "a property that is only read", w.send("PATCH", at, `{"appId":"x"}`, nil), 400, "Request_BadRequest", "read-only")
	w.do(204, "DELETE", at, "")
	refused(t, "deleted", w.send("GET", at, "", nil), 404, "Request_ResourceNotFound", "does not exist")
	refused(t, "its service principal too", w.send("GET", spAt, "", nil), 404, "Request_ResourceNotFound", "does not exist")
	if p := w.list("/v1.0/directory/deletedItems/microsoft.graph.application", nil); p.names() != "shop" || p.Value[0]["deletedDateTime"] == nil {
		t.Errorf("deleted items: %v", p.Value)
	}
	if got := w.do(200, "POST", "/v1.0/directory/deletedItems/"+text(app, "id")+"/restore", ""); text(got, "appId") != appID || text(got, "@odata.type") != "#microsoft.graph.application" {
		t.Errorf("restored: %v", got)
	}
	w.do(200, "GET", spAt, "")
	w.do(204, "DELETE", at, "")
	w.do(204, "DELETE", "/v1.0/directory/deletedItems/"+text(app, "id"), "")
	refused(t, "gone for good", w.send("POST", "/v1.0/directory/deletedItems/"+text(app, "id")+"/restore", "", nil), 404, "Request_ResourceNotFound", "")
}

func TestCredentialsOfAnApplication(t *testing.T) { // DT-85
	w := newWorld(t).admin()
	app, sp := w.application("shop")
	at := "/v1.0/applications/" + string(app.ID)
	made := w.do(200, "POST", at+"/addPassword", `{"passwordCredential":{"displayName":"ci","endDateTime":"2026-06-01T12:00:00Z"}}`)
	value := text(made, "secretText")
	if value == "" || text(made, "hint") != value[:3] || text(made, "endDateTime") != "2026-06-01T12:00:00Z" {
		t.Errorf("made: %v", made)
	}
	list := w.do(200, "GET", at, "")["passwordCredentials"].([]any)
	if len(list) != 1 || list[0].(object)["secretText"] != nil {
		t.Errorf("the value is shown again: %v", list)
	}
	for name, body := range map[string]string{
		"ends before it begins": `{"passwordCredential":{"endDateTime":"2026-01-01T00:00:00Z"}}`, "lives ten years": `{"passwordCredential":{"endDateTime":"2036-01-01T00:00:00Z"}}`,
	} {
		refused(t, name, w.send("POST", at+"/addPassword", body, nil), 400, "Request_BadRequest", "")
	}
	w.do(204, "POST", at+"/removePassword", `{"keyId":"`+text(made, "keyId")+`"}`)
	refused(t, "removed twice", w.send("POST", at+"/removePassword", `{"keyId":"`+text(made, "keyId")+`"}`, nil), 400, "Request_BadRequest", "No credential found")
	der := base64.StdEncoding.EncodeToString(certificate(t))
	w.do(204, "PATCH", at, `{"keyCredentials":[{"type":"AsymmetricX509Cert","usage":"Verify","key":"`+der+`","displayName":"c"}]}`)
	plain := w.do(200, "GET", at, "")["keyCredentials"].([]any)[0].(object)
	shown := w.do(200, "GET", at+"?$select=keyCredentials", "")["keyCredentials"].([]any)[0].(object)
	if plain["key"] != nil || shown["key"] != der || len(text(plain, "customKeyIdentifier")) != 40 {
		t.Errorf("plain %v, asked for %v", plain, shown)
	}
	w.do(204, "PATCH", at, `{"keyCredentials":[{"keyId":"`+text(plain, "keyId")+`"}]}`)
	w.do(204, "PATCH", at, `{"keyCredentials":[]}`)
	if left := w.do(200, "GET", "/v1.0/servicePrincipals/"+string(sp.ID), "")["keyCredentials"].([]any); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	for _, action := range []string{"addPassword", "removePassword"} {
		refused(t, "a managed identity's "+action, w.send("POST", "/v1.0/servicePrincipals/"+string(w.caller.ID)+"/"+action, `{}`, nil), 403, "Authorization_RequestDenied", "")
	}
	refused(t, "a managed identity is changed", w.send("PATCH", "/v1.0/servicePrincipals/"+string(w.caller.ID), `{"accountEnabled":false}`, nil), 403, "Authorization_RequestDenied", "")
}

func TestAppRoleAssignmentsOverTheWire(t *testing.T) { // DT-99, DT-7.8
	w := newWorld(t).admin()
	graphSP := w.list("/v1.0/servicePrincipals?$filter="+url.QueryEscape("appId eq '00000003-0000-0000-c000-000000000000'"), nil).Value[0]
	mi := w.identity(w.tenant.ID, "app", true)
	body := `{"principalId":"` + string(mi.ID) + `","resourceId":"` + text(graphSP, "id") + `","appRoleId":"df021288-bdef-4463-88db-98f22de89214"}`
	at := "/v1.0/servicePrincipals/" + string(mi.ID) + "/appRoleAssignments"
	made := w.do(201, "POST", at, body)
	if len(text(made, "id")) != 43 || text(made, "principalType") != "ServicePrincipal" || text(made, "principalDisplayName") != "app" || text(made, "resourceDisplayName") != "Microsoft Graph" {
		t.Errorf("made: %v", made)
	}
	refused(t, "twice", w.send("POST", at, body, nil), 400, "Request_BadRequest", "Permission being assigned already exists on the object")
	refused(t, "a role that is not there", w.send("POST", at, strings.Replace(body, "df021288", "df021289", 1), nil), 400, "Request_BadRequest", "Not a valid reference update")
	refused(t, "another principal", w.send("POST", at, strings.Replace(body, string(mi.ID), string(w.caller.ID), 1), nil), 400, "Request_BadRequest", "Not a valid reference update")
	to := "/v1.0/servicePrincipals/" + text(graphSP, "id") + "/appRoleAssignedTo"
	if p := w.list(to+"?$filter="+url.QueryEscape("principalId eq '"+string(mi.ID)+"'"), nil); len(p.Value) != 1 || p.Value[0]["id"] != made["id"] {
		t.Errorf("seen from the resource: %v", p.Value)
	}
	w.do(200, "GET", to+"/"+text(made, "id"), "")
	w.do(204, "DELETE", to+"/"+text(made, "id"), "")
	refused(t, "deleted", w.send("GET", to+"/"+text(made, "id"), "", nil), 404, "Request_ResourceNotFound", "")
}

func TestGroupsAndMembers(t *testing.T) { // DT-95, DT-91
	w := newWorld(t).admin()
	u := w.user("alice")
	g := w.do(201, "POST", "/beta/groups", `{"displayName":"ops","mailNickname":"ops","mailEnabled":false,"securityEnabled":true,"owners@odata.bind":["https://graph.microsoft.com/v1.0/users/`+string(u.ID)+`"]}`)
	at := "/v1.0/groups/" + text(g, "id")
	for _, host := range []string{"https://graph.microsoft.com/v1.0/directoryObjects/", "https://elsewhere.example/beta/directoryObjects/"} {
		rec := w.send("POST", at+"/members/$ref", `{"@odata.id":"`+host+string(w.caller.ID)+`"}`, nil)
		if host == "https://graph.microsoft.com/v1.0/directoryObjects/" && rec.Code != http.StatusNoContent {
			t.Errorf("added: %d %s", rec.Code, rec.Body)
		} else if rec.Code != http.StatusNoContent {
			refused(t, "twice", rec, 400, "Request_BadRequest", "One or more added object references already exist for the following modified properties: 'members'.")
		}
	}
	w.do(204, "POST", at+"/members/$ref", `{"@odata.id":"`+graphURL+`/v1.0/directoryObjects/`+string(u.ID)+`"}`)
	p := w.list(at+"/members", nil)
	if p.names() != "alice,caller" || p.Value[0]["@odata.type"] == nil {
		t.Errorf("members: %v", p.Value)
	}
	if p := w.list(at+"/members/microsoft.graph.user", nil); p.names() != "alice" {
		t.Errorf("users among them: %v", p.names())
	}
	if p := w.list(at+"/members?$filter="+url.QueryEscape("id eq '"+string(u.ID)+"'"), nil); p.names() != "alice" {
		t.Errorf("by id: %v", p.names())
	}
	if got := w.do(200, "GET", at+"?$expand=owners", ""); len(got["owners"].([]any)) != 1 {
		t.Errorf("expanded: %v", got["owners"])
	}
	if p := w.list("/v1.0/servicePrincipals/"+string(w.caller.ID)+"/memberOf", nil); !strings.Contains(p.names(), "ops") || !strings.Contains(p.names(), "Global Administrator") {
		t.Errorf("member of: %s", p.names())
	}
	if got := w.do(200, "POST", "/v1.0/users/alice@contoso.example/getMemberGroups", `{"securityEnabledOnly":true}`); len(got["value"].([]any)) != 1 {
		t.Errorf("groups of alice: %v", got)
	}
	w.do(204, "DELETE", at+"/members/"+string(u.ID)+"/$ref", "")
	refused(t, "not a member any more", w.send("DELETE", at+"/members/"+string(u.ID)+"/$ref", "", nil), 404, "Request_ResourceNotFound", "")
	w.do(204, "DELETE", at, "")
}

func TestSearchAndOrder(t *testing.T) { // DT-92
	w := newWorld(t).admin()
	for _, name := range []string{"gamma one", "alpha two", "beta one"} {
		w.group(name)
	}
	eventual := map[string]string{"ConsistencyLevel": "eventual"}
	search := "/v1.0/groups?$search=" + url.QueryEscape(`"displayName:one"`)
	refused(t, "without the header", w.send("GET", search, "", nil), 400, "Request_UnsupportedQuery", "$search")
	if p := w.list(search, eventual); p.names() != "beta one,gamma one" {
		t.Errorf("found: %s", p.names())
	}
	var order []string
	for next := "/v1.0/groups?$orderby=displayName+desc&$top=1"; next != ""; {
		p := w.list(next, nil)
		order, next = append(order, p.names()), p.Next
	}
	if strings.Join(order, ",") != "gamma one,beta one,alpha two" {
		t.Errorf("ordered: %v", order)
	}
}

func TestAPersonActsWithinTheScopesOfTheToken(t *testing.T) { // DT-7.1
	w := newWorld(t)
	u := w.user("alice")
	ask := func(scope, method, target string) int {
		issued, err := w.issuer.Issue(token.Request{
			Tenant: u.Tenant, Object: u.ID, App: "04b07795-8ddb-461a-bbee-02f9e1bf7b46", Audience: graphURL, Version: token.V1, Auth: token.AuthSecret, Lifetime: time.Hour,
			User: &token.User{Scopes: strings.Fields(scope), UPN: u.UPN, Name: u.DisplayName, Subject: "s"},
		})
		if err != nil {
			t.Fatal(err)
		}
		rec := w.send(method, target, `{"displayName":"mine","mailNickname":"mine","mailEnabled":false,"securityEnabled":true}`, map[string]string{"Authorization": "Bearer " + issued.Token.Reveal()})
		return rec.Code
	}
	const all = "Directory.AccessAsUser.All"
	for name, c := range map[string]struct {
		scope, method, target string
		want                  int
	}{
		"herself":                                {"User.Read", "GET", "/v1.0/me", 200},
		"everybody, with a token for herself":    {"User.Read", "GET", "/v1.0/users", 403},
		"everybody, with a token for everything": {all, "GET", "/v1.0/users", 200},
		"a member makes an application":          {all, "POST", "/v1.0/groups", 201},
		"a member makes no user":                 {all, "POST", "/v1.0/users", 403},
		"a member reads no log":                  {all, "GET", "/v1.0/auditLogs/signIns", 403},
	} {
		if got := ask(c.scope, c.method, c.target); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if err := w.rel.AddRoleMember(t.Context(), w.tenant.ID, "4a5d8f65-41da-4de4-8968-e035b65339cf", u.ID); err != nil { // Reports Reader
		t.Fatal(err)
	}
	if got := ask(all, "GET", "/v1.0/auditLogs/signIns"); got != 200 {
		t.Errorf("with the directory role: %d", got)
	}
	if got := ask("User.Read", "GET", "/v1.0/auditLogs/signIns"); got != 403 {
		t.Errorf("with the directory role and a token for herself: %d", got)
	}
	if rec := w.send("GET", "/v1.0/me", "", nil); rec.Code != 400 || !strings.Contains(rec.Body.String(), "/me request is only valid with delegated authentication flow.") {
		t.Errorf("/me for a managed identity: %d %s", rec.Code, rec.Body)
	}
}

func TestWhoHasNoSuchRoleCannotTakeOverWhoHas(t *testing.T) { // S-71
	w := newWorld(t)
	admin, sp := w.application("administrator")
	if err := w.rel.AddRoleMember(t.Context(), w.tenant.ID, relation.GlobalAdministrator, sp.ID); err != nil {
		t.Fatal(err)
	}
	plain, _ := w.application("plain")
	w.permit(w.caller, "Application.ReadWrite.All")
	for _, c := range []struct {
		app  directory.Application
		want int
	}{{admin, 403}, {plain, 200}} {
		at := "/v1.0/applications/" + string(c.app.ID)
		if rec := w.send("POST", at+"/addPassword", `{}`, nil); rec.Code != c.want {
			t.Errorf("%s, a secret: %d %s", c.app.DisplayName, rec.Code, rec.Body)
		}
		rec := w.send("POST", at+"/federatedIdentityCredentials", `{"name":"mine","issuer":"https://i.example","subject":"s","audiences":["a"]}`, nil)
		if denied := rec.Code == 403; denied != (c.want == 403) {
			t.Errorf("%s, an outside issuer: %d %s", c.app.DisplayName, rec.Code, rec.Body)
		}
		rec = w.send("POST", at+"/owners/$ref", `{"@odata.id":"`+graphURL+`/v1.0/directoryObjects/`+string(w.caller.ID)+`"}`, nil)
		if denied := rec.Code == 403; denied != (c.want == 403) {
			t.Errorf("%s, an owner: %d %s", c.app.DisplayName, rec.Code, rec.Body)
		}
	}
}

func TestBatch(t *testing.T) { // DT-7.1
	w := newWorld(t)
	got := w.do(200, "POST", "/v1.0/$batch", `{"requests":[{"id":"1","method":"GET","url":"/servicePrincipals?$top=1"},{"id":"2","method":"POST","url":"groups","body":{"displayName":"x"}},{"id":"3","method":"GET","url":"/organization","dependsOn":["2"]}]}`)
	var states []float64
	for _, r := range got["responses"].([]any) {
		states = append(states, r.(object)["status"].(float64))
	}
	if len(states) != 3 || states[0] != 200 || states[1] != 403 || states[2] != 424 {
		t.Errorf("states: %v in %v", states, got)
	}
}

func TestDelegatedPermissionGrants(t *testing.T) { // DT-90
	w := newWorld(t).admin()
	_, client := w.application("client")
	_, resource := w.application("api")
	body := `{"clientId":"` + string(client.ID) + `","consentType":"AllPrincipals","resourceId":"` + string(resource.ID) + `","scope":"access"}`
	made := w.do(201, "POST", "/v1.0/oauth2PermissionGrants", body)
	refused(t, "twice", w.send("POST", "/v1.0/oauth2PermissionGrants", body, nil), 409, "Request_MultipleObjectsWithSameKeyValue", "already exists")
	refused(t, "for one without naming him", w.send("POST", "/v1.0/oauth2PermissionGrants", strings.Replace(body, "AllPrincipals", "Principal", 1), nil), 400, "Request_BadRequest", "consentType")
	w.do(204, "PATCH", "/v1.0/oauth2PermissionGrants/"+text(made, "id"), `{"scope":"access more"}`)
	if p := w.list("/v1.0/oauth2PermissionGrants?$filter="+url.QueryEscape("clientId eq '"+string(client.ID)+"'"), nil); len(p.Value) != 1 || p.Value[0]["scope"] != "access more" {
		t.Errorf("listed: %v", p.Value)
	}
	w.do(204, "DELETE", "/v1.0/oAuth2PermissionGrants/"+text(made, "id"), "")
	w.do(404, "GET", "/v1.0/OAUTH2PERMISSIONGRANTS/"+text(made, "id"), "")
}

func TestGetByIDsOfEveryType(t *testing.T) { // DT-94
	w := newWorld(t)
	app, sp := w.application("shop")
	g, u := w.group("ops"), w.user("alice")
	ids := `"` + strings.Join([]string{string(app.ID), string(sp.ID), string(g.ID), strings.ToUpper(string(u.ID))}, `","`) + `"`
	for types, want := range map[string]int{`[]`: 4, `["USER","group"]`: 2, `["directoryObject"]`: 4, `["device"]`: 0} {
		got := w.do(200, "POST", "/v1.0/directoryObjects/getByIds", `{"ids":[`+ids+`],"types":`+types+`}`)["value"].([]any)
		for _, o := range got {
			if !strings.HasPrefix(text(o.(object), "@odata.type"), "#microsoft.graph.") || text(o.(object), "displayName") == "" {
				t.Errorf("%s: %v", types, o)
			}
		}
		if len(got) != want {
			t.Errorf("%s: %d objects, want %d", types, len(got), want)
		}
	}
}

// DT-100, DT-7.7: the calls of Terraform's azuread provider as the specification records them (source:
// documented); the provider itself is not run.
func TestTheCallsOfAzuread(t *testing.T) {
	w := newWorld(t).admin()
	self, u := string(w.caller.ID), w.user("alice")
	bind := func(ids ...string) string {
		return `["` + graphURL + "/v1.0/directoryObjects/" + strings.Join(ids, `","`+graphURL+"/v1.0/directoryObjects/") + `"]`
	}
	app := w.do(201, "POST", "/beta/applications", `{"displayName":"tf","owners@odata.bind":`+bind(self, string(u.ID))+`,"api":{"acceptMappedClaims":null,"knownClientApplications":[],
		"oauth2PermissionScopes":[],"requestedAccessTokenVersion":1},"appRoles":[],"isFallbackPublicClient":false,"optionalClaims":{"accessToken":[],"idToken":[],"saml2Token":[]},
		"publicClient":{"redirectUris":[]},"requiredResourceAccess":[{"resourceAppId":"00000003-0000-0000-c000-000000000000","resourceAccess":[{"id":"df021288-bdef-4463-88db-98f22de89214","type":"Role"}]}],
		"signInAudience":"AzureADMyOrg","spa":{"redirectUris":[]},"tags":[],"web":{"homePageUrl":null,"implicitGrantSettings":{"enableAccessTokenIssuance":false,"enableIdTokenIssuance":false},"logoutUrl":null,"redirectUris":[]}}`)
	at := "/v1.0/applications/" + text(app, "id")
	w.do(204, "DELETE", at+"/owners/"+self+"/$ref", "")
	if p := w.list(at+"/owners?$filter="+url.QueryEscape("id eq '"+string(u.ID)+"'"), nil); p.names() != "alice" {
		t.Errorf("owners: %s", p.names())
	}
	for _, body := range []string{`{"description":"d","notes":null}`, `{"description":null}`, `{"optionalClaims":null,"groupMembershipClaims":"SecurityGroup,ApplicationGroup"}`, `{"groupMembershipClaims":null,"requiredResourceAccess":[]}`} {
		w.do(204, "PATCH", at, body)
	}
	got := w.do(200, "GET", at, "")
	if got["description"] != nil || len(got["requiredResourceAccess"].([]any)) != 0 || got["api"].(object)["requestedAccessTokenVersion"] != float64(1) {
		t.Errorf("application: %v", got)
	}
	sp := w.do(201, "POST", "/v1.0/servicePrincipals", `{"accountEnabled":true,"alternativeNames":[],"appId":"`+text(app, "appId")+`","appRoleAssignmentRequired":false,"description":null,"loginUrl":null,
		"notes":null,"notificationEmailAddresses":[],"owners@odata.bind":`+bind(self)+`,"preferredSingleSignOnMode":null,"samlSingleSignOnSettings":{"relayState":""},"tags":["HideApp"]}`)
	refused(t, "an application that is not there", w.send("POST", "/v1.0/servicePrincipals", `{"appId":"`+unknown+`"}`, nil), 400, "Request_BadRequest",
		"The appId '"+unknown+"' of the service principal does not reference a valid application object.")
	group := w.do(201, "POST", "/beta/groups", `{"displayName":"tf","mailEnabled":false,"mailNickname":"tf","securityEnabled":true,"isAssignableToRole":false,"visibility":"Private","owners@odata.bind":`+bind(self)+`,"members@odata.bind":`+bind(text(sp, "id"))+`}`)
	if p := w.list("/beta/groups/"+text(group, "id")+"/members", nil); p.names() != "tf" || group["visibility"] != "Private" {
		t.Errorf("group: %v with %s", group, p.names())
	}
	to := "/v1.0/servicePrincipals/" + text(sp, "id") + "/appRoleAssignedTo"
	made := w.do(201, "POST", to, `{"appRoleId":"00000000-0000-0000-0000-000000000000","principalId":"`+text(group, "id")+`","resourceId":"`+text(sp, "id")+`"}`)
	if text(made, "principalType") != "Group" {
		t.Errorf("assignment: %v", made)
	}
	w.do(204, "DELETE", to+"/"+text(made, "id"), "")
	w.do(404, "GET", to+"/"+text(made, "id"), "")
	w.do(204, "DELETE", "/v1.0/servicePrincipals/"+text(sp, "id"), "")
	w.do(204, "DELETE", at, "")
}
