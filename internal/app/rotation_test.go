package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/errgroup"

	"github.com/sealring/sealring/internal/keyring"
	"github.com/sealring/sealring/internal/token"
)

// managementAudience is what the load asks tokens for, and where it spends them.
const managementAudience = "https://management.azure.com"

// b64 is the alphabet of tokens.
var b64 = base64.RawURLEncoding

// movable is the real clock, moved.
type movable struct{ offset atomic.Int64 }

func (m *movable) now() time.Time {
	return time.Now().Round(0).Add(time.Duration(m.offset.Load())).UTC()
}
func (m *movable) add(d time.Duration) { m.offset.Add(int64(d)) }

// caller is a client of a running server whose clock is moved: like everybody else in its
// world it believes that clock.
type caller struct {
	*running
	clock  *movable
	http   *http.Client
	secret string
}

// newCaller trusts s's authorities.
func newCaller(t *testing.T, s *running, clock *movable) *caller {
	t.Helper()
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(s.Endpoints().CAFile)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no authorities", err)
	}
	secret, err := os.ReadFile(s.Endpoints().AdminSecretFile)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Time: clock.now}, MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	return &caller{running: s, clock: clock, http: &http.Client{Transport: transport, Timeout: 20 * time.Second}, secret: strings.TrimSpace(string(secret))}
}

// signIn gets a token as the administrator.
func (c *caller) signIn(ctx context.Context) (string, error) {
	e := c.Endpoints()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {e.AdminClientID}, "client_secret": {c.secret}, "scope": {managementAudience + "/.default"},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Local+"/"+e.TenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var out struct {
		Token   string `json:"access_token"`
		Error   string `json:"error_description"`
		Expires int    `json:"expires_in"`
	}
	if _, err := c.do(req, &out); err != nil {
		return "", err
	}
	if out.Token == "" || out.Expires <= 0 {
		return "", fmt.Errorf("no token: %s, expires in %d", out.Error, out.Expires)
	}
	return out.Token, nil
}

// spend reads the subscription with a token and returns the status.
func (c *caller) spend(ctx context.Context, text string) (int, error) {
	e := c.Endpoints()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Local+"/subscriptions/"+e.SubscriptionID+"?api-version=2022-12-01", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+text)
	return c.do(req, nil)
}

// keySetURL is where verifiers find the keys.
func (c *caller) keySetURL() string {
	e := c.Endpoints()
	return e.Local + "/" + e.TenantID + "/discovery/v2.0/keys"
}

// keySet reads the ids of the published keys.
func (c *caller) keySet(ctx context.Context) (map[string]bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.keySetURL(), nil)
	if err != nil {
		return nil, err
	}
	var doc struct{ Keys []struct{ KID string } }
	if _, err := c.do(req, &doc); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, k := range doc.Keys {
		out[k.KID] = true
	}
	return out, nil
}

// do sends req and decodes the answer into out, if it is set.
func (c *caller) do(req *http.Request, out any) (int, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && out != nil {
		err = json.Unmarshal(body, out)
	}
	return resp.StatusCode, err
}

// kidOf reads the key id of a token.
func kidOf(t *testing.T, text string) string {
	t.Helper()
	var h struct{ Kid string }
	head, _, _ := strings.Cut(text, ".")
	raw, err := b64.DecodeString(head)
	if err != nil || json.Unmarshal(raw, &h) != nil || h.Kid == "" {
		t.Fatalf("no token: %q", text)
	}
	return h.Kid
}

// stubborn is a verifier that fetches the key set every 12 h and never in between, whatever
// key a token names: the least that consumers do.
type stubborn struct {
	c  *caller
	mu sync.Mutex // guards what follows

	keys map[string]bool
	at   time.Time
}

// knows reports whether a token's key is in the set.
func (s *stubborn) knows(ctx context.Context, kid string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.c.clock.now(); s.keys == nil || now.Sub(s.at) >= 12*time.Hour {
		keys, err := s.c.keySet(ctx)
		if err != nil {
			return false, err
		}
		s.keys, s.at = keys, now
	}
	return s.keys[kid], nil
}

// replica is another process on the same store that checks tokens.
type replica struct {
	keys     *keyring.Keyring
	verifier *token.Verifier
}

// newReplica opens the store a second time and follows it until the test ends.
func newReplica(t *testing.T, c Config) *replica {
	t.Helper()
	o, err := OpenOffline(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := o.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.VerifierConfig{Authority: o.in.url("login"), Keys: keys, Now: c.Now, Skew: token.MaxSkew})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var work errgroup.Group
	work.Go(func() error { return o.Store.Run(ctx) })
	work.Go(func() error { return keys.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(work.Wait(), o.Close()); err != nil {
			t.Error(err)
		}
	})
	return &replica{keys: keys, verifier: verifier}
}

// load is callers that get tokens, and check new and old ones with every verifier.
type load struct {
	*caller
	replica  *replica
	oidc     *oidc.IDTokenVerifier
	stubborn *stubborn

	world  sync.RWMutex // held to move the clock by more than a little
	issued atomic.Int64
	checks atomic.Int64

	mu   sync.Mutex // guards held
	held []string
	kids sync.Map
}

// startLoad runs workers until the returned function is called, which gives the first failure.
func startLoad(t *testing.T, c *caller, r *replica) (*load, func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(oidc.ClientContext(context.WithoutCancel(t.Context()), c.http))
	issuer := c.Endpoints().AuthorityHost + "/" + c.Endpoints().TenantID + "/"
	l := &load{caller: c, replica: r, stubborn: &stubborn{c: c}}
	l.oidc = oidc.NewVerifier(issuer, oidc.NewRemoteKeySet(ctx, c.keySetURL()), &oidc.Config{ClientID: managementAudience, Now: c.clock.now})
	var work errgroup.Group
	for range 6 {
		work.Go(func() error {
			for ctx.Err() == nil {
				if err := l.round(ctx, t); err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	var once sync.Once
	var err error
	stop := func() error {
		once.Do(func() { cancel(); err = work.Wait() })
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return l, stop
}

// round gets a token and checks it and an older one.
func (l *load) round(ctx context.Context, t *testing.T) error {
	l.world.RLock()
	defer l.world.RUnlock()
	text, err := l.signIn(ctx)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	l.issued.Add(1)
	l.kids.Store(kidOf(t, text), true)
	l.mu.Lock()
	if len(l.held) < 512 {
		l.held = append(l.held, text)
	} else {
		l.held[rand.IntN(len(l.held))] = text
	}
	old := l.held[rand.IntN(len(l.held))]
	l.mu.Unlock()
	if err := l.check(ctx, t, text); err != nil {
		return fmt.Errorf("a new token: %w", err)
	}
	if err := l.check(ctx, t, old); err != nil {
		return fmt.Errorf("an older token: %w", err)
	}
	return nil
}

// check verifies a token that has not expired everywhere.
func (l *load) check(ctx context.Context, t *testing.T, text string) error {
	if !l.lives(text) {
		return nil
	}
	l.checks.Add(1)
	if err := l.checkLiving(ctx, t, text); err != nil && l.lives(text) {
		return fmt.Errorf("at %s, key %s: %w", l.clock.now().Format(time.RFC3339), kidOf(t, text), err)
	}
	return nil
}

// checkLiving returns the first failure.
func (l *load) checkLiving(ctx context.Context, t *testing.T, text string) error {
	if _, err := l.oidc.Verify(ctx, text); err != nil {
		return fmt.Errorf("go-oidc: %w", err)
	}
	if _, err := l.replica.verifier.Verify(text, []string{managementAudience}, l.in.tenant); err != nil {
		return fmt.Errorf("another replica: %w", err)
	}
	if status, err := l.spend(ctx, text); err != nil || status != http.StatusOK {
		return fmt.Errorf("resource manager: %d, %w", status, err)
	}
	if ok, err := l.stubborn.knows(ctx, kidOf(t, text)); err != nil || !ok {
		return fmt.Errorf("a verifier with a key set of up to 12 h: %w", errors.Join(err, token.ErrUnknownKey))
	}
	return nil
}

// lives reports whether a token has not expired.
func (l *load) lives(text string) bool {
	var c struct{ Exp int64 }
	raw, err := b64.DecodeString(strings.Split(text, ".")[1])
	return err != nil || json.Unmarshal(raw, &c) != nil || l.clock.now().Unix() < c.Exp
}

// jump moves the clock between rounds.
func (l *load) jump(d time.Duration) {
	l.world.Lock()
	defer l.world.Unlock()
	l.clock.add(d)
}

// sweep moves the clock by d in small steps under the load, within half a second.
func (l *load) sweep(d time.Duration) {
	for range 50 {
		l.clock.add(d / 50)
		time.Sleep(10 * time.Millisecond)
	}
}

// signs returns the key that signs, as others see it.
func (l *load) signs(t *testing.T) string {
	t.Helper()
	text, err := l.signIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return kidOf(t, text)
}

// eventually polls for up to limit.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// keys are prepared, take over, retire and go, on schedule and by command,
// under load; every token verifies everywhere until it expires: at our own services, at
// another replica, at a client library that fetches keys as it does by default, and at one
// that knows nothing newer than its last fetch, 12 h ago.
func TestRotationUnderLoad(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		clock := &movable{}
		c.Now = clock.now
		s := start(t, c)
		r := newReplica(t, c) // its first act is to prepare the next key
		l, stop := startLoad(t, newCaller(t, s, clock), r)
		alive := func() {
			t.Helper()
			n := l.issued.Load()
			for began := time.Now(); l.issued.Load() < n+12; time.Sleep(5 * time.Millisecond) {
				if time.Since(began) > 10*time.Second {
					t.Fatalf("the load has ended: %v", stop())
				}
			}
		}
		eventually(t, 10*time.Second, "two keys are published", func() bool { return len(r.keys.Published()) == 2 && len(s.keys.Published()) == 2 })
		first := l.signs(t)
		l.sweep(time.Minute)
		l.jump(90*24*time.Hour - 31*time.Minute)
		alive()
		l.sweep(30 * time.Minute)
		l.sweep(30 * time.Minute) // the takeover is in here
		second := l.signs(t)
		if second == first {
			t.Error("the next key did not take over")
		}
		alive()
		l.jump(47 * time.Hour)
		if !s.keys.Accepts(first) {
			t.Error("the old key went early")
		}
		l.sweep(2 * time.Hour) // the old key goes in here
		if s.keys.Accepts(first) || r.keys.Accepts(first) {
			t.Error("the old key is still accepted")
		}
		o, err := OpenOffline(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		command, err := o.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next, err := command.Rotate(t.Context(), keyring.RotateOptions{}) // makes it
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Second, "the server publishes the next key", func() bool {
			keys, err := l.keySet(t.Context())
			return err == nil && keys[next.ID]
		})
		l.jump(13 * time.Hour)
		alive()
		to, err := command.Rotate(t.Context(), keyring.RotateOptions{Now: true})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, 5*time.Second, "rotate --now", func() bool { return l.signs(t) == to.ID })
		alive()
		if err := stop(); err != nil {
			t.Error(err)
		}
		keys := 0
		l.kids.Range(func(any, any) bool { keys++; return true })
		if keys != 3 {
			t.Errorf("%d keys signed", keys)
		}
		t.Logf("%d tokens, %d checks by four verifiers, no failure", l.issued.Load(), l.checks.Load())
	})
}

// R-17, S-42: a key is revoked by a command beside a running server: its tokens are refused
// at every service within a second, the key set drops it, and new tokens, cached ones of
// managed identities too, are signed by its successor.
func TestRevocationTakesEffectWithinASecond(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		s := start(t, c)
		l := newCaller(t, s, &movable{})
		r := newReplica(t, c)
		text, err := l.signIn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stolen := kidOf(t, text)
		refused := func() bool {
			status, err := l.spend(t.Context(), text)
			return err == nil && status == http.StatusUnauthorized
		}
		if refused() || !s.keys.Accepts(stolen) || !r.keys.Accepts(stolen) {
			t.Fatal("the token is refused before anything happened")
		}
		o, err := OpenOffline(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		command, err := o.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx := o.As(t.Context(), "sealring keys revoke")
		began := time.Now()
		if err := command.Revoke(ctx, stolen, keyring.RevokeOptions{Reason: "drill"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Second, "Resource Manager refuses the token", refused)
		eventually(t, time.Second, "a replica refuses the key", func() bool { return !r.keys.Accepts(stolen) })
		took := time.Since(began)
		if keys, err := l.keySet(t.Context()); err != nil || keys[stolen] || len(keys) == 0 {
			t.Errorf("key set %v, %v", keys, err)
		}
		again, err := l.signIn(t.Context())
		if err != nil || kidOf(t, again) == stolen {
			t.Fatalf("signed in with the revoked key, or not at all: %v", err)
		}
		if status, err := l.spend(t.Context(), again); err != nil || status != http.StatusOK {
			t.Errorf("the successor's token: %d, %v", status, err)
		}
		t.Logf("refused everywhere %v after the command began", took.Round(time.Millisecond))

		// In the server's own process the next request knows.
		current := kidOf(t, again)
		if err := s.keys.Revoke(t.Context(), current, keyring.RevokeOptions{Reason: "drill"}); err != nil {
			t.Fatal(err)
		}
		if status, err := l.spend(t.Context(), again); err != nil || status != http.StatusUnauthorized {
			t.Errorf("the next request: %d, %v", status, err)
		}
	})
}
