package directory_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

const (
	aliceUPN   = "Alice.Doe@Contoso.example"
	alicesWord = "correct horse 7 Battery"
)

// alice makes a tenant with one user who has a password.
func (w *world) alice() (directory.Tenant, directory.User) {
	w.t.Helper()
	tenant := w.tenant("contoso.example")
	u, err := w.CreateUser(w.t.Context(), directory.NewUser{Tenant: tenant.ID, UPN: aliceUPN, DisplayName: "Alice", Password: secret.New(alicesWord)})
	if err != nil {
		w.t.Fatal(err)
	}
	return tenant, u
}

// signIn tries name and password.
func (w *world) signIn(tenant id.Tenant, upn, password string) (directory.User, error) {
	return w.AuthenticatePassword(w.t.Context(), tenant, upn, secret.New(password))
}

func TestAUserSignsInWithNameAndPasswordOnly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant, alice := w.alice()
		other := w.tenant("fabrikam.example")
		nobody, err := w.CreateUser(t.Context(), directory.NewUser{Tenant: tenant.ID, UPN: "bob@contoso.example", DisplayName: "Bob"})
		if err != nil || nobody.HasPassword {
			t.Fatal(nobody, err)
		}
		for name, c := range map[string]struct {
			tenant        id.Tenant
			upn, password string
			want          error
		}{
			"name and password":              {tenant.ID, aliceUPN, alicesWord, nil},
			"the name in small letters":      {tenant.ID, strings.ToLower(aliceUPN), alicesWord, nil},
			"another password":               {tenant.ID, aliceUPN, alicesWord + " ", directory.ErrWrongPassword},
			"no password":                    {tenant.ID, aliceUPN, "", directory.ErrWrongPassword},
			"a name that nobody has":         {tenant.ID, "x@contoso.example", alicesWord, directory.ErrWrongPassword},
			"a user without a password":      {tenant.ID, "bob@contoso.example", "", directory.ErrWrongPassword},
			"S-54 the user of a tenant away": {other.ID, aliceUPN, alicesWord, directory.ErrWrongPassword},
		} {
			u, err := w.signIn(c.tenant, c.upn, c.password)
			if !errors.Is(err, c.want) || err == nil && u.ID != alice.ID {
				t.Errorf("%s: %v, %v", name, u.ID, err)
			}
		}
		no := false
		if _, err := w.UpdateUser(t.Context(), tenant.ID, alice.ID, directory.UserChange{Enabled: &no}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.signIn(tenant.ID, aliceUPN, alicesWord); !errors.Is(err, directory.ErrUserDisabled) {
			t.Errorf("disabled: %v", err)
		}
		if _, err := w.signIn(tenant.ID, aliceUPN, "wrong"); !errors.Is(err, directory.ErrWrongPassword) {
			t.Errorf("disabled, wrong password: %v: says that the user is there", err)
		}
		if alive, err := w.Alive(t.Context(), tenant.ID, alice.ID); alive || err != nil {
			t.Error("a disabled user is alive", err)
		}
	})
}

func TestAPasswordIsStoredSlowlyHashedAndKeyed(t *testing.T) {
	for memory, want := range map[uint32]string{0: "$argon2id$v=19$m=19456,t=2,p=1$", cheap: "$argon2id$v=19$m=64,t=2,p=1$"} {
		w := newWorld(t, storetest.SQLite(t))
		var err error
		w.Directory, err = directory.New(directory.Config{
			Store: w.db, Audit: w.log, IDs: id.NewSource(rand.Reader), Rand: rand.Reader, Now: time.Now, Hasher: testHasher{}, PasswordMemory: memory,
		})
		if err != nil {
			t.Fatal(err)
		}
		tenant, alice := w.alice()
		var stored string
		err = w.db.View(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Get(t.Context(), "SELECT password FROM directory_users WHERE id = $1", []any{string(alice.ID)}, &stored)
			return err
		})
		if err != nil || !strings.HasPrefix(stored, want) || strings.Contains(stored, alicesWord) {
			t.Errorf("stored as %q, %v", stored, err)
		}
		if _, err := w.signIn(tenant.ID, aliceUPN, alicesWord); err != nil {
			t.Error(err)
		}
	}
}

func TestTooManyWrongPasswordsLockAName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant, alice := w.alice()
		for _, upn := range []string{aliceUPN, "nobody@contoso.example"} {
			for range 10 {
				if _, err := w.signIn(tenant.ID, upn, "wrong"); !errors.Is(err, directory.ErrWrongPassword) {
					t.Fatal(upn, err)
				}
			}
			if _, err := w.signIn(tenant.ID, strings.ToUpper(upn), alicesWord); !errors.Is(err, directory.ErrLocked) {
				t.Errorf("%s after ten wrong ones: %v", upn, err)
			}
		}
		w.now = noon.Add(time.Minute)
		if _, err := w.signIn(tenant.ID, aliceUPN, alicesWord); err != nil {
			t.Errorf("after a minute: %v", err)
		}
		for range 9 {
			if _, err := w.signIn(tenant.ID, aliceUPN, "wrong"); !errors.Is(err, directory.ErrWrongPassword) {
				t.Fatal(err)
			}
		}
		if _, err := w.signIn(tenant.ID, aliceUPN, alicesWord); err != nil {
			t.Errorf("nine wrong ones after a right one: %v", err)
		}
		for range 10 {
			if _, err := w.signIn(tenant.ID, aliceUPN, "wrong"); !errors.Is(err, directory.ErrWrongPassword) {
				t.Fatal(err)
			}
		}
		rows, err := w.log.List(t.Context(), audit.Filter{Kinds: []audit.Kind{audit.Security}})
		if err != nil || len(rows) == 0 || rows[0].Operation != "directory.user.lock" || rows[0].Target != string(alice.ID) {
			t.Errorf("the lock is not on record: %+v, %v", rows, err)
		}
		next := secret.New("another horse 8 Battery")
		if _, err := w.UpdateUser(t.Context(), tenant.ID, alice.ID, directory.UserChange{Password: &next}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.signIn(tenant.ID, aliceUPN, next.Reveal()); err != nil {
			t.Errorf("with a new password: %v", err)
		}
	})
}

func TestWhatAUserMayBeCalled(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	tenant, _ := w.alice()
	for name, c := range map[string]struct {
		change func(*directory.NewUser)
		want   error
	}{
		"as it should be":           {func(*directory.NewUser) {}, nil},
		"a name that is taken":      {func(n *directory.NewUser) { n.UPN = strings.ToUpper(aliceUPN) }, directory.ErrUserExists},
		"a domain of somebody else": {func(n *directory.NewUser) { n.UPN = "carol@example.com" }, directory.ErrInvalid},
		"no domain":                 {func(n *directory.NewUser) { n.UPN = "carol" }, directory.ErrInvalid},
		"markup":                    {func(n *directory.NewUser) { n.UPN = "<b>@contoso.example" }, directory.ErrInvalid},
		"no display name":           {func(n *directory.NewUser) { n.DisplayName = "" }, directory.ErrInvalid},
		"a profile that is a list":  {func(n *directory.NewUser) { n.Profile = []byte("[]") }, directory.ErrInvalid},
		"a short password":          {func(n *directory.NewUser) { n.Password = secret.New("aB3$efg") }, directory.ErrPasswordWeak},
		"two kinds of characters":   {func(n *directory.NewUser) { n.Password = secret.New("abcdefgh1234") }, directory.ErrPasswordWeak},
		"a long phrase":             {func(n *directory.NewUser) { n.Password = secret.New("abcdefgh ijklmnop") }, nil},
		"one letter, long":          {func(n *directory.NewUser) { n.Password = secret.New(strings.Repeat("a", 20)) }, directory.ErrPasswordWeak},
		"the user's own name":       {func(n *directory.NewUser) { n.UPN = "carola@contoso.example"; n.Password = secret.New("Carola-12345") }, directory.ErrPasswordWeak},
	} {
		n := directory.NewUser{Tenant: tenant.ID, UPN: "carol@contoso.example", DisplayName: "Carol", Password: secret.New("aB3$efgh")}
		c.change(&n)
		u, err := w.CreateUser(t.Context(), n)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil {
			if err := w.DeleteUser(t.Context(), tenant.ID, u.ID); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestWhatEndsTheSessionsOfAUser(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	tenant, alice := w.alice()
	yes, no, name, next := true, false, "Alice B", secret.New("another horse 8 Battery")
	change := func(c directory.UserChange) func() error {
		return func() error { _, err := w.UpdateUser(t.Context(), tenant.ID, alice.ID, c); return err }
	}
	for _, c := range []struct {
		name string
		do   func() error
		ends bool
	}{
		{"a new display name", change(directory.UserChange{DisplayName: &name}), false},
		{"a new password", change(directory.UserChange{Password: &next, MustChange: true}), true},
		{"disabling", change(directory.UserChange{Enabled: &no}), true},
		{"enabling", change(directory.UserChange{Enabled: &yes}), false},
		{"revoking", func() error { return w.RevokeSessions(t.Context(), tenant.ID, alice.ID) }, true},
	} {
		before, err := w.User(t.Context(), tenant.ID, alice.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.do(); err != nil {
			t.Fatal(c.name, err)
		}
		after, err := w.UserByUPN(t.Context(), tenant.ID, aliceUPN)
		if err != nil || (after.Epoch != before.Epoch) != c.ends {
			t.Errorf("%s: epoch %d then %d, %v", c.name, before.Epoch, after.Epoch, err)
		}
		from, err := w.TokensFrom(t.Context(), alice.ID)
		if err != nil || c.ends == from.Before(w.now) {
			t.Errorf("S-42: %s: access tokens are accepted from %v on, %v", c.name, from, err)
		}
		w.now = w.now.Add(time.Minute)
	}
	u, err := w.ChangePassword(t.Context(), tenant.ID, aliceUPN, next, secret.New("third horse 9 Battery"))
	if err != nil || u.MustChange {
		t.Error("changing the password as the user:", u.MustChange, err)
	}
	if err := w.DeleteUser(t.Context(), tenant.ID, alice.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.User(t.Context(), tenant.ID, alice.ID); !errors.Is(err, directory.ErrUserNotFound) {
		t.Error("a deleted user is found:", err)
	}
	back, err := w.RestoreUser(t.Context(), tenant.ID, alice.ID)
	if err != nil || back.ID != alice.ID || back.Epoch == u.Epoch {
		t.Error("restored:", back, err)
	}
}

// Sign-ins wait for each other, and those that wait too long are refused, not queued without end.
func TestManySignInsAtOnceAreAnsweredOrRefused(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	tenant, _ := w.alice()
	var wait sync.WaitGroup
	for range 12 {
		wait.Go(func() {
			if _, err := w.signIn(tenant.ID, aliceUPN, alicesWord); err != nil && fault.KindOf(err) != fault.Unavailable {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}
