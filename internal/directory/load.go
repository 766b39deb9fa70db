package directory

import (
	"context"
	"crypto/x509"
	"fmt"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// readApplications loads one application with its credentials, or all for "".
func (l *loadedRows) readApplications(ctx context.Context, tx *store.Tx, only string) error {
	condition, args := onlyRow("app_id", only)
	byApp := map[id.App]*storedApplication{}
	err := tx.Query(ctx, tx.Sound(ctx, "application", func(r store.Row) error {
		a, err := ScanApplication(r)
		if err != nil {
			return err // a damaged row is an object that does not exist (S-67)
		}
		stored := &storedApplication{Application: a}
		byApp[a.App] = stored
		l.applications = append(l.applications, stored)
		return nil
	}), "SELECT "+ApplicationColumns+" FROM directory_applications WHERE deleted_at = 0"+condition, args...)
	if err != nil {
		return err
	}
	if err := readSecrets(ctx, tx, only, byApp); err != nil {
		return err
	}
	return readCertificates(ctx, tx, only, byApp)
}

// readSecrets adds client secrets to the applications they belong to.
func readSecrets(ctx context.Context, tx *store.Tx, only string, byApp map[id.App]*storedApplication) error {
	condition, args := onlyRow("app_id", only)
	return tx.Query(ctx, tx.Sound(ctx, "client secret", func(r store.Row) error {
		var s storedSecret
		var app id.App
		var start, end int64
		if err := r.Scan(&s.KeyID, &app, &s.DisplayName, &s.Hint, &s.hash, &start, &end); err != nil {
			return fmt.Errorf("scan client secret: %w", err)
		}
		s.Start, s.End = instant(start), instant(end)
		if a, ok := byApp[app]; ok {
			a.secrets = append(a.secrets, s)
		}
		return nil
	}), `SELECT key_id, app_id, display_name, hint, hash, start_at, end_at FROM directory_secrets
		WHERE 1 = 1`+condition+` ORDER BY start_at, key_id`, args...)
}

// readCertificates adds certificates to the applications they belong to.
func readCertificates(ctx context.Context, tx *store.Tx, only string, byApp map[id.App]*storedApplication) error {
	condition, args := onlyRow("app_id", only)
	return tx.Query(ctx, tx.Sound(ctx, "certificate", func(r store.Row) error {
		var c Certificate
		var app id.App
		var der []byte
		var start, end int64
		if err := r.Scan(&c.KeyID, &app, &c.DisplayName, &der, &start, &end); err != nil {
			return fmt.Errorf("scan certificate: %w", err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil // a damaged row is a credential that does not exist (S-67)
		}
		c.Certificate, c.Start, c.End = cert, instant(start), instant(end)
		if a, ok := byApp[app]; ok {
			a.certificates = append(a.certificates, c)
		}
		return nil
	}), `SELECT key_id, app_id, display_name, der, start_at, end_at FROM directory_certificates
		WHERE 1 = 1`+condition+` ORDER BY start_at, key_id`, args...)
}
