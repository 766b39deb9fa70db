package directory

import (
	"context"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// BootstrapLife is how long the first credential of a server that others can reach works (S-55).
const BootstrapLife = time.Hour

// ErrCredentialUsed is a client secret that works once and was used.
var ErrCredentialUsed = fault.New(fault.Unauthenticated, "the client credential was for one sign-in, which is over")

// AddBootstrapSecret makes a client secret for one sign-in within the hour (S-55): what it gives
// is enough to make a credential that stays. Errors: those of AddSecret.
func (d *Directory) AddBootstrapSecret(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, displayName string) (Secret, secret.Text, error) {
	s, value, err := d.AddSecret(ctx, tx, tenant, app, NewSecret{DisplayName: displayName, Lifetime: BootstrapLife})
	if err != nil {
		return s, value, err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO directory_bootstrap_secrets (key_id, used_at) VALUES ($1, 0)", s.KeyID); err != nil {
		return s, value, fmt.Errorf("mark client secret as one for a single use: %w", err)
	}
	return s, value, nil
}

// UseSecret notes the use of a secret that AuthenticateSecret found right; of any number of
// uses of one that works once, on any replica, one succeeds. Others are not looked up: none
// that works once lives longer than BootstrapLife. Errors: ErrCredentialUsed.
func (d *Directory) UseSecret(ctx context.Context, s Secret) error {
	if s.End.Sub(s.Start) != BootstrapLife {
		return nil
	}
	return d.cache.db.Update(ctx, func(tx *store.Tx) error {
		var used int64
		once, err := tx.Get(ctx, "SELECT used_at FROM directory_bootstrap_secrets WHERE key_id = $1", []any{s.KeyID}, &used)
		if err != nil {
			return fmt.Errorf("read the use of a client secret: %w", err)
		}
		if !once {
			return nil
		}
		if used != 0 {
			return ErrCredentialUsed
		}
		if _, err := tx.Exec(ctx, "UPDATE directory_bootstrap_secrets SET used_at = $1 WHERE key_id = $2", max(1, seconds(d.now())), s.KeyID); err != nil {
			return fmt.Errorf("note the use of a client secret: %w", err)
		}
		return d.record(ctx, tx, "directory.secret.use", s.KeyID, nil)
	})
}
