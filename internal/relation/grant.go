package relation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Grant says which delegated permissions a client has at a resource (Graph's
// oauth2PermissionGrant).
type Grant struct {
	Tenant    id.Tenant
	ID        string    // 43 characters of base64url
	Client    id.Object // service principal
	Principal id.Object // the user for whom it holds; "" for everybody
	Resource  id.Object // service principal
	Scope     string    // values separated by blanks
	Created   time.Time // UTC, whole seconds
}

// maxScope is the longest text of permissions, in bytes.
const maxScope = 8 << 10

// CreateGrant makes the grant that g describes. Errors: ErrObjectNotFound, ErrRelationExists, ErrInvalid.
func (s *Service) CreateGrant(ctx context.Context, g Grant) (out Grant, err error) {
	err = s.cache.db.Update(ctx, func(tx *store.Tx) (err error) {
		out, err = s.createGrant(ctx, tx, g)
		return err
	})
	return out, err
}

// createGrant is CreateGrant in a transaction.
func (s *Service) createGrant(ctx context.Context, tx *store.Tx, g Grant) (Grant, error) {
	for _, end := range []struct {
		object id.Object
		kind   directory.ObjectKind
	}{{g.Client, directory.ObjectServicePrincipal}, {g.Resource, directory.ObjectServicePrincipal}, {g.Principal, directory.ObjectUser}} {
		if end.object == "" && end.kind == directory.ObjectUser {
			continue
		}
		kind, err := s.kindOf(ctx, tx, g.Tenant, end.object)
		if err != nil {
			return Grant{}, err
		}
		if kind != end.kind {
			return Grant{}, ErrInvalid.With("%s is not a %s", end.object, end.kind)
		}
	}
	if len(g.Scope) > maxScope {
		return Grant{}, ErrInvalid.With("the scope of a grant has up to %d bytes", maxScope)
	}
	var other string
	found, err := tx.Get(ctx, "SELECT id FROM relation_grants WHERE tenant_id = $1 AND client_id = $2 AND principal_id = $3 AND resource_id = $4",
		[]any{string(g.Tenant), string(g.Client), string(g.Principal), string(g.Resource)}, &other)
	if err != nil {
		return Grant{}, fmt.Errorf("look for the grant: %w", err)
	}
	if found {
		return Grant{}, ErrRelationExists
	}
	g.ID, g.Created, g.Scope = s.relationID(g.Client), s.now().UTC().Truncate(time.Second), strings.TrimSpace(g.Scope)
	_, err = tx.Exec(ctx, `INSERT INTO relation_grants (id, tenant_id, client_id, principal_id, resource_id, scope, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, g.ID, string(g.Tenant), string(g.Client), string(g.Principal), string(g.Resource), g.Scope, g.Created.Unix())
	if err != nil {
		return Grant{}, fmt.Errorf("insert grant: %w", err)
	}
	tx.Changed(Topic, "h/"+g.ID)
	return g, s.record(ctx, tx, "directory.oauth2PermissionGrant.create", string(g.Client),
		map[string]string{"grant_id": g.ID, "resource_id": string(g.Resource), "scope": g.Scope})
}

// SetScope replaces the permissions of a grant. Errors: ErrRelationNotFound, ErrInvalid.
func (s *Service) SetScope(ctx context.Context, tenant id.Tenant, grant, scope string) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.setScope(ctx, tx, tenant, grant, scope) })
}

// setScope is SetScope in a transaction.
func (s *Service) setScope(ctx context.Context, tx *store.Tx, tenant id.Tenant, grant, scope string) error {
	if len(scope) > maxScope {
		return ErrInvalid.With("the scope of a grant has up to %d bytes", maxScope)
	}
	n, err := tx.Exec(ctx, "UPDATE relation_grants SET scope = $1 WHERE id = $2 AND tenant_id = $3", strings.TrimSpace(scope), grant, string(tenant))
	return s.grantTouched(ctx, tx, grant, "directory.oauth2PermissionGrant.update", n, err)
}

// DeleteGrant ends a grant. Errors: ErrRelationNotFound.
func (s *Service) DeleteGrant(ctx context.Context, tenant id.Tenant, grant string) error {
	return s.cache.db.Update(ctx, func(tx *store.Tx) error { return s.deleteGrant(ctx, tx, tenant, grant) })
}

// deleteGrant is DeleteGrant in a transaction.
func (s *Service) deleteGrant(ctx context.Context, tx *store.Tx, tenant id.Tenant, grant string) error {
	n, err := tx.Exec(ctx, "DELETE FROM relation_grants WHERE id = $1 AND tenant_id = $2", grant, string(tenant))
	return s.grantTouched(ctx, tx, grant, "directory.oauth2PermissionGrant.delete", n, err)
}

// grantTouched ends a change of one grant: refused if no row matched, else noted.
func (s *Service) grantTouched(ctx context.Context, tx *store.Tx, grant, operation string, rows int64, err error) error {
	if err != nil {
		return fmt.Errorf("%s %s: %w", operation, grant, err)
	}
	if rows == 0 {
		return ErrRelationNotFound
	}
	tx.Changed(Topic, "h/"+grant)
	return s.record(ctx, tx, operation, grant, nil)
}

// Grants returns the grants of the tenant, ordered by id. The list is shared.
func (s *Service) Grants(ctx context.Context, tenant id.Tenant) ([]*Grant, error) {
	st, err := s.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer s.cache.done()
	return st.granted[tenant], nil
}
