package resource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// groupColumns are the columns that scanGroup reads, in order.
const groupColumns = `id, tenant_id, location, managed_by, tags, revision,
	created_at, created_by, created_by_type, changed_at, changed_by, changed_by_type`

// PutGroup creates or changes a resource group: edit receives the stored group, or one with
// only ID and Tenant set, and fills in the rest. It reports whether the group is new.
// Errors: ErrInvalidID, ErrSubscriptionNotFound, ErrLocationFixed, ErrPrecondition, ErrInvalid,
// what edit returns.
func (s *Service) PutGroup(ctx context.Context, group ID, pre Precondition, edit func(g *Group) error) (Group, bool, error) {
	if group.Type() != TypeGroup {
		return Group{}, false, ErrInvalidID.With("'%s' is not a resource group.", group)
	}
	var out Group
	var created bool
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		sub, err := subscriptionIn(ctx, tx, group.Subscription())
		if err != nil {
			return err
		}
		stored, err := groupIn(ctx, tx, group)
		created = errors.Is(err, ErrGroupNotFound)
		if err != nil && !created {
			return err
		}
		tag := ""
		if created {
			stored = Group{ID: group, Tenant: sub.Tenant}
		} else {
			tag = stored.ETag()
		}
		if err := pre.Check(tag); err != nil {
			return err
		}
		out = stored
		if err := edit(&out); err != nil {
			return err
		}
		out.ID, out.Tenant, out.Created = stored.ID, stored.Tenant, stored.Created
		if out.Location, err = settleLocation(stored.Location, out.Location); err != nil {
			return err
		}
		if out.Location == "" {
			return ErrInvalid.With("The member 'location' of a resource group is required.")
		}
		return s.writeGroup(ctx, tx, &out, created)
	})
	if err != nil {
		return Group{}, false, err
	}
	return out, created, nil
}

// writeGroup stores g with a new revision and stamp, and records it.
func (s *Service) writeGroup(ctx context.Context, tx *store.Tx, g *Group, created bool) error {
	tags, err := encodeTags(g.Tags)
	if err != nil {
		return err
	}
	if g.Revision, err = nextRevision(ctx, tx); err != nil {
		return err
	}
	g.Changed = s.stamp(ctx)
	if created {
		g.Created = g.Changed
		_, err = tx.Exec(ctx, `INSERT INTO resource_groups (path, id, tenant_id, subscription_id, location, managed_by, tags, revision,
			created_at, created_by, created_by_type, changed_at, changed_by, changed_by_type)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			path(g.ID), g.ID.String(), string(g.Tenant), string(g.ID.Subscription()), g.Location, g.ManagedBy, tags, g.Revision,
			g.Created.At.Unix(), g.Created.By, g.Created.ByType, g.Changed.At.Unix(), g.Changed.By, g.Changed.ByType)
	} else {
		_, err = tx.Exec(ctx, `UPDATE resource_groups SET location = $1, managed_by = $2, tags = $3, revision = $4,
			changed_at = $5, changed_by = $6, changed_by_type = $7 WHERE path = $8`,
			g.Location, g.ManagedBy, tags, g.Revision, g.Changed.At.Unix(), g.Changed.By, g.Changed.ByType, path(g.ID))
	}
	if err != nil {
		return fmt.Errorf("write resource group %s: %w", g.ID, err)
	}
	tx.Changed(Topic, g.ID.Key())
	return s.recordWrite(ctx, tx, g.ID, "write")
}

// path is the form of an id in key columns.
func path(i ID) []byte { return []byte(i.Key()) }

// nextRevision takes the next number of the installation.
func nextRevision(ctx context.Context, tx *store.Tx) (int64, error) {
	if _, err := tx.Exec(ctx, "UPDATE resource_revision SET last = last + 1"); err != nil {
		return 0, fmt.Errorf("take a revision: %w", err)
	}
	var n int64
	if _, err := tx.Get(ctx, "SELECT last FROM resource_revision", nil, &n); err != nil {
		return 0, fmt.Errorf("read the revision: %w", err)
	}
	return n, nil
}

// Group returns a resource group. Errors: ErrGroupNotFound.
func (s *Service) Group(ctx context.Context, group ID) (Group, error) {
	var out Group
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		out, err = groupIn(ctx, tx, group)
		return err
	})
	return out, err
}

// groupIn reads a group in a transaction. Errors: ErrGroupNotFound.
func groupIn(ctx context.Context, tx *store.Tx, group ID) (Group, error) {
	var out Group
	found := false
	err := tx.Query(ctx, func(r store.Row) (err error) {
		found = true
		out, err = scanGroup(r)
		return err
	}, "SELECT "+groupColumns+" FROM resource_groups WHERE path = $1", path(group))
	if err != nil {
		return Group{}, fmt.Errorf("read resource group %s: %w", group, err)
	}
	if !found {
		return Group{}, ErrGroupNotFound.With("Resource group '%s' could not be found.", group.Name())
	}
	return out, nil
}

// scanGroup reads groupColumns.
func scanGroup(r store.Row) (Group, error) {
	var g Group
	var text, tags string
	var created, changed int64
	err := r.Scan(&text, &g.Tenant, &g.Location, &g.ManagedBy, &tags, &g.Revision,
		&created, &g.Created.By, &g.Created.ByType, &changed, &g.Changed.By, &g.Changed.ByType)
	if err != nil {
		return Group{}, fmt.Errorf("scan resource group: %w", err)
	}
	g.Created.At, g.Changed.At = time.Unix(created, 0).UTC(), time.Unix(changed, 0).UTC()
	if g.ID, err = ParseID(text); err != nil {
		return Group{}, fmt.Errorf("stored resource group id %q: %w", text, err)
	}
	g.Tags, err = decodeTags(tags)
	return g, err
}

// Groups returns a page of the groups of a subscription in the order of their keys: those
// behind the key after ("" starts), at most limit (0 and more than 1,000 mean 1,000), and
// the value of after for the next page, "" on the last.
func (s *Service) Groups(ctx context.Context, sub id.Subscription, after string, limit int) ([]Group, string, error) {
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	var page []Group
	err := s.db.View(ctx, func(tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			g, err := scanGroup(r)
			page = append(page, g)
			return err
		}, "SELECT "+groupColumns+" FROM resource_groups WHERE subscription_id = $1 AND path > $2 ORDER BY path LIMIT $3",
			string(sub), []byte(after), limit+1)
	})
	if err != nil {
		return nil, "", fmt.Errorf("list resource groups: %w", err)
	}
	if len(page) > limit {
		return page[:limit], page[limit-1].ID.Key(), nil
	}
	return page, "", nil
}
