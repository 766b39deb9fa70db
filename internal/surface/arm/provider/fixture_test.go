package provider_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
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
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/vault"
)

// The scopes and roles of the tests.
const (
	sub   = "/subscriptions/11111111-1111-1111-1111-111111111111"
	rg    = sub + "/resourceGroups/rg"
	base  = "https://management.sealring.internal:8443"
	owner = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	read  = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	contr = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	vmOp  = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c" // Virtual Machine Contributor
	miOp  = "f1a07417-d97a-45cb-824c-7a7467783830" // Managed Identity Operator
	kvUse = "4633458b-17de-408a-b874-0445c86b69e6" // Key Vault Secrets User
)

// rsaKey is made once for all tests.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// oneKey signs with rsaKey.
type oneKey struct{}

// Signer implements what token.Issuer asks for.
func (oneKey) Signer() (string, crypto.Signer, error) { return "k1", rsaKey(), nil }

// Accepts implements what managedidentity.New asks for.
func (oneKey) Accepts(kid string) bool { return kid == "k1" }

// people is an authenticator that takes a name for a token.
type people map[string]bearer.Principal

// Authenticate implements what arm asks of bearer.
func (p people) Authenticate(r *http.Request, _ []string, tenant id.Tenant) (bearer.Principal, error) {
	name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch who, known := p[name]; {
	case !ok:
		return bearer.Principal{}, bearer.ErrMissing
	case name == "expired":
		return bearer.Principal{}, token.ErrExpired
	case !known:
		return bearer.Principal{}, token.ErrSignature
	case who.Tenant != tenant:
		return bearer.Principal{}, token.ErrTenant
	default:
		return who, nil
	}
}

// living answers rbac's questions from the directory.
type living struct {
	d      *directory.Directory
	tenant id.Tenant
}

// Groups implements rbac.Directory.
func (l *living) Groups(ctx context.Context, p id.Object) ([]id.Object, bool, error) {
	alive, err := l.d.Alive(ctx, l.tenant, p)
	return nil, alive, err
}

// PrincipalType implements rbac.Directory.
func (l *living) PrincipalType(ctx context.Context, p id.Object) (rbac.PrincipalType, bool, error) {
	_, err := l.d.ServicePrincipal(ctx, l.tenant, p)
	if errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return "", false, nil
	}
	return rbac.ServicePrincipal, err == nil, err
}

// fixture is Resource Manager over a real domain: one tenant, one subscription, the group
// "rg", and principals "owner", "reader", "nobody" and whom a test adds.
type fixture struct {
	t       testing.TB
	db      *store.DB
	rbac    *rbac.Service
	dir     *directory.Directory
	tenant  id.Tenant
	people  people
	routes  []arm.Provider
	handler http.Handler
}

// open builds a fixture over db.
func open(t testing.TB, db *store.DB) *fixture {
	t.Helper()
	f := &fixture{t: t, db: db, people: people{}}
	ctx, now, ids := t.Context(), time.Now, id.NewSource(rand.Reader)
	sealer := must[*seal.Sealer](t)(seal.New(ctx, seal.Config{Store: db, KEK: testKEK(t), Now: now, Rand: rand.Reader}))
	log := must[*audit.Log](t)(audit.New(audit.Config{Store: db, Server: "a", Now: now}))
	resources := must[*resource.Service](t)(resource.New(resource.Config{Store: db, Audit: log, Now: now}))
	f.dir = must[*directory.Directory](t)(directory.New(directory.Config{Store: db, Audit: log, IDs: ids, Rand: rand.Reader, Now: now, Hasher: sealer}))
	check(t, db.Update(ctx, func(tx *store.Tx) error {
		tenant, err := f.dir.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "Mine", Domains: []string{"mine.example"}})
		f.tenant = tenant.ID
		return err
	}))
	people := &living{d: f.dir, tenant: f.tenant}
	f.rbac = must[*rbac.Service](t)(rbac.New(rbac.Config{Store: db, Audit: log, Directory: people, Now: now}))
	issuer := must[*token.Issuer](t)(token.NewIssuer(token.IssuerConfig{Authority: "https://login.sealring.internal:8443", Signer: oneKey{}, Now: now, Rand: rand.Reader}))
	identities := must[*managedidentity.Service](t)(managedidentity.New(managedidentity.Config{Store: db, Audit: log, Resources: resources, Directory: f.dir,
		Issuer: issuer, Keys: oneKey{}, Now: now, Removed: []func(context.Context, *store.Tx, resource.ID) error{func(ctx context.Context, tx *store.Tx, at resource.ID) error {
			_, err := f.rbac.RemoveScope(ctx, tx, at)
			return err
		}}}))
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	vaults := must[*vault.Service](t)(vault.New(vault.Config{Store: db, Audit: log, Sealer: sealer, Log: quiet, Now: now, Rand: rand.Reader, IDs: ids}))
	pages := must[*paging.Tokens](t)(paging.New(paging.Config{Sealer: sealer, Now: now}))
	f.routes = provider.All(provider.Deps{Resources: resources, Identities: identities, RBAC: f.rbac, Vaults: vaults, Tenants: f.dir, Audit: log, Now: now,
		IDs: ids, CloudName: "SealringCloud", Location: "local", LocationName: "Local", Domain: "sealring.internal", Portal: "https://portal.sealring.internal:8443"})
	room := must[*arm.Room](t)(arm.New(arm.Config{Log: quiet, Now: now, IDs: ids, Authenticator: f.people, Authorizer: f.rbac, Scopes: resources, Audit: log,
		Pages: pages, Providers: f.routes, Tenant: f.tenant, Audiences: []string{base}, Location: "local"}))
	f.handler = room

	check(t, resources.PutSubscription(ctx, resource.Subscription{ID: "11111111-1111-1111-1111-111111111111", Tenant: f.tenant, Name: "Sub"}))
	f.person("owner", owner, sub)
	f.person("reader", read, sub)
	f.person("nobody", "", "")
	f.people["stranger"] = bearer.Principal{Tenant: ids.Tenant(), Object: ids.Object(), App: ids.App(), Type: token.TypeApp}
	f.ok("owner", "PUT", rg, `{"location":"local"}`)
	return f
}

// must turns a constructor's pair into its value.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		check(t, err)
		return v
	}
}

// check ends the test on an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// person makes a service principal that signs in by its name, with a role at a scope.
func (f *fixture) person(name, role, scope string) id.Object {
	f.t.Helper()
	ctx := f.t.Context()
	check(f.t, f.db.Update(ctx, func(tx *store.Tx) error {
		sp, err := f.dir.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: f.tenant, Kind: directory.KindManagedIdentity, DisplayName: name})
		f.people[name] = bearer.Principal{Tenant: f.tenant, Object: sp.ID, App: sp.App, Type: token.TypeApp}
		return err
	}))
	if role != "" {
		f.grant(name, role, scope)
	}
	return f.people[name].Object
}

// grant assigns a role to a person.
func (f *fixture) grant(name, role, scope string) {
	f.t.Helper()
	at := must[resource.ID](f.t)(resource.ParseID(scope))
	_, _, err := f.rbac.PutAssignment(f.t.Context(), rbac.NewAssignment{Name: rbac.AssignmentID(id.NewSource(rand.Reader).Text()), Scope: at,
		Role: rbac.RoleID(role), Principal: f.people[name].Object})
	check(f.t, err)
}

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	text   string
}

// do sends a request as who, "" for nobody. A path without api-version gets one. Headers
// are "Name: value".
func (f *fixture) do(who, method, path, body string, headers ...string) answer {
	f.t.Helper()
	if !strings.Contains(path, "api-version") && !strings.HasSuffix(path, "!") {
		mark := "?"
		if strings.Contains(path, "?") {
			mark = "&"
		}
		path += mark + "api-version=2024-11-30"
	}
	r := httptest.NewRequest(method, base, strings.NewReader(body))
	r.RequestURI = strings.TrimSuffix(path, "!")
	u, err := r.URL.Parse(base)
	check(f.t, err)
	raw, query, _ := strings.Cut(r.RequestURI, "?")
	u.RawQuery = query
	u.Path, err = unescape(raw)
	check(f.t, err)
	u.RawPath = raw
	r.URL = u
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+who)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	r = r.WithContext(httpd.WithEntry(f.t.Context(), httpd.Entry{Base: base, Authority: "https://login.sealring.internal:8443", ResourceManager: base,
		Graph: "https://graph.sealring.internal:8443", VaultSuffix: "vault.sealring.internal:8443"}))
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return answer{f.t, w.Code, w.Result().Header, w.Body.String()}
}

// ok is do that must succeed.
func (f *fixture) ok(who, method, path, body string, headers ...string) answer {
	f.t.Helper()
	a := f.do(who, method, path, body, headers...)
	if a.status >= 300 {
		f.t.Fatalf("%s %s: %d %s", method, path, a.status, a.text)
	}
	return a
}

// at returns the member at a path of names, as JSON; "" if there is none.
func (a answer) at(path ...string) string {
	a.t.Helper()
	raw := json.RawMessage(a.text)
	for _, name := range path {
		var list []json.RawMessage
		if n := 0; json.Unmarshal(raw, &list) == nil {
			if _, err := fmt.Sscan(name, &n); err != nil || n >= len(list) {
				return ""
			}
			raw = list[n]
			continue
		}
		var o map[string]json.RawMessage
		if json.Unmarshal(raw, &o) != nil || o[name] == nil {
			return ""
		}
		raw = o[name]
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(bytes.TrimSpace(raw))
}

// count is the number of items of a list.
func (a answer) count() int {
	a.t.Helper()
	var list struct{ Value []json.RawMessage }
	check(a.t, json.Unmarshal([]byte(a.text), &list))
	return len(list.Value)
}

// want compares status and error code; code "" is not looked at.
func (a answer) want(status int, code string) answer {
	a.t.Helper()
	if a.status != status || code != "" && (a.at("error", "code") != code || a.header.Get("X-Ms-Error-Code") != code) {
		a.t.Errorf("got %d %q (header %q), want %d %q\n%s", a.status, a.at("error", "code"), a.header.Get("X-Ms-Error-Code"), status, code, a.text)
	}
	return a
}
