package app

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/transfer"
)

// asAdminOf returns a caller of Resource Manager that signs in as a tenant's administrator,
// by the SDK and with the secret from its file.
func asAdminOf(t *testing.T, s *running, tenant Tenant, host string) func(method, path, body string) (int, string) {
	t.Helper()
	value, err := os.ReadFile(tenant.SecretFile)
	if err != nil {
		t.Fatal(err)
	}
	web := proxied(t, s)
	credential, err := azidentity.NewClientSecretCredential(string(tenant.ID), string(tenant.AdminClientID), string(value), &azidentity.ClientSecretCredentialOptions{
		ClientOptions: azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: s.Endpoints().AuthorityHost}, Transport: web},
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}})
	if err != nil {
		t.Fatal(err)
	}
	return func(method, path, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, host+path+"?api-version=2022-09-01", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token.Token)
		r.Header.Set("Content-Type", "application/json")
		answer, err := web.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
}

// M-15, S-54: a tenant made by a command beside a running server works within a second, and
// neither of two tenants sees anything of the other.
func TestTenantsShareAnInstallationAndNothingElse(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		s := start(t, c)
		o, err := OpenOffline(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = o.Close() }()
		e, err := o.Estate()
		if err != nil {
			t.Fatal(err)
		}
		second, err := e.CreateTenant(o.As(t.Context(), "test"), "Second", []string{"Second.Example"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.CreateTenant(t.Context(), "Third", []string{"second.example"}); !errors.Is(err, directory.ErrInvalid) {
			t.Errorf("the same domain again: %v", err)
		}
		more, err := e.CreateSubscription(t.Context(), second.ID, "More")
		if err != nil {
			t.Fatal(err)
		}
		awaitDomain(t, s, "second.example")
		do := asAdminOf(t, s, second, s.Endpoints().ResourceManager)
		first := Tenant{ID: s.in.tenant, AdminClientID: s.in.adminApp, SecretFile: s.Endpoints().AdminSecretFile}
		doFirst := asAdminOf(t, s, first, s.Endpoints().ResourceManager)

		status, list := do("GET", "/subscriptions", "")
		if status != 200 || !strings.Contains(list, string(second.Subscriptions[0])) || !strings.Contains(list, string(more.ID)) || strings.Contains(list, string(s.in.subscription)) {
			t.Errorf("the second sees the subscriptions %d %s", status, list)
		}
		for path, want := range map[string]int{
			"/subscriptions/" + string(more.ID) + "/resourcegroups/mine": 201, "/subscriptions/" + string(s.in.subscription) + "/resourcegroups/mine": 404,
		} {
			if got, text := do("PUT", path, `{"location":"local"}`); got != want {
				t.Errorf("the second: PUT %s: %d %s, want %d", path, got, text, want)
			}
		}
		if got, text := doFirst("GET", "/subscriptions/"+string(more.ID)+"/resourcegroups/mine", ""); got != 404 || !strings.Contains(text, "SubscriptionNotFound") {
			t.Errorf("the first sees the second's group: %d %s", got, text)
		}
		if status, list := doFirst("GET", "/subscriptions", ""); status != 200 || strings.Contains(list, string(more.ID)) || !strings.Contains(list, string(s.in.subscription)) {
			t.Errorf("the first sees the subscriptions %d %s", status, list)
		}
		all, err := e.Tenants(t.Context())
		if err != nil || len(all) != 2 || all[0].ID != s.in.tenant || all[1].ID != second.ID || len(all[1].Subscriptions) != 2 || all[1].AdminClientID != second.AdminClientID {
			t.Errorf("tenants %+v, %v", all, err)
		}
		if info, err := os.Stat(second.SecretFile); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the secret's file: %v %v", info, err)
		}
	})
}

// awaitDomain polls until the running server knows a domain, two seconds at most.
func awaitDomain(t *testing.T, s *running, domain string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, err := s.directory.TenantByDomain(t.Context(), domain)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// CP-121, L-3: a transfer by a command beside a running server works within a second: tokens of
// before are refused, and the new tenant's administrator is the owner.
func TestATransferReachesARunningServer(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		s := start(t, c)
		o, err := OpenOffline(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = o.Close() }()
		e, err := o.Estate()
		if err != nil {
			t.Fatal(err)
		}
		ctx := o.As(t.Context(), "test")
		second, err := e.CreateTenant(ctx, "Second", []string{"second.example"})
		if err != nil {
			t.Fatal(err)
		}
		more, err := e.CreateSubscription(ctx, "", "More")
		if err != nil {
			t.Fatal(err)
		}
		awaitDomain(t, s, "second.example")
		do := asAdminOf(t, s, second, s.Endpoints().ResourceManager)
		doFirst := asAdminOf(t, s, Tenant{ID: s.in.tenant, AdminClientID: s.in.adminApp, SecretFile: s.Endpoints().AdminSecretFile}, s.Endpoints().ResourceManager)
		group := "/subscriptions/" + string(more.ID) + "/resourcegroups/default"
		if status, text := doFirst("GET", group, ""); status != 200 {
			t.Fatalf("before: %d %s", status, text)
		}
		if _, err := e.Transfer(ctx, s.in.subscription, second.ID, false); !errors.Is(err, transfer.ErrRefused) {
			t.Errorf("the subscription of the first start: %v", err)
		}
		if r, err := e.Transfer(ctx, more.ID, second.ID, true); err != nil || r.Done {
			t.Errorf("only asked: %+v, %v", r, err)
		}
		if status, text := doFirst("GET", group, ""); status != 200 {
			t.Errorf("after asking: %d %s", status, text)
		}
		if r, err := e.Transfer(ctx, more.ID, second.ID, false); err != nil || !r.Done || r.From != s.in.tenant || r.Assignments != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		deadline := time.Now().Add(time.Second)
		for status, text := do("GET", group, ""); status != 200; status, text = do("GET", group, "") {
			if time.Now().After(deadline) {
				t.Fatalf("the new owner: %d %s", status, text)
			}
			time.Sleep(20 * time.Millisecond)
		}
		if status, text := doFirst("GET", group, ""); status != 404 {
			t.Errorf("the old owner: %d %s", status, text)
		}
	})
}
