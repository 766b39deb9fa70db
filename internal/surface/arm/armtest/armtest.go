// Package armtest runs Resource Manager over a real domain for the tests of providers: a
// tenant, a subscription with the group "rg", and people who sign in by their names.
package armtest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/deployment"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/entitlement"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/managementgroup"
	"github.com/sealring/sealring/internal/managementlock"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/trust"
	"github.com/sealring/sealring/internal/vault"
)

// The scopes and roles of the tests.
const (
	Sub                = "/subscriptions/11111111-1111-1111-1111-111111111111"
	Group              = Sub + "/resourceGroups/rg"
	Base               = "https://management.sealring.internal:8443"
	Owner              = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	Reader             = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	Contributor        = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	MachineContributor = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c" // Virtual Machine Contributor
	IdentityOperator   = "f1a07417-d97a-45cb-824c-7a7467783830" // Managed Identity Operator
	SecretsUser        = "4633458b-17de-408a-b874-0445c86b69e6" // Key Vault Secrets User
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

// nothing is what tokens say here beside who their holder is.
type nothing struct{}

// At implements what managedidentity.New asks for.
func (nothing) At(context.Context, id.Tenant, id.Object, bool, id.App) (entitlement.Entitlement, error) {
	return entitlement.Entitlement{}, nil
}

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
	case who.Tenant != tenant && tenant != token.AnyTenant:
		return bearer.Principal{}, token.ErrTenant
	default:
		return who, nil
	}
}

// living answers rbac's questions from the directory, for every tenant.
type living struct{ d *directory.Directory }

// Groups implements rbac.Directory.
func (l *living) Groups(ctx context.Context, p id.Object) ([]id.Object, bool, error) {
	tenant, known, err := l.d.TenantOf(ctx, p)
	if err != nil || !known {
		return nil, false, err
	}
	alive, err := l.d.Alive(ctx, tenant, p)
	return nil, alive, err
}

// PrincipalType implements rbac.Directory.
func (l *living) PrincipalType(ctx context.Context, p id.Object) (rbac.PrincipalType, bool, error) {
	_, known, err := l.d.TenantOf(ctx, p)
	return rbac.ServicePrincipal, known, err
}

// TenantOf implements rbac.Directory.
func (l *living) TenantOf(ctx context.Context, p id.Object) (id.Tenant, bool, error) {
	return l.d.TenantOf(ctx, p)
}

// Fixture is Resource Manager over a real domain: one tenant, one subscription, the group
// "rg", and principals "owner", "reader", "nobody" and whom a test adds.
type Fixture struct {
	T      testing.TB
	DB     *store.DB
	RBAC   *rbac.Service
	Dir    *directory.Directory
	Tenant id.Tenant
	People people
	Routes []arm.Provider
	// Identities mints what hosts may ask for.
	Identities *managedidentity.Service
	// Deployments runs what is deployed by templates; answers wait for its end.
	Deployments *deployment.Service
	handler     http.Handler

	// What the rest stands on.
	Audit     *audit.Log
	Trust     *trust.Service
	Resources *resource.Service
	Groups    *managementgroup.Service
	Locks     *managementlock.Service
	Vaults    *vault.Service
	IDs       *id.Source
}

// Options are what differs between installations.
type Options struct {
	// Strict refuses unlisted api-versions and unregistered namespaces.
	Strict bool
	// Quotas are the most user-assigned identities of a host, by its type in lower case.
	Quotas map[string]int
}

// Open builds a Fixture over db.
func Open(t testing.TB, db *store.DB) *Fixture {
	t.Helper()
	return OpenWith(t, db, Options{})
}

// OpenWith builds a Fixture over db that differs from others. A strict one has no group,
// since whoever creates it must send a listed api-version.
func OpenWith(t testing.TB, db *store.DB, o Options) *Fixture {
	t.Helper()
	f := &Fixture{T: t, DB: db, People: people{}}
	ctx, now, ids := t.Context(), time.Now, id.NewSource(rand.Reader)
	kek := Must[seal.KEK](t)(seal.CreateKEK(filepath.Join(t.TempDir(), "x", "i.kek"), rand.Reader))
	sealer := Must[*seal.Sealer](t)(seal.New(ctx, seal.Config{Store: db, KEK: kek, Now: now, Rand: rand.Reader}))
	log := Must[*audit.Log](t)(audit.New(audit.Config{Store: db, Server: "a", Now: now}))
	resources := Must[*resource.Service](t)(resource.New(resource.Config{Store: db, Audit: log, Now: now, Sealer: sealer}))
	f.Dir = Must[*directory.Directory](t)(directory.New(directory.Config{Store: db, Audit: log, IDs: ids, Rand: rand.Reader, Now: now, Hasher: sealer}))
	Check(t, db.Update(ctx, func(tx *store.Tx) error {
		tenant, err := f.Dir.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "Mine", Domains: []string{"mine.example"}})
		f.Tenant = tenant.ID
		return err
	}))
	people := &living{f.Dir}
	groups := Must[*managementgroup.Service](t)(managementgroup.New(managementgroup.Config{Store: db, Audit: log, Subscriptions: resources, Now: now,
		Removed: func(ctx context.Context, tx *store.Tx, at resource.ID) error {
			_, err := f.RBAC.RemoveScope(ctx, tx, at)
			return err
		}}))
	f.RBAC = Must[*rbac.Service](t)(rbac.New(rbac.Config{Store: db, Audit: log, Directory: people, Hierarchy: groups, Now: now}))
	locks := Must[*managementlock.Service](t)(managementlock.New(managementlock.Config{Store: db, Audit: log, Now: now}))
	issuer := Must[*token.Issuer](t)(token.NewIssuer(token.IssuerConfig{Authority: "https://login.sealring.internal:8443", Signer: oneKey{}, Now: now, Rand: rand.Reader}))
	trusted := Must[*trust.Service](t)(trust.New(trust.Config{Store: db, Audit: log, Directory: f.Dir, IDs: ids, Now: now}))
	identities := Must[*managedidentity.Service](t)(managedidentity.New(managedidentity.Config{Store: db, Audit: log, Resources: resources, Directory: f.Dir, Trust: trusted, Entitlements: nothing{},
		Issuer: issuer, Keys: oneKey{}, Now: now, Removed: []func(context.Context, *store.Tx, resource.ID) error{func(ctx context.Context, tx *store.Tx, at resource.ID) error {
			_, err := f.RBAC.RemoveScope(ctx, tx, at)
			return err
		}}}))
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	vaults := Must[*vault.Service](t)(vault.New(vault.Config{Store: db, Audit: log, Sealer: sealer, Log: quiet, Now: now, Rand: rand.Reader, IDs: ids}))
	pages := Must[*paging.Tokens](t)(paging.New(paging.Config{Sealer: sealer, Now: now}))
	f.deployments(resources, log, quiet, ids)
	f.Routes = provider.All(provider.Deps{Quotas: o.Quotas, Unregistered: o.Strict, Deployments: f.Deployments, Resources: resources, Identities: identities, RBAC: f.RBAC, Groups: groups, Locks: locks, Administrator: f.administrator, Vaults: vaults, Tenants: f.Dir, Audit: log, Now: now,
		IDs: ids, CloudName: "SealringCloud", Location: "local", LocationName: "Local", Domain: "sealring.internal", Portal: "https://portal.sealring.internal:8443"})
	room := Must[*arm.Room](t)(arm.New(arm.Config{Strict: provider.Strict(resources, o.Strict, o.Strict), Log: quiet, Now: now, IDs: ids, Authenticator: f.People, Authorizer: f.RBAC, Scopes: resources, Locks: locks, Audit: log,
		Pages: pages, Providers: f.Routes, Tenant: f.Tenant, Audiences: []string{Base}, Location: "local"}))
	f.handler, f.Identities = room, identities
	f.Audit, f.Trust, f.Resources, f.Groups, f.Locks, f.Vaults, f.IDs = log, trusted, resources, groups, locks, vaults, ids

	Check(t, resources.PutSubscription(ctx, resource.Subscription{ID: "11111111-1111-1111-1111-111111111111", Tenant: f.Tenant, Name: "Sub"}))
	f.Person("owner", Owner, Sub)
	f.Person("reader", Reader, Sub)
	f.Person("nobody", "", "")
	f.stranger()
	if !o.Strict {
		f.OK("owner", "PUT", Group, `{"location":"local"}`)
	}
	return f
}

// deployments runs template deployments until the test ends.
func (f *Fixture) deployments(resources *resource.Service, log *audit.Log, quiet *slog.Logger, ids *id.Source) {
	f.Deployments = Must[*deployment.Service](f.T)(deployment.New(deployment.Config{Store: f.DB, Audit: log, Resources: resources, Log: quiet, IDs: ids,
		Now: time.Now, Server: "a", Wait: time.Minute}))
	ctx, stop := context.WithCancel(context.WithoutCancel(f.T.Context()))
	done := make(chan error)
	go func() { done <- f.Deployments.Run(ctx) }()
	f.T.Cleanup(func() {
		stop()
		Check(f.T, <-done)
	})
}

// administrator says that "owner" administers the tenant.
func (f *Fixture) administrator(_ context.Context, tenant id.Tenant, principal id.Object) (bool, error) {
	return tenant == f.Tenant && principal == f.People["owner"].Object, nil
}

// stranger makes a second tenant, and in it a principal that owns a subscription there.
func (f *Fixture) stranger() {
	f.T.Helper()
	ctx := f.T.Context()
	var other directory.Tenant
	Check(f.T, f.DB.Update(ctx, func(tx *store.Tx) (err error) {
		if other, err = f.Dir.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "Other", Domains: []string{"other.example"}}); err != nil {
			return err
		}
		sp, err := f.Dir.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: other.ID, Kind: directory.KindManagedIdentity, DisplayName: "stranger"})
		f.People["stranger"] = bearer.Principal{Tenant: other.ID, Object: sp.ID, App: sp.App, Type: token.TypeApp}
		return err
	}))
}

// Must turns a constructor's pair into its value.
func Must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		Check(t, err)
		return v
	}
}

// Check ends the test on an error.
func Check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Person makes a service principal that signs in by its name, with a role at a scope.
func (f *Fixture) Person(name, role, scope string) id.Object {
	f.T.Helper()
	ctx := f.T.Context()
	Check(f.T, f.DB.Update(ctx, func(tx *store.Tx) error {
		sp, err := f.Dir.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{Tenant: f.Tenant, Kind: directory.KindManagedIdentity, DisplayName: name})
		f.People[name] = bearer.Principal{Tenant: f.Tenant, Object: sp.ID, App: sp.App, Type: token.TypeApp}
		return err
	}))
	if role != "" {
		f.Grant(name, role, scope)
	}
	return f.People[name].Object
}

// Grant assigns a role to a person.
func (f *Fixture) Grant(name, role, scope string) {
	f.T.Helper()
	at := Must[resource.ID](f.T)(resource.ParseID(scope))
	_, _, err := f.RBAC.PutAssignment(f.T.Context(), rbac.NewAssignment{Name: rbac.AssignmentID(id.NewSource(rand.Reader).Text()), Scope: at,
		Role: rbac.RoleID(role), Principal: f.People[name].Object})
	Check(f.T, err)
}

// GrantOnce assigns a role to a person who does not have it at that scope.
func (f *Fixture) GrantOnce(name, role, scope string) {
	f.T.Helper()
	at := Must[resource.ID](f.T)(resource.ParseID(scope))
	held := Must[[]*rbac.Assignment](f.T)(f.RBAC.ListAssignments(f.T.Context(), rbac.AssignmentQuery{Scope: at, AtScope: true, Principal: f.People[name].Object, Role: rbac.RoleID(role)}))
	for _, a := range held {
		if a.Scope.Equal(at) {
			return
		}
	}
	f.Grant(name, role, scope)
}

// Answer is what came back.
type Answer struct {
	t      testing.TB
	Status int
	Header http.Header
	Text   string
}

// Do sends a request as who, "" for nobody. A path without api-version gets one. Headers
// are "Name: value".
func (f *Fixture) Do(who, method, path, body string, headers ...string) Answer {
	f.T.Helper()
	if !strings.Contains(path, "api-version") && !strings.HasSuffix(path, "!") {
		mark := "?"
		if strings.Contains(path, "?") {
			mark = "&"
		}
		path += mark + "api-version=2024-11-30"
	}
	r := httptest.NewRequest(method, Base, strings.NewReader(body))
	r.RequestURI = strings.TrimSuffix(path, "!")
	u, err := r.URL.Parse(Base)
	Check(f.T, err)
	raw, query, _ := strings.Cut(r.RequestURI, "?")
	u.RawQuery = query
	u.Path, err = url.PathUnescape(raw)
	Check(f.T, err)
	u.RawPath = raw
	r.URL = u
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+who)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	r = r.WithContext(httpd.WithEntry(f.T.Context(), httpd.Entry{Base: Base, Authority: "https://login.sealring.internal:8443", ResourceManager: Base,
		Graph: "https://graph.sealring.internal:8443", VaultSuffix: "vault.sealring.internal:8443"}))
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return Answer{f.T, w.Code, w.Result().Header, w.Body.String()}
}

// OK is Do that must succeed.
func (f *Fixture) OK(who, method, path, body string, headers ...string) Answer {
	f.T.Helper()
	a := f.Do(who, method, path, body, headers...)
	if a.Status >= 300 {
		f.T.Fatalf("%s %s: %d %s", method, path, a.Status, a.Text)
	}
	return a
}

// At returns the member at a path of names, as JSON; "" if there is none.
func (a Answer) At(path ...string) string {
	a.t.Helper()
	raw := json.RawMessage(a.Text)
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

// Count is the number of items of a list.
func (a Answer) Count() int {
	a.t.Helper()
	var list struct{ Value []json.RawMessage }
	Check(a.t, json.Unmarshal([]byte(a.Text), &list))
	return len(list.Value)
}

// Want compares status and error code; code "" is not looked at.
func (a Answer) Want(status int, code string) Answer {
	a.t.Helper()
	if a.Status != status || code != "" && (a.At("error", "code") != code || a.Header.Get("X-Ms-Error-Code") != code) {
		a.t.Errorf("got %d %q (header %q), want %d %q\n%s", a.Status, a.At("error", "code"), a.Header.Get("X-Ms-Error-Code"), status, code, a.Text)
	}
	return a
}
