package vault

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// Put creates the vault vid or updates it, and reports whether it was created. Members of
// c that are nil leave what is there. Errors: ErrVaultNameTaken, ErrVaultDeleted,
// ErrVaultInvalid, ErrRetentionFixed, ErrProtectionFixed, ErrPolicyInvalid,
// ErrTooManyPolicies, ErrChanged, ErrVaultNotFound (with MustExist).
func (s *Service) Put(ctx context.Context, vid resource.ID, c Settings) (v Vault, created bool, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		have, found, err := s.byName(ctx, tx, strings.ToLower(vid.Name()))
		if err != nil {
			return err
		}
		switch {
		case !found && c.MustExist:
			return ErrVaultNotFound
		case !found:
			created = true
			v, err = s.create(ctx, tx, vid, c)
			return err
		case !have.ID.Equal(vid):
			return ErrVaultNameTaken
		case !have.Deleted.IsZero():
			return ErrVaultDeleted.With("a vault named %s exists in deleted state; recover or purge it", have.Name)
		case c.MustNotExist, c.ExpectRevision != 0 && c.ExpectRevision != have.Revision:
			return ErrChanged
		}
		v, err = applySettings(have, c)
		if err != nil {
			return err
		}
		return s.save(ctx, tx, &v, Type+"/write")
	})
	if err != nil {
		return Vault{}, false, err
	}
	return v, created, nil
}

// Update is Put for a vault that must exist (PATCH). Errors: as Put, ErrVaultNotFound.
func (s *Service) Update(ctx context.Context, vid resource.ID, c Settings) (Vault, error) {
	c.MustExist = true
	v, _, err := s.Put(ctx, vid, c)
	return v, err
}

// create inserts a new vault.
func (s *Service) create(ctx context.Context, tx *store.Tx, vid resource.ID, c Settings) (Vault, error) {
	if !vid.Is(Type) || vid.Group() == "" || !ValidName(vid.Name()) {
		return Vault{}, ErrVaultInvalid.With("the vault name %q is invalid: it must be 3 to 24 letters, digits and single hyphens, begin with a letter and end with a letter or digit", vid.Name())
	}
	if c.Location == "" || c.Tenant == "" {
		return Vault{}, ErrVaultInvalid.With("a vault needs a location and a tenantId")
	}
	now, actor := s.clock(), audit.ActorFrom(ctx)
	fresh := Vault{
		UID: s.ids.Text(), ID: vid, Name: vid.Name(), Tenant: c.Tenant, Location: c.Location, SKU: SKU{Family: "A", Name: "standard"},
		RBAC: c.RBACDefault, RetentionDays: DefaultRetention,
		Created: now, CreatedBy: string(actor.Object), CreatedByType: actor.Type,
	}
	if c.RetentionDays != nil {
		fresh.RetentionDays = *c.RetentionDays
	}
	v, err := applySettings(fresh, c)
	if err != nil {
		return Vault{}, err
	}
	return v, s.save(ctx, tx, &v, Type+"/write")
}

// applySettings returns v changed by c, or why it cannot be.
func applySettings(v Vault, c Settings) (Vault, error) {
	switch {
	case v.RetentionDays < MinRetention || v.RetentionDays > MaxRetention:
		return Vault{}, ErrVaultInvalid.With("softDeleteRetentionInDays must be between %d and %d", MinRetention, MaxRetention)
	case c.RetentionDays != nil && *c.RetentionDays != v.RetentionDays:
		return Vault{}, ErrRetentionFixed
	case v.PurgeProtection && c.PurgeProtection != nil && !*c.PurgeProtection:
		return Vault{}, ErrProtectionFixed
	case c.Location != "" && !sameLocation(c.Location, v.Location):
		return Vault{}, ErrVaultInvalid.With("the location of a vault cannot be changed")
	case c.Tenant != "" && c.Tenant != v.Tenant:
		return Vault{}, ErrVaultInvalid.With("the tenantId of a vault cannot be changed")
	}
	if c.SKU != nil {
		v.SKU = *c.SKU
	}
	if c.Tags != nil {
		v.Tags = c.Tags
	}
	if c.RBAC != nil {
		v.RBAC = *c.RBAC
	}
	if c.PurgeProtection != nil {
		v.PurgeProtection = *c.PurgeProtection
	}
	if c.Properties != nil {
		v.Properties = c.Properties
	}
	if c.Policies != nil {
		checked, err := checkPolicies(*c.Policies)
		if err != nil {
			return Vault{}, err
		}
		v.Policies = checked
	}
	return v, nil
}

// sameLocation compares locations as Resource Manager does: without case and blanks.
func sameLocation(a, b string) bool {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }
	return plain(a) == plain(b)
}

// Get returns a living vault. Errors: ErrVaultNotFound.
func (s *Service) Get(ctx context.Context, vid resource.ID) (Vault, error) {
	v, err := s.GetByName(ctx, vid.Name())
	if err == nil && !v.ID.Equal(vid) {
		return Vault{}, ErrVaultNotFound
	}
	return v, err
}

// List returns the living vaults in a resource group or subscription, by name.
func (s *Service) List(ctx context.Context, scope resource.ID) ([]Vault, error) {
	return s.selected(ctx, scope.Subscription(), func(v Vault) bool { return v.Deleted.IsZero() && scope.Contains(v.ID) })
}

// SetAccessPolicies adds, replaces or removes access policies by their key and returns the
// vault as it is then. Errors: ErrVaultNotFound, ErrPolicyInvalid, ErrTooManyPolicies.
func (s *Service) SetAccessPolicies(ctx context.Context, vid resource.ID, op PolicyOperation, given []Policy) (v Vault, err error) {
	if op != AddPolicies && op != ReplacePolicies && op != RemovePolicies {
		return Vault{}, ErrPolicyInvalid.With("the operation must be add, replace or remove")
	}
	given, err = checkPolicies(given)
	if err != nil {
		return Vault{}, err
	}
	err = s.change(ctx, vid, Type+"/accessPolicies/write", func(have *Vault) error {
		have.Policies, err = applyPolicies(have.Policies, op, given)
		return err
	}, &v)
	return v, err
}

// change reads a living vault, lets fn alter it and saves it; out is the result.
func (s *Service) change(ctx context.Context, vid resource.ID, operation string, fn func(*Vault) error, out *Vault) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		v, found, err := s.byName(ctx, tx, strings.ToLower(vid.Name()))
		if err != nil {
			return err
		}
		if !found || !v.Deleted.IsZero() || !v.ID.Equal(vid) {
			return ErrVaultNotFound
		}
		if err := fn(&v); err != nil {
			return err
		}
		if err := s.save(ctx, tx, &v, operation); err != nil {
			return err
		}
		*out = v
		return nil
	})
}

// Delete soft-deletes a vault: it and all in it are unreachable, its name stays taken,
// until Recover or the scheduled purge. Errors: ErrVaultNotFound.
func (s *Service) Delete(ctx context.Context, vid resource.ID) error {
	return s.change(ctx, vid, Type+"/delete", func(v *Vault) error {
		s.markDeleted(v)
		return nil
	}, new(Vault))
}

// markDeleted sets the two times of deletion.
func (s *Service) markDeleted(v *Vault) {
	v.Deleted = s.clock()
	v.ScheduledPurge = v.Deleted.AddDate(0, 0, v.RetentionDays)
}

// DeleteInGroup soft-deletes every living vault of a resource group, in the transaction
// that deletes the group.
func (s *Service) DeleteInGroup(ctx context.Context, tx *store.Tx, group resource.ID) error {
	vs, err := s.load(ctx, tx, "subscription_id = $1 AND group_key = $2 AND deleted_at = 0", string(group.Subscription()), group.Key())
	if err != nil {
		return err
	}
	for _, v := range vs {
		s.markDeleted(&v)
		if err := s.save(ctx, tx, &v, Type+"/delete"); err != nil {
			return err
		}
	}
	return nil
}

// ListDeleted returns the soft-deleted vaults of a subscription, by name.
func (s *Service) ListDeleted(ctx context.Context, sub id.Subscription) ([]Vault, error) {
	return s.selected(ctx, sub, func(v Vault) bool { return !v.Deleted.IsZero() })
}

// GetDeleted returns a soft-deleted vault. location "" means any. Errors: ErrVaultNotFound.
func (s *Service) GetDeleted(ctx context.Context, sub id.Subscription, location, name string) (Vault, error) {
	var v Vault
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		v, err = s.deleted(ctx, tx, sub, location, name)
		return err
	})
	return v, err
}

// deleted is GetDeleted within a transaction.
func (s *Service) deleted(ctx context.Context, tx *store.Tx, sub id.Subscription, location, name string) (Vault, error) {
	v, found, err := s.byName(ctx, tx, strings.ToLower(name))
	if err != nil {
		return Vault{}, err
	}
	if !found || v.Deleted.IsZero() || v.ID.Subscription() != sub || location != "" && !sameLocation(location, v.Location) {
		return Vault{}, ErrVaultNotFound
	}
	return v, nil
}

// Recover brings a soft-deleted vault back, with all objects in it (createMode "recover").
// Errors: ErrVaultNotFound.
func (s *Service) Recover(ctx context.Context, vid resource.ID) (v Vault, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		v, err = s.deleted(ctx, tx, vid.Subscription(), "", vid.Name())
		if err != nil {
			return err
		}
		if !v.ID.Equal(vid) {
			return ErrVaultNotFound
		}
		v.Deleted, v.ScheduledPurge = time.Time{}, time.Time{}
		return s.save(ctx, tx, &v, Type+"/write")
	})
	return v, err
}

// Purge removes a soft-deleted vault and everything in it for good; the name is free then.
// Errors: ErrVaultNotFound, ErrPurgeProtected.
func (s *Service) Purge(ctx context.Context, sub id.Subscription, location, name string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		v, err := s.deleted(ctx, tx, sub, location, name)
		if err != nil {
			return err
		}
		if v.PurgeProtection {
			return ErrPurgeProtected
		}
		return s.erase(ctx, tx, v, "Microsoft.KeyVault/locations/deletedVaults/purge/action")
	})
}

// erase deletes the rows of a vault.
func (s *Service) erase(ctx context.Context, tx *store.Tx, v Vault, operation string) error {
	for _, query := range []string{
		"DELETE FROM vault_secret_versions WHERE vault = $1", "DELETE FROM vault_secrets WHERE vault = $1", "DELETE FROM vaults WHERE uid = $1",
	} {
		if _, err := tx.Exec(ctx, query, v.UID); err != nil {
			return fmt.Errorf("purge vault %s: %w", v.Name, err)
		}
	}
	tx.Changed(topic, strings.ToLower(v.Name))
	return s.record(ctx, tx, v, operation, v.ID.String(), nil)
}
