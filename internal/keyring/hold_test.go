package keyring_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/keyring"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/token"
)

// while the active key is held the schedule passes it by; released, its successor
// takes over, and the tokens of both verify throughout.
func TestAHeldKeyIsNotSucceededUntilItIsReleased(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		k := f.must(t)
		maintain(t, k)
		first := signer(t, k)
		if kid, err := k.Hold(t.Context(), "", "audit in progress"); err != nil || kid != first {
			t.Fatalf("hold %s: %v", kid, err)
		}
		f.clock.add(200 * day)
		maintain(t, k)
		if got := states(k); len(got) != 2 || signer(t, k) != first {
			t.Fatalf("the held key was succeeded: %v", got)
		}
		if got := signer(t, f.must(t)); got != first {
			t.Error("a restart succeeds the held key")
		}
		text := mint(t, f, k)
		if _, err := k.Rotate(t.Context(), keyring.RotateOptions{Now: true}); !errors.Is(err, keyring.ErrHeld) {
			t.Errorf("rotated in spite of the hold: %v", err)
		}
		if kid, err := k.Release(t.Context(), ""); err != nil || kid != first {
			t.Fatalf("release %s: %v", kid, err)
		}
		if signer(t, k) != first {
			t.Error("the successor signs before other replicas can know")
		}
		f.clock.add(2 * time.Second)
		if signer(t, k) == first {
			t.Error("released, and still not succeeded")
		}
		if err := check(t, f, k, text); err != nil {
			t.Errorf("token of the key that was held: %v", err)
		}
		events, err := f.audit.List(t.Context(), audit.Filter{Kinds: []audit.Kind{audit.Security}})
		if err != nil || len(events) != 2 || events[1].Operation != "keyring.hold" || events[1].Details["reason"] != "audit in progress" {
			t.Errorf("records %v, %v", events, err)
		}
	})
}

// a key that retires is not removed while it is held, automatically or by command,
// and is once it is released; force needs a reason and is on record.
func TestAHeldKeyIsNotRemoved(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	k := f.must(t)
	maintain(t, k)
	old := signer(t, k)
	f.clock.add(90 * day)
	maintain(t, k)
	if _, err := k.Hold(t.Context(), old, "a partner keeps keys for a year"); err != nil {
		t.Fatal(err)
	}
	f.clock.add(30 * day)
	maintain(t, k)
	if states(k)[old] != keyring.Retiring || signer(t, k) == old {
		t.Fatalf("states %v", states(k))
	}
	if err := k.Revoke(t.Context(), old, keyring.RevokeOptions{Reason: "tidy up"}); !errors.Is(err, keyring.ErrHeld) {
		t.Errorf("revoked in spite of the hold: %v", err)
	}
	if err := k.Revoke(t.Context(), old, keyring.RevokeOptions{Force: true}); !errors.Is(err, keyring.ErrReason) {
		t.Errorf("forced without a reason: %v", err)
	}
	if !k.Accepts(old) {
		t.Error("a refused command changed something")
	}
	if _, err := k.Release(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if k.Accepts(old) {
		t.Error("released long after its time, and still accepted")
	}
	if _, err := k.Hold(t.Context(), old, "too late"); !errors.Is(err, keyring.ErrCannotHold) {
		t.Errorf("a removed key is held: %v", err)
	}
}

// with force and a reason a held key is succeeded or revoked; both are on record.
func TestForcePassesOverAHold(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	k := f.must(t)
	maintain(t, k)
	first := signer(t, k)
	if _, err := k.Hold(t.Context(), first, "held"); err != nil {
		t.Fatal(err)
	}
	f.clock.add(100 * day)
	if _, err := k.Rotate(t.Context(), keyring.RotateOptions{Force: true}); !errors.Is(err, keyring.ErrReason) {
		t.Errorf("forced without a reason: %v", err)
	}
	if _, err := k.Rotate(t.Context(), keyring.RotateOptions{Force: true, Reason: "drill"}); err != nil {
		t.Fatal(err)
	}
	f.clock.add(2 * time.Second)
	second := signer(t, k)
	if second == first || states(k)[first] != keyring.Retiring {
		t.Fatalf("not rotated: %v", states(k))
	}
	f.clock.add(10 * day)
	maintain(t, k)
	if !k.Accepts(first) {
		t.Error("the hold ended with the forced rotation")
	}
	if err := k.Revoke(t.Context(), first, keyring.RevokeOptions{Reason: "stolen", Force: true}); err != nil || k.Accepts(first) {
		t.Errorf("revoke by force: %v", err)
	}
	// a held key that signs is revoked, though its successor waits.
	if _, err := k.Hold(t.Context(), second, "held"); err != nil {
		t.Fatal(err)
	}
	f.clock.add(100 * day)
	if err := k.Revoke(t.Context(), second, keyring.RevokeOptions{Reason: "stolen", Force: true}); err != nil {
		t.Fatal(err)
	}
	if got := signer(t, k); got == second {
		t.Error("the revoked key signs")
	}
	var operations []string
	events, err := f.audit.List(t.Context(), audit.Filter{Kinds: []audit.Kind{audit.Security}})
	for _, e := range events {
		operations = append(operations, e.Operation)
	}
	want := []string{"keyring.revoke", "keyring.hold", "keyring.revoke", "keyring.rotate.force", "keyring.hold"}
	if err != nil || len(operations) != len(want) {
		t.Fatalf("records %v, %v", operations, err)
	}
}

// A waiting key that is revoked never signed, and its replacement takes over at the release.
func TestAWaitingKeyThatIsRevokedIsReplaced(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	k := f.must(t)
	maintain(t, k)
	first := signer(t, k)
	if _, err := k.Hold(t.Context(), "", "held"); err != nil {
		t.Fatal(err)
	}
	f.clock.add(100 * day)
	var waiting string
	for id, s := range states(k) {
		if s == keyring.Prepared {
			waiting = id
		}
	}
	if err := k.Revoke(t.Context(), waiting, keyring.RevokeOptions{Reason: "drill"}); err != nil {
		t.Fatal(err)
	}
	if signer(t, k) != first {
		t.Error("the held key was succeeded")
	}
	if _, err := k.Release(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	f.clock.add(2 * day)
	if got := signer(t, k); got == first || got == waiting {
		t.Errorf("signs with %s", got)
	}
}

// whatever instant a crash chooses, a restart finds each key where it was: the state
// follows from the rows alone.
func TestEveryStateSurvivesARestart(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	k := f.must(t)
	maintain(t, k)
	first := signer(t, k)
	for _, step := range []struct {
		after time.Duration
		want  keyring.State
	}{
		{0, keyring.Active}, {90*day - time.Second, keyring.Active}, {time.Second, keyring.Retiring},
		{2*day - time.Second, keyring.Retiring}, {time.Second, ""},
	} {
		f.clock.add(step.after)
		again := f.must(t)
		if got := states(again)[first]; got != step.want || states(k)[first] != step.want {
			t.Errorf("after %v: %q, want %q", step.after, got, step.want)
		}
		if signer(t, again) != signer(t, k) {
			t.Errorf("after %v: another key signs", step.after)
		}
	}
}

// a clock that is set back does not leave the ring without a key, nor after a
// revocation, and tokens whose own dates still hold verify.
func TestAClockThatIsSetBackLeavesASigningKey(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	k := f.must(t)
	first := signer(t, k)
	f.clock.add(-time.Hour)
	if signer(t, k) != first || states(k)[first] != keyring.Active {
		t.Errorf("an hour before the first key: %v", states(k))
	}
	maintain(t, k)
	f.clock.add(2 * time.Hour)
	if err := k.Revoke(t.Context(), first, keyring.RevokeOptions{Reason: "drill"}); err != nil {
		t.Fatal(err)
	}
	second := signer(t, k)
	text := mint(t, f, k)
	f.clock.add(-time.Hour)
	if signer(t, k) != second {
		t.Errorf("an hour before the revocation: %v", states(k))
	}
	if err := check(t, f, k, text); !errors.Is(err, token.ErrNotYetValid) {
		t.Errorf("a token from the future: %v", err)
	}
	maintain(t, k)
	if got := len(states(k)); got != 2 {
		t.Errorf("%d keys published", got)
	}
	f.clock.add(time.Hour)
	if err := check(t, f, k, text); err != nil || signer(t, k) != second {
		t.Errorf("forward again: %v", err)
	}
	if err := k.Revoke(t.Context(), second, keyring.RevokeOptions{Reason: "drill"}); err != nil || signer(t, k) == second {
		t.Errorf("revoked once more: %v", err)
	}
}

// R-20, S-32: a token that was signed just after a takeover verifies on a clock that was set
// back or runs behind, for as long as its own dates allow.
func TestATokenOfTheNextKeyVerifiesOnASlowClock(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	k := f.must(t)
	maintain(t, k)
	f.clock.add(90 * day)
	text := mint(t, f, k)
	for back, want := range map[time.Duration]error{
		299 * time.Second: nil, 600 * time.Second: nil, 601 * time.Second: token.ErrUnknownKey,
	} {
		f.clock.add(-back)
		if err := check(t, f, k, text); !errors.Is(err, want) {
			t.Errorf("%v behind: %v, want %v", back, err, want)
		}
		f.clock.add(back)
	}
}

// R-19, S-32: keys sign for the authority they were made for.
func TestKeysStayWithTheirAuthority(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		f.must(t)
		open := func(authority string) error {
			s, err := seal.New(t.Context(), seal.Config{Store: f.db, KEK: f.kek, Now: f.clock.now, Rand: rand.Reader})
			if err != nil {
				t.Fatal(err)
			}
			_, err = keyring.New(t.Context(), keyring.Config{Authority: authority, Store: f.db, Sealer: s, Audit: f.audit, Log: slog.New(slog.DiscardHandler), Now: f.clock.now, Rand: rand.Reader})
			return err
		}
		if err := open("https://login.elsewhere.internal"); !errors.Is(err, keyring.ErrIssuerChanged) {
			t.Errorf("another authority: %v", err)
		}
		if err := open(authority); err != nil {
			t.Errorf("its own: %v", err)
		}
		f.exec(t, "UPDATE signing_issuer SET authority = ''") // a mark of the first release
		if err := open(authority); err != nil {
			t.Errorf("a mark without authority: %v", err)
		}
		if err := open("https://login.elsewhere.internal"); !errors.Is(err, keyring.ErrIssuerChanged) {
			t.Errorf("adopted, then another authority: %v", err)
		}
		f.exec(t, "DELETE FROM signing_issuer")
		if err := open(authority); !errors.Is(err, keyring.ErrKeysLost) {
			t.Errorf("without the mark: %v", err)
		}
	})
}

// S-32: a token of a key that is prepared only, or was removed, is refused although the
// signature is good.
func TestAKeyOutsideItsTimeIsRefused(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	k := f.must(t)
	maintain(t, k)
	first := signer(t, k)
	var next string
	for id, s := range states(k) {
		if s == keyring.Prepared {
			next = id
		}
	}
	if k.Accepts(next) || !k.Accepts(first) {
		t.Error("a key that does not sign yet is accepted, or the active one is not")
	}
	f.clock.add(92 * day)
	if k.Accepts(first) || !k.Accepts(next) {
		t.Error("a removed key is accepted, or the active one is not")
	}
	if public, ok := k.Key(next); !ok || public.(*rsa.PublicKey).N.BitLen() < 2048 {
		t.Error("S-39: weak key")
	}
}
