package directory_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// noon is when every test begins.
var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// cheap is what a password costs in most tests, in KiB.
const cheap = 64

// testHasher is a keyed hash with a fixed key.
type testHasher struct{}

func (testHasher) MAC(purpose string, data []byte) []byte {
	h := hmac.New(sha256.New, []byte("key of the tests"+purpose))
	h.Write(data)
	return h.Sum(nil)
}

// world is a directory over a store of its own, and a clock.
type world struct {
	*directory.Directory
	t   *testing.T
	db  *store.DB
	log *audit.Log
	now time.Time
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, db: db, now: noon}
	now := func() time.Time { return w.now }
	var err error
	if w.log, err = audit.New(audit.Config{Store: db, Server: "s1", Now: now}); err != nil {
		t.Fatal(err)
	}
	w.Directory, err = directory.New(directory.Config{
		Store: db, Audit: w.log, IDs: id.NewSource(rand.Reader), Rand: rand.Reader, Now: now, Hasher: testHasher{}, PasswordMemory: cheap,
		Audiences: []directory.Audience{{AppID: directory.KeyVaultApp, Name: "https://vault.sealring.internal:8443"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// update runs fn in a transaction and returns its error.
func (w *world) update(fn func(ctx context.Context, tx *store.Tx) error) error {
	w.t.Helper()
	return w.db.Update(w.t.Context(), func(tx *store.Tx) error { return fn(w.t.Context(), tx) })
}

// must runs fn in a transaction that has to succeed.
func (w *world) must(fn func(ctx context.Context, tx *store.Tx) error) {
	w.t.Helper()
	if err := w.update(fn); err != nil {
		w.t.Fatal(err)
	}
}

// tenant makes a tenant.
func (w *world) tenant(domains ...string) (out directory.Tenant) {
	w.t.Helper()
	w.must(func(ctx context.Context, tx *store.Tx) (err error) {
		out, err = w.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "Contoso", Domains: domains})
		return err
	})
	return out
}

// app makes an application and its service principal.
func (w *world) app(tenant id.Tenant, uris ...string) (app directory.Application, sp directory.ServicePrincipal) {
	w.t.Helper()
	w.must(func(ctx context.Context, tx *store.Tx) (err error) {
		app, err = w.CreateApplication(ctx, tx, directory.NewApplication{Tenant: tenant, DisplayName: "orders", IdentifierURIs: uris})
		if err != nil {
			return err
		}
		sp, err = w.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: tenant, Kind: directory.KindApplication, App: app.App})
		return err
	})
	return app, sp
}

// identity makes the service principal of a managed identity.
func (w *world) identity(tenant id.Tenant, name string) (sp directory.ServicePrincipal) {
	w.t.Helper()
	w.must(func(ctx context.Context, tx *store.Tx) (err error) {
		sp, err = w.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{
			Tenant: tenant, Kind: directory.KindManagedIdentity, DisplayName: name,
			AlternativeNames: []string{"isExplicit=False", "/subscriptions/s/resourcegroups/g/providers/Microsoft.Web/sites/" + name},
		})
		return err
	})
	return sp
}

// secret gives an application a secret.
func (w *world) secret(tenant id.Tenant, app id.App, lifetime time.Duration) (s directory.Secret, value secret.Text) {
	w.t.Helper()
	w.must(func(ctx context.Context, tx *store.Tx) (err error) {
		s, value, err = w.AddSecret(ctx, tx, tenant, app, directory.NewSecret{DisplayName: "ci", Lifetime: lifetime})
		return err
	})
	return s, value
}

// alive asks whether a principal may act.
func (w *world) alive(tenant id.Tenant, object id.Object) bool {
	w.t.Helper()
	ok, err := w.Alive(w.t.Context(), tenant, object)
	if err != nil {
		w.t.Fatal(err)
	}
	return ok
}

func TestTenantIsFoundByIDAndByDomainInAnyCase(t *testing.T) { // DT-5, DT-6
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant := w.tenant("Contoso.Example")
		got, err := w.Tenant(t.Context(), tenant.ID)
		if err != nil || got.DisplayName != "Contoso" || !got.Created.Equal(noon) {
			t.Fatalf("by id: %+v, %v", got, err)
		}
		if got, err = w.TenantByDomain(t.Context(), "CONTOSO.example"); err != nil || got.ID != tenant.ID {
			t.Fatalf("by domain: %+v, %v", got, err)
		}
		if _, err = w.TenantByDomain(t.Context(), "fabrikam.example"); !errors.Is(err, directory.ErrTenantNotFound) {
			t.Fatalf("unknown domain: %v", err)
		}
		err = w.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := w.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "Thief", Domains: []string{"contoso.EXAMPLE"}})
			return err
		})
		if !errors.Is(err, store.ErrExists) {
			t.Fatalf("a domain that is taken: %v", err)
		}
		all, err := w.Tenants(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("%d tenants, %v", len(all), err)
		}
	})
}

func TestManagedIdentityHasNamesAndNoApplication(t *testing.T) { // DT-83, DT-84
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant := w.tenant()
		made := w.identity(tenant.ID, "shop/slots/staging")
		got, err := w.ServicePrincipal(t.Context(), tenant.ID, made.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Kind != directory.KindManagedIdentity || got.DisplayName != "shop/slots/staging" || got.Names[0] != string(got.App) ||
			!slices.Contains(got.AlternativeNames, "isExplicit=False") || len(got.AlternativeNames) != 2 || !got.Enabled {
			t.Fatalf("got %+v", got)
		}
		if byApp, err := w.ServicePrincipalByApp(t.Context(), tenant.ID, made.App); err != nil || byApp.ID != made.ID {
			t.Fatalf("by client id: %+v, %v", byApp, err)
		}
		if _, err := w.Application(t.Context(), tenant.ID, made.App); !errors.Is(err, directory.ErrApplicationNotFound) {
			t.Fatalf("an application exists: %v", err)
		}
		if _, _, err := w.AuthenticateSecret(t.Context(), tenant.ID, made.App, secret.New("")); !errors.Is(err, directory.ErrWrongSecret) {
			t.Fatalf("a secret for a managed identity: %v", err)
		}
	})
}

func TestDeletedPrincipalIsDeadFromTheCommitOn(t *testing.T) { // S-47, L-9, DT-86, DT-89
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant := w.tenant()
		first := w.identity(tenant.ID, "shop")
		if !w.alive(tenant.ID, first.ID) {
			t.Fatal("a new principal is not alive")
		}
		abandoned := errors.New("abandoned")
		err := w.update(func(ctx context.Context, tx *store.Tx) error {
			if err := w.DeleteServicePrincipal(ctx, tx, tenant.ID, first.ID); err != nil {
				return err
			}
			return abandoned
		})
		if !errors.Is(err, abandoned) || !w.alive(tenant.ID, first.ID) {
			t.Fatalf("an abandoned deletion counts: %v", err)
		}
		w.must(func(ctx context.Context, tx *store.Tx) error {
			return w.DeleteServicePrincipal(ctx, tx, tenant.ID, first.ID)
		})
		if w.alive(tenant.ID, first.ID) {
			t.Fatal("a deleted principal is alive")
		}
		if _, err := w.ServicePrincipal(t.Context(), tenant.ID, first.ID); !errors.Is(err, directory.ErrServicePrincipalNotFound) {
			t.Fatalf("a deleted principal is found: %v", err)
		}
		err = w.update(func(ctx context.Context, tx *store.Tx) error {
			return w.DeleteServicePrincipal(ctx, tx, tenant.ID, first.ID)
		})
		if !errors.Is(err, directory.ErrServicePrincipalNotFound) {
			t.Fatalf("deleted twice: %v", err)
		}
		second := w.identity(tenant.ID, "shop")
		if second.ID == first.ID || second.App == first.App {
			t.Fatal("the same name got the same ids again")
		}
		var tombstones int
		err = db.View(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Get(t.Context(), "SELECT COUNT(*) FROM directory_service_principals WHERE id = $1 AND deleted_at > 0", []any{string(first.ID)}, &tombstones)
			return err
		})
		if err != nil || tombstones != 1 {
			t.Fatalf("%d tombstones, %v", tombstones, err)
		}
	})
}

func TestDisabledPrincipalIsNotAliveAndDoesNotSignIn(t *testing.T) { // DT-34
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant := w.tenant()
		app, sp := w.app(tenant.ID)
		_, value := w.secret(tenant.ID, app.App, 0)
		for _, enabled := range []bool{false, true} {
			w.must(func(ctx context.Context, tx *store.Tx) error { return w.SetEnabled(ctx, tx, tenant.ID, sp.ID, enabled) })
			if w.alive(tenant.ID, sp.ID) != enabled {
				t.Fatalf("enabled %v, but alive is not", enabled)
			}
			_, _, err := w.AuthenticateSecret(t.Context(), tenant.ID, app.App, value)
			if enabled != (err == nil) || err != nil && !errors.Is(err, directory.ErrDisabled) {
				t.Fatalf("enabled %v: %v", enabled, err)
			}
		}
	})
}

func TestNothingOfAnotherTenantIsSeen(t *testing.T) { // S-54
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		a, b := w.tenant(), w.tenant()
		app, sp := w.app(a.ID, "api://orders")
		_, value := w.secret(a.ID, app.App, 0)
		ctx := t.Context()
		if w.alive(b.ID, sp.ID) || !w.alive(a.ID, sp.ID) {
			t.Error("alive crosses tenants")
		}
		_, err1 := w.ServicePrincipal(ctx, b.ID, sp.ID)
		_, err2 := w.ServicePrincipalByApp(ctx, b.ID, app.App)
		_, _, err3 := w.AuthenticateSecret(ctx, b.ID, app.App, value)
		for i, err := range []error{err1, err2, err3} {
			if !errors.Is(err, directory.ErrServicePrincipalNotFound) {
				t.Errorf("read %d: %v", i, err)
			}
		}
		if _, err := w.Application(ctx, b.ID, app.App); !errors.Is(err, directory.ErrApplicationNotFound) {
			t.Errorf("application: %v", err)
		}
		if _, err := w.ResolveAudience(ctx, b.ID, "api://orders"); !errors.Is(err, directory.ErrAudienceUnknown) {
			t.Errorf("audience: %v", err)
		}
		if r, err := w.ResolveAudience(ctx, a.ID, "api://orders"); err != nil || r.AppID != app.App {
			t.Errorf("audience in its own tenant: %+v, %v", r, err)
		}
		for name, write := range map[string]func(context.Context, *store.Tx) error{
			"disable":            func(ctx context.Context, tx *store.Tx) error { return w.SetEnabled(ctx, tx, b.ID, sp.ID, false) },
			"delete":             func(ctx context.Context, tx *store.Tx) error { return w.DeleteServicePrincipal(ctx, tx, b.ID, sp.ID) },
			"delete application": func(ctx context.Context, tx *store.Tx) error { return w.DeleteApplication(ctx, tx, b.ID, app.App) },
			"add secret": func(ctx context.Context, tx *store.Tx) error {
				_, _, err := w.AddSecret(ctx, tx, b.ID, app.App, directory.NewSecret{})
				return err
			},
		} {
			err := w.update(write)
			if !errors.Is(err, directory.ErrServicePrincipalNotFound) && !errors.Is(err, directory.ErrApplicationNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		all, err := w.AllServicePrincipals(ctx, b.ID)
		if err != nil || slices.ContainsFunc(all, func(p *directory.ServicePrincipal) bool { return p.App == app.App }) {
			t.Errorf("listing: %d, %v", len(all), err)
		}
	})
}

func TestReplicaSeesChangesThroughTheFeed(t *testing.T) { // L-3, DT-89
	db := storetest.SQLite(t)
	w := newWorld(t, db)
	other := newWorld(t, db) // subscribed to the same feed, a cache of its own
	tenant := w.tenant()
	sp := w.identity(tenant.ID, "shop")
	if !other.alive(tenant.ID, sp.ID) {
		t.Fatal("the other cache does not know a principal that was made here")
	}
	w.must(func(ctx context.Context, tx *store.Tx) error {
		return w.DeleteServicePrincipal(ctx, tx, tenant.ID, sp.ID)
	})
	if other.alive(tenant.ID, sp.ID) {
		t.Fatal("the other cache still lets a deleted principal act")
	}
}

func TestListingIsOrdered(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	tenant := w.tenant()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		w.identity(tenant.ID, name)
	}
	all, err := w.AllServicePrincipals(t.Context(), tenant.ID)
	if err != nil || !slices.IsSortedFunc(all, func(a, b *directory.ServicePrincipal) int { return strings.Compare(string(a.ID), string(b.ID)) }) {
		t.Errorf("not in order, %v", err)
	}
	var seen []string
	for _, sp := range all {
		if sp.Kind == directory.KindManagedIdentity {
			seen = append(seen, sp.DisplayName)
		}
	}
	slices.Sort(seen)
	if got := strings.Join(seen, ""); got != "abcde" {
		t.Fatalf("saw %q", got)
	}
}

func TestDamagedRowHarmsOnlyItself(t *testing.T) { // S-67
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant := w.tenant()
		bad, good := w.identity(tenant.ID, "bad"), w.identity(tenant.ID, "good")
		for _, damage := range []string{"alternative_names = 'x'", "names = ''", "kind = 'Robot'"} {
			w.must(func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE directory_service_principals SET "+damage+" WHERE id = $1", string(bad.ID))
				return err
			})
			fresh := newWorld(t, db)
			if fresh.alive(tenant.ID, bad.ID) || !fresh.alive(tenant.ID, good.ID) {
				t.Errorf("%s: bad alive %v, good alive %v", damage, fresh.alive(tenant.ID, bad.ID), fresh.alive(tenant.ID, good.ID))
			}
		}
	})
}

func TestNewNeedsEverything(t *testing.T) {
	if _, err := directory.New(directory.Config{}); err == nil {
		t.Fatal("an empty configuration is accepted")
	}
}
