package registration_test

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// plain is a keyed hash for tests that keep no secret.
type plain struct{}

func (plain) MAC(purpose string, data []byte) []byte { return append([]byte(purpose), data...) }

// world is registrations over a store of their own, and a clock.
type world struct {
	*registration.Service
	t      *testing.T
	dir    *directory.Directory
	tenant directory.Tenant
	now    time.Time
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.now }
	ids := id.NewSource(rand.Reader)
	log, err1 := audit.New(audit.Config{Store: db, Server: "s1", Now: now})
	dir, err2 := directory.New(directory.Config{Store: db, Audit: log, IDs: ids, Rand: rand.Reader, Now: now, Hasher: plain{}})
	rel, err3 := relation.New(relation.Config{Store: db, Audit: log, Directory: dir, IDs: ids, Now: now})
	reg, err4 := registration.New(registration.Config{Store: db, Audit: log, Directory: dir, Relations: rel, Now: now, Log: slog.New(slog.DiscardHandler)})
	err5 := db.Update(t.Context(), func(tx *store.Tx) (err error) {
		w.tenant, err = dir.CreateTenant(t.Context(), tx, directory.NewTenant{DisplayName: "t", Domains: []string{"contoso.example"}})
		return err
	})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	w.Service, w.dir = reg, dir
	return w
}

// application registers an application with a service principal.
func (w *world) application() (directory.Application, directory.ServicePrincipal) {
	w.t.Helper()
	a, err := w.CreateApplication(w.t.Context(), w.tenant.ID, func(a *directory.Application) (registration.Credentials, error) {
		a.DisplayName = "shop"
		return registration.Credentials{}, nil
	}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	sp, err := w.CreateServicePrincipal(w.t.Context(), w.tenant.ID, a.App, func(*directory.ServicePrincipal) error { return nil }, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return a, sp
}

func TestADeletedApplicationComesBackWithWhatItHad(t *testing.T) { // DT-88
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, ctx := newWorld(t, db), t.Context()
		app, sp := w.application()
		_, value, err := w.AddSecret(ctx, w.tenant.ID, app.App, directory.NewSecret{})
		if err != nil {
			t.Fatal(err)
		}
		signIn := func() error {
			_, _, err := w.dir.AuthenticateSecret(ctx, w.tenant.ID, app.App, value)
			return err
		}
		if err := signIn(); err != nil {
			t.Errorf("alive: %v", err)
		}
		if err := w.DeleteApplication(ctx, w.tenant.ID, app.App); err != nil {
			t.Fatal(err)
		}
		if err := signIn(); !errors.Is(err, directory.ErrServicePrincipalNotFound) {
			t.Errorf("deleted: %v", err)
		}
		if _, err := w.Restore(ctx, w.tenant.ID, app.ID); err != nil {
			t.Fatal(err)
		}
		if err := signIn(); err != nil {
			t.Errorf("restored: %v", err)
		}
		if got, err := w.dir.ServicePrincipalByApp(ctx, w.tenant.ID, app.App); err != nil || got.ID != sp.ID {
			t.Errorf("another service principal: %v %v", got.ID, err)
		}
		if err := w.DeleteApplication(ctx, w.tenant.ID, app.App); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(registration.Kept + time.Second)
		if _, err := w.Restore(ctx, w.tenant.ID, app.ID); !errors.Is(err, registration.ErrNotDeleted) {
			t.Errorf("after 30 days: %v", err)
		}
		for _, want := range []int{2, 0} { // the application and its service principal, once
			if n, err := w.Expire(ctx); err != nil || n != want {
				t.Errorf("%d ended, want %d: %v", n, want, err)
			}
		}
		var left int64
		err = db.View(ctx, func(tx *store.Tx) error {
			_, err := tx.Get(ctx, "SELECT COUNT(*) FROM directory_secrets", nil, &left)
			return err
		})
		if err != nil || left != 0 {
			t.Errorf("%d secrets are left: %v", left, err)
		}
	})
}

func TestWhatAnApplicationMayBeNamed(t *testing.T) { // DT-6.3
	w := newWorld(t, storetest.SQLite(t))
	app, _ := w.application()
	other, _ := w.application()
	name := func(uris ...string) error {
		return w.UpdateApplication(t.Context(), w.tenant.ID, app.App, func(a *directory.Application) (registration.Credentials, error) {
			a.IdentifierURIs = uris
			return registration.Credentials{}, nil
		})
	}
	for uri, want := range map[string]error{
		"api://" + string(app.App):              nil,
		"api://" + string(w.tenant.ID) + "/x":   nil,
		"https://contoso.example/orders":        nil,
		"https://a.contoso.example":             nil,
		"api://" + string(other.App):            registration.ErrHostName,
		"https://contoso.example.evil.example/": registration.ErrHostName,
		"https://evilcontoso.example":           registration.ErrHostName,
		"https://vault.azure.net":               registration.ErrHostName,
		"api://" + string(app.App) + "/a b":     registration.ErrInvalid,
		"orders":                                registration.ErrInvalid,
	} {
		if err := name(uri); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", uri, err, want)
		}
	}
	if err := name("https://contoso.example/orders", "https://CONTOSO.example/orders/"); !errors.Is(err, directory.ErrInvalid) {
		t.Errorf("one name twice: %v", err)
	}
}

func TestParallelSecretsAreExact(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		app, _ := w.application()
		var made, refused int
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 120 {
			all.Go(func() {
				_, _, err := w.AddSecret(t.Context(), w.tenant.ID, app.App, directory.NewSecret{})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					made++
				case errors.Is(err, registration.ErrInvalid):
					refused++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		reg, err := w.dir.Registration(t.Context(), w.tenant.ID, app.ID)
		if err != nil || made != 100 || refused != 20 || len(reg.Secrets) != 100 {
			t.Errorf("%d made, %d refused, %d kept: %v", made, refused, len(reg.Secrets), err)
		}
	})
}
