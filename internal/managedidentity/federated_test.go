package managedidentity_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/trust"
)

// trusting fills in a federated credential for a subject.
func trusting(subject string) func(c *trust.FederatedCredential) error {
	return func(c *trust.FederatedCredential) error {
		c.Issuer, c.Subject, c.Audience = "https://issuer.example", subject, "api://AzureADTokenExchange"
		return nil
	}
}

// CP-72, CP-74: written in parallel all succeed; deleting one, or the identity, ends them.
func TestFederatedCredentialsOfAnIdentity(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db, nil)
		u := f.create("one")
		var all sync.WaitGroup
		for n := range 20 {
			all.Go(func() {
				if _, created, err := f.PutFederated(t.Context(), f.uai("one"), fmt.Sprintf("fic-%02d", n), trusting(fmt.Sprint(n))); err != nil || !created {
					t.Errorf("%d: %v %v", n, created, err)
				}
			})
		}
		all.Wait()
		list, err := f.Federated(t.Context(), f.uai("ONE"))
		if err != nil || len(list) != 20 || list[0].Name != "fic-00" || list[0].App != u.ClientID {
			t.Fatalf("%d: %+v %v", len(list), list, err)
		}
		for _, want := range []bool{true, false} {
			if existed, err := f.DeleteFederated(t.Context(), f.uai("one"), "FIC-03"); err != nil || existed != want {
				t.Errorf("delete: %v %v", existed, err)
			}
		}
		if _, err := f.DeleteUserAssigned(t.Context(), f.uai("one"), resource.Precondition{}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Federated(t.Context(), f.uai("one")); !errors.Is(err, resource.ErrNotFound) {
			t.Errorf("of a deleted identity: %v", err)
		}
		if rest, err := f.trust.FederatedCredentials(t.Context(), f.tenant, u.ClientID); err != nil || len(rest) != 0 {
			t.Errorf("left behind: %v %v", rest, err)
		}
		f.create("one")
		if rest, err := f.Federated(t.Context(), f.uai("one")); err != nil || len(rest) != 0 {
			t.Errorf("a new identity of the name: %v %v", rest, err)
		}
	})
}

// CP-72: in Azure's manner a write that overlaps another is refused.
func TestOverlappingWritesOfFederatedCredentials(t *testing.T) {
	f := open(t, storetest.SQLite(t), func(c *managedidentity.Config) { c.OneFederatedWrite = true })
	f.create("one")
	f.create("two")
	_, _, err := f.PutFederated(t.Context(), f.uai("one"), "outer", func(c *trust.FederatedCredential) error {
		if _, err := f.DeleteFederated(t.Context(), f.uai("one"), "inner"); !errors.Is(err, managedidentity.ErrBusy) {
			t.Errorf("the same identity: %v", err)
		}
		return trusting("s")(c)
	})
	if err != nil {
		t.Error(err)
	}
	if _, _, err := f.PutFederated(t.Context(), f.uai("one"), "later", trusting("t")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// CP-76, S-42: no token from before a revocation is handed out after it, whatever is cached.
func TestRevokedTokensAreNotHandedOut(t *testing.T) {
	for name, keep := range map[string]bool{"by default": false, "with the 24 h cache": true} {
		f := open(t, storetest.SQLite(t), func(c *managedidentity.Config) { c.KeepOnChange = keep })
		u := f.create("one")
		f.put(f.vm("m"), f.block("UserAssigned", "one"))
		before, err := f.mint(f.vm("m"), 1, "", "")
		f.check(err)
		f.check(f.RevokeTokens(t.Context(), f.uai("one")))
		from, err := f.directory.TokensFrom(t.Context(), u.PrincipalID)
		f.check(err)
		after, err := f.mint(f.vm("m"), 1, "", "")
		f.check(err)
		if after.UTI == before.UTI || after.Issued.Issued.Before(from) || !before.Issued.Issued.Before(from) {
			t.Errorf("%s: issued %v before and %v after, accepted from %v", name, before.Issued.Issued, after.Issued.Issued, from)
		}
		if after.Issued.Issued.Sub(before.Issued.Issued) > time.Second {
			t.Errorf("%s: dated %v ahead", name, after.Issued.Issued.Sub(before.Issued.Issued))
		}
	}
	f := open(t, storetest.SQLite(t), nil)
	if err := f.RevokeTokens(t.Context(), f.uai("none")); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("of no identity: %v", err)
	}
}
