package transfer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/managementgroup"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
	"github.com/sealring/sealring/internal/transfer"
	"github.com/sealring/sealring/internal/vault"
)

// Paths of the tests: what is in the subscription that goes, and beside it one that stays.
const (
	goes      = "11111111-1111-1111-1111-111111111111"
	vm        = armtest.Group + "/providers/Microsoft.Compute/virtualMachines/vm1"
	uai       = armtest.Group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1"
	vaultPath = armtest.Group + "/providers/Microsoft.KeyVault/vaults/vault1"
	stays     = "/subscriptions/22222222-2222-2222-2222-222222222222"
	group     = stays + "/resourceGroups/rg"
	elsewhere = group + "/providers/Microsoft.Compute/virtualMachines/vm2"
	farID     = group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id2"
)

// world is an installation with two tenants, "owner" in the first and "stranger" in the second.
type world struct {
	*armtest.Fixture
	*transfer.Service
	to id.Tenant
}

// open fills the first tenant.
func open(t *testing.T, db *store.DB) *world {
	t.Helper()
	f := armtest.Open(t, db)
	w := &world{Fixture: f, to: f.People["stranger"].Tenant}
	w.Service = armtest.Must[*transfer.Service](t)(transfer.New(transfer.Config{Store: db, Audit: f.Audit, Directory: f.Dir, Trust: f.Trust,
		Resources: f.Resources, Groups: f.Groups, Locks: f.Locks, RBAC: f.RBAC, Vaults: f.Vaults, IDs: f.IDs}))
	armtest.Check(t, f.Resources.PutSubscription(t.Context(), resource.Subscription{ID: id.Subscription(strings.TrimPrefix(stays, "/subscriptions/")), Tenant: f.Tenant, Name: "Stays"}))
	f.Grant("owner", armtest.Owner, stays)
	f.OK("owner", "PUT", group, `{"location":"local"}`)
	for _, path := range []string{uai, farID} {
		f.OK("owner", "PUT", path, `{"location":"local"}`)
	}
	f.OK("owner", "PUT", uai+"/federatedIdentityCredentials/build", `{"properties":{"issuer":"https://issuer.example","subject":"x","audiences":["api://AzureADTokenExchange"]}}`)
	block := func(kind string, ids ...string) string {
		return `{"location":"local","identity":{"type":"` + kind + `","userAssignedIdentities":{"` + strings.Join(ids, `":{},"`) + `":{}}}}`
	}
	f.OK("owner", "PUT", vm, block("SystemAssigned, UserAssigned", uai, farID))
	f.OK("owner", "PUT", elsewhere, block("UserAssigned", uai, farID))
	f.OK("owner", "PUT", vaultPath, `{"location":"local","properties":{"sku":{"family":"A","name":"standard"},"accessPolicies":[
		{"tenantId":"`+string(f.Tenant)+`","objectId":"`+string(f.People["reader"].Object)+`","permissions":{"secrets":["get"]}}]}}`)
	f.OK("owner", "PUT", vaultPath+"gone", `{"location":"local","properties":{"sku":{"family":"A","name":"standard"},"accessPolicies":[]}}`)
	for _, name := range []string{"vault1", "vault1gone"} {
		_, err := f.Vaults.SetSecret(t.Context(), armtest.Must[vault.Vault](t)(f.Vaults.GetByName(t.Context(), name)), "Kept", secret.New("value"), vault.SecretChange{})
		armtest.Check(t, err)
	}
	f.OK("owner", "DELETE", vaultPath+"gone", "")
	for _, scope := range []string{vm, uai} {
		f.OK("owner", "PUT", scope+"/providers/Microsoft.Authorization/locks/keep", `{"properties":{"level":"CanNotDelete"}}`)
	}
	for name, scopes := range map[string][]resource.ID{"Mine": {at(t, armtest.Group)}, "Both": {at(t, armtest.Sub), at(t, stays)}, "Other": {at(t, stays)}} {
		_, _, err := f.RBAC.PutDefinition(t.Context(), rbac.NewDefinition{ID: rbac.RoleID(f.IDs.Text()), Tenant: f.Tenant, Name: name,
			Permissions: []rbac.Permission{{Actions: []string{"*/read"}}}, AssignableScopes: scopes})
		armtest.Check(t, err)
	}
	_, err := f.RBAC.PutDeny(t.Context(), rbac.DenyAssignment{Name: rbac.AssignmentID(f.IDs.Text()), DisplayName: "no", Scope: at(t, armtest.Group),
		Principals: []id.Object{f.People["nobody"].Object}, Permissions: []rbac.Permission{{Actions: []string{"*"}}}})
	armtest.Check(t, err)
	_, _, err = f.Groups.Put(t.Context(), managementgroup.Group{Name: "team", Tenant: f.Tenant})
	armtest.Check(t, err)
	armtest.Check(t, f.Groups.Place(t.Context(), f.Tenant, "team", goes))
	f.Person("above", armtest.Reader, "/providers/Microsoft.Management/managementGroups/team")
	f.OK("above", "GET", vm, "")
	return w
}

// at parses an id.
func at(t *testing.T, text string) resource.ID {
	t.Helper()
	return armtest.Must[resource.ID](t)(resource.ParseID(text))
}

// order hands the subscription to the second tenant.
func (w *world) order() transfer.Order {
	return transfer.Order{Subscription: goes, To: w.to, Owner: w.People["stranger"].Object}
}

// mint asks for a token as a program on a host does.
func (w *world) mint(host string, s managedidentity.Selector) (managedidentity.Minted, error) {
	return w.Identities.Mint(w.T.Context(), managedidentity.Caller{Resource: at(w.T.(*testing.T), host)},
		managedidentity.Request{Audience: "https://vault.azure.net", Dialect: managedidentity.IMDS, Selector: s})
}

// CP-121, CP §2.13: a subscription that goes to another tenant leaves there whoever had rights
// in it and every identity, and takes along what is kept in it.
func TestTransferEndsWhatTheOldTenantHolds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db)
		before := w.OK("owner", "GET", vm, "")
		principal := id.Object(before.At("identity", "principalId"))
		client := w.OK("owner", "GET", uai, "").At("properties", "clientId")
		far := w.OK("owner", "GET", farID, "").At("properties", "clientId")
		one := func(client string) managedidentity.Selector {
			return managedidentity.Selector{Kind: managedidentity.SelectClient, Value: client}
		}
		for _, s := range []managedidentity.Selector{{}, one(client), one(far)} { // tokens that are cached by now
			armtest.Must[managedidentity.Minted](t)(w.mint(vm, s))
		}
		ctx := audit.WithActor(t.Context(), audit.Actor{Name: "test"})
		got, err := w.Transfer(ctx, w.order())
		want := transfer.Report{Subscription: goes, From: w.Tenant, To: w.to, Assignments: got.Assignments, Roles: 1, Vaults: 2, Done: true,
			Identities: managedidentity.Ended{System: 1, UserAssigned: 1}}
		if err != nil || got != want || got.Assignments < 3 {
			t.Fatalf("%+v, %v", got, err)
		}

		for _, who := range []string{"owner", "above"} {
			w.Do(who, "GET", vm, "").Want(404, "SubscriptionNotFound")
		}
		if inside, err := w.Groups.Children(t.Context(), w.Tenant, "team"); len(inside) != 0 || err != nil {
			t.Errorf("the management group holds %v, %v", inside, err)
		}
		for _, s := range []managedidentity.Selector{{}, one(client), one(far)} {
			if m, err := w.mint(vm, s); err == nil {
				t.Errorf("%+v still has a token, of %+v", s, m.Identity)
			}
		}
		if alive, err := w.Dir.Alive(t.Context(), w.Tenant, principal); alive || err != nil {
			t.Errorf("its service principal lives: %v", err)
		}
		if list, err := w.Trust.FederatedCredentials(t.Context(), w.Tenant, id.App(client)); len(list) != 0 {
			t.Errorf("federated credentials are left: %v %v", list, err)
		}
		w.elsewhere(client, far)
		w.roles()
		w.taken(before.At("identity", "principalId"))
	})
}

// elsewhere looks at a host that stays: one of its identities has died.
func (w *world) elsewhere(client, far string) {
	t := w.T
	t.Helper()
	if _, err := w.mint(elsewhere, managedidentity.Selector{Kind: managedidentity.SelectClient, Value: client}); err == nil {
		t.Error("a host elsewhere still has the identity that ended")
	}
	armtest.Must[managedidentity.Minted](t)(w.mint(elsewhere, managedidentity.Selector{Kind: managedidentity.SelectClient, Value: far}))
	block := w.OK("owner", "GET", elsewhere, "")
	if block.At("identity", "userAssignedIdentities", uai) != "{}" || block.At("identity", "userAssignedIdentities", farID, "clientId") != far {
		t.Errorf("the block elsewhere: %s", block.At("identity"))
	}
}

// roles looks at the custom roles of the old tenant.
func (w *world) roles() {
	t := w.T
	t.Helper()
	all := armtest.Must[[]*rbac.Definition](t)(w.RBAC.ListDefinitions(t.Context(), rbac.DefinitionQuery{Scope: resource.Root(), Type: rbac.Custom}))
	left := map[string]int{}
	for _, d := range all {
		left[d.Name] = len(d.AssignableScopes)
	}
	if len(left) != 2 || left["Both"] != 1 || left["Other"] != 1 {
		t.Errorf("custom roles and their scopes: %v", left)
	}
}

// taken looks at the subscription as its new owner does.
func (w *world) taken(old string) {
	t := w.T
	t.Helper()
	if got := w.OK("stranger", "GET", armtest.Sub, "").At("tenantId"); got != string(w.to) {
		t.Errorf("the subscription is of %s", got)
	}
	got := w.OK("stranger", "GET", vm, "")
	if got.At("identity", "principalId") != "" || got.At("identity", "userAssignedIdentities", uai) != "{}" || got.At("identity", "userAssignedIdentities", farID) != "{}" {
		t.Errorf("the host's block: %s", got.At("identity"))
	}
	w.Do("stranger", "DELETE", vm, "").Want(409, "ScopeLocked") // the lock has stayed
	if list := w.OK("stranger", "GET", armtest.Sub+"/providers/Microsoft.Authorization/locks", ""); list.Count() != 1 {
		t.Errorf("locks %s", list.Text)
	}
	if held := w.OK("stranger", "GET", armtest.Sub+"/providers/Microsoft.Authorization/roleAssignments", ""); held.Count() != 1 {
		t.Errorf("assignments %s", held.Text)
	}
	if denies := w.OK("stranger", "GET", armtest.Sub+"/providers/Microsoft.Authorization/denyAssignments", ""); denies.Count() != 0 {
		t.Errorf("deny assignments %s", denies.Text)
	}
	v := w.OK("stranger", "GET", vaultPath, "")
	if v.At("properties", "tenantId") != string(w.to) || v.At("properties", "accessPolicies") != "[]" {
		t.Errorf("vault %s", v.Text)
	}
	kept := armtest.Must[vault.Secret](t)(w.Vaults.GetSecret(t.Context(), armtest.Must[vault.Vault](t)(w.Vaults.GetByName(t.Context(), "vault1")), "kept", ""))
	if n, broken, err := w.Vaults.CheckSealed(t.Context()); n != 2 || len(broken) > 0 || err != nil {
		t.Errorf("of %d values %v do not open, %v", n, broken, err)
	}
	gone := armtest.Must[vault.Vault](t)(w.Vaults.GetDeleted(t.Context(), goes, "", "vault1gone"))
	if kept.Value.Reveal() != "value" || gone.Tenant != w.to {
		t.Errorf("a secret %+v, a deleted vault of %s", kept, gone.Tenant)
	}
	w.Do("stranger", "GET", uai, "").Want(404, "")
	w.Do("stranger", "PATCH", vm, `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"`+farID+`":{}}}}`).Want(403, "LinkedAuthorizationFailed") // of the old tenant
	w.OK("stranger", "PUT", uai, `{"location":"local"}`)
	again := w.OK("stranger", "PUT", vm, `{"location":"local","identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"`+uai+`":{}}}}`)
	if p := again.At("identity", "principalId"); p == "" || p == old || again.At("identity", "tenantId") != string(w.to) {
		t.Errorf("switched on again: %s", again.At("identity"))
	}
	armtest.Must[managedidentity.Minted](t)(w.mint(vm, managedidentity.Selector{}))
	for _, tenant := range []id.Tenant{w.Tenant, w.to} {
		list := armtest.Must[[]audit.Stored](t)(w.Audit.List(t.Context(), audit.Filter{Kinds: []audit.Kind{audit.Activity}, Tenant: tenant, Limit: 500}))
		n := 0
		for _, r := range list {
			if r.Operation == transfer.Operation && r.Actor.Name == "test" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d records of the transfer in tenant %s", n, tenant)
		}
	}
}

// CP-121: a transfer that is refused, asked about or fails in the middle changes nothing.
func TestTransferIsAllOrNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := open(t, db)
		before := w.OK("owner", "GET", vm, "").Text
		for name, c := range map[string]struct {
			change func(*transfer.Order)
			want   error
		}{
			"only asked":                    {func(o *transfer.Order) { o.Dry = true }, nil},
			"to the tenant that has it":     {func(o *transfer.Order) { o.To, o.Owner = w.Tenant, w.People["owner"].Object }, resource.ErrInvalid},
			"an owner of the old tenant":    {func(o *transfer.Order) { o.Owner = w.People["owner"].Object }, directory.ErrServicePrincipalNotFound},
			"a tenant that is not there":    {func(o *transfer.Order) { o.To = "44444444-4444-4444-8444-444444444444" }, directory.ErrTenantNotFound},
			"a subscription that is absent": {func(o *transfer.Order) { o.Subscription = "44444444-4444-4444-8444-444444444444" }, resource.ErrSubscriptionNotFound},
		} {
			o := w.order()
			c.change(&o)
			r, err := w.Transfer(t.Context(), o)
			if !errors.Is(err, c.want) || err == nil && (r.Done || r.Identities.System != 1 || r.From != w.Tenant) {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
			if after := w.OK("owner", "GET", vm, "").Text; after != before {
				t.Errorf("%s: %s, was %s", name, after, before)
			}
		}
		armtest.Must[managedidentity.Minted](t)(w.mint(vm, managedidentity.Selector{}))
		w.OK("above", "GET", vm, "")
	})
}
