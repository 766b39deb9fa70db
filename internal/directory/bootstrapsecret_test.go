package directory_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// S-55: of all uses of a bootstrap secret one succeeds; other secrets work any number of times.
func TestABootstrapSecretWorksOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant := w.tenant("contoso.example")
		var once, often, hour directory.Secret
		w.must(func(ctx context.Context, tx *store.Tx) (err error) {
			app, err := w.CreateApplication(ctx, tx, directory.NewApplication{Tenant: tenant.ID, DisplayName: "admin"})
			if err != nil {
				return err
			}
			var value secret.Text
			if once, value, err = w.AddBootstrapSecret(ctx, tx, tenant.ID, app.App, "first"); err != nil || value.Empty() {
				return err
			}
			if often, _, err = w.AddSecret(ctx, tx, tenant.ID, app.App, directory.NewSecret{}); err != nil {
				return err
			}
			hour, _, err = w.AddSecret(ctx, tx, tenant.ID, app.App, directory.NewSecret{Lifetime: directory.BootstrapLife})
			return err
		})
		var won atomic.Int32
		var wait sync.WaitGroup
		for range 5 {
			wait.Go(func() {
				err := w.UseSecret(t.Context(), once)
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, directory.ErrCredentialUsed) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 {
			t.Errorf("used %d times", won.Load())
		}
		for name, s := range map[string]directory.Secret{"of 180 days": often, "of an hour": hour} {
			for range 2 {
				if err := w.UseSecret(t.Context(), s); err != nil {
					t.Errorf("a secret %s: %v", name, err)
				}
			}
		}
	})
}
