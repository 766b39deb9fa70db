package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// federatedKey is the feed's key of the federated credentials of an owner.
func federatedKey(app id.App) string { return "c/" + string(app) }

// FloorKey is the feed's key of the time from which on a principal's tokens are accepted.
func FloorKey(object id.Object) string { return "f/" + string(object) }

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
	c.Created, c.Changed = instant(created), instant(changed)
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

// readFederated loads the federated credentials of one owner, or all for "".
func (l *loadedRows) readFederated(ctx context.Context, tx *store.Tx, only string) error {
	condition, args := onlyRow("app_id", only)
	return tx.Query(ctx, tx.Sound(ctx, "federated credential", func(r store.Row) error {
		c, err := scanFederated(r)
		if err == nil {
			l.federated = append(l.federated, c)
		}
		return err
	}), "SELECT "+federatedColumns+" FROM directory_federated_credentials WHERE 1 = 1"+condition, args...)
}

// addFederated puts loaded federated credentials into the index, each owner's by name.
func (s *state) addFederated(all []FederatedCredential) {
	fresh := map[id.App][]FederatedCredential{}
	for _, c := range all {
		fresh[c.App] = append(fresh[c.App], c)
	}
	for app, list := range fresh {
		slices.SortFunc(list, func(a, b FederatedCredential) int {
			return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
		})
		s.federated[app] = list
	}
}

// FederatedCredentials returns the federated credentials of an application or user-assigned
// identity of the tenant, by name; none for one that does not exist. The slice is shared.
func (d *Directory) FederatedCredentials(ctx context.Context, tenant id.Tenant, app id.App) ([]FederatedCredential, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer d.cache.done()
	all := s.federated[app]
	if len(all) > 0 && all[0].Tenant != tenant {
		return nil, nil
	}
	return all, nil
}

// FederatedCredential returns one of them, by name or id. Errors: ErrFederatedNotFound.
func (d *Directory) FederatedCredential(ctx context.Context, tenant id.Tenant, app id.App, name string) (FederatedCredential, error) {
	all, err := d.FederatedCredentials(ctx, tenant, app)
	if err != nil {
		return FederatedCredential{}, err
	}
	if c, ok := findFederated(all, name); ok {
		return c, nil
	}
	return FederatedCredential{}, federatedNotFound(name)
}

// SignInCredentials returns the service principal of a client in the tenant it signs in to,
// and the federated credentials of the client wherever its application is registered: an
// application of several tenants has one set (DT 2.6).
// Errors: ErrServicePrincipalNotFound, ErrDisabled.
func (d *Directory) SignInCredentials(ctx context.Context, tenant id.Tenant, app id.App) (ServicePrincipal, []FederatedCredential, error) {
	sp, err := d.signInPrincipal(ctx, tenant, app)
	if err != nil {
		return sp, nil, err
	}
	s, err := d.cache.read(ctx)
	if err != nil {
		return sp, nil, err
	}
	defer d.cache.done()
	all := s.federated[app]
	if len(all) == 0 || all[0].Tenant == tenant {
		return sp, all, nil
	}
	if _, ok := s.applications[app]; !ok {
		return sp, nil, nil // the application of the other tenant is gone, or it is no application
	}
	return sp, all, nil
}

// RevokeTokens ends the tokens that a principal holds: our services refuse at once what was
// issued before now (S-42). The principal may get new ones, none dated before the time
// returned. Errors: ErrServicePrincipalNotFound.
func (d *Directory) RevokeTokens(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) (time.Time, error) {
	var n int64
	_, err := tx.Get(ctx, "SELECT COUNT(*) FROM directory_service_principals WHERE id = $1 AND tenant_id = $2 AND deleted_at = 0",
		[]any{string(object), string(tenant)}, &n)
	if err != nil {
		return time.Time{}, fmt.Errorf("find service principal %s: %w", object, err)
	}
	if n == 0 {
		return time.Time{}, ErrServicePrincipalNotFound.With("service principal %s does not exist", object)
	}
	from := d.now().UTC().Truncate(time.Second).Add(time.Second) // tokens are dated by the second
	if _, err := tx.Exec(ctx, "DELETE FROM directory_token_floors WHERE object_id = $1", string(object)); err != nil {
		return from, fmt.Errorf("revoke tokens of %s: %w", object, err)
	}
	_, err = tx.Exec(ctx, "INSERT INTO directory_token_floors (object_id, tenant_id, valid_from) VALUES ($1, $2, $3)", string(object), string(tenant), seconds(from))
	if err != nil {
		return from, fmt.Errorf("revoke tokens of %s: %w", object, err)
	}
	tx.Changed(Topic, FloorKey(object))
	return from, d.record(ctx, tx, "directory.servicePrincipal.revokeTokens", string(object), map[string]string{"severity": "high"})
}

// readFloors loads from when on the tokens of one principal are accepted, or of all for "".
func (l *loadedRows) readFloors(ctx context.Context, tx *store.Tx, only string) error {
	condition, args := onlyRow("object_id", only)
	if l.floors == nil {
		l.floors = map[id.Object]time.Time{}
	}
	return tx.Query(ctx, func(r store.Row) error {
		var object id.Object
		var from int64
		if err := r.Scan(&object, &from); err != nil {
			return fmt.Errorf("scan token floor: %w", err)
		}
		l.floors[object] = instant(from)
		return nil
	}, "SELECT object_id, valid_from FROM directory_token_floors WHERE 1 = 1"+condition, args...)
}

// TokensFrom returns the time before which no token of the principal is accepted; the zero
// time where none was revoked. It is at most one second old (L-3).
func (d *Directory) TokensFrom(ctx context.Context, object id.Object) (time.Time, error) {
	if err := d.cache.db.Fresh(); err != nil {
		return time.Time{}, err
	}
	s, err := d.cache.read(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer d.cache.done()
	return s.floors[object], nil
}
