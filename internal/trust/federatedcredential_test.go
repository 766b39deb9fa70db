package trust_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/trust"
)

// The values of a federated credential that is right.
const (
	testIssuer   = "https://issuer.example/"
	testSubject  = "system:serviceaccount:shop:orders"
	testAudience = "api://AzureADTokenExchange"
)

// federate writes a credential; edit changes one that is right.
func (w *world) federate(tenant id.Tenant, app id.App, name string, expect trust.Existence, edit func(*trust.FederatedCredential)) (out trust.FederatedCredential, created bool, err error) {
	w.t.Helper()
	err = w.update(func(ctx context.Context, tx *store.Tx) (err error) {
		out, created, err = w.WriteFederatedCredential(ctx, tx, trust.FederatedWrite{Tenant: tenant, App: app, Name: name, Expect: expect,
			Edit: func(c *trust.FederatedCredential) error {
				c.Issuer, c.Subject, c.Audience = testIssuer, testSubject, testAudience
				if edit != nil {
					edit(c)
				}
				return nil
			}})
		return err
	})
	return out, created, err
}

func TestAFederatedCredentialIsWrittenReadAndDeleted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant, other := w.tenant(), w.tenant()
		app, _ := w.app(tenant.ID)
		for name, owner := range map[string]id.App{"application": app.App, "identity": w.explicit(tenant.ID).App} {
			made, created, err := w.federate(tenant.ID, owner, "kube", trust.Either, nil)
			if err != nil || !created || made.ID == "" {
				t.Fatalf("%s: %+v %v %v", name, made, created, err)
			}
			again, created, err := w.federate(tenant.ID, owner, "KUBE", trust.Either, func(c *trust.FederatedCredential) { c.Description = "shop" })
			if err != nil || created || again.ID != made.ID || again.Name != "kube" {
				t.Errorf("%s: replaced: %+v %v %v", name, again, created, err)
			}
			for _, key := range []string{"kube", "Kube", string(made.ID)} {
				if got, err := w.FederatedCredential(t.Context(), tenant.ID, owner, key); err != nil || got != again {
					t.Errorf("%s by %s: %+v %v", name, key, got, err)
				}
			}
			if all, err := w.FederatedCredentials(t.Context(), other.ID, owner); err != nil || len(all) != 0 {
				t.Errorf("%s: the other tenant sees %v %v", name, all, err)
			}
			if _, _, err := w.federate(other.ID, owner, "kube2", trust.Either, nil); !errors.Is(err, directory.ErrApplicationNotFound) {
				t.Errorf("%s: the other tenant writes: %v", name, err)
			}
			w.must(func(ctx context.Context, tx *store.Tx) error {
				return w.DeleteFederatedCredential(ctx, tx, tenant.ID, owner, "kube")
			})
			if all, err := w.SignInCredentials(t.Context(), tenant.ID, owner); err != nil || len(all) != 0 {
				t.Errorf("%s: after deletion %v %v", name, all, err)
			}
			err = w.update(func(ctx context.Context, tx *store.Tx) error {
				return w.DeleteFederatedCredential(ctx, tx, tenant.ID, owner, "kube")
			})
			if !errors.Is(err, trust.ErrFederatedNotFound) {
				t.Errorf("%s: deleted twice: %v", name, err)
			}
		}
	})
}

// S-37, CP-71, DT-52: one audience, names, lengths, pairs.
func TestFederatedCredentialsThatAreRefused(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	tenant := w.tenant()
	app, _ := w.app(tenant.ID)
	if _, _, err := w.federate(tenant.ID, app.App, "taken", trust.Either, nil); err != nil {
		t.Fatal(err)
	}
	other := func(c *trust.FederatedCredential) { c.Subject = "other" }
	for name, c := range map[string]struct {
		name string
		edit func(*trust.FederatedCredential)
		want error
	}{
		"a name of 2 characters":           {"ab", other, trust.ErrFederatedInvalid},
		"a name of 121 characters":         {strings.Repeat("a", 121), other, trust.ErrFederatedInvalid},
		"a name that begins with a hyphen": {"-ab", other, trust.ErrFederatedInvalid},
		"a name with a dot":                {"a.b", other, trust.ErrFederatedInvalid},
		"no issuer":                        {"abc", func(c *trust.FederatedCredential) { other(c); c.Issuer = "" }, trust.ErrFederatedInvalid},
		"an issuer that is no URL":         {"abc", func(c *trust.FederatedCredential) { other(c); c.Issuer = "issuer" }, trust.ErrFederatedInvalid},
		"an issuer with a password":        {"abc", func(c *trust.FederatedCredential) { other(c); c.Issuer = "https://u:p@i.example" }, trust.ErrFederatedInvalid},
		"an issuer with a query":           {"abc", func(c *trust.FederatedCredential) { other(c); c.Issuer = "https://i.example/?x" }, trust.ErrFederatedInvalid},
		"an issuer of another scheme":      {"abc", func(c *trust.FederatedCredential) { other(c); c.Issuer = "file:///etc" }, trust.ErrFederatedInvalid},
		"no subject":                       {"abc", func(c *trust.FederatedCredential) { c.Subject = "" }, trust.ErrFederatedInvalid},
		"a long subject":                   {"abc", func(c *trust.FederatedCredential) { c.Subject = strings.Repeat("s", 601) }, trust.ErrFederatedInvalid},
		"a subject with a NUL":             {"abc", func(c *trust.FederatedCredential) { c.Subject = "a\x00b" }, trust.ErrFederatedInvalid},
		"no audience":                      {"abc", func(c *trust.FederatedCredential) { other(c); c.Audience = "" }, trust.ErrFederatedInvalid},
		"a subject and an expression":      {"abc", func(c *trust.FederatedCredential) { c.Expression, c.ExpressionVersion = "claims['sub'] eq 'x'", 1 }, trust.ErrFederatedInvalid},
		"an expression of no version":      {"abc", func(c *trust.FederatedCredential) { c.Subject, c.Expression = "", "claims['sub'] eq 'x'" }, trust.ErrFederatedInvalid},
		"an expression that accepts too much": {"abc", func(c *trust.FederatedCredential) {
			c.Subject, c.Expression, c.ExpressionVersion = "", "claims['sub'] matches 'repo:*'", 1
		}, trust.ErrFederatedInvalid},
		"a key set without keys":                     {"abc", func(c *trust.FederatedCredential) { other(c); c.KeySet = `{"keys":[]}` }, trust.ErrFederatedInvalid},
		"issuer and subject of another":              {"abc", nil, trust.ErrFederatedPair},
		"its own issuer and subject under one name":  {"taken", func(c *trust.FederatedCredential) { c.Description = "x" }, nil},
		"a subject that differs by letter case only": {"abc", func(c *trust.FederatedCredential) { c.Subject = strings.ToUpper(testSubject) }, nil},
	} {
		_, created, err := w.federate(tenant.ID, app.App, c.name, trust.Either, c.edit)
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if created {
			w.must(func(ctx context.Context, tx *store.Tx) error {
				return w.DeleteFederatedCredential(ctx, tx, tenant.ID, app.App, c.name)
			})
		}
	}
	if _, _, err := w.federate(tenant.ID, app.App, "taken", trust.MustNot, other); !errors.Is(err, trust.ErrFederatedExists) {
		t.Errorf("created twice: %v", err)
	}
	if _, _, err := w.federate(tenant.ID, app.App, "missing", trust.MustHave, other); !errors.Is(err, trust.ErrFederatedNotFound) {
		t.Errorf("changed what is not there: %v", err)
	}
	if _, _, err := w.federate(tenant.ID, w.implicit(tenant.ID).App, "abc", trust.Either, nil); !errors.Is(err, directory.ErrApplicationNotFound) {
		t.Errorf("a system-assigned identity has got one: %v", err)
	}
}

// of 100 parallel creations exactly as many succeed as there is room for.
func TestParallelCreationOfFederatedCredentialsIsExact(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newLimited(t, db, 20)
		tenant := w.tenant()
		app, _ := w.app(tenant.ID)
		var made, full atomic.Int64
		var all sync.WaitGroup
		for n := range 100 {
			all.Go(func() {
				err := w.db.Update(t.Context(), func(tx *store.Tx) error {
					_, _, err := w.WriteFederatedCredential(t.Context(), tx, trust.FederatedWrite{Tenant: tenant.ID, App: app.App, Name: fmt.Sprintf("fic-%d", n),
						Edit: func(c *trust.FederatedCredential) error {
							c.Issuer, c.Subject, c.Audience = testIssuer, fmt.Sprintf("subject %d", n/2), testAudience // each pair twice
							return nil
						}})
					return err
				})
				switch {
				case err == nil:
					made.Add(1)
				case errors.Is(err, trust.ErrFederatedLimit):
					full.Add(1)
				case !errors.Is(err, trust.ErrFederatedPair):
					t.Error(err)
				}
			})
		}
		all.Wait()
		list, err := w.FederatedCredentials(t.Context(), tenant.ID, app.App)
		if err != nil || made.Load() != 20 || len(list) != 20 || full.Load() == 0 {
			t.Errorf("%d made, %d found no room, %d are there, %v", made.Load(), full.Load(), len(list), err)
		}
		subjects := map[string]bool{}
		for _, c := range list {
			subjects[c.Subject] = true
		}
		if len(subjects) != 20 {
			t.Errorf("%d subjects in 20 credentials", len(subjects))
		}
	})
}

// CP-74: the federated credentials of an identity go with it; a deleted application's sign nobody in.
func TestFederatedCredentialsEndWithTheirOwner(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	tenant := w.tenant()
	app, _ := w.app(tenant.ID)
	identity := w.explicit(tenant.ID)
	for _, owner := range []id.App{app.App, identity.App} {
		if _, _, err := w.federate(tenant.ID, owner, "kube", trust.Either, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.must(func(ctx context.Context, tx *store.Tx) error { return w.RemoveOwner(ctx, tx, identity.App) })
	w.must(func(ctx context.Context, tx *store.Tx) error {
		return w.dir.DeleteApplication(ctx, tx, tenant.ID, app.App)
	})
	if all, err := w.FederatedCredentials(t.Context(), tenant.ID, identity.App); err != nil || len(all) != 0 {
		t.Errorf("the identity's: %v %v", all, err)
	}
	if all, err := w.SignInCredentials(t.Context(), w.tenant().ID, app.App); err != nil || len(all) != 0 {
		t.Errorf("the application's, elsewhere: %v %v", all, err)
	}
}

// S-37: names of shared issuers that can be given up are warned about.
func TestWarningsAboutSharedIssuers(t *testing.T) {
	const github = "https://token.actions.githubusercontent.com"
	for subject, c := range map[string]struct {
		issuer string
		want   bool
	}{
		"repo:octo-org/app:ref:refs/heads/main":           {github, true},
		"repo:octo-org@123/app@456:ref:refs/heads/main":   {github, false},
		"repository_id:456:ref:refs/heads/main":           {github, false},
		"project_path:group/project:ref_type:branch":      {"https://gitlab.com", true},
		"system:serviceaccount:shop:orders":               {testIssuer, false},
		"repo:octo-org/app:repository_owner_id:1:ref:x:y": {github, false},
	} {
		fic := trust.FederatedCredential{Issuer: c.issuer, Subject: subject}
		if got := fic.Warning() != ""; got != c.want {
			t.Errorf("%s: warned = %v", subject, got)
		}
	}
}

// what was used between a backup and its restore is not known, so nothing that was issued
// before the restore works where assertions work once.
func TestAssertionsOfBeforeARestoreAreUsed(t *testing.T) {
	db := storetest.SQLite(t)
	w := newRestored(t, db, noon)
	tenant := w.tenant()
	app, _ := w.app(tenant.ID)
	w.must(func(ctx context.Context, tx *store.Tx) error {
		return w.RequireSingleUseAssertions(ctx, tx, tenant.ID, app.App, true)
	})
	for name, c := range map[string]struct {
		use  trust.Use
		used bool
	}{
		"issued before":            {trust.Use{Begins: noon.Add(-time.Second), Expires: noon.Add(time.Minute)}, true},
		"issued after":             {trust.Use{Begins: noon, Expires: noon.Add(time.Minute)}, false},
		"not said, and soon after": {trust.Use{Expires: noon.Add(23 * time.Hour)}, true},
		"not said, a day after":    {trust.Use{Expires: noon.Add(24 * time.Hour)}, false},
	} {
		c.use.Digest = []byte(name)
		if err := w.UseAssertion(t.Context(), app.App, c.use); errors.Is(err, trust.ErrAssertionUsed) != c.used || err != nil && !c.used {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// S-36: where assertions work once, N parallel uses give exactly one success.
func TestAnAssertionIsUsedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant := w.tenant()
		app, _ := w.app(tenant.ID)
		use := func() error {
			return w.UseAssertion(t.Context(), app.App, trust.Use{Digest: []byte("digest"), Expires: noon.Add(time.Minute)})
		}
		for range 2 {
			if err := use(); err != nil {
				t.Fatalf("without the setting: %v", err)
			}
		}
		w.must(func(ctx context.Context, tx *store.Tx) error {
			return w.RequireSingleUseAssertions(ctx, tx, tenant.ID, app.App, true)
		})
		var won atomic.Int64
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				switch err := use(); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, trust.ErrAssertionUsed):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 50 uses succeeded", won.Load())
		}
		w.must(func(ctx context.Context, tx *store.Tx) error {
			return w.RequireSingleUseAssertions(ctx, tx, tenant.ID, app.App, false)
		})
		if err := use(); err != nil {
			t.Errorf("after it was taken back: %v", err)
		}
	})
}
