package vault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/vault"
)

// RS-28, RS-30
func TestVersions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		v := h.create(t, vaultID(sub1, "g", "kv-ver"), tenantA, nil)
		one := h.set(t, v, "Secret", "1")
		two := h.set(t, v, "SECRET", "2")
		if one.Name != "Secret" || two.Name != "Secret" || two.Previous != one.Version || len(two.Version) != 32 || strings.ToLower(two.Version) != two.Version {
			t.Errorf("one %+v, two %+v", one, two)
		}
		for version, want := range map[string]string{"": "2", one.Version: "1", strings.ToUpper(one.Version): "1", two.Version: "2"} {
			x, err := h.GetSecret(ctx(t), v, "secret", version)
			if err != nil || x.Value.Reveal() != want {
				t.Errorf("version %q: %q, %v", version, x.Value.Reveal(), err)
			}
		}
		_, err := h.GetSecret(ctx(t), v, "secret", strings.Repeat("0", 32))
		wantErr(t, "absent version", err, vault.ErrSecretNotFound)
		page, err := h.ListSecretVersions(ctx(t), v, "secret", "", 1)
		if err != nil || len(page.Items) != 1 || page.Items[0].Version != one.Version || page.Next == "" {
			t.Fatalf("versions: %+v, %v", page, err)
		}
		page, err = h.ListSecretVersions(ctx(t), v, "secret", page.Next, 1)
		if err != nil || len(page.Items) != 1 || page.Items[0].Version != two.Version || page.Next != "" {
			t.Errorf("versions: %+v, %v", page, err)
		}
	})
}

// RS-29, RS-30, RS-31, RS-32, RS-33
func TestLimitsAndAttributes(t *testing.T) {
	h := newHouse(t, storetest.SQLite(t))
	v := h.create(t, vaultID(sub1, "g", "kv-lim"), tenantA, nil)
	tags := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprint(i)] = "x"
		}
		return m
	}
	for name, c := range map[string]struct {
		name   string
		value  string
		change vault.SecretChange
		want   error
	}{
		"25600 bytes":         {"a", strings.Repeat("x", 25600), vault.SecretChange{}, nil},
		"25601 bytes":         {"a", strings.Repeat("x", 25601), vault.SecretChange{}, vault.ErrSecretInvalid},
		"an empty value":      {"a", "", vault.SecretChange{}, nil},
		"an underscore":       {"a_b", "", vault.SecretChange{}, vault.ErrSecretName},
		"a full stop":         {"a.b", "", vault.SecretChange{}, vault.ErrSecretName},
		"127 characters":      {strings.Repeat("a", 127), "", vault.SecretChange{}, nil},
		"128 characters":      {strings.Repeat("a", 128), "", vault.SecretChange{}, vault.ErrSecretName},
		"a hyphen":            {"A-1", "", vault.SecretChange{}, nil},
		"15 tags":             {"a", "", vault.SecretChange{Tags: tags(15)}, nil},
		"16 tags":             {"a", "", vault.SecretChange{Tags: tags(16)}, vault.ErrSecretInvalid},
		"a long tag":          {"a", "", vault.SecretChange{Tags: map[string]string{"k": strings.Repeat("x", 513)}}, vault.ErrSecretInvalid},
		"a long content type": {"a", "", vault.SecretChange{ContentType: p(strings.Repeat("x", 256))}, vault.ErrSecretInvalid},
		"an end before start": {"a", "", vault.SecretChange{NotBefore: p(int64(5)), Expires: p(int64(5))}, vault.ErrSecretInvalid},
	} {
		_, err := h.SetSecret(ctx(t), v, c.name, secret.New(c.value), c.change)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	x, err := h.SetSecret(ctx(t), v, "s", secret.New("v"), vault.SecretChange{
		ContentType: p("text/plain"), Tags: map[string]string{"a": "1"}, Expires: p(int64(1)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.GetSecret(ctx(t), v, "s", ""); err != nil {
		t.Errorf("an expired secret is still readable: %v", err)
	}
	h.sleep(time.Minute)
	y, err := h.UpdateSecret(ctx(t), v, "s", x.Version, vault.SecretChange{Enabled: p(false)})
	if err != nil || y.ContentType != "text/plain" || y.Tags["a"] != "1" || *y.Expires != 1 || !y.Updated.After(x.Updated) || !y.Created.Equal(x.Created) {
		t.Errorf("update: %+v, %v", y, err)
	}
	_, err = h.GetSecret(ctx(t), v, "s", "")
	wantErr(t, "disabled", err, vault.ErrSecretDisabled)
	y, err = h.UpdateSecret(ctx(t), v, "s", "", vault.SecretChange{Enabled: p(true), Tags: map[string]string{"b": "2"}})
	if err != nil || len(y.Tags) != 1 || y.Tags["b"] != "2" {
		t.Errorf("tags replace: %+v, %v", y, err)
	}
	if x, err := h.GetSecret(ctx(t), v, "s", ""); err != nil || x.Value.Reveal() != "v" {
		t.Errorf("enabled again: %v", err)
	}
}

// RS-37, RS-38, RS-39, RS-40
func TestDeleteRecoverPurge(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		v := h.create(t, vaultID(sub1, "g", "kv-del"), tenantA, func(s *vault.Settings) { s.RetentionDays = p(7) })
		one, two := h.set(t, v, "s", "1"), h.set(t, v, "s", "2")
		x, err := h.DeleteSecret(ctx(t), v, "S")
		if err != nil || x.Version != two.Version || x.ScheduledPurge.Sub(x.Deleted) != 7*24*time.Hour {
			t.Fatalf("delete: %+v, %v", x, err)
		}
		_, err = h.GetSecret(ctx(t), v, "s", one.Version)
		wantErr(t, "old version of a deleted secret", err, vault.ErrSecretNotFound)
		_, err = h.ListSecretVersions(ctx(t), v, "s", "", 25)
		wantErr(t, "versions of a deleted secret", err, vault.ErrSecretNotFound)
		_, err = h.SetSecret(ctx(t), v, "s", secret.New("3"), vault.SecretChange{})
		wantErr(t, "set of a deleted name", err, vault.ErrSecretDeleted)
		_, err = h.DeleteSecret(ctx(t), v, "s")
		wantErr(t, "delete twice", err, vault.ErrSecretNotFound)
		if page, err := h.ListSecrets(ctx(t), v, "", 25); err != nil || len(page.Items) != 0 {
			t.Errorf("list: %+v, %v", page, err)
		}
		if page, err := h.ListDeletedSecrets(ctx(t), v, "", 25); err != nil || len(page.Items) != 1 || page.Items[0].Deleted.IsZero() {
			t.Errorf("list deleted: %+v, %v", page, err)
		}
		if _, err := h.RecoverSecret(ctx(t), v, "s"); err != nil {
			t.Fatal(err)
		}
		for version, want := range map[string]string{one.Version: "1", two.Version: "2", "": "2"} {
			if x, err := h.GetSecret(ctx(t), v, "s", version); err != nil || x.Value.Reveal() != want {
				t.Errorf("recovered %q: %v", version, err)
			}
		}
		_, err = h.RecoverSecret(ctx(t), v, "s")
		wantErr(t, "recover what is not deleted", err, vault.ErrDeletedSecretNotFound)
		wantErr(t, "purge what is not deleted", h.PurgeSecret(ctx(t), v, "s"), vault.ErrDeletedSecretNotFound)
		_, _ = h.DeleteSecret(ctx(t), v, "s")
		if err := h.PurgeSecret(ctx(t), v, "s"); err != nil {
			t.Fatal(err)
		}
		_, err = h.GetDeletedSecret(ctx(t), v, "s")
		wantErr(t, "purged", err, vault.ErrDeletedSecretNotFound)
		if x := h.set(t, v, "S", "new"); x.Previous != "" || x.Name != "S" {
			t.Errorf("after purge: %+v", x)
		}
	})
}

// RS-40: what is overdue is gone, whether or not the job has run; protection does not stop the schedule.
func TestScheduledPurge(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		v := h.create(t, vaultID(sub1, "g", "kv-due"), tenantA, func(s *vault.Settings) { s.RetentionDays, s.PurgeProtection = p(7), p(true) })
		for _, name := range []string{"a", "b", "c"} {
			h.set(t, v, name, "1")
			if _, err := h.DeleteSecret(ctx(t), v, name); err != nil {
				t.Fatal(err)
			}
		}
		wantErr(t, "purge under protection", h.PurgeSecret(ctx(t), v, "a"), vault.ErrPurgeProtected)
		h.sleep(7*24*time.Hour - time.Second)
		if err := h.PurgeDue(ctx(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.GetDeletedSecret(ctx(t), v, "a"); err != nil {
			t.Errorf("a second early: %v", err)
		}
		h.sleep(time.Second)
		_, err := h.GetDeletedSecret(ctx(t), v, "a")
		wantErr(t, "overdue", err, vault.ErrDeletedSecretNotFound)
		_, err = h.RecoverSecret(ctx(t), v, "a")
		wantErr(t, "recover what is overdue", err, vault.ErrDeletedSecretNotFound)
		if page, _ := h.ListDeletedSecrets(ctx(t), v, "", 25); len(page.Items) != 0 {
			t.Errorf("overdue secrets are listed: %+v", page)
		}
		if x := h.set(t, v, "b", "2"); x.Previous != "" {
			t.Errorf("the overdue name is new again: %+v", x)
		}
		if err := h.PurgeDue(ctx(t)); err != nil {
			t.Fatal(err)
		}
		if n := rows(t, db, "vault_secret_versions"); n != 1 {
			t.Errorf("%d versions are left", n)
		}
	})
}

func rows(t *testing.T, db *store.DB, table string) int {
	t.Helper()
	var n int
	err := db.View(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Get(t.Context(), "SELECT COUNT(*) FROM "+table, nil, &n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// RS-36
func TestPagesUnderChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		v := h.create(t, vaultID(sub1, "g", "kv-pag"), tenantA, nil)
		for _, n := range []string{"b1", "B-2", "b3", "d", "f"} {
			h.set(t, v, n, "x")
		}
		var seen []string
		for after, first := "", true; first || after != ""; first = false {
			page, err := h.ListSecrets(ctx(t), v, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range page.Items {
				seen = append(seen, x.Name)
			}
			after = page.Next
			if first {
				h.set(t, v, "a", "x") // before the position
				_, _ = h.DeleteSecret(ctx(t), v, "b1")
				_, _ = h.DeleteSecret(ctx(t), v, "d") // after it
				h.set(t, v, "e", "x")
			}
		}
		if got := strings.Join(seen, " "); got != "B-2 b1 b3 e f" { // the same order on both engines
			t.Errorf("seen %s", got)
		}
	})
}

// RS-42: a backup restores where it came from, and in no other tenant or subscription.
func TestBackup(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		home := h.create(t, vaultID(sub1, "g", "kv-home"), tenantA, nil)
		sibling := h.create(t, vaultID(sub1, "g", "kv-sibling"), tenantA, nil)
		foreign := h.create(t, vaultID(sub1, "g", "kv-foreign"), tenantB, nil)
		elsewhere := h.create(t, vaultID(sub2, "g", "kv-elsewhere"), tenantA, nil)
		one, two := h.set(t, home, "S", "value-one"), h.set(t, home, "s", "value-two")
		b, err := h.BackupSecret(ctx(t), home, "s")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.Reveal(), "value") {
			t.Error("the backup is readable")
		}
		_, err = h.RestoreSecret(ctx(t), home, b)
		wantErr(t, "restore onto a living name", err, vault.ErrSecretExists)
		_, _ = h.DeleteSecret(ctx(t), home, "s")
		_, err = h.RestoreSecret(ctx(t), home, b)
		wantErr(t, "restore onto a deleted name", err, vault.ErrSecretDeleted)
		_ = h.PurgeSecret(ctx(t), home, "s")
		for _, v := range []vault.Vault{home, sibling} {
			x, err := h.RestoreSecret(ctx(t), v, b)
			if err != nil || x.Version != two.Version || x.Name != "S" || !x.Created.Equal(two.Created) {
				t.Fatalf("restore in %s: %+v, %v", v.Name, x, err)
			}
			for version, want := range map[string]string{one.Version: "value-one", two.Version: "value-two"} {
				if x, err := h.GetSecret(ctx(t), v, "s", version); err != nil || x.Value.Reveal() != want {
					t.Errorf("%s in %s: %v", version, v.Name, err)
				}
			}
		}
		if x := h.set(t, home, "s", "3"); x.Previous != two.Version {
			t.Errorf("a version after restoration: %+v", x)
		}
		_, err = h.RestoreSecret(ctx(t), foreign, b)
		wantErr(t, "another tenant", err, vault.ErrBackupInvalid)
		_, err = h.RestoreSecret(ctx(t), elsewhere, b)
		wantErr(t, "another subscription", err, vault.ErrBackupInvalid)
		text := []byte(b.Reveal())
		text[len(text)/2] ^= 1
		_, err = h.RestoreSecret(ctx(t), home, secret.New(string(text)))
		wantErr(t, "altered", err, vault.ErrBackupInvalid)
	})
}

// S-38: what was moved to another row does not open, and nothing lies readable in the store.
func TestSealedInItsPlace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		v := h.create(t, vaultID(sub1, "g", "kv-sea"), tenantA, nil)
		h.set(t, v, "mine", "canary-1")
		h.set(t, v, "theirs", "canary-2")
		var sealed []byte
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.Get(t.Context(), "SELECT value FROM vault_secret_versions WHERE name_key = $1", []any{[]byte("theirs")}, &sealed); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), "UPDATE vault_secret_versions SET value = $1 WHERE name_key = $2", sealed, []byte("mine"))
			return err
		})
		if err != nil || strings.Contains(string(sealed), "canary") {
			t.Fatalf("sealed %q, %v", sealed, err)
		}
		if _, err := h.GetSecret(ctx(t), v, "mine", ""); err == nil {
			t.Error("a moved value opened")
		}
		if x, err := h.GetSecret(ctx(t), v, "theirs", ""); err != nil || x.Value.Reveal() != "canary-2" {
			t.Errorf("the value in its place: %v", err)
		}
	})
}

// 50 sets at once are 50 versions in one chain, one of them current.
func TestParallelSets(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		v := h.create(t, vaultID(sub1, "g", "kv-par"), tenantA, nil)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if _, err := h.SetSecret(ctx(t), v, "s", secret.New(fmt.Sprint(i)), vault.SecretChange{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		page, err := h.ListSecretVersions(ctx(t), v, "s", "", 100)
		if err != nil || len(page.Items) != 50 {
			t.Fatalf("%d versions, %v", len(page.Items), err)
		}
		for i, x := range page.Items[1:] {
			if x.Previous != page.Items[i].Version {
				t.Errorf("version %d does not follow the one before it", i+2)
			}
		}
		x, err := h.GetSecret(ctx(t), v, "s", "")
		if err != nil || x.Version != page.Items[49].Version {
			t.Errorf("current %s, last %s, %v", x.Version, page.Items[49].Version, err)
		}
	})
}

// Two services over one store are two replicas: the other's change shows within the poll of the feed.
func TestChangeByAnotherReplica(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		here, there := newHouse(t, db), newHouse(t, db)
		vid := vaultID(sub1, "g", "kv-rep")
		_, err := here.GetByName(ctx(t), "kv-rep")
		wantErr(t, "before", err, vault.ErrVaultNotFound)
		there.create(t, vid, tenantA, nil)
		if v, err := here.GetByName(ctx(t), "kv-rep"); err != nil || v.RBAC {
			t.Errorf("after creation: %v", err)
		}
		if _, err := there.Update(ctx(t), vid, vault.Settings{RBAC: p(true)}); err != nil {
			t.Fatal(err)
		}
		if v, err := here.GetByName(ctx(t), "kv-rep"); err != nil || !v.RBAC {
			t.Errorf("after the change: %v", err)
		}
	})
}

func TestRunPurgesAndStops(t *testing.T) {
	db := storetest.SQLite(t)
	h := newHouse(t, db)
	v := h.create(t, vaultID(sub1, "g", "kv-run"), tenantA, nil)
	h.set(t, v, "s", "1")
	if err := h.Delete(ctx(t), v.ID); err != nil {
		t.Fatal(err)
	}
	h.sleep(91 * 24 * time.Hour)
	stop, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(stop) }()
	for deadline := time.Now().Add(5 * time.Second); rows(t, db, "vaults")+rows(t, db, "vault_secrets") > 0; {
		if time.Now().After(deadline) {
			t.Fatal("nothing was purged")
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
