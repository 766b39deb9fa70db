package directory_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

func TestResolveAudience(t *testing.T) { // DT-3.8, DT-67, DT-68
	w := newWorld(t, storetest.SQLite(t))
	tenant := w.tenant()
	app, _ := w.app(tenant.ID, "api://orders/V1")
	identity := w.identity(tenant.ID, "shop")
	for _, c := range []struct {
		name, requested string
		app             id.App // "" means unknown
		audience        string
		version         int
	}{
		{"as registered", "https://vault.azure.net", directory.KeyVaultApp, "https://vault.azure.net", 1},
		{"a trailing slash is kept", "https://management.azure.com/", directory.ResourceManagerApp, "https://management.azure.com/", 1},
		{"the older name", "https://management.core.windows.net/", directory.ResourceManagerApp, "https://management.core.windows.net/", 1},
		{"host in capitals is echoed", "HTTPS://Vault.Azure.Net", directory.KeyVaultApp, "HTTPS://Vault.Azure.Net", 1},
		{"application id", "797F4846-ba00-4fd7-ba43-dac1f8f63013", directory.ResourceManagerApp, "797f4846-ba00-4fd7-ba43-dac1f8f63013", 1},
		{"one of our names", "https://vault.sealring.internal:8443", directory.KeyVaultApp, "https://vault.sealring.internal:8443", 1},
		{"token exchange is version 2", "api://AzureADTokenExchange", directory.TokenExchangeApp, string(directory.TokenExchangeApp), 2},
		{"a storage account", "https://photos.blob.core.windows.net", directory.StorageApp, "https://photos.blob.core.windows.net", 1},
		{"an application of the tenant", "api://orders/V1", app.App, "api://orders/V1", 1},
		{"its application id", string(app.App), app.App, string(app.App), 1},
		{"paths keep their case", "api://orders/v1", "", "", 0},
		{"two slashes at the end", "https://vault.azure.net//", "", "", 0},
		{"a path behind a known host", "https://vault.azure.net/x", "", "", 0},
		{"a look-alike", "https://vault.azure.net.attacker.example", "", "", 0},
		{"a storage account without a name", "https://.blob.core.windows.net", "", "", 0},
		{"a managed identity is no resource", string(identity.App), "", "", 0},
		{"empty", "", "", "", 0},
		{"only a slash", "/", "", "", 0},
		{"an unknown GUID", "0f8fad5b-d9cb-469f-a165-70867728950e", "", "", 0},
		{"very long", "https://" + strings.Repeat("a", 9000), "", "", 0},
	} {
		got, err := w.ResolveAudience(t.Context(), tenant.ID, c.requested)
		if c.app == "" {
			if !errors.Is(err, directory.ErrAudienceUnknown) || len(err.Error()) > 400 {
				t.Errorf("%s: %+v, %v", c.name, got, err)
			}
			continue
		}
		if err != nil || got.AppID != c.app || got.Audience != c.audience || got.Version != c.version {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestNamesOfResourcesAreUnique(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	tenant := w.tenant()
	w.app(tenant.ID, "api://orders")
	for _, uri := range []string{"api://orders", "api://ORDERS/", "https://vault.azure.net", "https://VAULT.azure.net/", ""} {
		err := w.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := w.CreateApplication(ctx, tx, directory.NewApplication{Tenant: tenant.ID, DisplayName: "x", IdentifierURIs: []string{uri}})
			return err
		})
		if !errors.Is(err, directory.ErrInvalid) {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

func TestBuiltinResourcesArePrincipalsOfEveryTenant(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	a, b := w.tenant(), w.tenant()
	first, err1 := w.ServicePrincipalByApp(t.Context(), a.ID, directory.GraphApp)
	second, err2 := w.ServicePrincipalByApp(t.Context(), b.ID, directory.GraphApp)
	if err1 != nil || err2 != nil || first.ID == second.ID || first.DisplayName != "Microsoft Graph" {
		t.Fatalf("%+v %v / %+v %v", first, err1, second, err2)
	}
}
