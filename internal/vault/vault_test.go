package vault_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/vault"
)

const (
	tenantA = id.Tenant("aaaaaaaa-0000-4000-8000-000000000001")
	tenantB = id.Tenant("bbbbbbbb-0000-4000-8000-000000000001")
	sub1    = id.Subscription("11111111-0000-4000-8000-000000000001")
	sub2    = id.Subscription("22222222-0000-4000-8000-000000000001")
	someone = id.Object("cccccccc-0000-4000-8000-000000000001")
)

// house is a vault service over a real store, with a clock that the test moves.
type house struct {
	*vault.Service
	db    *store.DB
	audit *audit.Log
	mu    sync.Mutex // guards at
	at    time.Time
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *house) sleep(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

func newHouse(t testing.TB, db *store.DB) *house {
	t.Helper()
	h := &house{db: db, at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	kek, err := seal.ParseKEK([]byte("sealring-kek-1 " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(t.Context(), seal.Config{Store: db, KEK: kek, Now: h.now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if h.audit, err = audit.New(audit.Config{Store: db, Server: "s1", Now: h.now}); err != nil {
		t.Fatal(err)
	}
	h.Service, err = vault.New(vault.Config{
		Store: db, Audit: h.audit, Sealer: sealer, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: h.now, Rand: rand.Reader, IDs: id.NewSource(rand.Reader),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ctx is a context with an actor.
func ctx(t testing.TB) context.Context {
	return audit.WithActor(t.Context(), audit.Actor{Tenant: tenantA, Object: someone, Type: "Application"})
}

func vaultID(sub id.Subscription, group, name string) resource.ID {
	return resource.GroupID(sub, group).Child(vault.Type, name)
}

func (h *house) create(t testing.TB, vid resource.ID, tenant id.Tenant, change func(*vault.Settings)) vault.Vault {
	t.Helper()
	s := vault.Settings{Location: "westeurope", Tenant: tenant}
	if change != nil {
		change(&s)
	}
	v, created, err := h.Put(ctx(t), vid, s)
	if err != nil || !created {
		t.Fatalf("create %s: created %v, %v", vid, created, err)
	}
	return v
}

func (h *house) set(t testing.TB, v vault.Vault, name, value string) vault.Secret {
	t.Helper()
	x, err := h.SetSecret(ctx(t), v, name, secret.New(value), vault.SecretChange{})
	if err != nil {
		t.Fatalf("set %s: %v", name, err)
	}
	return x
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func p[T any](v T) *T { return &v }

func TestVaultLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		vid := vaultID(sub1, "g1", "Kv-One")
		v := h.create(t, vid, tenantA, func(s *vault.Settings) {
			s.RBACDefault, s.Tags = true, map[string]string{"a": "b"}
			s.Properties = []byte(`{"networkAcls":{"bypass":"AzureServices"}}`)
		})
		if !v.RBAC || v.RetentionDays != 90 || v.RecoveryLevel() != "Recoverable+Purgeable" || v.CreatedBy != string(someone) || v.Revision != 1 {
			t.Errorf("created %+v", v)
		}
		got, err := h.GetByName(ctx(t), "kv-ONE")
		if err != nil || got.Name != "Kv-One" || got.Tags["a"] != "b" || string(got.Properties) != `{"networkAcls":{"bypass":"AzureServices"}}` {
			t.Errorf("get: %+v, %v", got, err)
		}
		// An update by omission changes nothing, the model least of all (RS §1.9.1).
		v, created, err := h.Put(ctx(t), vid, vault.Settings{Location: "West Europe", Tenant: tenantA})
		if err != nil || created || !v.RBAC || v.Tags["a"] != "b" || v.Revision != 2 {
			t.Errorf("update: %+v, %v, %v", v, created, err)
		}
		// The name is taken for everybody, in any letter case.
		_, _, err = h.Put(ctx(t), vaultID(sub2, "g9", "kv-one"), vault.Settings{Location: "x", Tenant: tenantB})
		wantErr(t, "same name elsewhere", err, vault.ErrVaultNameTaken)
		_, err = h.Update(ctx(t), vaultID(sub1, "g1", "absent"), vault.Settings{})
		wantErr(t, "patch of an absent vault", err, vault.ErrVaultNotFound)
		_, _, err = h.Put(ctx(t), vid, vault.Settings{ExpectRevision: 1})
		wantErr(t, "an old revision", err, vault.ErrChanged)

		h.set(t, v, "s", "value")
		if err := h.Delete(ctx(t), vid); err != nil {
			t.Fatal(err)
		}
		_, err = h.GetByName(ctx(t), "kv-one")
		wantErr(t, "get after delete", err, vault.ErrVaultNotFound)
		_, err = h.GetSecret(ctx(t), v, "s", "") // the caller looked before the delete
		wantErr(t, "read of a secret after delete", err, vault.ErrVaultNotFound)
		_, _, err = h.Put(ctx(t), vid, vault.Settings{Location: "westeurope", Tenant: tenantA})
		wantErr(t, "create under a deleted name", err, vault.ErrVaultDeleted)
		list, err := h.ListDeleted(ctx(t), sub1)
		if err != nil || len(list) != 1 || list[0].ScheduledPurge.Sub(list[0].Deleted) != 90*24*time.Hour {
			t.Errorf("deleted vaults: %+v, %v", list, err)
		}
		_, err = h.GetDeleted(ctx(t), sub2, "", "kv-one")
		wantErr(t, "deleted vault of another subscription", err, vault.ErrVaultNotFound)
		if v, err = h.Recover(ctx(t), vid); err != nil {
			t.Fatal(err)
		}
		if x, err := h.GetSecret(ctx(t), v, "s", ""); err != nil || x.Value.Reveal() != "value" {
			t.Errorf("secret after recovery: %v", err)
		}
		_ = h.Delete(ctx(t), vid)
		wantErr(t, "purge at another location", h.Purge(ctx(t), sub1, "eastus", "kv-one"), vault.ErrVaultNotFound)
		if err := h.Purge(ctx(t), sub1, "West Europe", "kv-one"); err != nil {
			t.Fatal(err)
		}
		again := h.create(t, vid, tenantA, nil)
		_, err = h.GetSecret(ctx(t), again, "s", "")
		wantErr(t, "secret of the purged namesake", err, vault.ErrSecretNotFound)
	})
}

// RS §1.10, RS-59
func TestSettingsOfDeletion(t *testing.T) {
	h := newHouse(t, storetest.SQLite(t))
	for days, ok := range map[int]bool{6: false, 7: true, 90: true, 91: false} {
		_, _, err := h.Put(ctx(t), vaultID(sub1, "g", "days"+string(rune('a'+days%26))), vault.Settings{Location: "x", Tenant: tenantA, RetentionDays: &days})
		if ok != (err == nil) {
			t.Errorf("retention of %d days: %v", days, err)
		}
	}
	vid := vaultID(sub1, "g", "kv-two")
	v := h.create(t, vid, tenantA, func(s *vault.Settings) { s.RetentionDays = p(30) })
	if v.RecoveryLevel() != "CustomizedRecoverable+Purgeable" {
		t.Error(v.RecoveryLevel())
	}
	_, err := h.Update(ctx(t), vid, vault.Settings{RetentionDays: p(31)})
	wantErr(t, "retention changed", err, vault.ErrRetentionFixed)
	v, err = h.Update(ctx(t), vid, vault.Settings{RetentionDays: p(30), PurgeProtection: p(true)})
	if err != nil || v.RecoveryLevel() != "CustomizedRecoverable" {
		t.Error(v.RecoveryLevel(), err)
	}
	_, err = h.Update(ctx(t), vid, vault.Settings{PurgeProtection: p(false)})
	wantErr(t, "protection off", err, vault.ErrProtectionFixed)
	_ = h.Delete(ctx(t), vid)
	wantErr(t, "purge under protection", h.Purge(ctx(t), sub1, "", "kv-two"), vault.ErrPurgeProtected)
	h.sleep(30 * 24 * time.Hour)
	// Overdue: gone for readers although nothing has run yet, and the name is free.
	_, err = h.GetDeleted(ctx(t), sub1, "", "kv-two")
	wantErr(t, "overdue vault", err, vault.ErrVaultNotFound)
	fresh := h.create(t, vid, tenantA, nil)
	if fresh.UID == v.UID {
		t.Error("the uid came back")
	}
}

func TestVaultNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"abc": true, "A-1": true, "a23456789012345678901234": true, "ab": false, "a234567890123456789012345": false,
		"1abc": false, "abc-": false, "a--b": false, "a_b": false, "": false,
	} {
		if vault.ValidName(name) != ok {
			t.Errorf("%q", name)
		}
	}
}

func TestListAndDeleteInGroup(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		h.create(t, vaultID(sub1, "g1", "zed"), tenantA, nil)
		h.create(t, vaultID(sub1, "G1", "alpha"), tenantA, nil)
		h.create(t, vaultID(sub1, "g10", "beta"), tenantA, nil)
		names := func(scope resource.ID) string {
			vs, err := h.List(ctx(t), scope)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, v := range vs {
				out = append(out, v.Name)
			}
			return strings.Join(out, " ")
		}
		if got := names(resource.GroupID(sub1, "g1")); got != "alpha zed" {
			t.Errorf("group: %s", got)
		}
		err := db.Update(ctx(t), func(tx *store.Tx) error { return h.DeleteInGroup(ctx(t), tx, resource.GroupID(sub1, "g1")) })
		if err != nil {
			t.Fatal(err)
		}
		if got := names(resource.SubscriptionID(sub1)); got != "beta" {
			t.Errorf("after the group went: %s", got)
		}
		if vs, _ := h.ListDeleted(ctx(t), sub1); len(vs) != 2 {
			t.Errorf("deleted: %d", len(vs))
		}
	})
}

// RS §1.9.3
func TestAccessPolicies(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		vid := vaultID(sub1, "g", "kv-pol")
		h.create(t, vid, tenantA, nil)
		caller := vault.Caller{Tenant: tenantA, Object: someone}
		may := func(permission string) bool {
			v, err := h.GetByName(ctx(t), "kv-pol") // from the cache: a change must show at once
			if err != nil {
				t.Fatal(err)
			}
			return v.PolicyAllows(caller, permission)
		}
		set := func(op vault.PolicyOperation, permissions ...string) {
			t.Helper()
			if _, err := h.SetAccessPolicies(ctx(t), vid, op, []vault.Policy{{Tenant: tenantA, Object: someone, Secrets: permissions}}); err != nil {
				t.Fatal(err)
			}
		}
		if may("get") {
			t.Error("allowed without a policy")
		}
		set(vault.AddPolicies, "GET")
		set(vault.AddPolicies, "list")
		if !may("get") || !may("list") || may("set") {
			t.Error("add")
		}
		set(vault.ReplacePolicies, "all")
		if !may("set") || may("purge") {
			t.Error("replace with all: everything but purge")
		}
		set(vault.RemovePolicies, "set")
		if may("set") || !may("get") {
			t.Error("remove one")
		}
		set(vault.RemovePolicies)
		if may("get") {
			t.Error("remove the entry")
		}
		_, err := h.SetAccessPolicies(ctx(t), vid, vault.AddPolicies, []vault.Policy{{Tenant: tenantA, Object: someone, Secrets: []string{"fly"}}})
		wantErr(t, "unknown permission", err, vault.ErrPolicyInvalid)
		many := make([]vault.Policy, 1025)
		ids := id.NewSource(rand.Reader)
		for i := range many {
			many[i] = vault.Policy{Tenant: tenantA, Object: ids.Object(), Secrets: []string{"get"}}
		}
		_, err = h.Update(ctx(t), vid, vault.Settings{Policies: &many})
		wantErr(t, "1025 policies", err, vault.ErrTooManyPolicies)
	})
}

func TestWhoAPolicyIsFor(t *testing.T) {
	group, app := id.Object("dddddddd-0000-4000-8000-000000000001"), id.App("eeeeeeee-0000-4000-8000-000000000001")
	v := vault.Vault{Policies: []vault.Policy{
		{Tenant: tenantA, Object: group, Secrets: []string{"list"}},
		{Tenant: tenantA, Object: someone, App: app, Secrets: []string{"get"}},
	}}
	for name, c := range map[string]struct {
		caller     vault.Caller
		permission string
		ok         bool
	}{
		"a member of the group":                    {vault.Caller{Tenant: tenantA, Object: someone, Groups: []id.Object{group}}, "list", true},
		"not a member":                             {vault.Caller{Tenant: tenantA, Object: someone}, "list", false},
		"a member by the word of another tenant":   {vault.Caller{Tenant: tenantB, Object: someone, Groups: []id.Object{group}}, "list", false},
		"the application on behalf of the user":    {vault.Caller{Tenant: tenantA, Object: someone, App: app, OnBehalf: true}, "get", true},
		"the application for itself":               {vault.Caller{Tenant: tenantA, Object: someone, App: app}, "get", false},
		"the user through another application":     {vault.Caller{Tenant: tenantA, Object: someone, App: "other", OnBehalf: true}, "get", false},
		"a permission that no policy of his names": {vault.Caller{Tenant: tenantA, Object: someone, App: app, OnBehalf: true}, "set", false},
	} {
		if v.PolicyAllows(c.caller, c.permission) != c.ok {
			t.Errorf("%s: want %v", name, c.ok)
		}
	}
}

// R-10, S-70: every operation leaves a record, and none holds a value.
func TestRecord(t *testing.T) {
	h := newHouse(t, storetest.SQLite(t))
	vid := vaultID(sub1, "g", "kv-aud")
	v := h.create(t, vid, tenantA, nil)
	const canary = "canary-4711"
	h.set(t, v, "s", canary)
	_, _ = h.GetSecret(ctx(t), v, "s", "")
	b, _ := h.BackupSecret(ctx(t), v, "s")
	_, _ = h.UpdateSecret(ctx(t), v, "s", "", vault.SecretChange{Enabled: p(true)})
	_, _ = h.DeleteSecret(ctx(t), v, "s")
	_, _ = h.RecoverSecret(ctx(t), v, "s")
	_, _ = h.DeleteSecret(ctx(t), v, "s")
	_ = h.PurgeSecret(ctx(t), v, "s")
	_, _ = h.RestoreSecret(ctx(t), v, b)
	events, err := h.audit.List(t.Context(), audit.Filter{Principal: someone})
	if err != nil {
		t.Fatal(err)
	}
	var ops []string
	for _, e := range slices.Backward(events) {
		ops = append(ops, strings.TrimPrefix(e.Operation, vault.Type+"/"))
		if strings.Contains(e.Target+e.Reason, canary) || strings.Contains(e.Details["secret_name"]+e.Details["secret_version"], canary) {
			t.Errorf("the value is in %+v", e)
		}
	}
	want := "write secrets/setSecret/action secrets/getSecret/action secrets/backup/action secrets/update/action secrets/delete" +
		" secrets/recover/action secrets/delete secrets/purge/action secrets/restore/action"
	if got := strings.Join(ops, " "); got != want {
		t.Errorf("record:\n got %s\nwant %s", got, want)
	}
}
