package directory

import (
	"context"
	"fmt"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// ObjectKind is the kind of a directory object that can act or be a member; the texts are Graph's.
type ObjectKind string

// The kinds.
const (
	ObjectUser             ObjectKind = "User"
	ObjectGroup            ObjectKind = "Group"
	ObjectServicePrincipal ObjectKind = "ServicePrincipal"
)

// ErrPrincipalNotFound is an object id that names neither a live user nor a live service principal.
var ErrPrincipalNotFound = fault.New(fault.NotFound, "the principal does not exist in this tenant")

// PrincipalKind finds out, in a transaction, whether an object is a live user or service
// principal of the tenant. Errors: ErrPrincipalNotFound.
func (d *Directory) PrincipalKind(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) (ObjectKind, error) {
	for _, q := range []struct {
		kind ObjectKind
		text string
	}{
		{ObjectServicePrincipal, "SELECT id FROM directory_service_principals WHERE id = $1 AND tenant_id = $2 AND deleted_at = 0"},
		{ObjectUser, "SELECT id FROM directory_users WHERE id = $1 AND tenant_id = $2 AND deleted_at = 0"},
	} {
		var found string
		ok, err := tx.Get(ctx, q.text, []any{string(object), string(tenant)}, &found)
		if err != nil {
			return "", fmt.Errorf("look for principal %s: %w", object, err)
		}
		if ok {
			return q.kind, nil
		}
	}
	return "", ErrPrincipalNotFound.With("principal %s does not exist", object)
}

// IsUser reports whether an object is a live user of the tenant.
func (d *Directory) IsUser(ctx context.Context, tenant id.Tenant, object id.Object) (bool, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return false, err
	}
	defer d.cache.done()
	u, ok := s.users[object]
	return ok && u.Tenant == tenant, nil
}
