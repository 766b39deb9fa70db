package registration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/relation"
	"github.com/sealring/sealring/internal/store"
)

// Deleted is an object that was deleted less than 30 days ago. One of the pointers is set.
type Deleted struct {
	ID               id.Object
	At               time.Time // UTC, whole seconds
	Application      *directory.Application
	ServicePrincipal *directory.ServicePrincipal
	User             *directory.User
	Group            *relation.Group
}

// Deleted returns the deleted objects of the tenant that can still be looked at, ordered by id.
func (s *Service) Deleted(ctx context.Context, tenant id.Tenant) ([]*Deleted, error) {
	since := s.now().Add(-Kept)
	var out []*Deleted
	err := s.db.View(ctx, func(tx *store.Tx) error {
		err := tx.Query(ctx, func(r store.Row) error {
			a, err := directory.ScanApplication(r)
			if err == nil {
				out = append(out, &Deleted{ID: a.ID, Application: &a})
			}
			return err
		}, "SELECT "+directory.ApplicationColumns+" FROM directory_applications WHERE tenant_id = $1 AND deleted_at > $2", string(tenant), since.Unix())
		if err != nil {
			return fmt.Errorf("read deleted applications: %w", err)
		}
		err = tx.Query(ctx, func(r store.Row) error {
			sp, err := directory.ScanServicePrincipal(r)
			if err == nil {
				out = append(out, &Deleted{ID: sp.ID, ServicePrincipal: &sp})
			}
			return err
		}, "SELECT "+directory.ServicePrincipalColumns+" FROM directory_service_principals WHERE tenant_id = $1 AND deleted_at > $2", string(tenant), since.Unix())
		if err != nil {
			return fmt.Errorf("read deleted service principals: %w", err)
		}
		for _, d := range out {
			if err := deletionTime(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	users, at, err := s.directory.DeletedUsers(ctx, tenant, since)
	if err != nil {
		return nil, err
	}
	for i := range users {
		out = append(out, &Deleted{ID: users[i].ID, At: at[i], User: &users[i]})
	}
	groups, err := s.relations.DeletedGroups(ctx, tenant, since)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		out = append(out, &Deleted{ID: g.ID, At: g.At, Group: &g.Group})
	}
	slices.SortFunc(out, func(a, b *Deleted) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out, nil
}

// deletionTime reads when an application or service principal was deleted.
func deletionTime(ctx context.Context, tx *store.Tx, d *Deleted) error {
	table := "directory_applications"
	if d.ServicePrincipal != nil {
		table = "directory_service_principals"
	}
	var at int64
	if _, err := tx.Get(ctx, "SELECT deleted_at FROM "+table+" WHERE id = $1", []any{string(d.ID)}, &at); err != nil {
		return fmt.Errorf("read when %s was deleted: %w", d.ID, err)
	}
	d.At = time.Unix(at, 0).UTC()
	return nil
}

// find returns one deleted object. Errors: ErrNotDeleted.
func (s *Service) find(ctx context.Context, tenant id.Tenant, object id.Object) (*Deleted, error) {
	list, err := s.Deleted(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if d.ID == object {
			return d, nil
		}
	}
	return nil, ErrNotDeleted.With("no deleted object has the id %s", object)
}

// Restore brings a deleted object back with its ids, and with an application the service
// principal that it had. A managed identity is not brought back. Errors: ErrNotDeleted,
// ErrManaged, ErrTaken.
func (s *Service) Restore(ctx context.Context, tenant id.Tenant, object id.Object) (*Deleted, error) {
	d, err := s.find(ctx, tenant, object)
	if err != nil {
		return nil, err
	}
	switch {
	case d.User != nil:
		_, err = s.directory.RestoreUser(ctx, tenant, object)
		if errors.Is(err, directory.ErrUserExists) {
			err = ErrTaken
		}
	case d.Group != nil:
		err = s.relations.RestoreGroup(ctx, tenant, object)
	case d.ServicePrincipal != nil:
		err = s.db.Update(ctx, func(tx *store.Tx) error { return s.restorePrincipal(ctx, tx, *d.ServicePrincipal) })
	default:
		err = s.db.Update(ctx, func(tx *store.Tx) error { return s.restoreApplication(ctx, tx, *d.Application) })
	}
	return d, err
}

// restoreApplication brings an application back, and its service principal.
func (s *Service) restoreApplication(ctx context.Context, tx *store.Tx, a directory.Application) error {
	if err := s.directory.CheckURIs(ctx, tx, a); err != nil {
		return ErrTaken.With("another resource has an identifier URI of the application")
	}
	n, err := tx.Exec(ctx, "UPDATE directory_applications SET deleted_at = 0 WHERE id = $1 AND deleted_at <> 0", string(a.ID))
	if err != nil {
		return fmt.Errorf("restore application %s: %w", a.App, err)
	}
	if n == 0 {
		return ErrNotDeleted
	}
	tx.Changed(directory.Topic, directory.ApplicationKey(a.App))
	if err := s.record(ctx, tx, "directory.application.restore", string(a.ID), map[string]string{"app_id": string(a.App)}); err != nil {
		return err
	}
	var principal id.Object
	found, err := tx.Get(ctx, `SELECT id FROM directory_service_principals WHERE app_id = $1 AND tenant_id = $2 AND deleted_at <> 0
		ORDER BY deleted_at DESC, id LIMIT 1`, []any{string(a.App), string(a.Tenant)}, &principal)
	if err != nil || !found {
		return err
	}
	return s.restorePrincipal(ctx, tx, directory.ServicePrincipal{ID: principal, App: a.App, Tenant: a.Tenant, Kind: directory.KindApplication})
}

// restorePrincipal brings the service principal of a live application back.
func (s *Service) restorePrincipal(ctx context.Context, tx *store.Tx, sp directory.ServicePrincipal) error {
	if sp.Kind == directory.KindManagedIdentity {
		return ErrManaged
	}
	if _, err := directory.LoadApplication(ctx, tx, sp.Tenant, sp.App); err != nil {
		return err
	}
	var other string
	taken, err := tx.Get(ctx, "SELECT id FROM directory_service_principals WHERE app_id = $1 AND tenant_id = $2 AND deleted_at = 0",
		[]any{string(sp.App), string(sp.Tenant)}, &other)
	if err != nil {
		return fmt.Errorf("look for a service principal of %s: %w", sp.App, err)
	}
	if taken {
		return ErrTaken
	}
	n, err := tx.Exec(ctx, "UPDATE directory_service_principals SET deleted_at = 0 WHERE id = $1 AND deleted_at <> 0", string(sp.ID))
	if err != nil {
		return fmt.Errorf("restore service principal %s: %w", sp.ID, err)
	}
	if n == 0 {
		return ErrNotDeleted
	}
	tx.Changed(directory.Topic, directory.PrincipalKey(sp.ID))
	return s.record(ctx, tx, "directory.servicePrincipal.restore", string(sp.ID), map[string]string{"app_id": string(sp.App)})
}

// ending says for each kind of object what ends it for good; its row stays, marked, so that
// its ids are not used again.
var ending = map[string][]string{
	"application": {
		"DELETE FROM directory_secrets WHERE app_id = (SELECT app_id FROM directory_applications WHERE id = $1)",
		"DELETE FROM directory_certificates WHERE app_id = (SELECT app_id FROM directory_applications WHERE id = $1)",
		"DELETE FROM directory_federated_credentials WHERE app_id = (SELECT app_id FROM directory_applications WHERE id = $1)",
		"UPDATE directory_applications SET deleted_at = 1 WHERE id = $1 AND deleted_at <> 0",
	},
	"servicePrincipal": {"UPDATE directory_service_principals SET deleted_at = 1 WHERE id = $1 AND deleted_at <> 0"},
	"user":             {"UPDATE directory_users SET deleted_at = 1, password = '' WHERE id = $1 AND deleted_at <> 0"},
	"group":            {"UPDATE relation_groups SET deleted_at = 1 WHERE id = $1 AND deleted_at <> 0"},
}

// kind names the type of a deleted object.
func (d *Deleted) kind() string {
	switch {
	case d.Application != nil:
		return "application"
	case d.ServicePrincipal != nil:
		return "servicePrincipal"
	case d.User != nil:
		return "user"
	}
	return "group"
}

// Purge ends a deleted object for good: its credentials and relations with it. Its ids are
// not used again. Errors: ErrNotDeleted, ErrManaged.
func (s *Service) Purge(ctx context.Context, tenant id.Tenant, object id.Object) error {
	d, err := s.find(ctx, tenant, object)
	if err != nil {
		return err
	}
	if d.ServicePrincipal != nil && d.ServicePrincipal.Kind == directory.KindManagedIdentity {
		return ErrManaged
	}
	return s.db.Update(ctx, func(tx *store.Tx) error { return s.end(ctx, tx, tenant, object, d.kind()) })
}

// end ends a deleted object for good.
func (s *Service) end(ctx context.Context, tx *store.Tx, tenant id.Tenant, object id.Object, kind string) error {
	for _, q := range ending[kind] {
		if _, err := tx.Exec(ctx, q, string(object)); err != nil {
			return fmt.Errorf("purge %s: %w", object, err)
		}
	}
	if err := s.relations.Forget(ctx, tx, tenant, object); err != nil {
		return err
	}
	return s.record(ctx, tx, "directory.object.purge", string(object), map[string]string{"kind": kind})
}
