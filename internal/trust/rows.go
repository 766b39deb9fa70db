package trust

import (
	"context"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// federatedColumns are the columns that scanFederated reads.
const federatedColumns = `id, tenant_id, app_id, name, issuer, subject, audience, description, expression, expression_version, key_set, created_at, changed_at`

// scanFederated reads one row of federatedColumns.
func scanFederated(r store.Row) (FederatedCredential, error) {
	var c FederatedCredential
	var created, changed int64
	err := r.Scan(&c.ID, &c.Tenant, &c.App, &c.Name, &c.Issuer, &c.Subject, &c.Audience, &c.Description,
		&c.Expression, &c.ExpressionVersion, &c.KeySet, &created, &changed)
	if err != nil {
		return c, fmt.Errorf("scan federated credential: %w", err)
	}
	c.Created, c.Changed = time.Unix(created, 0).UTC(), time.Unix(changed, 0).UTC()
	return c, nil
}

// federatedOf reads the federated credentials of an owner in a transaction.
func federatedOf(ctx context.Context, tx *store.Tx, app id.App) ([]FederatedCredential, error) {
	var out []FederatedCredential
	err := tx.Query(ctx, func(r store.Row) error {
		c, err := scanFederated(r)
		out = append(out, c)
		return err
	}, "SELECT "+federatedColumns+" FROM directory_federated_credentials WHERE app_id = $1", string(app))
	if err != nil {
		return nil, fmt.Errorf("read federated credentials of %s: %w", app, err)
	}
	return out, nil
}
