package managedidentity_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// S-48, M-15: an identity is no other tenant's to attach, whatever the caller may do; it is
// not found there. Within its tenant it is attached across subscriptions.
func TestNoIdentityIsAttachedAcrossTenants(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		other := f.tenant
		f.check(db.Update(t.Context(), func(tx *store.Tx) error {
			made, err := f.directory.CreateTenant(t.Context(), tx, directory.NewTenant{DisplayName: "theirs"})
			other = made.ID
			return err
		}))
		for _, c := range []struct {
			subscription string
			theirs       bool
		}{{"2b2b2b2b-0000-4000-8000-000000000001", true}, {"2b2b2b2b-0000-4000-8000-000000000002", false}} {
			s := resource.Subscription{ID: "", Tenant: f.tenant, Name: "second"}
			if c.theirs {
				s.Tenant = other
			}
			there := f.id("/subscriptions/" + c.subscription + "/resourceGroups/rg")
			s.ID = there.Subscription()
			f.check(f.resources.PutSubscription(t.Context(), s))
			_, _, err := f.resources.PutGroup(t.Context(), there, resource.Precondition{}, func(g *resource.Group) error {
				g.Location = "local"
				return nil
			})
			f.check(err)
			identity := there.Child(managedidentity.Type, "one")
			_, _, err = f.CreateUserAssigned(t.Context(), managedidentity.UserAssignedWrite{ID: identity, Edit: func(u *managedidentity.UserAssigned, _ bool) error {
				u.Resource.Location = "local"
				return nil
			}})
			f.check(err)
			raw, err := json.Marshal(map[string]any{"type": "UserAssigned", "userAssignedIdentities": map[string]any{identity.String(): struct{}{}}})
			f.check(err)
			block, err := resource.ParseIdentity(raw)
			f.check(err)
			_, _, err = f.PutHost(t.Context(), f.write(f.vm("v"), block))
			if c.theirs != errors.Is(err, managedidentity.ErrIdentityNotFound) || !c.theirs && err != nil {
				t.Errorf("of another tenant %v: %v", c.theirs, err)
			}
			if _, err := f.mint(f.vm("v"), 1, managedidentity.SelectResource, identity.String()); c.theirs == (err == nil) {
				t.Errorf("of another tenant %v: minted, %v", c.theirs, err)
			}
		}
	})
}
