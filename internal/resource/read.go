package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/store"
)

// columns are the columns that scan reads, in order.
const columns = `id, tenant_id, location, kind, managed_by, tags, sku, plan, properties, extra, hidden,
	system_identity, principal_id, client_id, identity_tenant_id, revision,
	created_at, created_by, created_by_type, changed_at, changed_by, changed_by_type`

// scan reads columns; the attachments are read apart.
func scan(row store.Row) (Resource, error) {
	var r Resource
	var text, tags, sku, plan, properties, extra string
	var created, changed int64
	err := row.Scan(&text, &r.Tenant, &r.Location, &r.Kind, &r.ManagedBy, &tags, &sku, &plan, &properties, &extra, &r.Hidden,
		&r.Identity.System, &r.Identity.PrincipalID, &r.Identity.ClientID, &r.Identity.Tenant, &r.Revision,
		&created, &r.Created.By, &r.Created.ByType, &changed, &r.Changed.By, &r.Changed.ByType)
	if err != nil {
		return Resource{}, fmt.Errorf("scan resource: %w", err)
	}
	r.Created.At, r.Changed.At = time.Unix(created, 0).UTC(), time.Unix(changed, 0).UTC()
	r.SKU, r.Plan, r.Properties, r.Extra = object(sku), object(plan), object(properties), object(extra)
	if r.ID, err = ParseID(text); err != nil {
		return Resource{}, fmt.Errorf("stored resource id %q: %w", text, err)
	}
	r.Tags, err = decodeTags(tags)
	return r, err
}

// object is a stored JSON text as a member; nil for "".
func object(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// Get returns a resource. Errors: ErrNotFound.
func (s *Service) Get(ctx context.Context, resource ID) (Resource, error) {
	var out Resource
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		out, err = s.GetIn(ctx, tx, resource)
		return err
	})
	return out, err
}

// GetIn is Get in the caller's transaction.
func (s *Service) GetIn(ctx context.Context, tx *store.Tx, resource ID) (Resource, error) {
	page, err := query(ctx, tx, "WHERE path = $1", path(resource))
	if err != nil {
		return Resource{}, fmt.Errorf("read resource %s: %w", resource, err)
	}
	if len(page) == 0 {
		return Resource{}, ErrNotFound.With("The Resource '%s/%s' under resource group '%s' was not found.",
			resource.Type(), resource.FullName(), resource.Group())
	}
	if page[0].Hidden {
		if err := s.unsealIn(ctx, tx, &page[0]); err != nil {
			return Resource{}, err
		}
	}
	return page[0], nil
}

// query reads the resources that the rest of the statement selects, with their attachments.
func query(ctx context.Context, tx *store.Tx, where string, args ...any) ([]Resource, error) {
	var out []Resource
	at := map[string]int{}
	err := tx.Query(ctx, func(row store.Row) error {
		r, err := scan(row)
		at[r.ID.Key()] = len(out)
		out = append(out, r)
		return err
	}, "SELECT "+columns+" FROM resources "+where, args...)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	low, high := path(out[0].ID), path(out[len(out)-1].ID)
	if string(low) > string(high) {
		low, high = high, low
	}
	err = tx.Query(ctx, func(row store.Row) error {
		var host []byte
		var text string
		var a Attached
		if err := row.Scan(&host, &text, &a.PrincipalID, &a.ClientID); err != nil {
			return fmt.Errorf("scan attachment: %w", err)
		}
		n, ok := at[string(host)]
		if !ok {
			return nil
		}
		var err error
		if a.ID, err = ParseID(text); err != nil {
			return fmt.Errorf("stored identity id %q: %w", text, err)
		}
		out[n].Identity.UserAssigned = append(out[n].Identity.UserAssigned, a)
		return nil
	}, `SELECT path, identity_id, principal_id, client_id FROM resource_attachments
		WHERE path >= $1 AND path <= $2 ORDER BY path, identity_path`, low, high)
	return out, err
}

// AttachedTo returns the resources whose identity block names a user-assigned identity, in
// the order of their keys.
func (s *Service) AttachedTo(ctx context.Context, tx *store.Tx, identity ID) ([]Resource, error) {
	out, err := query(ctx, tx, "WHERE path IN (SELECT path FROM resource_attachments WHERE identity_path = $1) ORDER BY path", path(identity))
	if err != nil {
		return nil, fmt.Errorf("read hosts of %s: %w", identity, err)
	}
	return out, nil
}
