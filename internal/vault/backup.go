package vault

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// backupPurpose names what the sealer encrypts into backups.
const backupPurpose = "vault.backup"

// MaxBackup is the longest backup that is read, in bytes of its text.
const MaxBackup = 2 << 20

// backup is the sealed content of a backup.
type backup struct {
	Kind     string          `json:"kind"` // "secret"
	Name     string          `json:"name"`
	Current  string          `json:"current"`
	Versions []backupVersion `json:"versions"` // oldest first
}

// backupVersion is one version in a backup; it exists sealed only.
type backupVersion struct {
	Version     string            `json:"version"`
	Value       []byte            `json:"value"`
	ContentType string            `json:"content_type,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Enabled     bool              `json:"enabled"`
	NotBefore   *int64            `json:"nbf,omitempty"`
	Expires     *int64            `json:"exp,omitempty"`
	Created     int64             `json:"created"`
	Updated     int64             `json:"updated"`
	Previous    string            `json:"previous,omitempty"`
}

// backupBinding limits a backup to the tenant and subscription it came from.
func backupBinding(v Vault) string { return string(v.Tenant) + "/" + string(v.ID.Subscription()) }

// BackupSecret returns all versions, sealed: base64url text that only RestoreSecret of this
// installation reads, in a vault of the same tenant and subscription. The record of the
// read is durable before it returns. Errors: ErrVaultNotFound, ErrSecretName,
// ErrSecretNotFound, ErrTooManyVersions.
func (s *Service) BackupSecret(ctx context.Context, v Vault, name string) (secret.Text, error) {
	var h secretHead
	var found []Secret
	var sealed [][]byte
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if h, err = s.living(ctx, tx, v, name); err != nil {
			return err
		}
		found, sealed, err = versions(ctx, tx, v, h, "ORDER BY seq")
		return err
	})
	if err != nil {
		return secret.Text{}, err
	}
	b := backup{Kind: "secret", Name: h.name, Current: h.current}
	for i, x := range found {
		value, err := s.open(ctx, v, x, sealed[i])
		if err != nil {
			return secret.Text{}, err
		}
		b.Versions = append(b.Versions, backupVersion{
			Version: x.Version, Value: []byte(value.Reveal()), ContentType: x.ContentType, Tags: x.Tags, Enabled: x.Enabled,
			NotBefore: x.NotBefore, Expires: x.Expires, Created: seconds(x.Created), Updated: seconds(x.Updated), Previous: x.Previous,
		})
	}
	plain, err := json.Marshal(b)
	if err != nil {
		return secret.Text{}, fmt.Errorf("encode backup of secret %s: %w", h.name, err)
	}
	blob, err := s.seal.Seal(ctx, backupPurpose, backupBinding(v), plain)
	if err != nil {
		return secret.Text{}, fmt.Errorf("seal backup of secret %s: %w", h.name, err)
	}
	text := base64.RawURLEncoding.EncodeToString(blob)
	if len(text) > MaxBackup {
		return secret.Text{}, ErrTooManyVersions.With("The secret has too many versions to be backed up.")
	}
	err = s.writeRead(ctx, v, "backup/action", secretTarget(v, h.name), map[string]string{"secret_name": h.name})
	if err != nil {
		return secret.Text{}, err
	}
	return secret.New(text), nil
}

// RestoreSecret creates the secret of a backup with all versions and their ids, and returns
// the current one. Errors: ErrVaultNotFound, ErrBackupInvalid, ErrSecretExists,
// ErrSecretDeleted.
func (s *Service) RestoreSecret(ctx context.Context, v Vault, text secret.Text) (Secret, error) {
	b, err := s.openBackup(ctx, v, text)
	if err != nil {
		return Secret{}, err
	}
	var x Secret
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		h, found, err := s.head(ctx, tx, v, b.Name)
		switch {
		case err != nil:
			return err
		case found && !h.deleted.IsZero():
			return deletedButRecoverable(h.name)
		case found:
			return ErrSecretExists.With("A secret with the name %s exists already in this key vault.", h.name)
		}
		if err := eraseSecret(ctx, tx, v, b.Name); err != nil { // what an overdue purge left
			return err
		}
		for i, y := range b.Versions {
			one := Secret{
				Name: b.Name, Version: y.Version, ContentType: y.ContentType, Tags: y.Tags, Enabled: y.Enabled, NotBefore: y.NotBefore,
				Expires: y.Expires, Created: stamp(y.Created), Updated: stamp(y.Updated), Previous: y.Previous, seq: int64(i) + 1,
			}
			if err := s.insertVersion(ctx, tx, v, one, secret.New(string(y.Value))); err != nil {
				return err
			}
			if y.Version == b.Current {
				x = one
			}
		}
		if err := saveHead(ctx, tx, v, secretHead{name: b.Name, current: b.Current, count: int64(len(b.Versions))}); err != nil {
			return err
		}
		return s.recordSecret(ctx, tx, v, "restore/action", b.Name, "")
	})
	return x, err
}

// openBackup reads a backup. Errors: ErrBackupInvalid.
func (s *Service) openBackup(ctx context.Context, v Vault, text secret.Text) (backup, error) {
	blob, err := base64.RawURLEncoding.Strict().DecodeString(text.Reveal())
	if err != nil || len(text.Reveal()) > MaxBackup {
		return backup{}, ErrBackupInvalid
	}
	plain, err := s.seal.Open(ctx, backupPurpose, backupBinding(v), blob)
	switch {
	case errors.Is(err, seal.ErrOpen):
		return backup{}, ErrBackupInvalid
	case err != nil:
		return backup{}, fmt.Errorf("open a backup: %w", err)
	}
	var b backup
	if err := json.Unmarshal(plain, &b); err != nil || b.Kind != "secret" || len(b.Versions) == 0 {
		return backup{}, ErrBackupInvalid
	}
	return b, nil
}
