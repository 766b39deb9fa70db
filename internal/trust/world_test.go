package trust_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/trust"
)

// noon is when every test begins.
var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// noHash stands where no secret is made.
type noHash struct{}

func (noHash) MAC(string, []byte) []byte { return nil }

// world is a service over a directory in a store of its own, and a clock.
type world struct {
	*trust.Service
	t   *testing.T
	db  *store.DB
	dir *directory.Directory
	now time.Time
}

// newWorld makes a world with the usual limit.
func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	return newLimited(t, db, 0)
}

// newLimited makes a world with a limit of federated credentials.
func newLimited(t *testing.T, db *store.DB, limit int) *world {
	t.Helper()
	return newWith(t, db, trust.Config{Limit: limit})
}

// newRestored makes a world that came from a backup.
func newRestored(t *testing.T, db *store.DB, at time.Time) *world {
	t.Helper()
	return newWith(t, db, trust.Config{Restored: at})
}

// newWith makes a world with further settings.
func newWith(t *testing.T, db *store.DB, c trust.Config) *world {
	t.Helper()
	w := &world{t: t, db: db, now: noon}
	now := func() time.Time { return w.now }
	log, err := audit.New(audit.Config{Store: db, Server: "s1", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	ids := id.NewSource(rand.Reader)
	if w.dir, err = directory.New(directory.Config{Store: db, Audit: log, IDs: ids, Rand: rand.Reader, Now: now, Hasher: noHash{}}); err != nil {
		t.Fatal(err)
	}
	c.Store, c.Audit, c.Directory, c.IDs, c.Now = db, log, w.dir, ids, now
	if w.Service, err = trust.New(c); err != nil {
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
func (w *world) tenant() (out directory.Tenant) {
	w.t.Helper()
	w.must(func(ctx context.Context, tx *store.Tx) (err error) {
		out, err = w.dir.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "Contoso"})
		return err
	})
	return out
}

// app makes an application and its service principal.
func (w *world) app(tenant id.Tenant) (app directory.Application, sp directory.ServicePrincipal) {
	w.t.Helper()
	w.must(func(ctx context.Context, tx *store.Tx) (err error) {
		if app, err = w.dir.CreateApplication(ctx, tx, directory.NewApplication{Tenant: tenant, DisplayName: "orders"}); err != nil {
			return err
		}
		sp, err = w.dir.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: tenant, Kind: directory.KindApplication, App: app.App})
		return err
	})
	return app, sp
}

// identity makes the service principal of a managed identity.
func (w *world) identity(tenant id.Tenant, names ...string) (sp directory.ServicePrincipal) {
	w.t.Helper()
	w.must(func(ctx context.Context, tx *store.Tx) (err error) {
		sp, err = w.dir.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{
			Tenant: tenant, Kind: directory.KindManagedIdentity, DisplayName: "orders", AlternativeNames: names,
		})
		return err
	})
	return sp
}

// explicit makes a user-assigned identity, implicit a system-assigned one.
func (w *world) explicit(tenant id.Tenant) directory.ServicePrincipal {
	return w.identity(tenant, "isExplicit=True", "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/orders")
}

func (w *world) implicit(tenant id.Tenant) directory.ServicePrincipal {
	return w.identity(tenant, "isExplicit=False", "/subscriptions/s/resourcegroups/g/providers/Microsoft.Web/sites/orders")
}
