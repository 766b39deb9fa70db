package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Save writes r in the caller's transaction and returns it as stored: with a new Revision
// and stamps, the spelling of the first write, without nulls. The caller composes the write
// with others and records it. Errors: ErrInvalidID, ErrSubscriptionNotFound, ErrGroupNotFound,
// ErrParentNotFound, ErrNameTaken, ErrLocationFixed, ErrInvalid.
func (s *Service) Save(ctx context.Context, tx *store.Tx, r Resource) (Resource, error) {
	if !r.ID.IsResource() {
		return Resource{}, ErrInvalidID.With("'%s' is not a resource.", shortened(r.ID.String()))
	}
	stored, err := s.GetIn(ctx, tx, r.ID)
	created := errors.Is(err, ErrNotFound)
	if err != nil && !created {
		return Resource{}, err
	}
	if created {
		if r.ID, r.Tenant, err = place(ctx, tx, r.ID); err != nil {
			return Resource{}, err
		}
		if err := claimName(ctx, tx, r.ID); err != nil {
			return Resource{}, err
		}
	} else {
		r.ID, r.Tenant, r.Created = stored.ID, stored.Tenant, stored.Created
	}
	if r.Location, err = settleLocation(stored.Location, r.Location); err != nil {
		return Resource{}, err
	}
	if r.Revision, err = nextRevision(ctx, tx); err != nil {
		return Resource{}, err
	}
	r.Changed = s.stamp(ctx)
	if created {
		r.Created = r.Changed
	}
	if err := write(ctx, tx, &r); err != nil {
		return Resource{}, err
	}
	if err := s.sealIn(ctx, tx, &r); err != nil {
		return Resource{}, err
	}
	tx.Changed(Topic, r.ID.Key())
	return r, nil
}

// Place checks that everything above a resource that is to be created exists, and returns
// its id as Save will store it, and its tenant. Errors: as Save.
func (s *Service) Place(ctx context.Context, tx *store.Tx, resource ID) (ID, id.Tenant, error) {
	return place(ctx, tx, resource)
}

// place checks that everything above a new resource exists, and returns its id with the
// spelling of what is above, and its tenant ("" above subscriptions).
func place(ctx context.Context, tx *store.Tx, resource ID) (ID, id.Tenant, error) {
	var tenant id.Tenant
	if resource.Subscription() != "" {
		sub, err := subscriptionIn(ctx, tx, resource.Subscription())
		if err != nil {
			return ID{}, "", err
		}
		tenant = sub.Tenant
	}
	above := ID{}
	if group := resource.GroupScope(); !group.IsZero() {
		g, err := groupIn(ctx, tx, group)
		if err != nil {
			return ID{}, "", err
		}
		above = g.ID
	}
	if parent := resource.Parent(); parent.IsResource() {
		var text string
		found, err := tx.Get(ctx, "SELECT id FROM resources WHERE path = $1", []any{path(parent)}, &text)
		if err != nil {
			return ID{}, "", fmt.Errorf("read parent %s: %w", parent, err)
		}
		if !found {
			return ID{}, "", ErrParentNotFound.With("Can not perform requested operation on nested resource. Parent resource '%s' not found.", parent.FullName())
		}
		above = newID(text)
	}
	return newID(above.text + resource.text[len(above.text):]), tenant, nil
}

// claimName takes a name that must be unique across the installation. Errors: ErrNameTaken.
func claimName(ctx context.Context, tx *store.Tx, resource ID) error {
	kind := strings.ToLower(resource.Type())
	if !uniqueNames[kind] {
		return nil
	}
	name := strings.ToLower(resource.Name())
	var holder []byte
	taken, err := tx.Get(ctx, "SELECT path FROM resource_names WHERE type = $1 AND name = $2", []any{kind, name}, &holder)
	if err != nil {
		return fmt.Errorf("look up name %s: %w", name, err)
	}
	if taken {
		return ErrNameTaken.With("The name '%s' is not available: it is used by another resource of this installation.", resource.Name())
	}
	_, err = tx.Exec(ctx, "INSERT INTO resource_names (type, name, path) VALUES ($1, $2, $3)", kind, name, path(resource))
	if err != nil {
		return fmt.Errorf("claim name %s: %w", name, err)
	}
	return nil
}

// NameTaken reports whether a resource of a type whose names are unique across the
// installation has the name.
func (s *Service) NameTaken(ctx context.Context, fullType, name string) (taken bool, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		var holder []byte
		taken, err = tx.Get(ctx, "SELECT path FROM resource_names WHERE type = $1 AND name = $2",
			[]any{strings.ToLower(fullType), strings.ToLower(name)}, &holder)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look up name %s: %w", name, err)
	}
	return taken, nil
}

// write replaces the row and the attachments of r; it cleans the JSON members of r.
func write(ctx context.Context, tx *store.Tx, r *Resource) error {
	tags, err := encodeTags(r.Tags)
	if err != nil {
		return err
	}
	args := []any{path(r.ID), path(r.ID.Parent()), r.ID.String(), strings.ToLower(r.ID.Type()), string(r.Tenant), r.Location, r.Kind, r.ManagedBy, tags}
	for _, member := range []struct {
		name string
		json *json.RawMessage
	}{{"sku", &r.SKU}, {"plan", &r.Plan}, {"properties", &r.Properties}, {"body", &r.Extra}} {
		text, err := clean(member.name, *member.json)
		if err != nil {
			return err
		}
		*member.json = object(text)
		args = append(args, text)
	}
	args = append(args, r.Hidden, r.Identity.System, string(r.Identity.PrincipalID), string(r.Identity.ClientID), string(r.Identity.Tenant), r.Revision,
		r.Created.At.Unix(), r.Created.By, r.Created.ByType, r.Changed.At.Unix(), r.Changed.By, r.Changed.ByType)
	for _, query := range []string{"DELETE FROM resource_attachments WHERE path = $1", "DELETE FROM resources WHERE path = $1"} {
		if _, err := tx.Exec(ctx, query, path(r.ID)); err != nil {
			return fmt.Errorf("replace resource %s: %w", r.ID, err)
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO resources (path, parent, id, type, tenant_id, location, kind, managed_by, tags, sku, plan, properties, extra,
		hidden, system_identity, principal_id, client_id, identity_tenant_id, revision,
		created_at, created_by, created_by_type, changed_at, changed_by, changed_by_type)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)`, args...)
	if err != nil {
		return fmt.Errorf("write resource %s: %w", r.ID, err)
	}
	for _, a := range r.Identity.UserAssigned {
		_, err := tx.Exec(ctx, `INSERT INTO resource_attachments (path, identity_path, identity_id, principal_id, client_id)
			VALUES ($1, $2, $3, $4, $5)`, path(r.ID), path(a.ID), a.ID.String(), string(a.PrincipalID), string(a.ClientID))
		if err != nil {
			return fmt.Errorf("write attachment of %s: %w", r.ID, err)
		}
	}
	return nil
}

// ForgetIdentity marks a deleted user-assigned identity dead in every block that names it.
func (s *Service) ForgetIdentity(ctx context.Context, tx *store.Tx, identity ID) error {
	if err := s.TouchHosts(ctx, tx, identity); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE resource_attachments SET principal_id = '', client_id = '' WHERE identity_path = $1", path(identity))
	if err != nil {
		return fmt.Errorf("detach %s: %w", identity, err)
	}
	return nil
}

// TouchHosts tells the change feed that the resources to which an identity is attached have
// to be read again.
func (s *Service) TouchHosts(ctx context.Context, tx *store.Tx, identity ID) error {
	err := tx.Query(ctx, func(r store.Row) error {
		var host []byte
		if err := r.Scan(&host); err != nil {
			return fmt.Errorf("scan host: %w", err)
		}
		tx.Changed(Topic, string(host))
		return nil
	}, "SELECT path FROM resource_attachments WHERE identity_path = $1", path(identity))
	if err != nil {
		return fmt.Errorf("read hosts of %s: %w", identity, err)
	}
	return nil
}
