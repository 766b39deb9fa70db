package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/trust"
)

// DT-96: federated credentials of an application, by id and by name, as az and azuread write them.
func TestLifeOfAFederatedCredential(t *testing.T) {
	w := newWorld(t).admin()
	app := w.do(201, "POST", "/v1.0/applications", `{"displayName":"shop"}`)
	at := "/v1.0/applications/" + text(app, "id") + "/federatedIdentityCredentials"
	const body = `"issuer":"https://issuer.example/","subject":"system:serviceaccount:shop:orders","audiences":["api://AzureADTokenExchange"]`
	fic := w.do(201, "POST", at, `{"name":"kube","description":"pods",`+body+`}`)
	if text(fic, "name") != "kube" || text(fic, "id") == "" || text(fic, "issuer") != "https://issuer.example/" || len(fic["audiences"].([]any)) != 1 ||
		!strings.HasSuffix(text(fic, "@odata.context"), "#federatedIdentityCredentials/$entity") {
		t.Errorf("created: %v", fic)
	}
	byApp := "/beta/applications(appId='" + text(app, "appId") + "')/federatedIdentityCredentials"
	for _, key := range []string{at + "/kube", at + "/" + text(fic, "id"), at + "(name='kube')", byApp + "/kube"} {
		if got := w.do(200, "GET", key, ""); text(got, "id") != text(fic, "id") {
			t.Errorf("%s: %v", key, got)
		}
	}
	w.do(204, "PATCH", at+"/kube", `{"name":"kube","subject":"system:serviceaccount:shop:other","description":null}`)
	if got := w.do(200, "GET", at+"/kube?$select=subject,description,keySet", ""); text(got, "subject") != "system:serviceaccount:shop:other" || got["description"] != nil || got["id"] != nil || got["keySet"] != nil {
		t.Errorf("changed: %v", got)
	}
	w.do(201, "POST", byApp, `{"name":"flex","issuer":"https://token.actions.githubusercontent.com","audiences":["a"],"subject":null,"claimsMatchingExpression":{"value":"claims['sub'] matches 'repo:o/*'","languageVersion":1}}`)
	if got := w.do(200, "GET", at+"/flex", ""); got["subject"] != nil || got["claimsMatchingExpression"].(object)["languageVersion"] != float64(1) {
		t.Errorf("flexible: %v", got)
	}
	if p := w.do(200, "GET", at, ""); len(p["value"].([]any)) != 2 {
		t.Errorf("list: %v", p)
	}
	if p := w.do(200, "GET", at+"?$filter=name%20eq%20'kube'", ""); len(p["value"].([]any)) != 1 {
		t.Errorf("filtered: %v", p)
	}
	if got := w.do(200, "GET", "/v1.0/applications/"+text(app, "id")+"?$expand=federatedIdentityCredentials", ""); len(got["federatedIdentityCredentials"].([]any)) != 2 {
		t.Errorf("expanded: %v", got)
	}
	for name, c := range map[string]struct {
		status       int
		method, path string
		body         string
	}{
		"a name that is taken":         {409, "POST", at, `{"name":"KUBE",` + body + `}`},
		"a pair that is taken":         {409, "POST", at, `{"name":"again","issuer":"https://issuer.example/","subject":"system:serviceaccount:shop:other","audiences":["a"]}`},
		"two audiences":                {400, "POST", at, `{"name":"again","issuer":"https://i","subject":"s","audiences":["a","b"]}`},
		"no audience":                  {400, "POST", at, `{"name":"again","issuer":"https://i","subject":"s"}`},
		"no name":                      {400, "POST", at, `{` + body + `}`},
		"an unknown property":          {400, "POST", at, `{"name":"again","color":"red",` + body + `}`},
		"another name":                 {400, "PATCH", at + "/kube", `{"name":"other"}`},
		"one that is missing":          {404, "PATCH", at + "/none", `{"description":"x"}`},
		"reading one that is missing":  {404, "GET", at + "/none", ""},
		"an application that is not":   {404, "GET", "/v1.0/applications/" + unknown + "/federatedIdentityCredentials", ""},
		"deleting one that is missing": {404, "DELETE", at + "/none", ""},
	} {
		if rec := w.send(c.method, c.path, c.body, map[string]string{"Content-Type": "application/json"}); rec.Code != c.status {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	if rec := w.send("PATCH", at+"(name='made')", `{"issuer":"https://i.example","subject":"s","audiences":["a"]}`, map[string]string{"Content-Type": "application/json", "Prefer": "create-if-missing"}); rec.Code != 201 {
		t.Errorf("create if missing: %d %s", rec.Code, rec.Body)
	}
	w.do(204, "DELETE", at+"/"+text(fic, "id"), "")
	w.do(404, "GET", at+"/kube", "")
	w.do(204, "POST", "/v1.0/applications/"+text(app, "id")+"/requireSingleUseAssertions", `{"required":true}`)
	if got := w.do(200, "GET", "/v1.0/applications/"+text(app, "id")+"/requireSingleUseAssertions", ""); got["required"] != true {
		t.Errorf("single use: %v", got)
	}
	w.do(400, "POST", "/v1.0/applications/"+text(app, "id")+"/requireSingleUseAssertions", `{}`)
}

// DT-104, S-54: whoever may not write applications writes no federated credential, and those of
// an identity are read here only.
func TestWhoMayWriteFederatedCredentialsOfApplications(t *testing.T) {
	w := newWorld(t) // may read
	var made directory.Application
	err := w.db.Update(t.Context(), func(tx *store.Tx) (err error) {
		made, err = w.dir.CreateApplication(t.Context(), tx, directory.NewApplication{Tenant: w.tenant.ID, DisplayName: "shop"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	at := "/v1.0/applications/" + string(made.ID) + "/federatedIdentityCredentials"
	const body = `{"name":"kube","issuer":"https://i.example","subject":"s","audiences":["a"]}`
	for _, c := range []struct{ method, path string }{{"POST", at}, {"PATCH", at + "/kube"}, {"DELETE", at + "/kube"}} {
		if rec := w.send(c.method, c.path, body, map[string]string{"Content-Type": "application/json"}); rec.Code != 403 {
			t.Errorf("%s: %d %s", c.method, rec.Code, rec.Body)
		}
	}
	user := w.identity(w.tenant.ID, "orders", true)
	for n := range 2 {
		_, _, err := w.trusted.PutFederatedCredential(t.Context(), trust.FederatedWrite{Tenant: w.tenant.ID, App: user.App, Name: fmt.Sprint("fic", n),
			Edit: func(c *trust.FederatedCredential) error {
				c.Issuer, c.Subject, c.Audience = "https://i.example", fmt.Sprint(n), "a"
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if p := w.do(200, "GET", "/v1.0/servicePrincipals/"+string(user.ID)+"/federatedIdentityCredentials", ""); len(p["value"].([]any)) != 2 {
		t.Errorf("of an identity: %v", p)
	}
	if rec := w.send("POST", "/v1.0/servicePrincipals/"+string(user.ID)+"/federatedIdentityCredentials", body, nil); rec.Code != 403 && rec.Code != 405 && rec.Code != 404 && rec.Code != 400 {
		t.Errorf("written: %d", rec.Code)
	}
}
