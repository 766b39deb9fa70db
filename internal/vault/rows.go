package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// stamp turns a stored time into a time; 0 is the zero time.
func stamp(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// seconds turns a time into a stored time.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// byName reads the vault of a lower-case name, alive or deleted. One whose purge is due is
// not there any more, even if the job is late; its rows are erased before a write that
// could take its name.
func (s *Service) byName(ctx context.Context, tx *store.Tx, nameKey string) (Vault, bool, error) {
	vs, err := s.load(ctx, tx, "name_key = $1", nameKey)
	if err != nil || len(vs) == 0 || s.due(vs[0].ScheduledPurge) {
		return Vault{}, false, err
	}
	return vs[0], true, nil
}

// due reports whether a purge that is scheduled for at should have happened.
func (s *Service) due(at time.Time) bool { return !at.IsZero() && !s.now().Before(at) }

// selected returns the vaults of a subscription that match, sorted by name.
func (s *Service) selected(ctx context.Context, sub id.Subscription, match func(Vault) bool) ([]Vault, error) {
	var out []Vault
	err := s.db.View(ctx, func(tx *store.Tx) error {
		vs, err := s.load(ctx, tx, "subscription_id = $1", string(sub))
		for _, v := range vs {
			if match(v) && !s.due(v.ScheduledPurge) {
				out = append(out, v)
			}
		}
		return err
	})
	slices.SortFunc(out, func(a, b Vault) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return out, err
}

// load reads vaults by a condition, which is a constant of this package.
func (s *Service) load(ctx context.Context, tx *store.Tx, where string, args ...any) ([]Vault, error) {
	var out []Vault
	err := tx.Query(ctx, func(r store.Row) error {
		v, err := scanVault(r)
		if err != nil {
			return fmt.Errorf("read vault: %w", err)
		}
		out = append(out, v)
		return nil
	}, `SELECT uid, name, resource_id, tenant_id, location, sku, rbac, purge_protection, retention_days, policies, tags, properties,
		revision, created_at, created_by, created_by_type, changed_at, changed_by, changed_by_type, deleted_at, purge_at
		FROM vaults WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read vaults: %w", err)
	}
	return out, nil
}

// scanVault reads one row of load.
func scanVault(r store.Row) (Vault, error) {
	var v Vault
	var rid, sku, policies, tags, properties string
	var created, changed, deleted, purge int64
	err := r.Scan(&v.UID, &v.Name, &rid, &v.Tenant, &v.Location, &sku, &v.RBAC, &v.PurgeProtection, &v.RetentionDays, &policies, &tags, &properties,
		&v.Revision, &created, &v.CreatedBy, &v.CreatedByType, &changed, &v.ChangedBy, &v.ChangedByType, &deleted, &purge)
	if err != nil {
		return Vault{}, err
	}
	if v.ID, err = resource.ParseID(rid); err != nil {
		return Vault{}, err
	}
	for _, m := range []struct {
		text string
		into any
	}{{sku, &v.SKU}, {policies, &v.Policies}, {tags, &v.Tags}} {
		if err := json.Unmarshal([]byte(m.text), m.into); err != nil {
			return Vault{}, err
		}
	}
	if properties != "" {
		v.Properties = json.RawMessage(properties)
	}
	v.Created, v.Changed, v.Deleted, v.ScheduledPurge = stamp(created), stamp(changed), stamp(deleted), stamp(purge)
	return v, nil
}

// save writes v as its next revision, tells the feed and records operation.
func (s *Service) save(ctx context.Context, tx *store.Tx, v *Vault, operation string) error {
	actor := audit.ActorFrom(ctx)
	v.Revision++
	v.Changed, v.ChangedBy, v.ChangedByType = s.clock(), string(actor.Object), actor.Type
	var texts [3]string
	for i, part := range []any{v.SKU, v.Policies, v.Tags} {
		b, err := json.Marshal(part)
		if err != nil {
			return fmt.Errorf("encode vault %s: %w", v.Name, err)
		}
		texts[i] = string(b)
	}
	key := strings.ToLower(v.Name)
	if v.Revision == 1 {
		if err := s.eraseOverdue(ctx, tx, key); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO vaults (uid, name_key, name, resource_id, subscription_id, group_key, tenant_id, location, sku, rbac,
			purge_protection, retention_days, policies, tags, properties, revision, created_at, created_by, created_by_type,
			changed_at, changed_by, changed_by_type, deleted_at, purge_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
		ON CONFLICT (uid) DO UPDATE SET tenant_id = $7, sku = $9, rbac = $10, purge_protection = $11, policies = $13, tags = $14, properties = $15,
			revision = $16, changed_at = $20, changed_by = $21, changed_by_type = $22, deleted_at = $23, purge_at = $24`,
		v.UID, key, v.Name, v.ID.String(), string(v.ID.Subscription()), v.ID.GroupScope().Key(), string(v.Tenant), v.Location, texts[0], v.RBAC,
		v.PurgeProtection, v.RetentionDays, texts[1], texts[2], string(v.Properties), v.Revision, seconds(v.Created), v.CreatedBy, v.CreatedByType,
		seconds(v.Changed), v.ChangedBy, v.ChangedByType, seconds(v.Deleted), seconds(v.ScheduledPurge))
	if err != nil {
		return fmt.Errorf("write vault %s: %w", v.Name, err)
	}
	tx.Changed(topic, key)
	return s.record(ctx, tx, *v, operation, v.ID.String(), nil)
}

// eraseOverdue removes what is left of a vault of this name whose purge is due.
func (s *Service) eraseOverdue(ctx context.Context, tx *store.Tx, nameKey string) error {
	vs, err := s.load(ctx, tx, "name_key = $1 AND purge_at > $2", nameKey, 0)
	if err != nil {
		return err
	}
	for _, v := range vs {
		if err := s.erase(ctx, tx, v, "vault.purge.scheduled"); err != nil {
			return err
		}
	}
	return nil
}

// record appends the audit record of a successful write in its transaction.
func (s *Service) record(ctx context.Context, tx *store.Tx, v Vault, operation, target string, details map[string]string) error {
	return s.audit.Record(ctx, tx, audit.Event{
		Kind: audit.Activity, Outcome: audit.Succeeded, Operation: operation, Target: target, Subscription: v.ID.Subscription(), Details: details,
	})
}
