package directory

import (
	"context"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// FloorKey is the feed's key of the time from which on a principal's tokens are accepted.
func FloorKey(object id.Object) string { return "f/" + string(object) }

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
