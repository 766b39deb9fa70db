package directory

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// secretBytes is the entropy of a client secret: 256 bits (S-40).
const secretBytes = 32

// maxSecretText is the longest client secret that is looked at; ours are 43 characters.
const maxSecretText = 512

// defaultLifetime and maxLifetime bound client secrets (security defaults §6.1).
const (
	defaultLifetime = 180 * 24 * time.Hour
	maxLifetime     = 730 * 24 * time.Hour
)

// Secret describes a client secret (Graph passwordCredential). Its value is not kept.
type Secret struct {
	KeyID       string // GUID
	DisplayName string
	Hint        string // the first three characters of the value
	Start, End  time.Time
}

// ValidAt reports whether the secret may authenticate at t: from Start up to, not at, End
// (UTC, whole seconds).
func (s Secret) ValidAt(t time.Time) bool { return !t.Before(s.Start) && t.Before(s.End) }

// Certificate is a registered certificate whose key may sign client assertions (Graph
// keyCredential of type AsymmetricX509Cert, usage Verify).
type Certificate struct {
	KeyID       string // GUID
	DisplayName string
	Certificate *x509.Certificate
	Start, End  time.Time
}

// ValidAt reports whether the certificate may authenticate at t: from Start up to, not at, End.
func (c Certificate) ValidAt(t time.Time) bool { return !t.Before(c.Start) && t.Before(c.End) }

// NewSecret says what to create.
type NewSecret struct {
	DisplayName string
	// Start is from when on it is valid; zero means now.
	Start time.Time
	// Lifetime is how long it is valid from Start on; 0 means 180 days, more than 730 days is
	// refused, Unlimited is for the administrator of a loopback installation.
	Lifetime time.Duration
}

// Unlimited is the lifetime of a secret that only rotation ends: 100 years.
const Unlimited = 100 * 365 * 24 * time.Hour

// AddSecret makes a client secret of 256 random bits and returns it once.
// Errors: ErrApplicationNotFound, ErrInvalid.
func (d *Directory) AddSecret(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, n NewSecret) (Secret, secret.Text, error) {
	if _, err := LoadApplication(ctx, tx, tenant, app); err != nil {
		return Secret{}, secret.Text{}, err
	}
	lifetime := n.Lifetime
	if lifetime == 0 {
		lifetime = defaultLifetime
	}
	if lifetime < 0 || lifetime > maxLifetime && lifetime != Unlimited {
		return Secret{}, secret.Text{}, ErrInvalid.With("a client secret lives up to 730 days")
	}
	value, err := d.drawSecret()
	if err != nil {
		return Secret{}, secret.Text{}, err
	}
	start := n.Start.UTC().Truncate(time.Second)
	if n.Start.IsZero() {
		start = d.now().UTC().Truncate(time.Second)
	}
	s := Secret{KeyID: d.ids.Text(), DisplayName: n.DisplayName, Hint: value.Reveal()[:3], Start: start, End: start.Add(lifetime)}
	hash := d.hash.MAC(macPurpose, secretInput(app, value))
	_, err = tx.Exec(ctx, `INSERT INTO directory_secrets (key_id, app_id, display_name, hint, hash, start_at, end_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, s.KeyID, string(app), s.DisplayName, s.Hint, hash, seconds(s.Start), seconds(s.End))
	if err != nil {
		return Secret{}, secret.Text{}, fmt.Errorf("insert client secret: %w", err)
	}
	tx.Changed(Topic, ApplicationKey(app))
	return s, value, d.record(ctx, tx, "directory.secret.create", string(app), map[string]string{"key_id": s.KeyID})
}

// drawSecret makes the text of a client secret. It never begins with a hyphen: command lines
// would take it for an option (`az login --password`).
func (d *Directory) drawSecret() (secret.Text, error) {
	raw := make([]byte, secretBytes)
	for {
		if _, err := io.ReadFull(d.rand, raw); err != nil {
			return secret.Text{}, fmt.Errorf("make client secret: %w", err)
		}
		if text := base64.RawURLEncoding.EncodeToString(raw); text[0] != '-' {
			return secret.New(text), nil
		}
	}
}

// AddCertificate registers a certificate for client assertions; it is valid as long as the
// certificate itself says. Errors: ErrApplicationNotFound, ErrInvalid.
func (d *Directory) AddCertificate(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, displayName string, der []byte) (Certificate, error) {
	if _, err := LoadApplication(ctx, tx, tenant, app); err != nil {
		return Certificate{}, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return Certificate{}, ErrInvalid.With("the key is not a DER certificate")
	}
	c := Certificate{KeyID: d.ids.Text(), DisplayName: displayName, Certificate: cert, Start: cert.NotBefore.UTC(), End: cert.NotAfter.UTC()}
	_, err = tx.Exec(ctx, `INSERT INTO directory_certificates (key_id, app_id, display_name, der, start_at, end_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, c.KeyID, string(app), displayName, der, seconds(c.Start), seconds(c.End))
	if err != nil {
		return Certificate{}, fmt.Errorf("insert certificate: %w", err)
	}
	tx.Changed(Topic, ApplicationKey(app))
	return c, d.record(ctx, tx, "directory.certificate.create", string(app), map[string]string{"key_id": c.KeyID})
}

// RemoveCredential deletes a secret or certificate. Errors: ErrApplicationNotFound, ErrCredentialNotFound.
func (d *Directory) RemoveCredential(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, keyID string) error {
	if _, err := LoadApplication(ctx, tx, tenant, app); err != nil {
		return err
	}
	var removed int64
	for _, query := range []string{
		"DELETE FROM directory_secrets WHERE app_id = $1 AND key_id = $2",
		"DELETE FROM directory_certificates WHERE app_id = $1 AND key_id = $2",
	} {
		n, err := tx.Exec(ctx, query, string(app), keyID)
		if err != nil {
			return fmt.Errorf("delete credential: %w", err)
		}
		removed += n
	}
	if removed == 0 {
		return ErrCredentialNotFound
	}
	tx.Changed(Topic, ApplicationKey(app))
	return d.record(ctx, tx, "directory.credential.delete", string(app), map[string]string{"key_id": keyID})
}

// AuthenticateSecret returns the service principal that the secret proves, and which secret
// it was. All secrets of the application are compared, in constant time. A managed identity
// has no application, so a secret never proves it (DT-2.2).
// Errors: ErrServicePrincipalNotFound, ErrDisabled, ErrWrongSecret, ErrCredentialExpired.
func (d *Directory) AuthenticateSecret(ctx context.Context, tenant id.Tenant, app id.App, value secret.Text) (ServicePrincipal, Secret, error) {
	tooLong := len(value.Reveal()) > maxSecretText
	var hash []byte
	if !tooLong { // also for a client that does not exist, so that time does not tell one from the other (S-54)
		hash = d.hash.MAC(macPurpose, secretInput(app, value))
	}
	sp, err := d.SignInPrincipal(ctx, tenant, app)
	if err != nil {
		return ServicePrincipal{}, Secret{}, err
	}
	if tooLong {
		return sp, Secret{}, ErrWrongSecret
	}
	s, err := d.cache.read(ctx)
	if err != nil {
		return sp, Secret{}, err
	}
	defer d.cache.done()
	var match Secret
	found := false
	if a, ok := s.applications[app]; ok && a.Tenant == tenant {
		for _, k := range a.secrets {
			if hmac.Equal(k.hash, hash) {
				match, found = k.Secret, true
			}
		}
	}
	switch {
	case !found:
		return sp, Secret{}, ErrWrongSecret
	case !match.ValidAt(d.now()):
		return sp, match, ErrCredentialExpired
	}
	return sp, match, nil
}

// Certificates returns the service principal of a client and its registered certificates,
// expired ones included, for checking a client assertion.
// Errors: ErrServicePrincipalNotFound, ErrDisabled.
func (d *Directory) Certificates(ctx context.Context, tenant id.Tenant, app id.App) (ServicePrincipal, []Certificate, error) {
	sp, err := d.SignInPrincipal(ctx, tenant, app)
	if err != nil {
		return ServicePrincipal{}, nil, err
	}
	s, err := d.cache.read(ctx)
	if err != nil {
		return sp, nil, err
	}
	defer d.cache.done()
	if a, ok := s.applications[app]; ok && a.Tenant == tenant {
		return sp, a.certificates, nil
	}
	return sp, nil, nil
}

// SignInPrincipal finds who signs in. Errors: ErrServicePrincipalNotFound, ErrDisabled with
// the principal, for the record.
func (d *Directory) SignInPrincipal(ctx context.Context, tenant id.Tenant, app id.App) (ServicePrincipal, error) {
	sp, err := d.ServicePrincipalByApp(ctx, tenant, app)
	if err != nil {
		return ServicePrincipal{}, err
	}
	if !sp.Enabled {
		return sp, ErrDisabled.With("the application %s is disabled", app)
	}
	return sp, nil
}

// Credentials describes the credentials of an application, without any value.
// Errors: ErrApplicationNotFound.
func (d *Directory) Credentials(ctx context.Context, tenant id.Tenant, app id.App) ([]Secret, []Certificate, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer d.cache.done()
	a, ok := s.applications[app]
	if !ok || a.Tenant != tenant {
		return nil, nil, ErrApplicationNotFound.With("application %s does not exist", app)
	}
	secrets := make([]Secret, 0, len(a.secrets))
	for _, k := range a.secrets {
		secrets = append(secrets, k.Secret)
	}
	return secrets, a.certificates, nil
}

// macPurpose separates hashes of client secrets from everything else under the same key.
const macPurpose = "directory client secret"

// secretInput is what is hashed: the secret bound to its application, so that equal rows of
// two applications would not show equal secrets.
func secretInput(app id.App, value secret.Text) []byte {
	return bytes.Join([][]byte{[]byte(app), []byte(value.Reveal())}, []byte{0})
}
