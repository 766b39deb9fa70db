package provider_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

func TestPathsThatRealClientsSend(t *testing.T) { // CP-16, CP-17, CP-46, L-5
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", uai, `{"location":"local"}`)
	id := f.OK("owner", "GET", uai, "").At("id")
	for name, path := range map[string]string{
		"lower-case group":        strings.Replace(uai, "resourceGroups", "resourcegroups", 1),
		"empty segment of az":     strings.Replace(uai, "ManagedIdentity/", "ManagedIdentity//", 1),
		"trailing slash":          uai + "/",
		"doubled leading slash":   "/" + uai,
		"upper case":              strings.ToUpper(uai),
		"percent-encoded letters": strings.Replace(uai, "id1", "%69d1", 1),
		"odd case of the version": uai + "?API-Version=2024-11-30",
	} {
		got := f.Do("owner", "GET", path, "")
		if got.Status != 200 || got.At("id") != id {
			t.Errorf("%s: %d %s", name, got.Status, got.Text)
		}
	}
}

func TestPathsThatAreRefused(t *testing.T) { // S-44, S-50
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", armtest.Sub+"/resourceGroups/rg10", `{"location":"local"}`)
	f.Person("one", armtest.Reader, armtest.Group)
	f.Do("one", "GET", armtest.Group, "").Want(200, "")
	f.Do("one", "GET", strings.Replace(armtest.Group, "/rg", "/RG", 1), "").Want(200, "")
	f.Do("one", "GET", armtest.Sub+"/resourceGroups/rg10", "").Want(403, "AuthorizationFailed")
	for _, path := range []string{armtest.Group + "%2f..%2frg10", armtest.Group + "/../rg10", armtest.Group + "/.", armtest.Group + "%00", armtest.Sub + "/resourceGroups/%EF%BD%92g", armtest.Sub + "/resourceGroups/%25rg",
		armtest.Sub + "/resourceGroups/rg%E2%84%AA", "/subscriptions/x/resourceGroups/rg"} {
		if got := f.Do("one", "GET", path, ""); got.Status != 400 || got.At("error", "code") != "InvalidResourceId" {
			t.Errorf("%s: %d %s", path, got.Status, got.Text)
		}
	}
	f.Do("one", "GET", armtest.Group, "", "X-HTTP-Method-Override: DELETE").Want(200, "") // S-50
	f.Do("one", "POST", armtest.Group, "", "X-HTTP-Method-Override: GET").Want(405, "MethodNotAllowed")
	f.Do("owner", "GET", armtest.Group, "").Want(200, "")
}

func TestTheOrderOfChecks(t *testing.T) { // CP-18, CP-20, CP-21, CP-23
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", vm, `{"location":"local"}`)
	a := f.Do("", "GET", vm+"?!", "").Want(401, "AuthenticationFailed")
	challenge := `Bearer authorization_uri="https://login.sealring.internal:8443/` + string(f.Tenant) + `", error="invalid_token"`
	if got := a.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, challenge) {
		t.Errorf("challenge %q", got)
	}
	f.Do("wrong", "GET", vm, "").Want(401, "InvalidAuthenticationToken")
	f.People["expired"] = f.People["owner"]
	f.Do("expired", "GET", vm, "").Want(401, "ExpiredAuthenticationToken")
	f.Do("stranger", "GET", vm, "").Want(404, "SubscriptionNotFound") // S-54: as any other id
	f.Do("owner", "GET", vm+"?!", "").Want(400, "MissingApiVersionParameter")
	f.Do("owner", "GET", vm+"?api-version=yesterday", "").Want(400, "InvalidApiVersionParameter")
	f.Do("owner", "GET", vm+"?api-version=2031-01-01-preview", "").Want(200, "") // CP-19
	f.Do("owner", "GET", armtest.Group+"/providers/Contoso.Things/widgets/x", "").Want(404, "InvalidResourceNamespace")
	f.Do("owner", "GET", armtest.Group+"/providers/Microsoft.Compute/widgets/x", "").Want(404, "InvalidResourceType")
	other := strings.Replace(vm, "11111111-1111", "99999999-1111", 1)
	f.Do("owner", "GET", other, "").Want(404, "SubscriptionNotFound")
	there, missing := f.Do("nobody", "GET", vm, ""), f.Do("nobody", "GET", vm+"x", "")
	there.Want(403, "AuthorizationFailed")
	missing.Want(403, "AuthorizationFailed")
	who := f.People["nobody"]
	want := fmt.Sprintf("The client '%s' with object id '%s' does not have authorization to perform action 'Microsoft.Compute/virtualMachines/read' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials.", who.App, who.Object, vm)
	if got := there.At("error", "message"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.ReplaceAll(missing.Text, "vm1x", "vm1") != there.Text {
		t.Errorf("a missing resource shows: %s", missing.Text)
	}
	nogroup := strings.Replace(vm, "/rg/", "/none/", 1)
	f.Do("nobody", "GET", nogroup, "").Want(403, "AuthorizationFailed")
	f.Do("owner", "GET", nogroup, "").Want(404, "ResourceGroupNotFound")
	list := strings.TrimSuffix(nogroup, "/vm1")
	f.Do("owner", "GET", list, "").Want(404, "ResourceGroupNotFound")
	if got := f.Do("nobody", "GET", list, "").Want(200, ""); got.Count() != 0 {
		t.Errorf("list %s", got.Text)
	}
	f.Do("owner", "PUT", vm, `{"location":"local"`).Want(400, "InvalidRequestContent")
	f.Do("owner", "PUT", vm, `{"location":"local"}{}`).Want(400, "InvalidRequestContent")
	f.Do("owner", "PUT", vm, `[]`).Want(400, "InvalidRequestContent")
	f.Do("owner", "PUT", vm, `{"location":"a","location":"b"}`).Want(400, "InvalidRequestContent") // S-63
	f.Do("owner", "PUT", vm, `{"location":"local"}`, "Content-Type: application/xml").Want(415, "UnsupportedMediaType")
	f.Do("owner", "PUT", vm, `{"location":"`+strings.Repeat("x", 4<<20)+`"}`).Want(413, "RequestTooLarge")                 // CP-45
	f.Do("owner", "PUT", vm, strings.Repeat(`{"a":`, 200)+"1"+strings.Repeat("}", 200)).Want(400, "InvalidRequestContent") // CP-45
}

func TestHeadersOfAnswers(t *testing.T) { // CP-41
	f := armtest.Open(t, storetest.SQLite(t))
	a := f.OK("owner", "GET", armtest.Group, "", "x-ms-correlation-request-id: 5f1d8a52-4c27-4c26-95ca-26b8cd0e5ae2", "x-ms-client-request-id: mine", "x-ms-return-client-request-id: true")
	for name, want := range map[string]string{"X-Ms-Correlation-Request-Id": "5f1d8a52-4c27-4c26-95ca-26b8cd0e5ae2", "X-Ms-Client-Request-Id": "mine",
		"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Content-Type": "application/json; charset=utf-8"} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if len(a.Header.Get("X-Ms-Request-Id")) != 36 || !strings.HasPrefix(a.Header.Get("X-Ms-Routing-Request-Id"), "LOCAL:") {
		t.Errorf("headers %v", a.Header)
	}
}

func TestDiscovery(t *testing.T) { // CP-1, CP-2, CP-6, CP-7
	f := armtest.Open(t, storetest.SQLite(t))
	newest := f.OK("", "GET", "/metadata/endpoints?api-version=2022-09-01", "")
	for path, want := range map[string]string{"name": "SealringCloud", "resourceManager": armtest.Base, "microsoftGraphResourceId": "https://graph.sealring.internal:8443/"} {
		if got := newest.At(path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	if newest.At("authentication", "tenant") != "common" || newest.At("authentication", "identityProvider") != "AAD" ||
		newest.At("authentication", "audiences", "0") != armtest.Base+"/" || newest.At("suffixes", "keyVaultDns") != "vault.sealring.internal:8443" ||
		newest.At("suffixes", "storage") != "sealring.internal:8443" {
		t.Errorf("%s", newest.Text)
	}
	if got := f.OK("", "GET", "/metadata/endpoints?api-version=2099-01-01", ""); got.Text != newest.Text {
		t.Errorf("unknown version: %s", got.Text)
	}
	if got := f.OK("", "GET", "/metadata/endpoints?!", ""); got.Text != newest.Text {
		t.Errorf("no version: %s", got.Text)
	}
	for _, v := range []string{"2019-05-01", "2020-06-01"} {
		if got := f.OK("", "GET", "/metadata/endpoints?api-version="+v, ""); got.Text != "["+newest.Text+"]" {
			t.Errorf("%s: %s", v, got.Text)
		}
	}
	if got := f.OK("", "GET", "/metadata/endpoints?api-version=2015-01-01", ""); got.At("authentication", "loginEndpoint") != "https://login.sealring.internal:8443" {
		t.Errorf("2015: %s", got.Text)
	}
	got := f.OK("", "GET", "//metadata/endpoints?api-version=2018-01-01", "")
	if got.At("cloudEndpoint", "sealringcloud", "endpoint") != "management.sealring.internal:8443" || got.At("cloudEndpoint", "sealringcloud", "locations", "0") != "local" {
		t.Errorf("2018: %s", got.Text)
	}
}

func TestSubscriptionsAreSeenByWhoHasARoleInThem(t *testing.T) { // CP-9, CP-10, CP-11, CP-12
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", vm, `{"location":"local"}`)
	f.Person("small", armtest.Reader, vm)
	got := f.OK("small", "GET", "/subscriptions", "")
	if got.Count() != 1 || got.At("value", "0", "tenantId") != string(f.Tenant) || got.At("count", "value") != "1" || got.At("value", "0", "state") != "Enabled" {
		t.Errorf("%s", got.Text)
	}
	f.OK("small", "GET", armtest.Sub, "")
	f.OK("small", "GET", armtest.Sub+"/locations", "")
	if got := f.OK("nobody", "GET", "/subscriptions", ""); got.Count() != 0 {
		t.Errorf("%s", got.Text)
	}
	if got := f.OK("nobody", "GET", "/tenants", ""); got.At("value", "0", "defaultDomain") != "mine.example" {
		t.Errorf("%s", got.Text)
	}
	p := f.OK("owner", "POST", armtest.Sub+"/providers/microsoft.compute/register", "")
	if p.At("registrationState") != "Registered" || p.At("id") != armtest.Sub+"/providers/Microsoft.Compute" {
		t.Errorf("%s", p.Text)
	}
	if got := f.OK("owner", "GET", armtest.Sub+"/providers/Microsoft.Web", ""); got.At("resourceTypes", "0", "defaultApiVersion") == "" {
		t.Errorf("%s", got.Text)
	}
	f.Do("owner", "GET", armtest.Sub+"/providers/Contoso.Things", "").Want(404, "InvalidResourceNamespace")
}

func TestGroups(t *testing.T) { // CP-29, CP-44
	f := armtest.Open(t, storetest.SQLite(t))
	two := armtest.Sub + "/resourcegroups/Two"
	f.Do("owner", "HEAD", two, "").Want(404, "")
	f.Do("owner", "PUT", two, `{}`).Want(400, "LocationRequired")
	a := f.Do("owner", "PUT", two, `{"location":"West Europe","tags":{"a":"b"}}`).Want(201, "")
	if a.At("id") != armtest.Sub+"/resourceGroups/Two" || a.At("location") != "westeurope" || a.At("properties", "provisioningState") != "Succeeded" {
		t.Errorf("%s", a.Text)
	}
	f.Do("owner", "HEAD", two, "").Want(204, "")
	f.Do("owner", "PUT", two, `{"location":"westeurope"}`).Want(200, "")
	f.Do("owner", "PUT", two, `{"location":"local"}`).Want(409, "InvalidResourceLocation")
	if a := f.Do("owner", "PATCH", two, `{"tags":{"c":"d"}}`).Want(200, ""); a.At("tags") != `{"c":"d"}` || a.At("location") != "westeurope" {
		t.Errorf("%s", a.Text)
	}
	id, host, vault := two+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1", two+"/providers/Microsoft.Compute/virtualMachines/vm1", two+"/providers/Microsoft.KeyVault/vaults/vault1"
	f.OK("owner", "PUT", id, `{"location":"local"}`)
	f.OK("owner", "PUT", vault, `{"location":"local"}`)
	f.OK("owner", "PUT", host, `{"location":"local","tags":{"env":"dev"},"identity":{"type":"SystemAssigned"}}`)
	f.Grant("nobody", armtest.Reader, two)
	if got := f.OK("owner", "GET", two+"/resources", ""); got.Count() != 3 { // CP-33
		t.Errorf("resources %s", got.Text)
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
		if got := f.OK("owner", "GET", armtest.Sub+"/resources?$filter="+url.QueryEscape(filter), ""); got.Count() != want {
			t.Errorf("%s: %s", filter, got.Text)
		}
	}
	f.Do("owner", "GET", armtest.Sub+"/resources?$filter=what", "").Want(400, "InvalidParameter")
	f.Do("owner", "DELETE", two, "").Want(200, "")
	f.Do("owner", "GET", two, "").Want(404, "ResourceGroupNotFound")
	f.OK("owner", "PUT", two, `{"location":"local"}`) // S-47: nothing is inherited by a name
	f.Do("nobody", "GET", two, "").Want(403, "AuthorizationFailed")
	f.Do("owner", "GET", host, "").Want(404, "ResourceNotFound")
	f.Do("owner", "GET", vault, "").Want(404, "ResourceNotFound")
	if got := f.OK("owner", "GET", armtest.Sub+"/providers/Microsoft.KeyVault/deletedVaults", ""); got.Count() != 1 {
		t.Errorf("deleted %s", got.Text)
	}
}

func TestListsPageWithoutGapOrRepetition(t *testing.T) { // CP-31, CP-32, CP-77, S-41, S-52
	f := armtest.Open(t, storetest.SQLite(t))
	const n = 25
	for i := range n {
		f.OK("owner", "PUT", fmt.Sprintf("%s%02d", strings.TrimSuffix(uai, "1"), i), `{"location":"local"}`)
	}
	collection := armtest.Sub + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
	seen := map[string]bool{}
	next := collection + "?$top=10&api-version=2024-11-30"
	pages := 0
	for next != "" {
		a := f.OK("owner", "GET", next, "", "X-Forwarded-Host: evil.example", "Host: evil.example")
		var page struct {
			Value []struct{ ID string }
		}
		armtest.Check(t, json.Unmarshal([]byte(a.Text), &page))
		for _, item := range page.Value {
			if seen[item.ID] {
				t.Errorf("%s twice", item.ID)
			}
			seen[item.ID] = true
		}
		pages++
		link := a.At("nextLink")
		if link != "" && !strings.HasPrefix(link, armtest.Base+"/") {
			t.Fatalf("link %s", link)
		}
		next = strings.TrimPrefix(link, armtest.Base)
		if pages == 1 {
			f.Grant("reader", armtest.Reader, armtest.Group)
			f.Do("reader", "GET", next, "").Want(400, "InvalidParameter")                                                // another caller
			f.Do("owner", "GET", strings.Replace(next, "2024-11-30", "2023-01-31", 1), "").Want(400, "InvalidParameter") // another query
			f.Do("owner", "GET", strings.Replace(next, armtest.Sub, armtest.Group, 1), "").Want(400, "InvalidParameter") // another list
			u := armtest.Must[*url.URL](t)(url.Parse(next))
			q := u.Query()
			text := []byte(q.Get("$skiptoken"))
			text[len(text)/2] ^= 1
			q.Set("$skiptoken", string(text))
			f.Do("owner", "GET", u.Path+"?"+q.Encode(), "").Want(400, "InvalidParameter")
			q.Set("$skiptoken", "' OR 1=1 --")
			f.Do("owner", "GET", u.Path+"?"+q.Encode(), "").Want(400, "InvalidParameter")
		}
	}
	if len(seen) != n || pages != 3 {
		t.Errorf("%d items on %d pages", len(seen), pages)
	}
	f.Do("owner", "GET", collection+"?$top=0", "").Want(400, "InvalidParameter")
	f.Person("few", armtest.Reader, uai[:len(uai)-1]+"07")
	if got := f.OK("few", "GET", collection+"?$top=5", ""); got.Count() != 1 || got.At("nextLink") != "" {
		t.Errorf("filtered list %s", got.Text)
	}
}
