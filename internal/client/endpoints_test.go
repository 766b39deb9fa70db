package client

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a document whose process is alive: this one.
func sample() Endpoints {
	return Endpoints{TenantID: "t", SubscriptionID: "s", Domain: "sealring.internal", AuthorityHost: "https://login.sealring.internal:8443",
		ResourceManager: "https://management.sealring.internal:8443", Local: "https://localhost:8443", CAFile: "/ca.pem",
		VaultSuffix: "vault.sealring.internal:8443", PID: os.Getpid()}
}

// A platform is found only if its document is whole and its process lives; every failure
// names the thing and the way out (design.md §5: exit 3).
func TestReadEndpoints(t *testing.T) {
	gone := exec.Command(os.Args[0], "-test.run=^$")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	change := func(f func(*Endpoints)) Endpoints { e := sample(); f(&e); return e }
	for name, tt := range map[string]struct {
		write func(dir string) error
		says  string // "" when it must be found
	}{
		"running":       {func(dir string) error { return WriteEndpoints(dir, sample()) }, ""},
		"never started": {func(string) error { return nil }, "start one with `sealring up"},
		"stale": {func(dir string) error {
			return WriteEndpoints(dir, change(func(e *Endpoints) { e.PID = gone.Process.Pid }))
		}, "is gone and left endpoints.json behind; start it with `sealring up"},
		"damaged":          {func(dir string) error { return os.WriteFile(filepath.Join(dir, FileName), []byte("{"), 0o600) }, "is damaged"},
		"without a tenant": {func(dir string) error { return WriteEndpoints(dir, change(func(e *Endpoints) { e.TenantID = "" })) }, "tenant_id"},
		"without a port": {func(dir string) error {
			return WriteEndpoints(dir, change(func(e *Endpoints) { e.Local = "https://localhost" }))
		}, "local"},
		"removed on a clean stop": {func(dir string) error {
			return errors.Join(WriteEndpoints(dir, sample()), RemoveEndpoints(dir), RemoveEndpoints(dir))
		}, "start one with"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := tt.write(dir); err != nil {
				t.Fatal(err)
			}
			e, err := ReadEndpoints(dir)
			if tt.says == "" {
				if err != nil || e != sample() {
					t.Fatalf("got %+v, %v", e, err)
				}
				info, err := os.Stat(filepath.Join(dir, FileName))
				if err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
				}
				return
			}
			if !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want ErrNotRunning that says %q", err, tt.says)
			}
		})
	}
}

// design.md §5: which directory is meant when none is named.
func TestDefaultDir(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"/data":                          {"SEALRING_DATA": "/data", "XDG_DATA_HOME": "/xdg", "HOME": "/home/me"},
		"/xdg/sealring":                  {"XDG_DATA_HOME": "/xdg", "HOME": "/home/me"},
		"/home/me/.local/share/sealring": {"XDG_DATA_HOME": "relative", "HOME": "/home/me"},
		"":                               {},
	} {
		got, err := DefaultDir(func(name string) string { return env[name] })
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%v: %q, %v; want %q", env, got, err, want)
		}
	}
}

// A resource has a short name; what is in it, and every other text, does not.
func TestShort(t *testing.T) {
	const group = "/subscriptions/s/resourceGroups/default"
	for text, want := range map[string]struct{ where, small string }{
		"vault/kv1":                  {group + "/providers/Microsoft.KeyVault/vaults/kv1?api-version=2023-07-01", `{"location":"local","properties":{"enableRbacAuthorization":true}}`},
		"Vault/kv1/":                 {group + "/providers/Microsoft.KeyVault/vaults/kv1?api-version=2023-07-01", `{"location":"local","properties":{"enableRbacAuthorization":true}}`},
		"vault/kv1?api-version=2022": {group + "/providers/Microsoft.KeyVault/vaults/kv1?api-version=2022", `{"location":"local","properties":{"enableRbacAuthorization":true}}`},
		"app/shop":                   {group + "/providers/Microsoft.Web/sites/shop?api-version=2024-04-01", `{"location":"local","identity":{"type":"SystemAssigned"}}`},
		"vm/m":                       {group + "/providers/Microsoft.Compute/virtualMachines/m?api-version=2024-07-01", `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{"hardwareProfile":{"vmSize":"Standard_B1s"}}}`},
		"identity/a b":               {group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a%20b?api-version=2023-01-31", `{"location":"local"}`},
		"group/g":                    {"/subscriptions/s/resourceGroups/g?api-version=2021-04-01", `{"location":"local"}`},
		"vault/kv1/secrets":          {},
		"vault/":                     {},
		"kv1":                        {},
		"/subscriptions":             {},
		"https://localhost:8443/":    {},
	} {
		e := sample()
		e.SubscriptionID = "s"
		got, ok, err := e.Short(text, "default")
		if err != nil || ok != (want.where != "") || ok && got.URL != e.Local+want.where || string(got.New) != want.small {
			t.Errorf("%s: %s %s, %v, %v; want %v", text, got.URL, got.New, ok, err, want)
		}
	}
}

// What a person may write after a method, and what no token of ours ever goes to.
func TestResolve(t *testing.T) {
	for text, want := range map[string]string{
		"/subscriptions?api-version=1":                         "https://localhost:8443/subscriptions?api-version=1",
		"vault/shop/secrets/a":                                 "https://shop.vault.sealring.internal:8443/secrets/a?api-version=7.4",
		"vault/shop/secrets/a?api-version=7.3":                 "https://shop.vault.sealring.internal:8443/secrets/a?api-version=7.3",
		"vault/shop/secrets?maxresults=1":                      "https://shop.vault.sealring.internal:8443/secrets?maxresults=1&api-version=7.4",
		"https://shop.vault.azure.net/secrets/a?api-version=7": "https://shop.vault.sealring.internal:8443/secrets/a?api-version=7",
		"https://management.azure.com/subscriptions":           "https://localhost:8443/subscriptions",
		"https://graph.sealring.internal:8443/v1.0/me":         "https://graph.sealring.internal:8443/v1.0/me",
		"https://example.com/":                                 "",
		"https://sealring.internal.example.com/":               "",
		"http://localhost:8443/":                               "",
		"https://u:p@localhost:8443/":                          "",
		"vault/a@evil.example/secrets":                         "",
		"vault//secrets":                                       "",
		"subscriptions":                                        "",
	} {
		got, err := sample().Resolve(text)
		if got != want || (err == nil) != (want != "") || want == "" && !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
}
