package registration

import (
	"context"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// Credentials say what the credentials of an application are to be; a nil list leaves them.
type Credentials struct {
	Certificates *[]Certificate
	KeepSecrets  *[]string // key ids
}

// CreateApplication registers an application, changed as change says and owned by owners.
// Errors: those of UpdateApplication.
func (s *Service) CreateApplication(ctx context.Context, tenant id.Tenant, change func(*directory.Application) (Credentials, error), owners []id.Object) (a directory.Application, err error) {
	draft := directory.Application{Tenant: tenant, TokenVersion: 1, Profile: []byte("{}")}
	if _, err := change(&draft); err != nil {
		return directory.Application{}, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		a, err = s.directory.CreateApplication(ctx, tx, directory.NewApplication{Tenant: tenant, DisplayName: draft.DisplayName})
		if err != nil {
			return err
		}
		if a, err = s.update(ctx, tx, tenant, a.App, change); err != nil {
			return err
		}
		return s.own(ctx, tx, tenant, a.ID, owners)
	})
	return a, err
}

// UpdateApplication lets change work on an application and keeps what it makes of it and of
// its credentials. Errors: directory.ErrApplicationNotFound, directory.ErrCredentialNotFound,
// directory.ErrInvalid, ErrInvalid, ErrEnabled, ErrHostName, those of change.
func (s *Service) UpdateApplication(ctx context.Context, tenant id.Tenant, app id.App, change func(*directory.Application) (Credentials, error)) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		_, err := s.update(ctx, tx, tenant, app, change)
		return err
	})
}

// update is UpdateApplication in a transaction.
func (s *Service) update(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, change func(*directory.Application) (Credentials, error)) (directory.Application, error) {
	var wanted Credentials
	a, err := s.changeApplication(ctx, tx, tenant, app, func(a *directory.Application) (err error) {
		wanted, err = change(a)
		return err
	})
	if err == nil && wanted.Certificates != nil {
		err = s.replaceCertificates(ctx, tx, tenant, app, *wanted.Certificates)
	}
	if err == nil && wanted.KeepSecrets != nil {
		err = s.keepSecrets(ctx, tx, tenant, app, *wanted.KeepSecrets)
	}
	return a, err
}

// DeleteApplication deletes an application and its service principal; both can be restored.
// Errors: directory.ErrApplicationNotFound.
func (s *Service) DeleteApplication(ctx context.Context, tenant id.Tenant, app id.App) error {
	return s.db.Update(ctx, func(tx *store.Tx) error { return s.directory.DeleteApplication(ctx, tx, tenant, app) })
}

// AddSecret makes a client secret and returns it once.
// Errors: directory.ErrApplicationNotFound, directory.ErrInvalid, ErrInvalid for one too many.
func (s *Service) AddSecret(ctx context.Context, tenant id.Tenant, app id.App, n directory.NewSecret) (made directory.Secret, value secret.Text, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		existing, err := keyIDs(ctx, tx, "SELECT key_id FROM directory_secrets WHERE app_id = $1", app)
		if err != nil {
			return err
		}
		if len(existing) >= maxCredentials {
			return ErrInvalid.With("An application has up to %d password credentials.", maxCredentials)
		}
		made, value, err = s.directory.AddSecret(ctx, tx, tenant, app, n)
		return err
	})
	return made, value, err
}

// RemoveCredential ends a secret or certificate.
// Errors: directory.ErrApplicationNotFound, directory.ErrCredentialNotFound.
func (s *Service) RemoveCredential(ctx context.Context, tenant id.Tenant, app id.App, keyID string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error { return s.directory.RemoveCredential(ctx, tx, tenant, app, keyID) })
}
