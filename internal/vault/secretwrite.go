package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// SetSecret adds a version, which becomes the current one, and creates the secret if it is
// new. Errors: ErrVaultNotFound, ErrSecretName, ErrSecretInvalid, ErrSecretDeleted,
// ErrTooManyVersions.
func (s *Service) SetSecret(ctx context.Context, v Vault, name string, value secret.Text, c SecretChange) (Secret, error) {
	x := Secret{Enabled: true, Value: value, Created: s.clock()}
	x.Updated = x.Created
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		h, found, err := s.head(ctx, tx, v, name)
		if err != nil {
			return err
		}
		if len(value.Reveal()) > MaxSecretValue {
			return ErrSecretInvalid.With("The secret value is longer than %d bytes.", MaxSecretValue)
		}
		if err := c.apply(&x); err != nil {
			return err
		}
		switch {
		case !found:
			h = secretHead{name: name}
			if err := eraseSecret(ctx, tx, v, name); err != nil { // what an overdue purge left
				return err
			}
		case !h.deleted.IsZero():
			return deletedButRecoverable(h.name)
		case h.count >= maxVersionsPerSecret:
			return ErrTooManyVersions
		}
		x.Name, x.Previous, x.seq = h.name, h.current, h.count+1
		if x.Version, err = s.newVersion(); err != nil {
			return err
		}
		if err := s.insertVersion(ctx, tx, v, x, value); err != nil {
			return err
		}
		if err := saveHead(ctx, tx, v, secretHead{name: h.name, current: x.Version, count: x.seq}); err != nil {
			return err
		}
		return s.recordSecret(ctx, tx, v, "setSecret/action", x.Name, x.Version)
	})
	if err != nil {
		return Secret{}, err
	}
	return x, nil
}

// deletedButRecoverable is the field's message for a name that is still taken.
func deletedButRecoverable(name string) error {
	return ErrSecretDeleted.With("Secret %s is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.", name)
}

// saveHead writes the row that the versions share.
func saveHead(ctx context.Context, tx *store.Tx, v Vault, h secretHead) error {
	_, err := tx.Exec(ctx, `INSERT INTO vault_secrets (vault, name_key, name, current, versions, deleted_at, purge_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (vault, name_key) DO UPDATE SET current = $4, versions = $5, deleted_at = $6, purge_at = $7`,
		v.UID, nameKey(h.name), h.name, h.current, h.count, seconds(h.deleted), seconds(h.purge))
	if err != nil {
		return fmt.Errorf("write secret %s of vault %s: %w", h.name, v.Name, err)
	}
	return nil
}

// UpdateSecret changes attributes, tags or content type of a version ("" means the current
// one) and not its value. Errors: ErrVaultNotFound, ErrSecretName, ErrSecretNotFound,
// ErrSecretInvalid.
func (s *Service) UpdateSecret(ctx context.Context, v Vault, name, wanted string, c SecretChange) (Secret, error) {
	var x Secret
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		h, err := s.living(ctx, tx, v, name)
		if err != nil {
			return err
		}
		if x, _, err = version(ctx, tx, v, h, wanted); err != nil {
			return err
		}
		if err := c.apply(&x); err != nil {
			return err
		}
		x.Updated = s.clock()
		if err := updateVersion(ctx, tx, v, x); err != nil {
			return err
		}
		return s.recordSecret(ctx, tx, v, "update/action", x.Name, x.Version)
	})
	if err != nil {
		return Secret{}, err
	}
	return x, nil
}

// DeleteSecret soft-deletes a secret with all its versions and returns the current one.
// Errors: ErrVaultNotFound, ErrSecretName, ErrSecretNotFound.
func (s *Service) DeleteSecret(ctx context.Context, v Vault, name string) (Secret, error) {
	return s.move(ctx, v, name, "delete", func(tx *store.Tx) (secretHead, error) {
		h, err := s.living(ctx, tx, v, name)
		if err != nil {
			return secretHead{}, err
		}
		h.deleted = s.clock()
		h.purge = h.deleted.AddDate(0, 0, v.RetentionDays)
		return h, saveHead(ctx, tx, v, h)
	})
}

// RecoverSecret undoes DeleteSecret: every version is back with its id. Errors:
// ErrVaultNotFound, ErrSecretName, ErrDeletedSecretNotFound.
func (s *Service) RecoverSecret(ctx context.Context, v Vault, name string) (Secret, error) {
	return s.move(ctx, v, name, "recover/action", func(tx *store.Tx) (secretHead, error) {
		h, err := s.inDeleted(ctx, tx, v, name)
		if err != nil {
			return secretHead{}, err
		}
		h.deleted, h.purge = time.Time{}, time.Time{}
		return h, saveHead(ctx, tx, v, h)
	})
}

// move runs a step that deletes or recovers, reads the current version after it and
// records action.
func (s *Service) move(ctx context.Context, v Vault, name, action string, step func(*store.Tx) (secretHead, error)) (Secret, error) {
	var x Secret
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		h, err := step(tx)
		if err != nil {
			return err
		}
		if x, _, err = version(ctx, tx, v, h, ""); err != nil {
			return err
		}
		return s.recordSecret(ctx, tx, v, action, h.name, "")
	})
	if err != nil {
		return Secret{}, err
	}
	return x, nil
}

// PurgeSecret removes a soft-deleted secret for good. Errors: ErrVaultNotFound,
// ErrSecretName, ErrDeletedSecretNotFound, ErrPurgeProtected.
func (s *Service) PurgeSecret(ctx context.Context, v Vault, name string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		h, err := s.inDeleted(ctx, tx, v, name)
		if err != nil {
			return err
		}
		protected := false
		if _, err := tx.Get(ctx, "SELECT purge_protection FROM vaults WHERE uid = $1", []any{v.UID}, &protected); err != nil {
			return fmt.Errorf("read vault %s: %w", v.Name, err)
		}
		if protected {
			return ErrPurgeProtected.With("Operation purge is not allowed because purge protection is enabled for this vault.")
		}
		if err := eraseSecret(ctx, tx, v, h.name); err != nil {
			return err
		}
		return s.recordSecret(ctx, tx, v, "purge/action", h.name, "")
	})
}

// eraseSecret deletes the rows of a name, if there are any.
func eraseSecret(ctx context.Context, tx *store.Tx, v Vault, name string) error {
	for _, query := range []string{
		"DELETE FROM vault_secret_versions WHERE vault = $1 AND name_key = $2", "DELETE FROM vault_secrets WHERE vault = $1 AND name_key = $2",
	} {
		if _, err := tx.Exec(ctx, query, v.UID, nameKey(name)); err != nil {
			return fmt.Errorf("erase secret %s of vault %s: %w", name, v.Name, err)
		}
	}
	return nil
}
