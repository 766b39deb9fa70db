package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// manyTenants are the values of signInAudience by which an application offers itself to every
// tenant (DT-6.3).
var manyTenants = []string{"AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount"}

// offered reads the application that a tenant may make a service principal of: its own, or
// one of another tenant that offers itself to all. One that does not offer itself looks like
// one that does not exist (S-54). Errors: ErrApplicationNotFound.
func offered(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App) (Application, error) {
	own, err := LoadApplication(ctx, tx, tenant, app)
	if err == nil || !isNoApplication(err) {
		return own, err
	}
	var home id.Tenant
	found, failed := tx.Get(ctx, "SELECT tenant_id FROM directory_applications WHERE app_id = $1 AND deleted_at = 0", []any{string(app)}, &home)
	if failed != nil {
		return Application{}, fmt.Errorf("find application %s: %w", app, failed)
	}
	if !found {
		return Application{}, err
	}
	theirs, failed := LoadApplication(ctx, tx, home, app)
	if failed != nil {
		return Application{}, failed
	}
	var profile struct {
		Audience string `json:"signInAudience"`
	}
	if len(theirs.Profile) == 0 || json.Unmarshal(theirs.Profile, &profile) != nil || !slices.Contains(manyTenants, profile.Audience) {
		return Application{}, err
	}
	return theirs, nil
}
