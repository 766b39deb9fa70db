package registration

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// maxCredentials is how many secrets or certificates an application has at most.
const maxCredentials = 100

// Certificate is one that an application is to have: one that exists, by its key id, or, with
// DER, a new one.
type Certificate struct {
	KeyID       string // GUID; may be empty for a new one
	DisplayName string
	DER         []byte
}

// replaceCertificates makes list the certificates of an application: those that it does not
// name end. Errors: directory.ErrApplicationNotFound, directory.ErrCredentialNotFound, ErrInvalid.
func (s *Service) replaceCertificates(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, list []Certificate) error {
	if _, err := directory.LoadApplication(ctx, tx, tenant, app); err != nil {
		return err
	}
	if len(list) > maxCredentials {
		return ErrInvalid.With("An application has up to %d certificates.", maxCredentials)
	}
	existing, err := keyIDs(ctx, tx, "SELECT key_id FROM directory_certificates WHERE app_id = $1", app)
	if err != nil {
		return err
	}
	var keep []string
	for _, c := range list {
		keyID := strings.ToLower(c.KeyID)
		switch {
		case slices.Contains(existing, keyID):
			keep = append(keep, keyID)
		case len(c.DER) == 0:
			return directory.ErrCredentialNotFound.With("The key credential %q does not exist, and no key was sent for a new one.", c.KeyID)
		default:
			if err := s.insertCertificate(ctx, tx, tenant, app, c); err != nil {
				return err
			}
		}
	}
	return s.removeAllBut(ctx, tx, tenant, app, existing, keep)
}

// insertCertificate registers a certificate, under the key id that the client chose if it did.
func (s *Service) insertCertificate(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, c Certificate) error {
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return ErrInvalid.With("The key is not a certificate in DER.")
	}
	if c.KeyID == "" {
		_, err := s.directory.AddCertificate(ctx, tx, tenant, app, c.DisplayName, c.DER)
		return err
	}
	keyID := strings.ToLower(c.KeyID)
	var other string
	taken, err := tx.Get(ctx, "SELECT key_id FROM directory_certificates WHERE key_id = $1", []any{keyID}, &other)
	if err != nil {
		return fmt.Errorf("look for certificate %s: %w", keyID, err)
	}
	if taken || uuid.Validate(keyID) != nil || len(keyID) != 36 {
		return ErrInvalid.With("The keyId %q is not a GUID, or is in use.", c.KeyID)
	}
	_, err = tx.Exec(ctx, `INSERT INTO directory_certificates (key_id, app_id, display_name, der, start_at, end_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		keyID, string(app), c.DisplayName, c.DER, cert.NotBefore.Unix(), cert.NotAfter.Unix())
	if err != nil {
		return fmt.Errorf("insert certificate: %w", err)
	}
	tx.Changed(directory.Topic, directory.ApplicationKey(app))
	return s.record(ctx, tx, "directory.certificate.create", string(app), map[string]string{"key_id": keyID})
}

// keepSecrets ends the client secrets of an application that keep does not name.
// Errors: directory.ErrApplicationNotFound, directory.ErrCredentialNotFound.
func (s *Service) keepSecrets(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, keep []string) error {
	if _, err := directory.LoadApplication(ctx, tx, tenant, app); err != nil {
		return err
	}
	existing, err := keyIDs(ctx, tx, "SELECT key_id FROM directory_secrets WHERE app_id = $1", app)
	if err != nil {
		return err
	}
	for _, k := range keep {
		if !slices.Contains(existing, k) {
			return directory.ErrCredentialNotFound.With("The password credential %q does not exist: new ones are made by addPassword.", k)
		}
	}
	return s.removeAllBut(ctx, tx, tenant, app, existing, keep)
}

// keyIDs reads key ids.
func keyIDs(ctx context.Context, tx *store.Tx, query string, app id.App) ([]string, error) {
	var out []string
	err := tx.Query(ctx, func(r store.Row) error {
		var k string
		if err := r.Scan(&k); err != nil {
			return fmt.Errorf("scan key id: %w", err)
		}
		out = append(out, k)
		return nil
	}, query, string(app))
	if err != nil {
		return nil, fmt.Errorf("read credentials of %s: %w", app, err)
	}
	return out, nil
}

// removeAllBut ends the credentials among existing that keep does not name.
func (s *Service) removeAllBut(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, existing, keep []string) error {
	for _, k := range existing {
		if slices.Contains(keep, k) {
			continue
		}
		if err := s.directory.RemoveCredential(ctx, tx, tenant, app, k); err != nil {
			return err
		}
	}
	return nil
}
