package bearer_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/token"
)

const (
	authority = "https://login.sealring.internal:8443"
	tenant    = id.Tenant("11111111-1111-4111-8111-111111111111")
	object    = id.Object("22222222-2222-4222-8222-222222222222")
	app       = id.App("33333333-3333-4333-8333-333333333333")
	audience  = "https://vault.azure.net"
)

// world is a clock, one key and one principal, all of which can change.
type world struct {
	now     time.Time
	key     *rsa.PrivateKey
	revoked bool
	dead    bool
	from    time.Time
	broken  error
}

func (w *world) Signer() (string, crypto.Signer, error) { return "k", w.key, nil }

func (w *world) Key(kid string) (crypto.PublicKey, bool) {
	return &w.key.PublicKey, kid == "k" && !w.revoked
}

func (w *world) Alive(_ context.Context, t id.Tenant, o id.Object) (bool, error) {
	return t == tenant && o == object && !w.dead, w.broken
}

func (w *world) TokensFrom(context.Context, id.Object) (time.Time, error) { return w.from, nil }

// CP-76, S-42: revoked tokens are refused at once, from the cache too; those issued after are not.
func TestRevokedTokensAreRefused(t *testing.T) {
	w, a, text := open(t, 1<<20)
	try := func(text string) error {
		_, err := ask(a, "Bearer "+text)
		return err
	}
	if err := try(text); err != nil {
		t.Fatal(err)
	}
	w.from = w.now
	if err := try(text); err != nil {
		t.Errorf("a token of the same second: %v", err)
	}
	w.from = w.now.Add(time.Second)
	err := try(text)
	if !errors.Is(err, bearer.ErrRevoked) {
		t.Errorf("a revoked token: %v", err)
	}
	h := http.Header{}
	if !bearer.ChallengeFresh(h, authority, fmt.Errorf("asked: %w", err)) || h.Get("WWW-Authenticate") != `Bearer realm="", authorization_uri="`+authority+
		`/common/oauth2/authorize", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNzc3NTkzNjAxIn19fQ=="` {
		t.Errorf("its challenge: %q", h)
	}
}

// CP-22, RS-22: a newer token is asked for where the key or the tokens were revoked, and only there.
func TestAFreshTokenIsAskedForWhereItHelps(t *testing.T) {
	for err, fresh := range map[error]bool{
		token.ErrRevokedKey: true, token.ErrUnknownKey: false, bearer.ErrRevoked: false, bearer.ErrGone: false, bearer.ErrMissing: false, token.ErrExpired: false, token.ErrAudience: false,
	} {
		h := http.Header{}
		if bearer.ChallengeFresh(h, authority, err) != fresh || (h.Get("WWW-Authenticate") != "") != fresh {
			t.Errorf("%v: %q", err, h)
		}
	}
}

// open returns a world, its authenticator and a token in it.
func open(t testing.TB, cache int) (*world, *bearer.Authenticator, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), key: key}
	clock := func() time.Time { return w.now }
	issuer, err := token.NewIssuer(token.IssuerConfig{Authority: authority, Signer: w, Now: clock, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.VerifierConfig{Authority: authority, Keys: w, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	a, err := bearer.New(bearer.Config{Verifier: verifier, Directory: w, CacheBytes: cache})
	if err != nil {
		t.Fatal(err)
	}
	out, err := issuer.Issue(token.Request{Tenant: tenant, Object: object, App: app, Audience: audience, Version: token.V1,
		Auth: token.AuthAssertion, Lifetime: time.Hour, MIRID: "/subscriptions/s"})
	if err != nil {
		t.Fatal(err)
	}
	return w, a, out.Token.Reveal()
}

// ask sends Authorization headers.
func ask(a *bearer.Authenticator, headers ...string) (bearer.Principal, error) {
	r := httptest.NewRequest(http.MethodGet, "https://v.vault.sealring.internal/", nil)
	for _, h := range headers {
		r.Header.Add("Authorization", h)
	}
	return a.Authenticate(r, []string{audience}, tenant)
}

// RS 0.3: the header has one form.
func TestOnlyOneBearerTokenIsTaken(t *testing.T) {
	_, a, text := open(t, 1<<20)
	for name, c := range map[string]struct {
		headers []string
		want    error
	}{
		"the scheme as it should be":  {[]string{"Bearer " + text}, nil},
		"the scheme in lower case":    {[]string{"bearer " + text}, nil},
		"the scheme in capitals":      {[]string{"BEARER " + text}, nil},
		"no header":                   {nil, bearer.ErrMissing},
		"two headers":                 {[]string{"Bearer " + text, "Bearer " + text}, bearer.ErrScheme},
		"two spaces":                  {[]string{"Bearer  " + text}, bearer.ErrScheme},
		"a tab":                       {[]string{"Bearer\t" + text}, bearer.ErrScheme},
		"a blank at the end":          {[]string{"Bearer " + text + " "}, bearer.ErrScheme},
		"two tokens":                  {[]string{"Bearer " + text + ", Bearer " + text}, bearer.ErrScheme},
		"no token":                    {[]string{"Bearer"}, bearer.ErrScheme},
		"an empty token":              {[]string{"Bearer "}, bearer.ErrScheme},
		"only the token":              {[]string{text}, bearer.ErrScheme},
		"proof of possession":         {[]string{"PoP " + text}, bearer.ErrScheme},
		"mutual TLS":                  {[]string{"mtls_pop " + text}, bearer.ErrScheme},
		"basic":                       {[]string{"Basic " + text}, bearer.ErrScheme},
		"more than 16 KiB":            {[]string{"Bearer " + strings.Repeat("x", 16<<10+1)}, token.ErrMalformed},
		"S-29 something else":         {[]string{"Bearer x.y.z"}, token.ErrMalformed},
		"S-29 the token and one more": {[]string{"Bearer " + text + "A"}, token.ErrSignature},
	} {
		if _, err := ask(a, c.headers...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	plain := httptest.NewRequest(http.MethodGet, "http://v.vault.sealring.internal/", nil)
	plain.Header.Set("Authorization", "Bearer "+text)
	if _, err := a.Authenticate(plain, []string{audience}, tenant); !errors.Is(err, bearer.ErrInsecure) {
		t.Errorf("over plain HTTP: %v", err)
	}
	query := httptest.NewRequest(http.MethodGet, "https://v.vault.sealring.internal/?access_token="+text, nil)
	if _, err := a.Authenticate(query, []string{audience}, tenant); !errors.Is(err, bearer.ErrMissing) {
		t.Errorf("in the query: %v", err)
	}
}

// S-30, S-42: with and without a cache, a token that was good is asked everything again.
func TestAGoodTokenStopsWorking(t *testing.T) {
	for _, cache := range []int{0, 1 << 20} {
		w, a, text := open(t, cache)
		p, err := ask(a, "Bearer "+text)
		if err != nil || p.Object != object || p.App != app || p.Tenant != tenant || p.Audience != audience ||
			p.Type != token.TypeApp || p.MIRID == "" || p.UTI == "" || p.Issuer == "" || p.Expires != w.now.Add(time.Hour) {
			t.Fatalf("principal %+v, %v", p, err)
		}
		r := httptest.NewRequest(http.MethodGet, "https://h/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		if _, err := a.Authenticate(r, []string{audience + "/"}, tenant); !errors.Is(err, token.ErrAudience) {
			t.Errorf("at another service: %v", err)
		}
		if _, err := a.Authenticate(r, []string{audience}, "99999999-9999-4999-8999-999999999999"); !errors.Is(err, token.ErrTenant) {
			t.Errorf("in another tenant: %v", err)
		}
		w.dead = true
		if _, err := ask(a, "Bearer "+text); !errors.Is(err, bearer.ErrGone) {
			t.Errorf("S-42, principal deleted: %v", err)
		}
		w.dead, w.broken = false, errors.New("feed lost")
		if _, err := ask(a, "Bearer "+text); !errors.Is(err, w.broken) {
			t.Errorf("directory does not know: %v", err)
		}
		w.broken = nil
		if _, err := ask(a, "Bearer "+text); err != nil {
			t.Errorf("alive again: %v", err)
		}
		w.revoked = true
		if _, err := ask(a, "Bearer "+text); !errors.Is(err, token.ErrUnknownKey) {
			t.Errorf("R-17, key revoked: %v", err)
		}
		w.revoked, w.now = false, w.now.Add(time.Hour)
		if _, err := ask(a, "Bearer "+text); !errors.Is(err, token.ErrExpired) {
			t.Errorf("expired: %v", err)
		}
	}
}

// The cache holds what fits and forgets what was used least recently; one changed byte is
// another token.
func TestCacheIsBounded(t *testing.T) {
	_, a, text := open(t, 3000)
	_, other, second := open(t, 3000)
	for range 3 {
		if _, err := ask(a, "Bearer "+text); err != nil {
			t.Fatal(err)
		}
		if _, err := ask(a, "Bearer "+second); !errors.Is(err, token.ErrSignature) {
			t.Fatalf("a stranger's token: %v", err)
		}
		if _, err := ask(other, "Bearer "+second); err != nil {
			t.Fatal(err)
		}
	}
	if n := bearer.Cached(a); n != 1 {
		t.Errorf("%d tokens kept", n)
	}
}

// S-31: nothing is left out.
func TestNewNamesWhatIsMissing(t *testing.T) {
	w := &world{}
	if _, err := bearer.New(bearer.Config{Directory: w}); err == nil {
		t.Error("no verifier")
	}
	if _, err := bearer.New(bearer.Config{Verifier: &token.Verifier{}}); err == nil {
		t.Error("no directory")
	}
}

// RS 1.2.2, CP 1.8, S-41: the spelling that all clients read.
func TestChallenges(t *testing.T) {
	h := http.Header{}
	bearer.ChallengeVault(h, authority, tenant, "https://vault.sealring.internal:8443")
	if got := h.Get("WWW-Authenticate"); got != `Bearer authorization="`+authority+`/`+string(tenant)+`", resource="https://vault.sealring.internal:8443"` {
		t.Errorf("vault: %s", got)
	}
	bearer.ChallengeManagement(h, authority, tenant, "invalid_token", "The \"token\"\r\nis bad.")
	if got := h.Get("WWW-Authenticate"); got != `Bearer authorization_uri="`+authority+`/`+string(tenant)+`", error="invalid_token", error_description="The tokenis bad."` {
		t.Errorf("management: %s", got)
	}
}

// A known token costs no signature check and few allocations.
func TestKnownTokenIsCheap(t *testing.T) {
	_, a, text := open(t, 1<<20)
	r := httptest.NewRequest(http.MethodGet, "https://h/", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	audiences := []string{audience}
	got := testing.AllocsPerRun(50, func() {
		if _, err := a.Authenticate(r, audiences, tenant); err != nil {
			t.Fatal(err)
		}
	})
	if got > 4 {
		t.Errorf("%v allocations, at most 4", got)
	}
}

// BenchmarkAuthenticate is the cost of a request whose token is known.
func BenchmarkAuthenticate(b *testing.B) {
	_, a, text := open(b, 1<<20)
	r := httptest.NewRequest(http.MethodGet, "https://h/", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(r, []string{audience}, tenant); err != nil {
			b.Fatal(err)
		}
	}
}
