package directory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Registration is an application with what describes its credentials.
type Registration struct {
	Application
	Secrets      []Secret
	Certificates []Certificate
}

// registration copies what is stored, without any value of a secret.
func (a *storedApplication) registration() *Registration {
	r := &Registration{Application: a.Application, Certificates: a.certificates}
	for _, s := range a.secrets {
		r.Secrets = append(r.Secrets, s.Secret)
	}
	return r
}

// Registration returns an application of the tenant by its object id; it is shared and must
// not be changed.
// Errors: ErrApplicationNotFound.
func (d *Directory) Registration(ctx context.Context, tenant id.Tenant, object id.Object) (*Registration, error) {
	if err := d.cache.db.Fresh(); err != nil {
		return nil, err
	}
	s, err := d.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer d.cache.done()
	if a, ok := s.registered[object]; ok && a.Tenant == tenant {
		return a.view, nil
	}
	return nil, ErrApplicationNotFound.With("application %s does not exist", object)
}

// Registrations returns the applications of the tenant, ordered by object id. The list is
// shared and must not be changed, nor what is in it.
func (d *Directory) Registrations(ctx context.Context, tenant id.Tenant) ([]*Registration, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer d.cache.done()
	return s.registry[tenant], nil
}

// AllServicePrincipals returns the live service principals of the tenant, ordered by id. The
// list is shared and must not be changed, nor what is in it.
func (d *Directory) AllServicePrincipals(ctx context.Context, tenant id.Tenant) ([]*ServicePrincipal, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer d.cache.done()
	return s.ordered[tenant], nil
}

// AllUsers returns the live users of the tenant, ordered by id, as AllServicePrincipals.
func (d *Directory) AllUsers(ctx context.Context, tenant id.Tenant) ([]*User, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer d.cache.done()
	return slices.Clip(s.people[tenant]), nil
}

// DeletedUsers returns the users that were deleted after since and can be restored, ordered
// by id, and when.
func (d *Directory) DeletedUsers(ctx context.Context, tenant id.Tenant, since time.Time) (users []User, at []time.Time, err error) {
	err = d.cache.db.View(ctx, func(tx *store.Tx) error {
		err := tx.Query(ctx, func(r store.Row) error {
			u, err := scanUser(r)
			if err == nil {
				users = append(users, *u)
			}
			return err
		}, "SELECT "+userColumns+" FROM directory_users WHERE tenant_id = $1 AND deleted_at > $2 ORDER BY id", string(tenant), max(0, seconds(since)))
		if err != nil {
			return err
		}
		return tx.Query(ctx, func(r store.Row) error {
			var when int64
			if err := r.Scan(&when); err != nil {
				return fmt.Errorf("scan time of deletion: %w", err)
			}
			at = append(at, instant(when))
			return nil
		}, "SELECT deleted_at FROM directory_users WHERE tenant_id = $1 AND deleted_at > $2 ORDER BY id", string(tenant), max(0, seconds(since)))
	})
	return users, at, err
}
