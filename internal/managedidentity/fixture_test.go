package managedidentity_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/entitlement"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/trust"
)

// subscription and group are the scopes of the tests.
const (
	subscription = "11111111-1111-1111-1111-111111111111"
	group        = "/subscriptions/" + subscription + "/resourceGroups/rg"
)

// rsaKey is made once for all tests.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// oneKey signs with rsaKey until it is revoked.
type oneKey struct{ revoked atomic.Bool }

// Signer implements what token.Issuer asks for.
func (k *oneKey) Signer() (string, crypto.Signer, error) {
	if k.revoked.Load() {
		return "k2", rsaKey(), nil
	}
	return "k1", rsaKey(), nil
}

// Accepts implements what managedidentity.New asks for.
func (k *oneKey) Accepts(kid string) bool { return kid == "k2" || !k.revoked.Load() }

// noHash stands in for the keyed hash of client secrets, which these tests do not use.
type noHash struct{}

// MAC implements what directory.New asks for.
func (noHash) MAC(_ string, data []byte) []byte { return data }

// fixture is an installation with one tenant, one subscription and the group "rg".
type fixture struct {
	says said
	*managedidentity.Service
	t         testing.TB
	db        *store.DB
	log       *audit.Log
	resources *resource.Service
	directory *directory.Directory
	trust     *trust.Service
	tenant    id.Tenant
	offset    atomic.Int64 // seconds that the clock is ahead
	removed   []string
	keys      oneKey
}

// said is what the tokens of every identity say.
type said struct {
	entitlement.Entitlement
	err error
}

// At implements what managedidentity.New asks for.
func (s *said) At(context.Context, id.Tenant, id.Object, bool, id.App) (entitlement.Entitlement, error) {
	return s.Entitlement, s.err
}

// open makes a fixture over db; change may adjust the configuration.
func open(t testing.TB, db *store.DB, change func(*managedidentity.Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, db: db}
	now := func() time.Time { return time.Unix(1_760_000_000+f.offset.Load(), 0) }
	var err error
	f.log, err = audit.New(audit.Config{Store: db, Server: "a", Now: now})
	f.check(err)
	f.resources, err = resource.New(resource.Config{Store: db, Audit: f.log, Now: now})
	f.check(err)
	f.directory, err = directory.New(directory.Config{Store: db, Audit: f.log, IDs: id.NewSource(rand.Reader), Rand: rand.Reader, Now: now, Hasher: noHash{}})
	f.check(err)
	f.trust, err = trust.New(trust.Config{Store: db, Audit: f.log, Directory: f.directory, IDs: id.NewSource(rand.Reader), Now: now})
	f.check(err)
	issuer, err := token.NewIssuer(token.IssuerConfig{Authority: "https://login.sealring.internal:8443", Signer: &f.keys, Now: now, Rand: rand.Reader})
	f.check(err)
	c := managedidentity.Config{
		Store: db, Audit: f.log, Resources: f.resources, Directory: f.directory, Trust: f.trust, Entitlements: &f.says, Issuer: issuer, Keys: &f.keys, Now: now,
		Removed: []func(context.Context, *store.Tx, resource.ID) error{func(_ context.Context, _ *store.Tx, scope resource.ID) error {
			f.removed = append(f.removed, scope.String())
			return nil
		}},
	}
	if change != nil {
		change(&c)
	}
	f.Service, err = managedidentity.New(c)
	f.check(err)
	ctx := t.Context()
	f.check(db.Update(ctx, func(tx *store.Tx) error {
		tenant, err := f.directory.CreateTenant(ctx, tx, directory.NewTenant{DisplayName: "mine"})
		f.tenant = tenant.ID
		return err
	}))
	f.check(f.resources.PutSubscription(ctx, resource.Subscription{ID: subscription, Tenant: f.tenant, Name: "mine"}))
	_, _, err = f.resources.PutGroup(ctx, f.id(group), resource.Precondition{}, func(g *resource.Group) error {
		g.Location = "local"
		return nil
	})
	f.check(err)
	return f
}

// check ends the test on an error.
func (f *fixture) check(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// id parses a resource id that is right.
func (f *fixture) id(text string) resource.ID {
	f.t.Helper()
	out, err := resource.ParseID(text)
	f.check(err)
	return out
}

// vm and uai are ids of the tests.
func (f *fixture) vm(name string) resource.ID {
	return f.id(group).Child("Microsoft.Compute/virtualMachines", name)
}

func (f *fixture) uai(name string) resource.ID {
	return f.id(group).Child(managedidentity.Type, name)
}

// authorizer allows all identities but those of the names in it, and remembers who was asked.
type authorizer struct {
	refuse string
	asked  []string
}

// errLinked is the refusal of the authorizer.
var errLinked = errors.New("linked authorization failed")

// CanAssign implements managedidentity.Authorizer.
func (a *authorizer) CanAssign(_ context.Context, identity resource.ID) error {
	a.asked = append(a.asked, identity.Name())
	if a.refuse != "" && strings.Contains(a.refuse, identity.Name()) {
		return errLinked
	}
	return nil
}

// block writes an identity member: kinds is the type, then names of identities; "-x" is null.
func (f *fixture) block(kinds string, names ...string) resource.IdentityPatch {
	f.t.Helper()
	body := map[string]any{"type": kinds}
	if len(names) > 0 {
		keys := map[string]any{}
		for _, n := range names {
			if bare, ok := strings.CutPrefix(n, "-"); ok {
				keys[f.uai(bare).String()] = nil
			} else {
				keys[f.uai(n).String()] = struct{}{}
			}
		}
		body["userAssignedIdentities"] = keys
	}
	raw, err := json.Marshal(body)
	f.check(err)
	out, err := resource.ParseIdentity(raw)
	f.check(err)
	return out
}

// write is a write of a host with a block.
func (f *fixture) write(host resource.ID, block resource.IdentityPatch) managedidentity.HostWrite {
	return managedidentity.HostWrite{ID: host, Identity: block, Assign: &authorizer{}, Edit: func(r *resource.Resource, _ bool) error {
		r.Location = "local"
		return nil
	}}
}

// put creates or replaces a host.
func (f *fixture) put(host resource.ID, block resource.IdentityPatch) resource.Resource {
	f.t.Helper()
	r, _, err := f.PutHost(f.t.Context(), f.write(host, block))
	f.check(err)
	return r
}

// create makes a user-assigned identity.
func (f *fixture) create(name string) managedidentity.UserAssigned {
	f.t.Helper()
	u, _, err := f.CreateUserAssigned(f.t.Context(), f.wanted(name))
	f.check(err)
	return u
}

// wanted is the write that makes a user-assigned identity.
func (f *fixture) wanted(name string) managedidentity.UserAssignedWrite {
	return managedidentity.UserAssignedWrite{ID: f.uai(name), Edit: func(u *managedidentity.UserAssigned, _ bool) error {
		u.Resource.Location = "local"
		return nil
	}}
}

// alive reports whether a service principal exists.
func (f *fixture) alive(object id.Object) bool {
	f.t.Helper()
	_, err := f.directory.ServicePrincipal(f.t.Context(), f.tenant, object)
	if err != nil && !errors.Is(err, directory.ErrServicePrincipalNotFound) {
		f.t.Fatal(err)
	}
	return err == nil
}

// vault is the audience of most tests.
const vault = "https://vault.azure.net"

// mint asks for a token of the vault for process number pid on a host.
func (f *fixture) mint(host resource.ID, pid int, kind managedidentity.SelectorKind, value string) (managedidentity.Minted, error) {
	return f.Mint(f.t.Context(), managedidentity.Caller{Resource: host, Process: &audit.Process{Host: "h", PID: pid, StartTime: 7}},
		managedidentity.Request{Audience: vault, Dialect: managedidentity.IMDS, Selector: managedidentity.Selector{Kind: kind, Value: value}})
}

// claims reads the payload of a token, unverified.
func (f *fixture) claims(m managedidentity.Minted) map[string]any {
	f.t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(m.Token.Reveal(), ".")[1])
	f.check(err)
	var out map[string]any
	f.check(json.Unmarshal(raw, &out))
	return out
}

// rows counts the sign-in rows of an operation.
func (f *fixture) rows(operation string) int {
	f.t.Helper()
	n := 0
	f.check(f.db.View(f.t.Context(), func(tx *store.Tx) error {
		_, err := tx.Get(f.t.Context(), "SELECT COUNT(*) FROM audit WHERE kind = 'signin' AND operation = $1", []any{operation}, &n)
		return err
	}))
	return n
}
