package directory_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// S-54, DT-55: an application of another tenant is there for those to whom it offers itself,
// and else as one that does not exist.
func TestServicePrincipalsOfApplicationsElsewhere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		home, other := w.tenant(), w.tenant()
		app, _ := w.app(home.ID)
		try := func(profile string) (sp directory.ServicePrincipal, err error) {
			w.must(func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE directory_applications SET profile = $1 WHERE app_id = $2", profile, string(app.App))
				return err
			})
			err = w.update(func(ctx context.Context, tx *store.Tx) (err error) {
				sp, err = w.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: other.ID, Kind: directory.KindApplication, App: app.App})
				return err
			})
			return sp, err
		}
		for _, profile := range []string{"{}", `{"signInAudience":"AzureADMyOrg"}`, `{"signInAudience":"azureadmultipleorgs"}`} {
			if _, err := try(profile); !errors.Is(err, directory.ErrApplicationNotFound) {
				t.Errorf("%s: %v", profile, err)
			}
		}
		sp, err := try(`{"signInAudience":"AzureADMultipleOrgs"}`)
		if err != nil || sp.Tenant != other.ID || sp.App != app.App {
			t.Fatalf("%+v %v", sp, err)
		}
		if found, err := w.SignInPrincipal(t.Context(), other.ID, app.App); err != nil || found.ID != sp.ID {
			t.Errorf("signs in as %+v %v", found, err)
		}
		if _, err := w.Application(t.Context(), other.ID, app.App); !errors.Is(err, directory.ErrApplicationNotFound) {
			t.Errorf("the application itself is shown elsewhere: %v", err)
		}
	})
}
