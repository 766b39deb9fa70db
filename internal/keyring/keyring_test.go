package keyring_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/keyring"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/token"
)

const (
	authority = "https://login.sealring.internal"
	tenant    = "11111111-1111-4111-8111-111111111111"
	day       = 24 * time.Hour
)

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC).Unix())
	return c
}

func (c *clock) now() time.Time      { return time.Unix(c.at.Load(), 0).UTC() }
func (c *clock) add(d time.Duration) { c.at.Add(int64(d / time.Second)) }

// fixture is a store with what a keyring needs beside.
type fixture struct {
	db    *store.DB
	clock *clock
	kek   seal.KEK
	audit *audit.Log
}

func newFixture(t *testing.T, db *store.DB) *fixture {
	t.Helper()
	f := &fixture{db: db, clock: newClock()}
	var err error
	if f.kek, err = seal.CreateKEK(filepath.Join(t.TempDir(), "kek"), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if f.audit, err = audit.New(audit.Config{Store: db, Server: "s", Now: f.clock.now}); err != nil {
		t.Fatal(err)
	}
	return f
}

// open starts a replica.
func (f *fixture) open(t *testing.T) (*keyring.Keyring, error) {
	t.Helper()
	s, err := seal.New(t.Context(), seal.Config{Store: f.db, KEK: f.kek, Now: f.clock.now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return keyring.New(t.Context(), keyring.Config{Authority: authority, Store: f.db, Sealer: s, Audit: f.audit, Log: slog.New(slog.DiscardHandler), Now: f.clock.now, Rand: rand.Reader})
}

func (f *fixture) must(t *testing.T) *keyring.Keyring {
	t.Helper()
	k, err := f.open(t)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (f *fixture) exec(t *testing.T, query string) {
	t.Helper()
	err := f.db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), query)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// states maps key ids to states.
func states(k *keyring.Keyring) map[string]keyring.State {
	out := map[string]keyring.State{}
	for _, key := range k.Published() {
		out[key.ID] = key.State
	}
	return out
}

func signer(t *testing.T, k *keyring.Keyring) string {
	t.Helper()
	kid, key, err := k.Signer()
	if err != nil {
		t.Fatal(err)
	}
	if public, ok := k.Key(kid); !ok || !key.Public().(*rsa.PublicKey).Equal(public) {
		t.Fatalf("the active key %s is not accepted", kid)
	}
	return kid
}

func maintain(t *testing.T, k *keyring.Keyring) {
	t.Helper()
	if err := keyring.Maintain(t.Context(), k); err != nil {
		t.Fatal(err)
	}
}

// mint makes a token with k's active key.
func mint(t *testing.T, f *fixture, k *keyring.Keyring) string {
	t.Helper()
	i, err := token.NewIssuer(token.IssuerConfig{Authority: authority, Signer: k, Now: f.clock.now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	out, err := i.Issue(token.Request{Tenant: tenant, Object: tenant, App: tenant, Audience: "a", Version: token.V1, Auth: token.AuthSecret, Lifetime: day})
	if err != nil {
		t.Fatal(err)
	}
	return out.Token.Reveal()
}

// check verifies a token against k.
func check(t *testing.T, f *fixture, k *keyring.Keyring, text string) error {
	t.Helper()
	v, err := token.NewVerifier(token.VerifierConfig{Authority: authority, Keys: k, Now: f.clock.now, Skew: token.MaxSkew})
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(text, []string{"a"}, tenant)
	return err
}

// DT-9, DT-10, DT-11: what is published fits together; a restart finds the same key.
func TestFirstStartMakesAKeyThatStays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		k := f.must(t)
		first := signer(t, k)
		maintain(t, k)
		if got := states(k); len(got) != 2 || got[first] != keyring.Active {
			t.Errorf("states %v", got)
		}
		for _, key := range k.Published() {
			cert, err := x509.ParseCertificate(key.Certificate)
			sum := sha1.Sum(key.Certificate)
			if err != nil || key.ID != base64.RawURLEncoding.EncodeToString(sum[:]) || !key.Public.Equal(cert.PublicKey) || key.Public.N.BitLen() != 2048 {
				t.Errorf("key %s: certificate does not fit, %v", key.ID, err)
			}
			if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
				t.Errorf("certificate is not self-signed: %v", err)
			}
			if !cert.NotAfter.After(f.clock.now().Add(365 * day)) {
				t.Errorf("certificate ends %v", cert.NotAfter)
			}
		}
		if again := signer(t, f.must(t)); again != first {
			t.Errorf("restart signs with %s instead of %s", again, first)
		}
		events, err := f.audit.List(t.Context(), audit.Filter{})
		if err != nil || len(events) != 2 {
			t.Errorf("%d audit events, %v", len(events), err)
		}
	})
}

// S-38: the private key lies sealed.
func TestPrivateKeysAreSealed(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	_, private, err := f.must(t).Signer()
	if err != nil {
		t.Fatal(err)
	}
	prime := private.(*rsa.PrivateKey).Primes[0].Bytes()
	var sealed []byte
	err = f.db.View(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Get(t.Context(), "SELECT sealed FROM signing_keys", nil, &sealed)
		return err
	})
	if err != nil || len(sealed) == 0 || bytes.Contains(sealed, prime) {
		t.Errorf("%d bytes, readable: %v, %v", len(sealed), bytes.Contains(sealed, prime), err)
	}
}

// a planned rotation from end to end, on two replicas. Every token verifies for as
// long as it lives, also where the key set is 12 h old.
func TestPlannedRotation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		a := f.must(t)
		b := f.must(t)
		maintain(t, a)
		first := signer(t, a)
		f.clock.add(90*day - time.Second)
		if got := signer(t, a); got != first {
			t.Fatal("rotated early")
		}
		maintain(t, b)
		before := states(b)
		last := mint(t, f, a)
		f.clock.add(time.Second)
		second := signer(t, a)
		if second == first || before[second] != keyring.Prepared {
			t.Fatalf("second key %s was %q", second, before[second])
		}
		if signer(t, b) != second {
			t.Error("replicas sign with different keys")
		}
		maintain(t, a)
		maintain(t, a)
		if got := states(a); len(got) != 3 || got[first] != keyring.Retiring || got[second] != keyring.Active {
			t.Errorf("states %v", got)
		}
		f.clock.add(day - 2*time.Second)
		if err := check(t, f, b, last); err != nil {
			t.Errorf("the last token of the old key: %v", err)
		}
		f.clock.add(day + 2*time.Second)
		maintain(t, a)
		if _, ok := a.Key(first); ok || len(states(a)) != 2 {
			t.Errorf("S-32: the old key is still accepted; %v", states(a))
		}
		all, err := a.List(t.Context())
		if err != nil || len(all) != 3 || all[0].State != keyring.Removed {
			t.Errorf("list %v, %v", all, err)
		}
		var left []byte
		err = db.View(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Get(t.Context(), "SELECT sealed FROM signing_keys WHERE kid = $1", []any{first}, &left)
			return err
		})
		if err != nil || len(left) != 0 {
			t.Errorf("the private half of a removed key is left: %d bytes, %v", len(left), err)
		}
	})
}

// rotation by command waits until the next key was published for 24 h, and a
// takeover gives replicas two seconds to hear of it.
func TestRotateByCommand(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	k := f.must(t)
	first := signer(t, k)
	to, err := k.Rotate(t.Context(), keyring.RotateOptions{})
	if err != nil || !to.From.Equal(f.clock.now().Add(day)) || to.ID == first {
		t.Fatalf("takes over at %v, %v", to, err)
	}
	if signer(t, k) != first {
		t.Error("an unpublished key signs")
	}
	if again, err := k.Rotate(t.Context(), keyring.RotateOptions{}); err != nil || again != to {
		t.Errorf("asked again: %v, %v", again, err)
	}
	f.clock.add(day)
	second := signer(t, k)
	if second != to.ID {
		t.Error("not rotated")
	}
	maintain(t, k)
	f.clock.add(2 * day)
	if to, err = k.Rotate(t.Context(), keyring.RotateOptions{}); err != nil || !to.From.Equal(f.clock.now().Add(2*time.Second)) {
		t.Errorf("a key published long ago takes over at %v, %v", to, err)
	}
	f.clock.add(2 * time.Second)
	if signer(t, k) != to.ID {
		t.Error("not rotated at once")
	}
	maintain(t, k)
	if to, err = k.Rotate(t.Context(), keyring.RotateOptions{Now: true}); err != nil || !to.From.Equal(f.clock.now().Add(2*time.Second)) {
		t.Errorf("a new key that shall sign now takes over at %v, %v", to, err)
	}
}

// R-17, S-32: a revoked key is refused and unpublished at once, and the next one signs; an
// older key does not come back.
func TestRevoke(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	k := f.must(t)
	oldest := signer(t, k)
	maintain(t, k)
	f.clock.add(90 * day)
	maintain(t, k)
	f.clock.add(3 * day)
	maintain(t, k)
	stolen := signer(t, k)
	text := mint(t, f, k)
	if err := check(t, f, k, text); err != nil {
		t.Fatal(err)
	}
	if err := k.Revoke(t.Context(), stolen, keyring.RevokeOptions{Reason: "laptop lost"}); err != nil {
		t.Fatal(err)
	}
	if err := check(t, f, k, text); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("token of the revoked key: %v", err)
	}
	if signer(t, k) == stolen {
		t.Error("the revoked key signs")
	}
	got := states(k)
	if _, ok := got[stolen]; ok || len(got) != 2 {
		t.Errorf("published %v", got)
	}
	if _, ok := k.Key(oldest); ok {
		t.Error("a removed key came back")
	}
	if err := k.Revoke(t.Context(), stolen, keyring.RevokeOptions{Reason: "again"}); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("revoked twice: %v", err)
	}
	if err := k.Revoke(t.Context(), "nonsense", keyring.RevokeOptions{Reason: "x"}); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("unknown: %v", err)
	}
	if signer(t, f.must(t)) == stolen {
		t.Error("a restart brings it back")
	}
}

// a key that is revoked in the second in which it began to sign leaves the next one
// active, however the two would be sorted otherwise.
func TestRevokeInTheFirstSecond(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		k := f.must(t)
		maintain(t, k)
		stolen, next := signer(t, k), ""
		for id, state := range states(k) {
			if state == keyring.Prepared {
				next = id
			}
		}
		f.exec(t, "UPDATE signing_keys SET created_at = created_at - 1 WHERE kid <> '"+stolen+"'")
		if err := k.Revoke(t.Context(), stolen, keyring.RevokeOptions{Reason: "laptop lost"}); err != nil {
			t.Fatal(err)
		}
		if got := states(k); signer(t, k) != next || got[next] != keyring.Active || len(got) != 2 {
			t.Errorf("key %s signs and not %s, published are %v", signer(t, k), next, got)
		}
		if err := check(t, f, k, mint(t, f, k)); err != nil {
			t.Errorf("its token: %v", err)
		}
	})
}

// A prepared key that is revoked never signs, and is replaced.
func TestRevokePrepared(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	k := f.must(t)
	maintain(t, k)
	active := signer(t, k)
	for id, s := range states(k) {
		if s == keyring.Prepared {
			if err := k.Revoke(t.Context(), id, keyring.RevokeOptions{Reason: "drill"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := states(k); len(got) != 2 || signer(t, k) != active {
		t.Errorf("states %v", got)
	}
}

// keys that are gone, or do not open, are not replaced.
func TestNeverANewIssuer(t *testing.T) {
	for name, damage := range map[string]string{
		"deleted":             "DELETE FROM signing_keys",
		"sealed bytes edited": "UPDATE signing_keys SET sealed = x'01020304050607080910111213141516171819202122232425'",
		"private key deleted": "UPDATE signing_keys SET sealed = x''",
		"revoked by hand":     "UPDATE signing_keys SET revoked_at = 1",
		"another kid":         "UPDATE signing_keys SET kid = 'x'",
	} {
		f := newFixture(t, storetest.SQLite(t))
		f.must(t)
		f.exec(t, damage)
		if _, err := f.open(t); !errors.Is(err, keyring.ErrKeysLost) {
			t.Errorf("%s: %v, want ErrKeysLost", name, err)
		}
		var n int64
		err := f.db.View(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Get(t.Context(), "SELECT COUNT(kid) FROM signing_keys WHERE created_at > 0 AND revoked_at = 0", nil, &n)
			return err
		})
		if err != nil || n > 1 {
			t.Errorf("%s: %d keys afterwards, %v", name, n, err)
		}
	}
}

// Run makes the next key at once and follows the store until its context ends.
func TestRunFollowsTheStore(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	a, b := f.must(t), f.must(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	maintain(t, a)
	for deadline := time.Now().Add(5 * time.Second); len(b.Published()) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the other replica does not see the new key")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// S-31: nothing is left out.
func TestNewNamesWhatIsMissing(t *testing.T) {
	if _, err := keyring.New(t.Context(), keyring.Config{}); err == nil {
		t.Error("accepted")
	}
}
