package signin_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/signin"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

const (
	tenant   = id.Tenant("11111111-1111-4111-8111-111111111111")
	alice    = id.Object("22222222-2222-4222-8222-222222222222")
	client   = id.App("33333333-3333-4333-8333-333333333333")
	stranger = id.App("44444444-4444-4444-8444-444444444444")
	redirect = "http://localhost:4711"
	verifier = "abcdefghijklmnopqrstuvwxyz0123456789-._~ABCDEF"
)

// hasher is a keyed hash with a fixed key.
type hasher struct{}

func (hasher) MAC(purpose string, data []byte) []byte {
	h := hmac.New(sha256.New, []byte("tests"+purpose))
	h.Write(data)
	return h.Sum(nil)
}

// world is a service and its clock.
type world struct {
	*signin.Service
	db  *store.DB
	now time.Time
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{db: db, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.now }
	log, err := audit.New(audit.Config{Store: db, Server: "s1", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	w.Service, err = signin.New(signin.Config{Store: db, Audit: log, Hasher: hasher{}, IDs: id.NewSource(rand.Reader), Rand: rand.Reader, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// challenge is the S256 challenge of verifier.
func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// grant is what alice grants.
func (w *world) grant() signin.Grant {
	return signin.Grant{Tenant: tenant, User: alice, Epoch: 1, Client: client, Scope: "https://graph.microsoft.com/.default", SignedIn: w.now}
}

// code issues a code.
func (w *world) code(t *testing.T) secret.Text {
	t.Helper()
	code, err := w.IssueCode(t.Context(), signin.Code{Grant: w.grant(), Redirect: redirect, Challenge: challenge()})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// S-73: a code is used once, soon, by whom it was made for.
func TestACodeIsBoundAndUsedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		for name, c := range map[string]struct {
			change func(*signin.Presented)
			after  time.Duration
			want   error
		}{
			"as it should be":      {func(*signin.Presented) {}, 0, nil},
			"a minute later":       {func(*signin.Presented) {}, time.Minute, signin.ErrCode},
			"by another client":    {func(p *signin.Presented) { p.Client = stranger }, 0, signin.ErrCodeBinding},
			"another redirect URI": {func(p *signin.Presented) { p.Redirect += "/" }, 0, signin.ErrCodeBinding},
			"another verifier":     {func(p *signin.Presented) { p.Verifier = strings.ToUpper(verifier) }, 0, signin.ErrVerifier},
			"no verifier":          {func(p *signin.Presented) { p.Verifier = "" }, 0, signin.ErrVerifier},
			"the challenge itself": {func(p *signin.Presented) { p.Verifier = challenge() }, 0, signin.ErrVerifier},
			"another code":         {func(p *signin.Presented) { p.Code = secret.New("x") }, 0, signin.ErrCode},
		} {
			begin := w.now
			p := signin.Presented{Code: w.code(t), Client: client, Redirect: redirect, Verifier: verifier}
			right := p
			c.change(&p)
			w.now = begin.Add(c.after)
			got, family, err := w.RedeemCode(t.Context(), p)
			if !errors.Is(err, c.want) || err == nil && (got.User != alice || family == "") {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			if name != "another code" {
				if _, _, err := w.RedeemCode(t.Context(), right); !errors.Is(err, signin.ErrCodeUsed) {
					t.Errorf("%s, then again: %v", name, err)
				}
			}
			w.now = begin
		}
	})
}

// S-73: of parallel uses of one code one succeeds, and what it produced is revoked.
func TestACodeUsedTwiceRevokesWhatItProduced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := signin.Presented{Code: w.code(t), Client: client, Redirect: redirect, Verifier: verifier}
		var won atomic.Int32
		var wait sync.WaitGroup
		for range 5 {
			wait.Go(func() {
				if _, _, err := w.RedeemCode(t.Context(), p); err == nil {
					won.Add(1)
				} else if !errors.Is(err, signin.ErrCodeUsed) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 {
			t.Errorf("%d uses succeeded", won.Load())
		}
		p.Code = w.code(t)
		got, family, err := w.RedeemCode(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		token, err := w.IssueRefresh(t.Context(), family, got.Grant)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.RedeemCode(t.Context(), p); !errors.Is(err, signin.ErrCodeUsed) {
			t.Fatal(err)
		}
		if _, _, err := w.Rotate(t.Context(), token, client); !errors.Is(err, signin.ErrRevoked) {
			t.Errorf("the refresh token of a replayed code: %v", err)
		}
		p.Code = w.code(t)
		if got, family, err = w.RedeemCode(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		_, _, _ = w.RedeemCode(t.Context(), p)
		if _, err := w.IssueRefresh(t.Context(), family, got.Grant); !errors.Is(err, signin.ErrCodeUsed) {
			t.Errorf("a refresh token after the second use: %v", err)
		}
	})
}

// S-73: refresh tokens rotate, and reuse revokes the family.
func TestARefreshTokenRotates(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		begin := w.now
		first, err := w.IssueRefresh(t.Context(), "", w.grant())
		if err != nil {
			t.Fatal(err)
		}
		rotate := func(token secret.Text, by id.App) (secret.Text, error) {
			g, next, err := w.Rotate(t.Context(), token, by)
			if err == nil && (g.User != alice || g.Scope == "" || next.Empty()) {
				t.Error("grant", g)
			}
			return next, err
		}
		if _, err := rotate(first, stranger); !errors.Is(err, signin.ErrRefresh) {
			t.Errorf("by another client: %v", err)
		}
		for _, forged := range []string{"", "x", first.Reveal()[:len(first.Reveal())-2] + "AA", first.Reveal() + "A", strings.ToUpper(first.Reveal())} {
			if _, err := rotate(secret.New(forged), client); !errors.Is(err, signin.ErrRefresh) {
				t.Errorf("forged %q: %v", forged, err)
			}
		}
		second, err := rotate(first, client)
		if err != nil || second.Equal(first) {
			t.Fatal(err)
		}
		w.now = w.now.Add(20 * time.Second)
		again, err := rotate(first, client)
		if err != nil || !again.Equal(second) {
			t.Errorf("the same question again, at once: %v", err)
		}
		w.now = begin.Add(80 * 24 * time.Hour)
		third, err := rotate(second, client)
		if err != nil {
			t.Fatalf("after 80 days: %v", err)
		}
		w.now = w.now.Add(80 * 24 * time.Hour)
		fourth, err := rotate(third, client)
		if err != nil {
			t.Fatalf("after 80 more days: %v", err)
		}
		w.now = w.now.Add(time.Minute)
		if _, err := rotate(second, client); !errors.Is(err, signin.ErrRevoked) {
			t.Errorf("an old one: %v", err)
		}
		if _, err := rotate(fourth, client); !errors.Is(err, signin.ErrRevoked) {
			t.Errorf("the last one of a family in which an old one was used: %v", err)
		}
		idle, err := w.IssueRefresh(t.Context(), "", w.grant())
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(90 * 24 * time.Hour)
		if _, err := rotate(idle, client); !errors.Is(err, signin.ErrRefreshExpired) {
			t.Errorf("unused for 90 days: %v", err)
		}
	})
}

func TestParallelUsesOfARefreshTokenGetTheSameAnswer(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	token, err := w.IssueRefresh(t.Context(), "", w.grant())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	answers := map[string]bool{}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			_, next, err := w.Rotate(t.Context(), token, client)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[next.Reveal()] = true
		})
	}
	wait.Wait()
	if len(answers) != 1 {
		t.Errorf("%d different tokens", len(answers))
	}
}

func TestASessionEndsByItself(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		begin := w.now
		session, cookie, err := w.StartSession(t.Context(), tenant, alice, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			at   time.Duration
			want error
		}{{0, nil}, {7 * time.Hour, nil}, {14 * time.Hour, nil}, {21 * time.Hour, nil}, {24 * time.Hour, signin.ErrNoSession}} {
			w.now = begin.Add(c.at)
			got, err := w.Session(t.Context(), cookie)
			if !errors.Is(err, c.want) || err == nil && got != session {
				t.Errorf("used every seven hours, at %v: %+v %v", c.at, got, err)
			}
		}
		w.now = begin
		_, idle, err := w.StartSession(t.Context(), tenant, alice, 3)
		if err != nil {
			t.Fatal(err)
		}
		w.now = begin.Add(8 * time.Hour)
		if _, err := w.Session(t.Context(), idle); !errors.Is(err, signin.ErrNoSession) {
			t.Errorf("unused for eight hours: %v", err)
		}
		w.now = begin
		if err := w.EndSession(t.Context(), cookie); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Session(t.Context(), cookie); !errors.Is(err, signin.ErrNoSession) {
			t.Errorf("signed out: %v", err)
		}
	})
}

// S-73: device codes of 128 bits or more, user codes of 20 bits or more, 15 minutes.
func TestADeviceCodeWaitsForAPerson(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		begin := w.now
		start := func() (secret.Text, string) {
			t.Helper()
			code, user, err := w.StartDevice(t.Context(), signin.Device{Client: client, Scope: "s"})
			if err != nil || len(code.Reveal()) != 43 || !regexp.MustCompile("^[BCDFGHJKLMNPQRSTVWXZ]{9}$").MatchString(user) {
				t.Fatal(user, err)
			}
			return code, user
		}
		redeem := func(code secret.Text, by id.App, want error) signin.Grant {
			t.Helper()
			g, err := w.RedeemDevice(t.Context(), code, by)
			if !errors.Is(err, want) {
				t.Errorf("redeem: %v, want %v", err, want)
			}
			return g
		}
		code, user := start()
		redeem(code, client, signin.ErrDevicePending)
		redeem(code, stranger, signin.ErrDevice)
		redeem(secret.New("x"), client, signin.ErrDevice)
		typed := strings.ToLower(user[:4]) + " - " + user[4:]
		if d, err := w.WaitingDevice(t.Context(), typed); err != nil || d.Client != client || d.Scope != "s" {
			t.Error("as a person types it:", d, err)
		}
		if err := w.DecideDevice(t.Context(), typed, w.grant(), true); err != nil {
			t.Fatal(err)
		}
		if err := w.DecideDevice(t.Context(), typed, w.grant(), true); !errors.Is(err, signin.ErrUserCode) {
			t.Error("decided twice:", err)
		}
		if g := redeem(code, client, nil); g.User != alice || g.Scope != "s" {
			t.Error("granted", g)
		}
		redeem(code, client, signin.ErrDevice)

		code, user = start()
		if err := w.DecideDevice(t.Context(), user, w.grant(), false); err != nil {
			t.Fatal(err)
		}
		redeem(code, client, signin.ErrDeviceDeclined)

		code, user = start()
		w.now = begin.Add(15 * time.Minute)
		redeem(code, client, signin.ErrDeviceExpired)
		if _, err := w.WaitingDevice(t.Context(), user); !errors.Is(err, signin.ErrUserCode) {
			t.Error("a code after 15 minutes:", err)
		}
	})
}

func TestOneOfParallelPollsGetsTheGrant(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	code, user, err := w.StartDevice(t.Context(), signin.Device{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.DecideDevice(t.Context(), user, w.grant(), true); err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var wait sync.WaitGroup
	for range 5 {
		wait.Go(func() {
			if _, err := w.RedeemDevice(t.Context(), code, client); err == nil {
				won.Add(1)
			}
		})
	}
	wait.Wait()
	if won.Load() != 1 {
		t.Errorf("%d polls got it", won.Load())
	}
}

// What a thief of the database reads is no use: nothing that a browser or client holds is in it.
func TestNothingIsKeptThatAClientHolds(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	code := w.code(t)
	refresh, err := w.IssueRefresh(t.Context(), "", w.grant())
	if err != nil {
		t.Fatal(err)
	}
	_, cookie, err := w.StartSession(t.Context(), tenant, alice, 1)
	if err != nil {
		t.Fatal(err)
	}
	device, user, err := w.StartDevice(t.Context(), signin.Device{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	held := []string{code.Reveal(), refresh.Reveal(), cookie.Reveal(), device.Reveal(), user}
	for query, columns := range map[string]int{
		"SELECT hash, family_id, grant_json FROM signin_codes":                 3,
		"SELECT id, grant_json, CAST(generation AS TEXT) FROM signin_families": 3,
		"SELECT hash, id, user_id FROM signin_sessions":                        3,
		"SELECT hash, user_hash, grant_json FROM signin_devices":               3,
	} {
		rows := 0
		err := w.db.View(t.Context(), func(tx *store.Tx) error {
			return tx.Query(t.Context(), func(r store.Row) error {
				rows++
				got := make([]string, columns)
				if err := r.Scan(&got[0], &got[1], &got[2]); err != nil {
					return err
				}
				for _, h := range held {
					if strings.Contains(strings.Join(got, " "), h) {
						t.Errorf("%s shows %q", query, h)
					}
				}
				return nil
			}, query)
		})
		if err != nil || rows == 0 {
			t.Error(query, rows, err)
		}
	}
}
