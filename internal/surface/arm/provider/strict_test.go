package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

func TestStrictVersionsAndRegistration(t *testing.T) { // CP-19, D-8
	f := armtest.OpenWith(t, storetest.SQLite(t), armtest.Options{Strict: true})
	a := f.Do("owner", "PUT", armtest.Group+"?api-version=2024-11-30", `{"location":"local"}`).Want(400, "InvalidApiVersionParameter")
	if !strings.Contains(a.At("error", "message"), "The supported versions are '2025-04-01,") {
		t.Errorf("%s", a.Text)
	}
	f.OK("owner", "PUT", armtest.Group+"?api-version=2024-11-01", `{"location":"local"}`)
	a = f.Do("owner", "PUT", vm+"?api-version=2031-01-01", `{"location":"local"}`).Want(400, "NoRegisteredProviderFound")
	if !strings.Contains(a.At("error", "message"), "for type 'virtualMachines'. The supported api-versions are '2026-04-01, ") {
		t.Errorf("%s", a.Text)
	}
	f.Do("owner", "POST", vm+"/start?api-version=2031-01-01", "").Want(400, "NoRegisteredProviderFound")
	f.Do("owner", "PUT", vm+"?api-version=2024-11-01", `{"location":"local"}`).Want(409, "MissingSubscriptionRegistration")
	namespace := armtest.Sub + "/providers/Microsoft.Compute"
	if got := f.OK("owner", "GET", namespace+"?api-version=2021-04-01", ""); got.At("registrationState") != "NotRegistered" {
		t.Errorf("%s", got.Text)
	}
	f.Do("reader", "POST", namespace+"/register?api-version=2021-04-01", "").Want(403, "AuthorizationFailed")
	if got := f.OK("owner", "POST", namespace+"/register?api-version=2021-04-01", ""); got.At("registrationState") != "Registered" {
		t.Errorf("%s", got.Text)
	}
	f.Do("owner", "PUT", vm+"?api-version=2024-11-01", `{"location":"local"}`).Want(201, "")
	put := f.OK("owner", "PUT", vm+"?api-version=2024-11-01", `{"location":"local"}`, "Prefer: respond-async")
	f.OK("owner", "GET", strings.TrimPrefix(put.Header.Get("Azure-AsyncOperation"), armtest.Base), "")
	f.OK("owner", "POST", namespace+"/unregister?api-version=2021-04-01", "")
	f.Do("owner", "GET", vm+"?api-version=2024-11-01", "").Want(409, "MissingSubscriptionRegistration")
}

func TestQuotasOfHosts(t *testing.T) { // M-15, CP §3.6, CP-85
	f := armtest.OpenWith(t, storetest.SQLite(t), armtest.Options{Quotas: map[string]int{"microsoft.compute/virtualmachines": 2, "microsoft.appplatform/spring/apps": 0}})
	block := func(n int) string {
		var keys []string
		for i := range n {
			keys = append(keys, fmt.Sprintf(`"%s%02d":{}`, uai, i))
		}
		return `{"location":"local","identity":{"type":"UserAssigned","userAssignedIdentities":{` + strings.Join(keys, ",") + `}}}`
	}
	for i := range 21 {
		f.OK("owner", "PUT", fmt.Sprintf("%s%02d", uai, i), `{"location":"local"}`)
	}
	f.OK("owner", "PUT", vm, block(2))
	f.Do("owner", "PUT", vm, block(3)).Want(400, "FailedIdentityOperation")
	f.Do("owner", "PATCH", vm, block(3)).Want(400, "FailedIdentityOperation")
	f.OK("owner", "PUT", app, block(21)) // no limit of its own
	spring := armtest.Group + "/providers/Microsoft.AppPlatform/Spring/svc1"
	f.OK("owner", "PUT", spring, `{"location":"local"}`)
	f.OK("owner", "PUT", spring+"/apps/app1", block(21)) // its limit is switched off
	g := armtest.Open(t, storetest.SQLite(t))
	for i := range 21 {
		g.OK("owner", "PUT", fmt.Sprintf("%s%02d", uai, i), `{"location":"local"}`)
	}
	g.OK("owner", "PUT", spring, `{"location":"local"}`)
	g.OK("owner", "PUT", spring+"/apps/app1", block(20))
	g.Do("owner", "PATCH", spring+"/apps/app1", block(21)).Want(400, "FailedIdentityOperation")
	g.OK("owner", "PUT", armtest.Group+"/providers/Microsoft.ContainerService/managedClusters/aks1", block(1))
	g.Do("owner", "PUT", armtest.Group+"/providers/Microsoft.ContainerService/managedClusters/aks1", block(2)).Want(400, "FailedIdentityOperation")
}

func TestOperationsOfProviders(t *testing.T) { // CP §1.6
	f := armtest.Open(t, storetest.SQLite(t))
	tree := f.OK("nobody", "GET", "/providers/Microsoft.Authorization/providerOperations/microsoft.keyvault?$expand=resourceTypes", "")
	if tree.At("name") != "Microsoft.KeyVault" || !strings.Contains(tree.Text, `"name":"Microsoft.KeyVault/vaults/write"`) ||
		!strings.Contains(tree.Text, `"name":"Microsoft.KeyVault/vaults/secrets/getSecret/action"`) {
		t.Errorf("%s", tree.Text)
	}
	flat := f.OK("nobody", "GET", "/providers/Microsoft.Web/operations", "")
	for _, p := range f.Routes { // what may be done is named
		for _, route := range p.Routes {
			if strings.HasPrefix(route.Action(), "Microsoft.Web/") && !strings.Contains(flat.Text, `"name":"`+route.Action()+`"`) {
				t.Errorf("%s is not listed", route.Action())
			}
		}
	}
	f.Do("nobody", "GET", "/providers/Contoso.Things/operations", "").Want(404, "InvalidResourceNamespace")
	if all := f.OK("nobody", "GET", "/providers/Microsoft.Authorization/providerOperations", ""); all.Count() < 20 {
		t.Errorf("%d namespaces", all.Count())
	}
}
