package vault

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// sealPurpose names what the sealer encrypts for this package's tables.
const sealPurpose = "vault.secret"

// secretHead is the row that all versions of a secret share.
type secretHead struct {
	name    string
	current string // version
	count   int64  // versions ever made
	deleted time.Time
	purge   time.Time
}

// alive checks in the transaction that v is still there: between the caller's look and
// this one it may have been deleted. Errors: ErrVaultNotFound.
func (s *Service) alive(ctx context.Context, tx *store.Tx, v Vault) error {
	var one int
	found, err := tx.Get(ctx, "SELECT 1 FROM vaults WHERE uid = $1 AND deleted_at = 0", []any{v.UID}, &one)
	if err != nil {
		return fmt.Errorf("read vault %s: %w", v.Name, err)
	}
	if !found {
		return ErrVaultNotFound
	}
	return nil
}

// head reads the row of a name. One whose purge is due is not there any more.
func (s *Service) head(ctx context.Context, tx *store.Tx, v Vault, name string) (secretHead, bool, error) {
	if !ValidSecretName(name) {
		return secretHead{}, false, ErrSecretName.With("The request URI contains an invalid name: %s", printable(name))
	}
	if err := s.alive(ctx, tx, v); err != nil {
		return secretHead{}, false, err
	}
	var h secretHead
	var deleted, purge int64
	found, err := tx.Get(ctx, "SELECT name, current, versions, deleted_at, purge_at FROM vault_secrets WHERE vault = $1 AND name_key = $2",
		[]any{v.UID, nameKey(name)}, &h.name, &h.current, &h.count, &deleted, &purge)
	if err != nil {
		return secretHead{}, false, fmt.Errorf("read secret %s of vault %s: %w", name, v.Name, err)
	}
	h.deleted, h.purge = stamp(deleted), stamp(purge)
	if !found || s.due(h.purge) {
		return secretHead{}, false, nil
	}
	return h, true, nil
}

// printable returns s fit for a message: its first 127 characters, without control characters.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return '?'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxSecretName {
		s = string(r[:maxSecretName]) + "…"
	}
	return s
}

// living is head for a secret that must exist and not be deleted. Errors: ErrSecretNotFound.
func (s *Service) living(ctx context.Context, tx *store.Tx, v Vault, name string) (secretHead, error) {
	h, found, err := s.head(ctx, tx, v, name)
	if err != nil {
		return secretHead{}, err
	}
	if !found || !h.deleted.IsZero() {
		return secretHead{}, notFound(name)
	}
	return h, nil
}

// notFound is the field's message for an absent secret.
func notFound(nameOrID string) error {
	return ErrSecretNotFound.With("A secret with (name/id) %s was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command.", nameOrID)
}

// inDeleted is head for a secret that must be soft-deleted. Errors: ErrDeletedSecretNotFound.
func (s *Service) inDeleted(ctx context.Context, tx *store.Tx, v Vault, name string) (secretHead, error) {
	h, found, err := s.head(ctx, tx, v, name)
	if err != nil {
		return secretHead{}, err
	}
	if !found || h.deleted.IsZero() {
		return secretHead{}, ErrDeletedSecretNotFound.With("Deleted Secret not found: %s", name)
	}
	return h, nil
}

// versionColumns are what scanVersion reads.
const versionColumns = "version, seq, content_type, tags, enabled, not_before, expires, created_at, updated_at, previous"

// scanVersion reads versionColumns, and into extra what was selected behind them.
func scanVersion(r store.Row, extra ...any) (Secret, error) {
	var x Secret
	var tags string
	var created, updated int64
	dest := append([]any{&x.Version, &x.seq, &x.ContentType, &tags, &x.Enabled, &x.NotBefore, &x.Expires, &created, &updated, &x.Previous}, extra...)
	if err := r.Scan(dest...); err != nil {
		return Secret{}, fmt.Errorf("scan secret version: %w", err)
	}
	if err := json.Unmarshal([]byte(tags), &x.Tags); err != nil {
		return Secret{}, fmt.Errorf("decode tags of version %s: %w", x.Version, err)
	}
	x.Created, x.Updated = stamp(created), stamp(updated)
	return x, nil
}

// versions reads the versions of a secret that meet a condition on the parameters from $3
// on, with their sealed values.
func versions(ctx context.Context, tx *store.Tx, v Vault, h secretHead, where string, args ...any) (out []Secret, sealed [][]byte, err error) {
	err = tx.Query(ctx, func(r store.Row) error {
		var value []byte
		x, err := scanVersion(r, &value)
		if err != nil {
			return err
		}
		x.Name, x.Deleted, x.ScheduledPurge = h.name, h.deleted, h.purge
		out, sealed = append(out, x), append(sealed, value)
		return nil
	}, "SELECT "+versionColumns+", value FROM vault_secret_versions WHERE vault = $1 AND name_key = $2 "+where, append([]any{v.UID, nameKey(h.name)}, args...)...)
	if err != nil {
		return nil, nil, fmt.Errorf("read versions of secret %s of vault %s: %w", h.name, v.Name, err)
	}
	return out, sealed, nil
}

// version reads one version; "" means the current one. Errors: ErrSecretNotFound.
func version(ctx context.Context, tx *store.Tx, v Vault, h secretHead, wanted string) (Secret, []byte, error) {
	if wanted == "" {
		wanted = h.current
	}
	found, sealed, err := versions(ctx, tx, v, h, "AND version = $3", strings.ToLower(wanted))
	if err != nil {
		return Secret{}, nil, err
	}
	if len(found) == 0 {
		return Secret{}, nil, notFound(h.name + "/" + printable(wanted))
	}
	return found[0], sealed[0], nil
}

// insertVersion seals value and writes it as the version x.
func (s *Service) insertVersion(ctx context.Context, tx *store.Tx, v Vault, x Secret, value secret.Text) error {
	sealed, err := s.seal.Seal(ctx, sealPurpose, binding(v, x.Name, x.Version), []byte(value.Reveal()))
	if err != nil {
		return fmt.Errorf("seal secret %s of vault %s: %w", x.Name, v.Name, err)
	}
	tags, err := json.Marshal(x.Tags)
	if err != nil {
		return fmt.Errorf("encode tags: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO vault_secret_versions (vault, name_key, value, version, seq, content_type, tags, enabled, not_before, expires, created_at, updated_at, previous)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		v.UID, nameKey(x.Name), sealed, x.Version, x.seq, x.ContentType, string(tags), x.Enabled, x.NotBefore, x.Expires, seconds(x.Created), seconds(x.Updated), x.Previous)
	if err != nil {
		return fmt.Errorf("write secret %s of vault %s: %w", x.Name, v.Name, err)
	}
	return nil
}

// binding ties a sealed value to its place. None of the parts can hold a slash.
func binding(v Vault, name, version string) string {
	return string(v.Tenant) + "/" + v.UID + "/" + strings.ToLower(name) + "/" + version
}

// open returns the value of a version. An error here is damage: it is Internal.
func (s *Service) open(ctx context.Context, v Vault, x Secret, sealed []byte) (secret.Text, error) {
	plain, err := s.seal.Open(ctx, sealPurpose, binding(v, x.Name, x.Version), sealed)
	if err != nil {
		return secret.Text{}, fmt.Errorf("open secret %s/%s of vault %s: %w", x.Name, x.Version, v.Name, err)
	}
	return secret.New(string(plain)), nil
}

// newVersion makes a version id: 32 random lower-case hexadecimal digits.
func (s *Service) newVersion() (string, error) {
	var b [versionBytes]byte
	if _, err := io.ReadFull(s.rand, b[:]); err != nil {
		return "", fmt.Errorf("make a version id: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// recordSecret appends the audit record of a write of a secret. Never the value.
func (s *Service) recordSecret(ctx context.Context, tx *store.Tx, v Vault, action, name, version string) error {
	details := map[string]string{"secret_name": name}
	if version != "" {
		details["secret_version"] = version
	}
	return s.record(ctx, tx, v, Type+"/secrets/"+action, secretTarget(v, name), details)
}

// secretTarget is the resource id of a secret for the record.
func secretTarget(v Vault, name string) string { return v.ID.String() + "/secrets/" + name }

// writeRead makes the record of a read durable before the answer.
func (s *Service) writeRead(ctx context.Context, v Vault, action, target string, details map[string]string) error {
	return s.audit.Write(ctx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: Type + "/secrets/" + action, Target: target,
		Subscription: v.ID.Subscription(), Details: details,
	})
}
