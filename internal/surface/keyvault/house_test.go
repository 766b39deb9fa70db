package keyvault_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/keyvault"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/vault"
)

const (
	tenant    = id.Tenant("aaaaaaaa-0000-4000-8000-000000000001")
	stranger  = id.Tenant("bbbbbbbb-0000-4000-8000-000000000001")
	sub       = id.Subscription("11111111-0000-4000-8000-000000000001")
	owner     = id.Object("cccccccc-0000-4000-8000-000000000000")
	app       = id.App("dddddddd-0000-4000-8000-000000000001")
	authority = "https://login.sealring.internal:8443"
	parent    = "https://vault.sealring.internal:8443"
	suffix    = ".vault.sealring.internal:8443"
)

// signingKey is made once: it is the slowest thing here.
var signingKey, _ = rsa.GenerateKey(rand.Reader, 2048)

// ring is the key set of one key.
type ring struct{}

func (ring) Signer() (string, crypto.Signer, error) { return "k1", signingKey, nil }

func (ring) Key(kid string) (crypto.PublicKey, bool) { return signingKey.Public(), kid == "k1" }

// people is the directory: everybody lives who is not dead.
type people struct {
	mu     sync.Mutex // guards all
	dead   map[id.Object]bool
	groups map[id.Object][]id.Object
}

func (p *people) Alive(_ context.Context, _ id.Tenant, o id.Object) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.dead[o], nil
}

func (p *people) TokensFrom(context.Context, id.Object) (time.Time, error) { return time.Time{}, nil }

func (p *people) Groups(_ context.Context, o id.Object) ([]id.Object, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.groups[o], !p.dead[o], nil
}

func (p *people) PrincipalType(context.Context, id.Object) (rbac.PrincipalType, bool, error) {
	return rbac.ServicePrincipal, true, nil
}

func (p *people) TenantOf(context.Context, id.Object) (id.Tenant, bool, error) { return "", false, nil }

// counting is a random source that counts, so that version ids are known.
type counting struct {
	mu sync.Mutex // guards n
	n  uint64
}

func (c *counting) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(p)
	if len(p) >= 8 {
		c.n++
		binary.BigEndian.PutUint64(p[len(p)-8:], c.n)
	}
	return len(p), nil
}

// house is the room over the real domain, with a clock, a directory and a log that the
// test holds.
type house struct {
	t      *testing.T
	room   *keyvault.Room
	vaults *vault.Service
	roles  *rbac.Service
	people *people
	audit  *audit.Log
	log    *bytes.Buffer
	issuer *token.Issuer
	mu     sync.Mutex // guards at
	at     time.Time
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

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newHouse(t *testing.T, change func(*keyvault.Config)) *house {
	t.Helper()
	h := &house{t: t, at: time.Unix(1772366400, 0).UTC(), log: &bytes.Buffer{}}
	h.people = &people{dead: map[id.Object]bool{}, groups: map[id.Object][]id.Object{}}
	db := storetest.SQLite(t)
	kek := must[seal.KEK](t)(seal.ParseKEK([]byte("sealring-kek-1 " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n")))
	sealer := must[*seal.Sealer](t)(seal.New(t.Context(), seal.Config{Store: db, KEK: kek, Now: h.now, Rand: rand.Reader}))
	h.audit = must[*audit.Log](t)(audit.New(audit.Config{Store: db, Server: "s1", Now: h.now}))
	ids := id.NewSource(rand.Reader)
	log := slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.vaults = must[*vault.Service](t)(vault.New(vault.Config{
		Store: db, Audit: h.audit, Sealer: sealer, Log: log, Now: h.now, Rand: &counting{}, IDs: ids,
	}))
	h.roles = must[*rbac.Service](t)(rbac.New(rbac.Config{Store: db, Audit: h.audit, Directory: h.people, Now: h.now}))
	h.issuer = must[*token.Issuer](t)(token.NewIssuer(token.IssuerConfig{Authority: authority, Signer: ring{}, Now: h.now, Rand: rand.Reader}))
	verifier := must[*token.Verifier](t)(token.NewVerifier(token.VerifierConfig{Authority: authority, Keys: ring{}, Now: h.now, Skew: token.MaxSkew}))
	pages := must[*paging.Tokens](t)(paging.New(paging.Config{Sealer: sealer, Now: h.now}))
	c := keyvault.Config{
		Vaults: h.vaults, Roles: h.roles, Groups: h.people, Audit: h.audit, Pages: pages, Parents: []string{parent}, Log: log, Now: h.now, IDs: ids,
		Bearer: must[*bearer.Authenticator](t)(bearer.New(bearer.Config{Verifier: verifier, Directory: h.people, CacheBytes: 1 << 20})),
	}
	if change != nil {
		change(&c)
	}
	h.room = must[*keyvault.Room](t)(keyvault.New(c))
	return h
}

// vaultID is where the vaults of the tests lie.
func vaultID(name string) resource.ID { return resource.GroupID(sub, "g").Child(vault.Type, name) }

// vault creates a vault in which owner may do everything by policy.
func (h *house) vault(name string, change func(*vault.Settings)) vault.Vault {
	h.t.Helper()
	s := vault.Settings{Location: "West Europe", Tenant: tenant, Policies: &[]vault.Policy{
		{Tenant: tenant, Object: owner, Secrets: []string{"all", "purge"}},
	}}
	if change != nil {
		change(&s)
	}
	v, _, err := h.vaults.Put(h.t.Context(), vaultID(name), s)
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

// token mints one for o; change may bend the request.
func (h *house) token(o id.Object, change func(*token.Request)) string {
	h.t.Helper()
	r := token.Request{
		Tenant: tenant, Object: o, App: app, Audience: "https://vault.azure.net", Version: token.V1, Auth: token.AuthAssertion, Lifetime: time.Hour,
	}
	if change != nil {
		change(&r)
	}
	issued, err := h.issuer.Issue(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return issued.Token.Reveal()
}

// do sends a request to a vault; bearerToken "" sends none.
func (h *house) do(name, bearerToken, method, target, body string) *httptest.ResponseRecorder {
	h.t.Helper()
	var content io.Reader = http.NoBody
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, "https://"+name+suffix+target, content)
	if bearerToken != "" {
		r.Header.Set("Authorization", "Bearer "+bearerToken)
	}
	return h.send(name, r)
}

// send serves r as if it had come in under the name of a vault.
func (h *house) send(name string, r *http.Request) *httptest.ResponseRecorder {
	r = r.WithContext(httpd.WithEntry(r.Context(), httpd.Entry{
		Base: "https://" + name + suffix, Label: name, Parent: parent, Authority: authority, VaultSuffix: suffix[1:],
	}))
	w := httptest.NewRecorder()
	h.room.ServeHTTP(w, r)
	return w
}

// want checks status and, unless it is "", the whole body.
func want(t *testing.T, what string, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if w.Code != status || body != "" && w.Body.String() != body {
		t.Errorf("%s:\n got %d %s\nwant %d %s", what, w.Code, w.Body, status, body)
	}
}

// has checks status and that the body has a part.
func has(t *testing.T, what string, w *httptest.ResponseRecorder, status int, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("%s: no %s in %s", what, part, w.Body)
		}
	}
	if w.Code != status {
		t.Errorf("%s: status %d, want %d: %s", what, w.Code, status, w.Body)
	}
}
