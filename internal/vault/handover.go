package vault

import (
	"context"
	"fmt"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// HandOver gives the vaults of a subscription, deleted ones too, to another tenant, in the
// caller's transaction, and returns how many. Their access policies name principals of the
// old tenant, so none is left: nobody reads a secret until the new tenant says who may.
func (s *Service) HandOver(ctx context.Context, tx *store.Tx, sub id.Subscription, to id.Tenant) (int, error) {
	vs, err := s.load(ctx, tx, "subscription_id = $1 ORDER BY name_key", string(sub))
	if err != nil {
		return 0, err
	}
	for n, old := range vs {
		v := old
		v.Tenant, v.Policies = to, []Policy{}
		if err := s.reseal(ctx, tx, old, v); err != nil {
			return n, err
		}
		if err := s.save(ctx, tx, &v, Type+"/write"); err != nil {
			return n, err
		}
	}
	return len(vs), nil
}

// reseal seals every version of every secret anew, since values are bound to the tenant.
func (s *Service) reseal(ctx context.Context, tx *store.Tx, old, v Vault) error {
	var versions []Secret
	err := tx.Query(ctx, func(r store.Row) error {
		var x Secret
		if err := r.Scan(&x.Name, &x.Version); err != nil {
			return fmt.Errorf("scan a version: %w", err)
		}
		versions = append(versions, x)
		return nil
	}, `SELECT s.name, x.version FROM vault_secret_versions x
		JOIN vault_secrets s ON s.vault = x.vault AND s.name_key = x.name_key WHERE x.vault = $1`, v.UID)
	if err != nil {
		return fmt.Errorf("read the secrets of vault %s: %w", v.Name, err)
	}
	for _, x := range versions {
		if err := s.resealOne(ctx, tx, old, v, x); err != nil {
			return err
		}
	}
	return nil
}

// resealOne seals one version anew.
func (s *Service) resealOne(ctx context.Context, tx *store.Tx, old, v Vault, x Secret) error {
	const where = " WHERE vault = $1 AND name_key = $2 AND version = $3"
	key := nameKey(x.Name)
	var sealed []byte
	if _, err := tx.Get(ctx, "SELECT value FROM vault_secret_versions"+where, []any{v.UID, key, x.Version}, &sealed); err != nil {
		return fmt.Errorf("read secret %s/%s of vault %s: %w", x.Name, x.Version, v.Name, err)
	}
	value, err := s.open(ctx, old, x, sealed)
	if err != nil {
		return err
	}
	if sealed, err = s.seal.Seal(ctx, sealPurpose, binding(v, x.Name, x.Version), []byte(value.Reveal())); err != nil {
		return fmt.Errorf("seal secret %s/%s of vault %s: %w", x.Name, x.Version, v.Name, err)
	}
	if _, err := tx.Exec(ctx, "UPDATE vault_secret_versions SET value = $4"+where, v.UID, key, x.Version, sealed); err != nil {
		return fmt.Errorf("write secret %s/%s of vault %s: %w", x.Name, x.Version, v.Name, err)
	}
	return nil
}
