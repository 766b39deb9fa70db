package app

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/paging"
)

// a server whose clock stands more than five minutes before the newest record does
// not start, and names both times; set right it does, and so it does when the operator
// accepts the clock, which is on record.
func TestAClockBehindTheStoreIsRefused(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		real := &movable{}
		c.Now = real.now
		s := start(t, c)
		newest := real.now()
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		real.add(-24 * time.Hour)
		refused := func() string {
			t.Helper()
			s, err := New(t.Context(), c)
			if err == nil {
				t.Fatal("it starts", s.close())
			}
			if !errors.Is(err, ErrClock) {
				t.Fatal(err)
			}
			return fault.Message(err)
		}
		now := real.now()
		said := refused()
		for _, at := range []time.Time{now, newest} { // to the minute
			if !strings.Contains(said, at.Format("2006-01-02T15:04:")) && !strings.Contains(said, at.Add(-30*time.Second).Format("2006-01-02T15:04:")) {
				t.Errorf("it says %q without %v", said, at)
			}
		}
		if !strings.HasSuffix(said, "nothing is signed until the clock is right; set it, or accept it with --accept-clock") {
			t.Errorf("it says %q", said)
		}
		c.AcceptClock = true
		accepted := start(t, c)
		rows, err := accepted.audit.List(t.Context(), audit.Filter{Kinds: []audit.Kind{audit.Security}})
		at := slices.IndexFunc(rows, func(r audit.Stored) bool { return r.Operation == "clock.accept" })
		if err != nil || at < 0 || rows[at].Details["newest_record"] == "" {
			t.Errorf("records %v, %v", rows, err)
		}
		call := newCaller(t, accepted, real)
		if _, err := call.signIn(t.Context()); err == nil {
			t.Error("R-20: a secret is good before it was made")
		}
		if err := accepted.stop(); err != nil {
			t.Fatal(err)
		}
		c.AcceptClock = false
		refused()
		real.add(24*time.Hour - 4*time.Minute)
		if err := start(t, c).stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// the wall clock is stepped by an hour, back and forth, under a running server:
// sign-in, services, and paging go on, and no answer says that a token is good for longer
// than it is.
func TestSteppedClockUnderARunningServer(t *testing.T) {
	c := testConfig(t)
	clock := &movable{}
	c.Now = clock.now
	s := start(t, c)
	call := newCaller(t, s, clock)
	clock.add(2 * time.Hour)
	old, err := call.signIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []time.Duration{0, time.Hour, -time.Hour, -time.Hour, time.Hour} {
		clock.add(step)
		text, err := call.signIn(t.Context())
		if err != nil {
			t.Fatalf("after a step of %v: %v", step, err)
		}
		if status, err := call.spend(t.Context(), text); err != nil || status != http.StatusOK {
			t.Errorf("after a step of %v: a new token gives %d, %v", step, status, err)
		}
		if keys, err := call.keySet(t.Context()); err != nil || !keys[kidOf(t, text)] {
			t.Errorf("after a step of %v: the key set has %v, %v", step, keys, err)
		}
		q := paging.Query{Tenant: s.in.tenant, What: []string{"list"}}
		page, err := s.pages.Make(t.Context(), q, "position")
		if err != nil {
			t.Fatal(err)
		}
		if at, err := s.pages.Position(t.Context(), q, page); err != nil || at != "position" {
			t.Errorf("after a step of %v: a new continuation gives %q, %v", step, at, err)
		}
	}
	if status, err := call.spend(t.Context(), old); err != nil || status != http.StatusOK {
		t.Errorf("back at the first time: the first token gives %d, %v", status, err)
	}
	clock.add(3 * time.Hour)
	if status, err := call.spend(t.Context(), old); err != nil || status != http.StatusUnauthorized {
		t.Errorf("past its end: the first token gives %d, %v", status, err)
	}
}
