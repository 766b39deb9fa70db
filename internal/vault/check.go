package vault

import (
	"context"
	"fmt"

	"github.com/sealring/sealring/internal/store"
)

// CheckSealed opens every version of every secret, also of deleted ones, and returns how
// many there are and which do not open: damaged, sealed under another key, or moved from
// their place (S-38, R-8). Values leave this function in no form.
func (s *Service) CheckSealed(ctx context.Context) (opened int, broken []string, err error) {
	err = s.db.Inspect(ctx, func(tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			var v Vault
			var x Secret
			var sealed []byte
			if err := r.Scan(&v.UID, &v.Tenant, &v.Name, &x.Name, &x.Version, &sealed); err != nil {
				return fmt.Errorf("scan a version: %w", err)
			}
			opened++
			if _, err := s.open(ctx, v, x, sealed); err != nil {
				broken = append(broken, fmt.Sprintf("%s/%s of vault %s", x.Name, x.Version, v.Name))
			}
			return nil
		}, `SELECT v.uid, v.tenant_id, v.name, s.name, x.version, x.value FROM vault_secret_versions x
			JOIN vault_secrets s ON s.vault = x.vault AND s.name_key = x.name_key JOIN vaults v ON v.uid = x.vault`)
	})
	return opened, broken, err
}
