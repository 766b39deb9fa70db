package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/store"
)

// GetSecret returns a version with its value; "" means the current one. The record of the
// read is durable before it returns. Errors: ErrVaultNotFound, ErrSecretName,
// ErrSecretNotFound, ErrSecretDisabled.
func (s *Service) GetSecret(ctx context.Context, v Vault, name, wanted string) (Secret, error) {
	var x Secret
	var sealed []byte
	err := s.db.View(ctx, func(tx *store.Tx) error {
		found := false
		var err error
		if x, sealed, found, err = atOnce(ctx, tx, v, name, wanted); err != nil || found {
			return err
		}
		h, err := s.living(ctx, tx, v, name) // to say what is missing
		if err != nil {
			return err
		}
		x, sealed, err = version(ctx, tx, v, h, wanted)
		return err
	})
	if err != nil {
		return Secret{}, err
	}
	if !x.Enabled {
		return Secret{}, ErrSecretDisabled
	}
	if x.Value, err = s.open(ctx, v, x, sealed); err != nil {
		return Secret{}, err
	}
	err = s.writeRead(ctx, v, "getSecret/action", secretTarget(v, x.Name), map[string]string{"secret_name": x.Name, "secret_version": x.Version})
	if err != nil {
		return Secret{}, err
	}
	return x, nil
}

// atOnce reads a version of a secret that is there by one statement: reading secrets is what
// vaults do most.
func atOnce(ctx context.Context, tx *store.Tx, v Vault, name, wanted string) (x Secret, sealed []byte, found bool, err error) {
	if !ValidSecretName(name) {
		return x, nil, false, nil
	}
	var spelled string
	err = tx.Query(ctx, func(r store.Row) (err error) {
		x, err = scanVersion(r, &sealed, &spelled)
		found = err == nil
		return err
	}, "SELECT "+versionColumns+`, value, name FROM vault_secret_versions JOIN
		(SELECT vault AS its_vault, name_key AS its_name, name, current FROM vault_secrets WHERE vault = $1 AND name_key = $2 AND deleted_at = 0
			AND EXISTS (SELECT 1 FROM vaults WHERE uid = $1 AND deleted_at = 0)) AS living
		ON vault = its_vault AND name_key = its_name AND version = CASE WHEN $3 = '' THEN current ELSE $3 END`, v.UID, nameKey(name), strings.ToLower(wanted))
	if err != nil {
		return x, nil, false, fmt.Errorf("read secret %s of vault %s: %w", name, v.Name, err)
	}
	x.Name = spelled
	return x, sealed, found, nil
}

// GetDeletedSecret returns the current version of a soft-deleted secret, without a value.
// Errors: ErrVaultNotFound, ErrSecretName, ErrDeletedSecretNotFound.
func (s *Service) GetDeletedSecret(ctx context.Context, v Vault, name string) (Secret, error) {
	var x Secret
	err := s.db.View(ctx, func(tx *store.Tx) error {
		h, err := s.inDeleted(ctx, tx, v, name)
		if err != nil {
			return err
		}
		x, _, err = version(ctx, tx, v, h, "")
		return err
	})
	return x, err
}

// ListSecrets returns the current versions, without values, of up to limit secrets by
// name, behind the position after ("" for the beginning). What is written meanwhile makes
// no other name appear twice or not at all. Errors: ErrVaultNotFound.
func (s *Service) ListSecrets(ctx context.Context, v Vault, after string, limit int) (Page, error) {
	return s.list(ctx, v, after, limit, "s.purge_at = $4", 0)
}

// ListDeletedSecrets is ListSecrets over the soft-deleted ones.
func (s *Service) ListDeletedSecrets(ctx context.Context, v Vault, after string, limit int) (Page, error) {
	return s.list(ctx, v, after, limit, "s.purge_at > $4", s.now().Unix())
}

// list reads a page of secrets under a condition that may use $4.
func (s *Service) list(ctx context.Context, v Vault, after string, limit int, where string, arg int64) (Page, error) {
	var out []Secret
	err := s.db.View(ctx, func(tx *store.Tx) error {
		if err := s.alive(ctx, tx, v); err != nil {
			return err
		}
		return tx.Query(ctx, func(r store.Row) error {
			var name string
			var deleted, purge int64
			x, err := scanVersion(r, &name, &deleted, &purge)
			if err != nil {
				return err
			}
			x.Name, x.Deleted, x.ScheduledPurge = name, stamp(deleted), stamp(purge)
			out = append(out, x)
			return nil
		}, `SELECT x.version, x.seq, x.content_type, x.tags, x.enabled, x.not_before, x.expires, x.created_at, x.updated_at, x.previous,
				s.name, s.deleted_at, s.purge_at
			FROM vault_secrets s JOIN vault_secret_versions x ON x.vault = s.vault AND x.name_key = s.name_key AND x.version = s.current
			WHERE s.vault = $1 AND s.name_key > $2 AND `+where+` ORDER BY s.name_key LIMIT $3`, v.UID, nameKey(after), limit+1, arg)
	})
	if err != nil {
		return Page{}, fmt.Errorf("list secrets of vault %s: %w", v.Name, err)
	}
	return page(out, limit, func(x Secret) string { return string(nameKey(x.Name)) }), nil
}

// page cuts what was read with one item more than asked for.
func page(items []Secret, limit int, position func(Secret) string) Page {
	if len(items) <= limit {
		return Page{Items: items}
	}
	items = items[:limit]
	return Page{Items: items, Next: position(items[limit-1])}
}

// ListSecretVersions returns up to limit versions, oldest first, without values, behind
// the position after. Errors: ErrVaultNotFound, ErrSecretName, ErrSecretNotFound.
func (s *Service) ListSecretVersions(ctx context.Context, v Vault, name, after string, limit int) (Page, error) {
	from := int64(0)
	if after != "" {
		n, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return Page{}, ErrSecretInvalid.With("The position in the listing is not valid.")
		}
		from = n
	}
	var out []Secret
	err := s.db.View(ctx, func(tx *store.Tx) error {
		h, err := s.living(ctx, tx, v, name)
		if err != nil {
			return err
		}
		out, _, err = versions(ctx, tx, v, h, "AND seq > $3 ORDER BY seq LIMIT $4", from, limit+1)
		return err
	})
	if err != nil {
		return Page{}, err
	}
	return page(out, limit, func(x Secret) string { return strconv.FormatInt(x.seq, 10) }), nil
}

// updateVersion writes the attributes of x.
func updateVersion(ctx context.Context, tx *store.Tx, v Vault, x Secret) error {
	tags, err := json.Marshal(x.Tags)
	if err != nil {
		return fmt.Errorf("encode tags: %w", err)
	}
	_, err = tx.Exec(ctx, `UPDATE vault_secret_versions SET content_type = $4, tags = $5, enabled = $6, not_before = $7, expires = $8, updated_at = $9
		WHERE vault = $1 AND name_key = $2 AND version = $3`,
		v.UID, nameKey(x.Name), x.Version, x.ContentType, string(tags), x.Enabled, x.NotBefore, x.Expires, seconds(x.Updated))
	if err != nil {
		return fmt.Errorf("update secret %s of vault %s: %w", x.Name, v.Name, err)
	}
	return nil
}
