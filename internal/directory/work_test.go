package directory_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// countingHasher counts what is hashed.
type countingHasher struct {
	testHasher
	n int
}

// MAC counts and hashes.
func (c *countingHasher) MAC(purpose string, data []byte) []byte {
	c.n++
	return c.testHasher.MAC(purpose, data)
}

// S-54, S-40: whatever is wrong about a client and its secret, and when nothing is, one hash
// is computed: the time of an answer does not tell a client that exists from one that does not.
func TestEveryAttemptHashesOnce(t *testing.T) {
	db := storetest.SQLite(t)
	w := newWorld(t, db)
	hasher := &countingHasher{}
	var err error
	w.Directory, err = directory.New(directory.Config{
		Store: db, Audit: w.log, IDs: id.NewSource(rand.Reader), Rand: rand.Reader, Now: func() time.Time { return w.now }, Hasher: hasher,
		Audiences: []directory.Audience{{AppID: directory.KeyVaultApp, Name: "https://vault.sealring.internal:8443"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var tenant directory.Tenant
	var app directory.Application
	var value secret.Text
	w.must(func(ctx context.Context, tx *store.Tx) (err error) {
		if tenant, err = w.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "t", Domains: []string{"t.example"}}); err != nil {
			return err
		}
		if app, err = w.CreateApplication(ctx, tx, directory.NewApplication{Tenant: tenant.ID, DisplayName: "a"}); err != nil {
			return err
		}
		if _, err = w.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: tenant.ID, Kind: directory.KindApplication, DisplayName: "a", App: app.App}); err != nil {
			return err
		}
		_, value, err = w.AddSecret(ctx, tx, tenant.ID, app.App, directory.NewSecret{DisplayName: "s", Lifetime: time.Hour})
		return err
	})
	right := value.Reveal()
	for name, c := range map[string]struct {
		tenant id.Tenant
		app    id.App
		secret string
		err    error
	}{
		"right":                  {tenant.ID, app.App, right, nil},
		"wrong":                  {tenant.ID, app.App, "wrong", directory.ErrWrongSecret},
		"the last letter wrong":  {tenant.ID, app.App, right[:len(right)-1] + "!", directory.ErrWrongSecret},
		"empty":                  {tenant.ID, app.App, "", directory.ErrWrongSecret},
		"an unknown application": {tenant.ID, "99999999-9999-4999-8999-999999999999", right, directory.ErrServicePrincipalNotFound},
		"another tenant":         {"99999999-9999-4999-8999-999999999999", app.App, right, directory.ErrServicePrincipalNotFound},
	} {
		hasher.n = 0
		_, _, err := w.AuthenticateSecret(t.Context(), c.tenant, c.app, secret.New(c.secret))
		if !errors.Is(err, c.err) || hasher.n != 1 {
			t.Errorf("%s: %v, %d hashes", name, err, hasher.n)
		}
	}
	hasher.n = 0
	if _, _, err := w.AuthenticateSecret(t.Context(), tenant.ID, app.App, secret.New(strings.Repeat("a", 64<<10))); !errors.Is(err, directory.ErrWrongSecret) || hasher.n != 0 {
		t.Errorf("64 KiB: %v, %d hashes", err, hasher.n)
	}
}
