package provider_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store/storetest"
)

func TestPathsThatRealClientsSend(t *testing.T) { // CP-16, CP-17, CP-46, L-5
	f := open(t, storetest.SQLite(t))
	f.ok("owner", "PUT", uai, `{"location":"local"}`)
	id := f.ok("owner", "GET", uai, "").at("id")
	for name, path := range map[string]string{
		"lower-case group":        strings.Replace(uai, "resourceGroups", "resourcegroups", 1),
		"empty segment of az":     strings.Replace(uai, "ManagedIdentity/", "ManagedIdentity//", 1),
		"trailing slash":          uai + "/",
		"doubled leading slash":   "/" + uai,
		"upper case":              strings.ToUpper(uai),
		"percent-encoded letters": strings.Replace(uai, "id1", "%69d1", 1),
		"odd case of the version": uai + "?API-Version=2024-11-30",
	} {
		got := f.do("owner", "GET", path, "")
		if got.status != 200 || got.at("id") != id {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
}

func TestPathsThatAreRefused(t *testing.T) { // S-44, S-50
	f := open(t, storetest.SQLite(t))
	f.ok("owner", "PUT", sub+"/resourceGroups/rg10", `{"location":"local"}`)
	f.person("one", read, rg)
	f.do("one", "GET", rg, "").want(200, "")
	f.do("one", "GET", strings.Replace(rg, "/rg", "/RG", 1), "").want(200, "")
	f.do("one", "GET", sub+"/resourceGroups/rg10", "").want(403, "AuthorizationFailed")
	for _, path := range []string{rg + "%2f..%2frg10", rg + "/../rg10", rg + "/.", rg + "%00", sub + "/resourceGroups/%EF%BD%92g", sub + "/resourceGroups/%25rg",
		sub + "/resourceGroups/rg%E2%84%AA", "/subscriptions/x/resourceGroups/rg"} {
		if got := f.do("one", "GET", path, ""); got.status != 400 || got.at("error", "code") != "InvalidResourceId" {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
	f.do("one", "GET", rg, "", "X-HTTP-Method-Override: DELETE").want(200, "") // S-50
	f.do("one", "POST", rg, "", "X-HTTP-Method-Override: GET").want(405, "MethodNotAllowed")
	f.do("owner", "GET", rg, "").want(200, "")
}

func TestTheOrderOfChecks(t *testing.T) { // CP-18, CP-20, CP-21, CP-23
	f := open(t, storetest.SQLite(t))
	f.ok("owner", "PUT", vm, `{"location":"local"}`)
	a := f.do("", "GET", vm+"?!", "").want(401, "AuthenticationFailed")
	challenge := `Bearer authorization_uri="https://login.sealring.internal:8443/` + string(f.tenant) + `", error="invalid_token"`
	if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, challenge) {
		t.Errorf("challenge %q", got)
	}
	f.do("wrong", "GET", vm, "").want(401, "InvalidAuthenticationToken")
	f.people["expired"] = f.people["owner"]
	f.do("expired", "GET", vm, "").want(401, "ExpiredAuthenticationToken")
	f.do("stranger", "GET", vm, "").want(401, "InvalidAuthenticationTokenTenant")
	f.do("owner", "GET", vm+"?!", "").want(400, "MissingApiVersionParameter")
	f.do("owner", "GET", vm+"?api-version=yesterday", "").want(400, "InvalidApiVersionParameter")
	f.do("owner", "GET", vm+"?api-version=2031-01-01-preview", "").want(200, "") // CP-19
	f.do("owner", "GET", rg+"/providers/Contoso.Things/widgets/x", "").want(404, "InvalidResourceNamespace")
	f.do("owner", "GET", rg+"/providers/Microsoft.Compute/widgets/x", "").want(404, "InvalidResourceType")
	other := strings.Replace(vm, "11111111-1111", "99999999-1111", 1)
	f.do("owner", "GET", other, "").want(404, "SubscriptionNotFound")
	there, missing := f.do("nobody", "GET", vm, ""), f.do("nobody", "GET", vm+"x", "")
	there.want(403, "AuthorizationFailed")
	missing.want(403, "AuthorizationFailed")
	who := f.people["nobody"]
	want := fmt.Sprintf("The client '%s' with object id '%s' does not have authorization to perform action 'Microsoft.Compute/virtualMachines/read' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials.", who.App, who.Object, vm)
	if got := there.at("error", "message"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.ReplaceAll(missing.text, "vm1x", "vm1") != there.text {
		t.Errorf("a missing resource shows: %s", missing.text)
	}
	nogroup := strings.Replace(vm, "/rg/", "/none/", 1)
	f.do("nobody", "GET", nogroup, "").want(403, "AuthorizationFailed")
	f.do("owner", "GET", nogroup, "").want(404, "ResourceGroupNotFound")
	list := strings.TrimSuffix(nogroup, "/vm1")
	f.do("owner", "GET", list, "").want(404, "ResourceGroupNotFound")
	if got := f.do("nobody", "GET", list, "").want(200, ""); got.count() != 0 {
		t.Errorf("list %s", got.text)
	}
	f.do("owner", "PUT", vm, `{"location":"local"`).want(400, "InvalidRequestContent")
	f.do("owner", "PUT", vm, `{"location":"local"}{}`).want(400, "InvalidRequestContent")
	f.do("owner", "PUT", vm, `[]`).want(400, "InvalidRequestContent")
	f.do("owner", "PUT", vm, `{"location":"a","location":"b"}`).want(400, "InvalidRequestContent") // S-63
	f.do("owner", "PUT", vm, `{"location":"local"}`, "Content-Type: application/xml").want(415, "UnsupportedMediaType")
	f.do("owner", "PUT", vm, `{"location":"`+strings.Repeat("x", 4<<20)+`"}`).want(413, "RequestTooLarge")                 // CP-45
	f.do("owner", "PUT", vm, strings.Repeat(`{"a":`, 200)+"1"+strings.Repeat("}", 200)).want(400, "InvalidRequestContent") // CP-45
}

func TestHeadersOfAnswers(t *testing.T) { // CP-41
	f := open(t, storetest.SQLite(t))
	a := f.ok("owner", "GET", rg, "", "x-ms-correlation-request-id: 5f1d8a52-4c27-4c26-95ca-26b8cd0e5ae2", "x-ms-client-request-id: mine", "x-ms-return-client-request-id: true")
	for name, want := range map[string]string{"X-Ms-Correlation-Request-Id": "5f1d8a52-4c27-4c26-95ca-26b8cd0e5ae2", "X-Ms-Client-Request-Id": "mine",
		"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Content-Type": "application/json; charset=utf-8"} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if len(a.header.Get("X-Ms-Request-Id")) != 36 || !strings.HasPrefix(a.header.Get("X-Ms-Routing-Request-Id"), "LOCAL:") {
		t.Errorf("headers %v", a.header)
	}
}

func TestDiscovery(t *testing.T) { // CP-1, CP-2, CP-6, CP-7
	f := open(t, storetest.SQLite(t))
	newest := f.ok("", "GET", "/metadata/endpoints?api-version=2022-09-01", "")
	for path, want := range map[string]string{"name": "SealringCloud", "resourceManager": base, "microsoftGraphResourceId": "https://graph.sealring.internal:8443/"} {
		if got := newest.at(path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	if newest.at("authentication", "tenant") != "common" || newest.at("authentication", "identityProvider") != "AAD" ||
		newest.at("authentication", "audiences", "0") != base+"/" || newest.at("suffixes", "keyVaultDns") != "vault.sealring.internal:8443" ||
		newest.at("suffixes", "storage") != "sealring.internal:8443" {
		t.Errorf("%s", newest.text)
	}
	if got := f.ok("", "GET", "/metadata/endpoints?api-version=2099-01-01", ""); got.text != newest.text {
		t.Errorf("unknown version: %s", got.text)
	}
	if got := f.ok("", "GET", "/metadata/endpoints?!", ""); got.text != newest.text {
		t.Errorf("no version: %s", got.text)
	}
	for _, v := range []string{"2019-05-01", "2020-06-01"} {
		if got := f.ok("", "GET", "/metadata/endpoints?api-version="+v, ""); got.text != "["+newest.text+"]" {
			t.Errorf("%s: %s", v, got.text)
		}
	}
	if got := f.ok("", "GET", "/metadata/endpoints?api-version=2015-01-01", ""); got.at("authentication", "loginEndpoint") != "https://login.sealring.internal:8443" {
		t.Errorf("2015: %s", got.text)
	}
	got := f.ok("", "GET", "//metadata/endpoints?api-version=2018-01-01", "")
	if got.at("cloudEndpoint", "sealringcloud", "endpoint") != "management.sealring.internal:8443" || got.at("cloudEndpoint", "sealringcloud", "locations", "0") != "local" {
		t.Errorf("2018: %s", got.text)
	}
}

func TestSubscriptionsAreSeenByWhoHasARoleInThem(t *testing.T) { // CP-9, CP-10, CP-11, CP-12
	f := open(t, storetest.SQLite(t))
	f.ok("owner", "PUT", vm, `{"location":"local"}`)
	f.person("small", read, vm)
	got := f.ok("small", "GET", "/subscriptions", "")
	if got.count() != 1 || got.at("value", "0", "tenantId") != string(f.tenant) || got.at("count", "value") != "1" || got.at("value", "0", "state") != "Enabled" {
		t.Errorf("%s", got.text)
	}
	f.ok("small", "GET", sub, "")
	f.ok("small", "GET", sub+"/locations", "")
	if got := f.ok("nobody", "GET", "/subscriptions", ""); got.count() != 0 {
		t.Errorf("%s", got.text)
	}
	if got := f.ok("nobody", "GET", "/tenants", ""); got.at("value", "0", "defaultDomain") != "mine.example" {
		t.Errorf("%s", got.text)
	}
	p := f.ok("owner", "POST", sub+"/providers/microsoft.compute/register", "")
	if p.at("registrationState") != "Registered" || p.at("id") != sub+"/providers/Microsoft.Compute" {
		t.Errorf("%s", p.text)
	}
	if got := f.ok("owner", "GET", sub+"/providers/Microsoft.Web", ""); got.at("resourceTypes", "0", "defaultApiVersion") == "" {
		t.Errorf("%s", got.text)
	}
	f.do("owner", "GET", sub+"/providers/Contoso.Things", "").want(404, "InvalidResourceNamespace")
}

func TestGroups(t *testing.T) { // CP-29, CP-44
	f := open(t, storetest.SQLite(t))
	two := sub + "/resourcegroups/Two"
	f.do("owner", "HEAD", two, "").want(404, "")
	f.do("owner", "PUT", two, `{}`).want(400, "LocationRequired")
	a := f.do("owner", "PUT", two, `{"location":"West Europe","tags":{"a":"b"}}`).want(201, "")
	if a.at("id") != sub+"/resourceGroups/Two" || a.at("location") != "westeurope" || a.at("properties", "provisioningState") != "Succeeded" {
		t.Errorf("%s", a.text)
	}
	f.do("owner", "HEAD", two, "").want(204, "")
	f.do("owner", "PUT", two, `{"location":"westeurope"}`).want(200, "")
	f.do("owner", "PUT", two, `{"location":"local"}`).want(409, "InvalidResourceLocation")
	if a := f.do("owner", "PATCH", two, `{"tags":{"c":"d"}}`).want(200, ""); a.at("tags") != `{"c":"d"}` || a.at("location") != "westeurope" {
		t.Errorf("%s", a.text)
	}
	id, host, vault := two+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1", two+"/providers/Microsoft.Compute/virtualMachines/vm1", two+"/providers/Microsoft.KeyVault/vaults/vault1"
	f.ok("owner", "PUT", id, `{"location":"local"}`)
	f.ok("owner", "PUT", vault, `{"location":"local"}`)
	f.ok("owner", "PUT", host, `{"location":"local","tags":{"env":"dev"},"identity":{"type":"SystemAssigned"}}`)
	f.grant("nobody", read, two)
	if got := f.ok("owner", "GET", two+"/resources", ""); got.count() != 3 { // CP-33
		t.Errorf("resources %s", got.text)
	}
	for filter, want := range map[string]int{ // CP-34
		"resourceType eq 'microsoft.keyvault/vaults'":                         1,
		"resourceGroup eq 'two' and name eq 'VM1'":                            1,
		"tagname eq 'env' and tagvalue eq 'dev'":                              1,
		"tagName eq 'env' and tagValue eq 'prod'":                             0,
		"contains(name,'vm') and type eq 'Microsoft.Compute/virtualMachines'": 1,
		"substringof('vau', name) or location eq 'Lo Cal'":                    3,
		"resourceType eq 'Microsoft.Compute/virtualMachines' and name ne 'x'": 1,
	} {
		if got := f.ok("owner", "GET", sub+"/resources?$filter="+url.QueryEscape(filter), ""); got.count() != want {
			t.Errorf("%s: %s", filter, got.text)
		}
	}
	f.do("owner", "GET", sub+"/resources?$filter=what", "").want(400, "InvalidParameter")
	f.do("owner", "DELETE", two, "").want(200, "")
	f.do("owner", "GET", two, "").want(404, "ResourceGroupNotFound")
	f.ok("owner", "PUT", two, `{"location":"local"}`) // S-47: nothing is inherited by a name
	f.do("nobody", "GET", two, "").want(403, "AuthorizationFailed")
	f.do("owner", "GET", host, "").want(404, "ResourceNotFound")
	f.do("owner", "GET", vault, "").want(404, "ResourceNotFound")
	if got := f.ok("owner", "GET", sub+"/providers/Microsoft.KeyVault/deletedVaults", ""); got.count() != 1 {
		t.Errorf("deleted %s", got.text)
	}
}

func TestListsPageWithoutGapOrRepetition(t *testing.T) { // CP-31, CP-32, CP-77, S-41, S-52
	f := open(t, storetest.SQLite(t))
	const n = 25
	for i := range n {
		f.ok("owner", "PUT", fmt.Sprintf("%s%02d", strings.TrimSuffix(uai, "1"), i), `{"location":"local"}`)
	}
	collection := sub + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
	seen := map[string]bool{}
	next := collection + "?$top=10&api-version=2024-11-30"
	pages := 0
	for next != "" {
		a := f.ok("owner", "GET", next, "", "X-Forwarded-Host: evil.example", "Host: evil.example")
		var page struct {
			Value []struct{ ID string }
		}
		check(t, json.Unmarshal([]byte(a.text), &page))
		for _, item := range page.Value {
			if seen[item.ID] {
				t.Errorf("%s twice", item.ID)
			}
			seen[item.ID] = true
		}
		pages++
		link := a.at("nextLink")
		if link != "" && !strings.HasPrefix(link, base+"/") {
			t.Fatalf("link %s", link)
		}
		next = strings.TrimPrefix(link, base)
		if pages == 1 {
			f.grant("reader", read, rg)
			f.do("reader", "GET", next, "").want(400, "InvalidParameter")                                                // another caller
			f.do("owner", "GET", strings.Replace(next, "2024-11-30", "2023-01-31", 1), "").want(400, "InvalidParameter") // another query
			f.do("owner", "GET", strings.Replace(next, sub, rg, 1), "").want(400, "InvalidParameter")                    // another list
			u := must[*url.URL](t)(url.Parse(next))
			q := u.Query()
			text := []byte(q.Get("$skiptoken"))
			text[len(text)/2] ^= 1
			q.Set("$skiptoken", string(text))
			f.do("owner", "GET", u.Path+"?"+q.Encode(), "").want(400, "InvalidParameter")
			q.Set("$skiptoken", "' OR 1=1 --")
			f.do("owner", "GET", u.Path+"?"+q.Encode(), "").want(400, "InvalidParameter")
		}
	}
	if len(seen) != n || pages != 3 {
		t.Errorf("%d items on %d pages", len(seen), pages)
	}
	f.do("owner", "GET", collection+"?$top=0", "").want(400, "InvalidParameter")
	f.person("few", read, uai[:len(uai)-1]+"07")
	if got := f.ok("few", "GET", collection+"?$top=5", ""); got.count() != 1 || got.at("nextLink") != "" {
		t.Errorf("filtered list %s", got.text)
	}
}
