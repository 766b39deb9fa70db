package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/store"
)

// loadServicePrincipal reads a live service principal that may be changed here.
// Errors: directory.ErrServicePrincipalNotFound, ErrManaged.
func loadServicePrincipal(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object) (directory.ServicePrincipal, error) {
	var sp directory.ServicePrincipal
	found := false
	err := tx.Query(ctx, func(r store.Row) (err error) {
		found = true
		sp, err = directory.ScanServicePrincipal(r)
		return err
	}, "SELECT "+directory.ServicePrincipalColumns+" FROM directory_service_principals WHERE id = $1 AND tenant_id = $2 AND deleted_at = 0", string(object), string(tenant))
	switch {
	case err != nil:
		return sp, fmt.Errorf("read service principal %s: %w", object, err)
	case !found:
		return sp, directory.ErrServicePrincipalNotFound.With("service principal %s does not exist", object)
	case sp.Kind == directory.KindManagedIdentity:
		return sp, ErrManaged
	}
	return sp, nil
}

// changeServicePrincipal lets change work on the service principal of an application: whether
// it may sign in, whether it demands app roles, its alternative names and profile.
// Errors: directory.ErrServicePrincipalNotFound, ErrManaged, ErrInvalid, and those of change.
func (s *Service) changeServicePrincipal(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object, change func(*directory.ServicePrincipal) error) (directory.ServicePrincipal, error) {
	sp, err := loadServicePrincipal(ctx, tx, tenant, object)
	if err != nil {
		return sp, err
	}
	was := sp.Enabled
	sp.Profile, sp.AlternativeNames = slices.Clone(sp.Profile), slices.Clone(sp.AlternativeNames)
	if err := change(&sp); err != nil {
		return sp, err
	}
	if len(sp.Profile) > maxProfile || len(sp.AlternativeNames) > maxURIs {
		return sp, ErrInvalid.With("The service principal is too large.")
	}
	alternative, err := json.Marshal(append([]string{}, sp.AlternativeNames...))
	if err != nil {
		return sp, fmt.Errorf("encode alternative names: %w", err)
	}
	_, err = tx.Exec(ctx, "UPDATE directory_service_principals SET alternative_names = $1, role_required = $2, profile = $3 WHERE id = $4",
		string(alternative), sp.RoleRequired, string(sp.Profile), string(object))
	if err != nil {
		return sp, fmt.Errorf("update service principal %s: %w", object, err)
	}
	tx.Changed(directory.Topic, directory.PrincipalKey(object))
	if was != sp.Enabled {
		if err := s.directory.SetEnabled(ctx, tx, tenant, object, sp.Enabled); err != nil {
			return sp, err
		}
	}
	return sp, s.record(ctx, tx, "directory.servicePrincipal.update", string(object), map[string]string{"app_id": string(sp.App)})
}

// DeleteServicePrincipal deletes the service principal of an application; it can be restored.
// Errors: directory.ErrServicePrincipalNotFound, ErrManaged.
func (s *Service) DeleteServicePrincipal(ctx context.Context, tenant id.Tenant, object id.Object) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := loadServicePrincipal(ctx, tx, tenant, object); err != nil {
			return err
		}
		return s.directory.DeleteServicePrincipal(ctx, tx, tenant, object)
	})
}

// CreateServicePrincipal makes the service principal of an application of the tenant, changed
// as change says and owned by owners.
// Errors: directory.ErrApplicationNotFound, ErrTaken if there is one, ErrInvalid, those of change.
func (s *Service) CreateServicePrincipal(ctx context.Context, tenant id.Tenant, app id.App, change func(*directory.ServicePrincipal) error, owners []id.Object) (sp directory.ServicePrincipal, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		sp, err = s.directory.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: tenant, Kind: directory.KindApplication, App: app})
		if errors.Is(err, store.ErrExists) {
			return ErrTaken.With("The service principal cannot be created: the application %s has one already.", app)
		}
		if err != nil {
			return err
		}
		if sp, err = s.changeServicePrincipal(ctx, tx, tenant, sp.ID, change); err != nil {
			return err
		}
		return s.own(ctx, tx, tenant, sp.ID, owners)
	})
	return sp, err
}

// own gives a new object its owners.
func (s *Service) own(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object, owners []id.Object) error {
	for _, o := range owners {
		if err := s.relations.AddOwnerIn(ctx, tx, tenant, object, o); err != nil && !errors.Is(err, relation.ErrRelationExists) {
			return err
		}
	}
	return nil
}

// UpdateServicePrincipal is changeServicePrincipal in a transaction of its own.
func (s *Service) UpdateServicePrincipal(ctx context.Context, tenant id.Tenant, object id.Object, change func(*directory.ServicePrincipal) error) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		_, err := s.changeServicePrincipal(ctx, tx, tenant, object, change)
		return err
	})
}
