package directory

import (
	"context"
	"fmt"

	"github.com/sealring/sealring/internal/directory/builtin"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// RolesOffered finds, in a transaction, the service principal of a resource by its object id:
// its name and the app roles it offers. Errors: ErrServicePrincipalNotFound.
func (d *Directory) RolesOffered(ctx context.Context, tx *store.Tx, tenant id.Tenant, resource id.Object) (name string, roles []AppRole, err error) {
	var app id.App
	found, err := tx.Get(ctx, "SELECT app_id, display_name FROM directory_service_principals WHERE id = $1 AND tenant_id = $2 AND deleted_at = 0",
		[]any{string(resource), string(tenant)}, &app, &name)
	if err != nil {
		return "", nil, fmt.Errorf("read service principal %s: %w", resource, err)
	}
	if !found {
		return "", nil, ErrServicePrincipalNotFound.With("service principal %s does not exist", resource)
	}
	if known := builtin.Roles(app); known != nil {
		return name, known, nil
	}
	a, err := LoadApplication(ctx, tx, tenant, app)
	if isNoApplication(err) {
		return name, nil, nil
	}
	return name, a.AppRoles, err
}

// AppRolesOf returns the service principal of a resource and the app roles it offers, from
// memory. Errors: ErrServicePrincipalNotFound.
func (d *Directory) AppRolesOf(ctx context.Context, tenant id.Tenant, resource id.App) (id.Object, []AppRole, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return "", nil, err
	}
	defer d.cache.done()
	sp, ok := s.byApp[appIn{tenant, resource}]
	if !ok {
		return "", nil, ErrServicePrincipalNotFound.With("no service principal has the client id %s", resource)
	}
	if known := builtin.Roles(resource); known != nil {
		return sp.ID, known, nil
	}
	if a, ok := s.applications[resource]; ok && a.Tenant == tenant {
		return sp.ID, a.AppRoles, nil
	}
	return sp.ID, nil, nil
}
