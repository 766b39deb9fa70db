package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/store"
)

// purgeBatch bounds how many rows one transaction of the purge job looks at.
const purgeBatch = 100

// Run purges what is due, now and every PurgeEvery, until ctx ends. A failed round is
// tried again at the next.
func (s *Service) Run(ctx context.Context) error {
	for tick := time.Tick(s.every); ; {
		if err := s.PurgeDue(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "purging deleted vaults and secrets failed; next attempt on schedule", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		}
	}
}

// PurgeDue removes the vaults and secrets whose scheduled purge has come. Purge protection
// does not prevent that: it prevents purging earlier.
func (s *Service) PurgeDue(ctx context.Context) error {
	for {
		n, err := s.purgeSome(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

// purgeSome is one batch of PurgeDue and returns how much it removed.
func (s *Service) purgeSome(ctx context.Context) (n int, err error) {
	now := s.now().Unix()
	var waiting int
	err = s.db.View(ctx, func(tx *store.Tx) error { // looks before it takes the writers' lock
		_, err := tx.Get(ctx, `SELECT (SELECT COUNT(*) FROM vaults WHERE purge_at > 0 AND purge_at <= $1)
			+ (SELECT COUNT(*) FROM vault_secrets WHERE purge_at > 0 AND purge_at <= $1)`, []any{now}, &waiting)
		return err
	})
	if err != nil || waiting == 0 {
		return 0, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		vs, err := s.load(ctx, tx, "purge_at > 0 AND purge_at <= $1 ORDER BY purge_at LIMIT $2", now, purgeBatch)
		if err != nil {
			return err
		}
		for _, v := range vs {
			if err := s.erase(ctx, tx, v, "vault.purge.scheduled"); err != nil {
				return err
			}
		}
		secrets, err := s.dueSecrets(ctx, tx, now)
		if err != nil {
			return err
		}
		for _, d := range secrets {
			if err := s.eraseDue(ctx, tx, d); err != nil {
				return err
			}
		}
		n = len(vs) + len(secrets)
		return nil
	})
	return n, err
}

// dueSecret names a secret to purge.
type dueSecret struct{ vault, name string }

// dueSecrets finds secrets to purge.
func (s *Service) dueSecrets(ctx context.Context, tx *store.Tx, now int64) ([]dueSecret, error) {
	var out []dueSecret
	err := tx.Query(ctx, func(r store.Row) error {
		var d dueSecret
		if err := r.Scan(&d.vault, &d.name); err != nil {
			return fmt.Errorf("scan secret to purge: %w", err)
		}
		out = append(out, d)
		return nil
	}, "SELECT vault, name FROM vault_secrets WHERE purge_at > 0 AND purge_at <= $1 ORDER BY purge_at LIMIT $2", now, purgeBatch)
	return out, err
}

// eraseDue purges one secret and records it.
func (s *Service) eraseDue(ctx context.Context, tx *store.Tx, d dueSecret) error {
	vs, err := s.load(ctx, tx, "uid = $1", d.vault)
	if err != nil {
		return err
	}
	if len(vs) == 0 {
		return eraseSecret(ctx, tx, Vault{UID: d.vault}, d.name)
	}
	if err := eraseSecret(ctx, tx, vs[0], d.name); err != nil {
		return err
	}
	return s.recordSecret(ctx, tx, vs[0], "purge.scheduled", d.name, "")
}
