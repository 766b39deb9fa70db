package managedidentity_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// The identity and the credential of the tests.
const (
	uai        = armtest.Group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Orders"
	fic        = uai + "/federatedIdentityCredentials/kube"
	credential = `{"properties":{"issuer":"https://issuer.example/","subject":"system:serviceaccount:shop:orders","audiences":["api://AzureADTokenExchange"]}}`
)

func TestAFederatedCredentialLivesAndDies(t *testing.T) { // CP-66, CP-70, CP-74
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		f.Do("owner", "PUT", fic, credential).Want(404, "ResourceNotFound")
		f.OK("owner", "PUT", uai, `{"location":"local"}`)
		for _, version := range []string{"2022-01-31-preview", "2023-01-31", "2024-11-30", "2025-05-31-preview", "2026-05-31"} {
			v := "?api-version=" + version
			f.Do("owner", "GET", fic+v, "").Want(404, "ResourceNotFound")
			a := f.Do("owner", "PUT", fic+v, credential).Want(201, "")
			for name, want := range map[string]string{"id": fic, "name": "kube", "type": "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
				"location": "", "tags": ""} {
				if got := a.At(name); got != want {
					t.Errorf("%s: %s is %q, want %q", version, name, got, want)
				}
			}
			if a.At("properties") != `{"issuer":"https://issuer.example/","subject":"system:serviceaccount:shop:orders","audiences":["api://AzureADTokenExchange"]}` {
				t.Errorf("%s: %s", version, a.At("properties"))
			}
			f.Do("owner", "PUT", strings.ToUpper(fic)+v, credential).Want(200, "")
			if got := f.OK("reader", "GET", fic+v, ""); got.Text != a.Text {
				t.Errorf("%s: read %s", version, got.Text)
			}
			if n := f.OK("reader", "GET", uai+"/federatedIdentityCredentials"+v, "").Count(); n != 1 {
				t.Errorf("%s: %d listed", version, n)
			}
			f.Do("owner", "DELETE", fic+v, "").Want(200, "")
			f.Do("owner", "DELETE", fic+v, "").Want(204, "")
		}
		f.OK("owner", "PUT", fic, credential)
		f.Do("owner", "DELETE", uai, "").Want(200, "")
		f.Do("owner", "GET", fic, "").Want(404, "ResourceNotFound")
	})
}

func TestFederatedCredentialsThatArmRefuses(t *testing.T) { // CP-71, CP-73
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", uai, `{"location":"local"}`)
	f.OK("owner", "PUT", fic, credential)
	expression := `"claimsMatchingExpression":{"value":"claims['sub'] matches 'repo:o/*'","languageVersion":1}`
	const preview = "?api-version=2025-05-31-preview"
	messages := map[string]string{}
	for name, c := range map[string]struct{ path, body string }{
		"a name of 2 characters":     {uai + "/federatedIdentityCredentials/ab", credential},
		"no properties":              {uai + "/federatedIdentityCredentials/abc", `{}`},
		"no audience":                {uai + "/federatedIdentityCredentials/abc", `{"properties":{"issuer":"https://i","subject":"s","audiences":[]}}`},
		"no issuer":                  {uai + "/federatedIdentityCredentials/abc", `{"properties":{"subject":"s","audiences":["a"]}}`},
		"no subject":                 {uai + "/federatedIdentityCredentials/abc", `{"properties":{"issuer":"https://i","audiences":["a"]}}`},
		"the pair of another":        {uai + "/federatedIdentityCredentials/abc", credential},
		"an expression too early":    {uai + "/federatedIdentityCredentials/abc?api-version=2023-01-31", `{"properties":{"issuer":"https://i","audiences":["a"],` + expression + `}}`},
		"an expression and subject":  {uai + "/federatedIdentityCredentials/abc" + preview, `{"properties":{"issuer":"https://i","subject":"s","audiences":["a"],` + expression + `}}`},
		"a language of the future":   {uai + "/federatedIdentityCredentials/abc" + preview, strings.Replace(`{"properties":{"issuer":"https://i","audiences":["a"],`+expression+`}}`, ":1}", ":2}", 1)},
		"an expression without text": {uai + "/federatedIdentityCredentials/abc" + preview, `{"properties":{"issuer":"https://i","audiences":["a"],"claimsMatchingExpression":{"languageVersion":1}}}`},
		"a member in other letters":  {uai + "/federatedIdentityCredentials/abc", strings.Replace(credential, "issuer", "Issuer", 1)},
		"another name in the body":   {uai + "/federatedIdentityCredentials/abc", `{"name":"x",` + credential[1:]},
	} {
		a := f.Do("owner", "PUT", c.path, c.body)
		if a.Status != 400 {
			t.Errorf("%s: %d %s", name, a.Status, a.Text)
		}
		if other, taken := messages[a.At("error", "message")]; taken {
			t.Errorf("%q and %q have one message: %s", name, other, a.At("error", "message"))
		}
		messages[a.At("error", "message")] = name
	}
	f.Do("owner", "PUT", uai+"/federatedIdentityCredentials/flex"+preview, `{"properties":{"issuer":"https://token.actions.githubusercontent.com","audiences":["a"],`+expression+`}}`).Want(201, "")
	a := f.OK("owner", "GET", uai+"/federatedIdentityCredentials/flex"+preview, "")
	if a.At("properties", "claimsMatchingExpression", "value") != "claims['sub'] matches 'repo:o/*'" || a.At("properties", "subject") != "" {
		t.Errorf("%s", a.Text)
	}
	w := f.OK("owner", "PUT", uai+"/federatedIdentityCredentials/hub", `{"properties":{"issuer":"https://token.actions.githubusercontent.com","subject":"repo:o/a:ref:refs/heads/main","audiences":["a"]}}`)
	if !strings.HasPrefix(w.Header.Get("Warning"), "299 ") { // S-37
		t.Errorf("no warning: %v", w.Header)
	}
}

// S-49: the right to attach an identity does not include letting others prove it.
func TestWhoMayWriteFederatedCredentials(t *testing.T) {
	const contributor = "7e559ce2-48d7-4b27-9128-fa1b247f1308" // Managed Identity Federated Identity Credential Contributor
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", uai, `{"location":"local"}`)
	f.Person("operator", armtest.IdentityOperator, uai)
	f.Person("federator", contributor, uai)
	f.Do("operator", "PUT", fic, credential).Want(403, "AuthorizationFailed")
	f.Do("reader", "PUT", fic, credential).Want(403, "AuthorizationFailed")
	f.Do("federator", "PUT", fic, credential).Want(201, "")
	f.Do("federator", "DELETE", uai, "").Want(403, "AuthorizationFailed")
	f.Do("reader", "POST", uai+"/revokeTokens", "").Want(403, "AuthorizationFailed")
	f.Do("operator", "DELETE", fic, "").Want(403, "AuthorizationFailed")
	f.Do("federator", "DELETE", fic, "").Want(200, "")
}

func TestTwentyFederatedCredentialsAtOnce(t *testing.T) { // CP-72
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", uai, `{"location":"local"}`)
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			body := strings.Replace(credential, "orders", fmt.Sprint("orders", n), 1)
			f.Do("owner", "PUT", fmt.Sprintf("%s/federatedIdentityCredentials/fic%02d", uai, n), body).Want(201, "")
		})
	}
	all.Wait()
	page := f.OK("owner", "GET", uai+"/federatedIdentityCredentials?$top=8", "")
	seen := page.Count()
	for pages := 1; page.At("nextLink") != ""; pages++ {
		if pages > 3 {
			t.Fatal("the pages do not end")
		}
		page = f.OK("owner", "GET", strings.TrimPrefix(page.At("nextLink"), armtest.Base), "")
		seen += page.Count()
	}
	if seen != 20 {
		t.Errorf("%d in all pages", seen)
	}
}

func TestAssociatedResourcesWithFilterOrderAndPages(t *testing.T) { // CP-75
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", uai, `{"location":"local"}`)
	f.OK("owner", "PUT", armtest.Sub+"/resourceGroups/other", `{"location":"local"}`)
	block := `{"location":"local","identity":{"type":"UserAssigned","userAssignedIdentities":{"` + uai + `":{}}}}`
	for _, host := range []string{"/rg/providers/Microsoft.Compute/virtualMachines/b", "/rg/providers/Microsoft.Compute/virtualMachines/a",
		"/rg/providers/Microsoft.Web/sites/web", "/other/providers/Microsoft.Compute/virtualMachines/c"} {
		f.OK("owner", "PUT", armtest.Sub+"/resourceGroups"+host, block)
	}
	f.Person("near", armtest.Contributor, armtest.Group)
	for name, c := range map[string]struct {
		who, query string
		want       string
	}{
		"all":                    {"owner", "", "c,a,b,web"},
		"by name":                {"owner", "$orderby=name", "a,b,c,web"},
		"by name, last first":    {"owner", "$orderby=name desc", "web,c,b,a"},
		"without the first":      {"owner", "$orderby=name&$skip=1", "b,c,web"},
		"of a type":              {"owner", "$filter=type eq 'microsoft.compute/virtualmachines'&$orderby=name", "a,b,c"},
		"of a group and a type":  {"owner", "$filter=resourceGroup eq 'rg' and type eq 'Microsoft.Compute/virtualMachines'&$orderby=name", "a,b"},
		"by part of the name":    {"owner", "$filter=contains(name,'E')", "web"},
		"of either name":         {"owner", "$filter=name eq 'a' or name eq 'c'&$orderby=name", "a,c"},
		"of another subscriber":  {"owner", "$filter=subscriptionId eq '22222222-2222-2222-2222-222222222222'", ""},
		"only what one may read": {"near", "$orderby=name", "a,b,web"},
	} {
		q := strings.NewReplacer(" ", "%20", "'", "%27").Replace(c.query)
		a := f.OK(c.who, "POST", uai+"/listAssociatedResources?"+q, "")
		var names []string
		for n := range a.Count() {
			names = append(names, a.At("value", fmt.Sprint(n), "name"))
		}
		if got := strings.Join(names, ","); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	a := f.OK("owner", "POST", uai+"/listAssociatedResources?$top=3&$orderby=name", "")
	if a.At("totalCount") != "4" || a.Count() != 3 || a.At("value", "0", "subscriptionDisplayName") != "Sub" {
		t.Errorf("%s", a.Text)
	}
	next, err := url.Parse(a.At("nextLink"))
	if err != nil || next.RawQuery == "" {
		t.Fatalf("%q %v", a.At("nextLink"), err)
	}
	if b := f.OK("owner", "POST", next.RequestURI(), ""); b.Count() != 1 || b.At("value", "0", "name") != "web" || b.At("nextLink") != "" || b.At("totalCount") != "4" {
		t.Errorf("%s", b.Text)
	}
	f.Do("owner", "POST", uai+"/listAssociatedResources?$orderby=color", "").Want(400, "InvalidParameter")
	f.Do("owner", "POST", uai+"/listAssociatedResources?$skip=-1", "").Want(400, "InvalidParameter")
}

func TestIdentitiesInAllVersions(t *testing.T) { // CP-66, CP-68, CP-69
	f := armtest.Open(t, storetest.SQLite(t))
	for _, version := range []string{"2015-08-31-preview", "2018-11-30", "2021-09-30-preview", "2022-01-31-preview", "2023-01-31", "2023-07-31-preview",
		"2024-11-30", "2025-01-31-preview", "2025-05-31-preview", "2026-04-30", "2026-05-31"} {
		v := "?api-version=" + version
		a := f.Do("owner", "PUT", uai+v, `{"location":"local","tags":{"a":"b"}}`).Want(201, "")
		b := f.Do("owner", "PATCH", uai+v, `{"location":"elsewhere","tags":{"a":"c"},"properties":{}}`).Want(200, "")
		for _, member := range []string{"principalId", "clientId", "tenantId"} {
			if a.At("properties", member) == "" || a.At("properties", member) != b.At("properties", member) {
				t.Errorf("%s: %s is %q, then %q", version, member, a.At("properties", member), b.At("properties", member))
			}
		}
		if b.At("tags", "a") != "c" || b.At("location") != "local" {
			t.Errorf("%s: %s", version, b.Text)
		}
		f.Do("owner", "POST", uai+"/revokeTokens"+v, "").Want(200, "")
		f.Do("owner", "POST", uai+"/listAssociatedResources"+v, "").Want(200, "")
		f.Do("owner", "GET", "/providers/Microsoft.ManagedIdentity/operations"+v, "").Want(200, "")
		f.Do("owner", "DELETE", uai+v, "").Want(200, "")
		f.Do("owner", "DELETE", uai+v, "").Want(204, "")
	}
	for name, want := range map[string]int{"ab": 400, "-abc": 400, strings.Repeat("a", 129): 400, "a_b-c": 201, strings.Repeat("a", 128): 201} {
		f.Do("owner", "PUT", armtest.Group+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"+name, `{"location":"local"}`).Want(want, "")
	}
}

func TestSystemIdentitiesAtAnyScope(t *testing.T) { // CP-65
	f := armtest.Open(t, storetest.SQLite(t))
	const block = `{"location":"local","identity":{"type":"SystemAssigned"}}`
	for _, host := range []string{"Microsoft.Compute/virtualMachines/vm", "Microsoft.Web/sites/web", "Microsoft.Web/sites/web/slots/stage"} {
		at := armtest.Group + "/providers/" + host
		made := f.OK("owner", "PUT", at, block)
		a := f.OK("reader", "GET", at+"/providers/Microsoft.ManagedIdentity/identities/default?api-version=2018-11-30", "")
		if a.At("properties", "principalId") != made.At("identity", "principalId") || a.At("properties", "clientId") == "" || a.At("name") != "default" ||
			a.At("id") != at+"/providers/Microsoft.ManagedIdentity/identities/default" || a.At("type") != "Microsoft.ManagedIdentity/identities" {
			t.Errorf("%s: %s", host, a.Text)
		}
		f.OK("owner", "PATCH", at, `{"identity":{"type":"None"}}`)
		f.Do("reader", "GET", at+"/providers/Microsoft.ManagedIdentity/identities/default", "").Want(404, "ResourceNotFound")
	}
	f.Do("nobody", "GET", armtest.Group+"/providers/Microsoft.Web/sites/web/providers/Microsoft.ManagedIdentity/identities/default", "").Want(403, "AuthorizationFailed")
}
