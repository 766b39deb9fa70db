package directory

import (
	"context"
	"fmt"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// SetAlternativeNames replaces the alternative names of a service principal, which say what a
// managed identity belongs to: they follow a resource that is moved (CP §2.13). Errors:
// ErrServicePrincipalNotFound.
func (d *Directory) SetAlternativeNames(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object, names []string) error {
	alternative, _, err := encodeNames(ServicePrincipal{AlternativeNames: names})
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, "UPDATE directory_service_principals SET alternative_names = $1 WHERE id = $2 AND tenant_id = $3 AND deleted_at = 0",
		alternative, string(object), string(tenant))
	if err != nil {
		return fmt.Errorf("rename service principal %s: %w", object, err)
	}
	return d.touched(ctx, tx, n, object, "directory.servicePrincipal.update", nil)
}
