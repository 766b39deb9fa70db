package rbac_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

const (
	subscription   = id.Subscription("0f8fad5b-d9cb-469f-a165-70867728950e")
	readerRole     = rbac.RoleID("acdd72a7-3385-48ef-bd42-f606fba81ae7")
	secretsUser    = rbac.RoleID("4633458b-17de-408a-b874-0445c86b69e6")
	getSecret      = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
	vmRead         = "Microsoft.Compute/virtualMachines/read"
	customRoleGUID = rbac.RoleID("9526768e-f4de-fc4c-8914-5ac069af6010") // no RFC variant, as Terraform makes them
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// people is the directory of the tests: types and groups by principal; absent means deleted.
type people map[id.Object]person

// person is one of them.
type person struct {
	kind   rbac.PrincipalType
	groups []id.Object
	tenant id.Tenant
}

func (p people) Groups(_ context.Context, principal id.Object) ([]id.Object, bool, error) {
	who, alive := p[principal]
	return who.groups, alive, nil
}

func (p people) PrincipalType(_ context.Context, principal id.Object) (rbac.PrincipalType, bool, error) {
	who, found := p[principal]
	return who.kind, found, nil
}

func (p people) TenantOf(_ context.Context, principal id.Object) (id.Tenant, bool, error) {
	who, found := p[principal]
	return who.tenant, found, nil
}

// fixture is a service over a store, with principals anna and boris, and a group team that
// holds boris.
type fixture struct {
	*rbac.Service
	db     *store.DB
	log    *audit.Log
	people people
	ctx    context.Context
	t      *testing.T
	serial int
}

func newFixture(t *testing.T, db *store.DB) *fixture {
	t.Helper()
	now := func() time.Time { return noon }
	log, err := audit.New(audit.Config{Store: db, Server: "s1", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	p := people{object("anna"): {kind: rbac.ServicePrincipal}, object("boris"): {kind: rbac.ServicePrincipal, groups: []id.Object{object("team")}}, object("team"): {kind: rbac.Group}}
	s, err := rbac.New(rbac.Config{Store: db, Audit: log, Directory: p, Now: now, AssignmentsPerSubscription: 20})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{s, db, log, p, audit.WithActor(t.Context(), audit.Actor{Object: object("admin")}), t, 0}
}

// assign makes an assignment under a new name.
func (f *fixture) assign(principal string, role rbac.RoleID, scope resource.ID) (*rbac.Assignment, error) {
	f.serial++
	a, _, err := f.PutAssignment(f.ctx, rbac.NewAssignment{Name: assignmentID(f.serial), Scope: scope, Role: role, Principal: object(principal)})
	return a, err
}

// allowed asks for a decision.
func (f *fixture) allowed(principal, action string, data bool, scope resource.ID) bool {
	f.t.Helper()
	d, err := f.Decide(f.ctx, rbac.Request{Principal: object(principal), Action: action, Data: data, Scope: scope})
	if err != nil {
		f.t.Fatal(err)
	}
	return d.Allowed
}

var (
	sub   = resource.SubscriptionID(subscription)
	group = resource.GroupID(subscription, "rg1")
	vault = group.Child("Microsoft.KeyVault/vaults", "v1")
)

// TestAssignmentsTakeEffectAtOnce: the next request sees a write, and its removal. // CP-106, S-42, L-3
func TestAssignmentsTakeEffectAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		if f.allowed("anna", getSecret, true, vault) {
			t.Error("allowed without any assignment") // D-5
		}
		a, err := f.assign("anna", secretsUser, vault)
		if err != nil {
			t.Fatal(err)
		}
		if !f.allowed("anna", getSecret, true, vault) || f.allowed("boris", getSecret, true, vault) {
			t.Error("the assignment does not allow exactly its principal")
		}
		if a.PrincipalType != rbac.ServicePrincipal || a.CreatedBy != object("admin") || !a.Created.Equal(noon) { // CP-104
			t.Errorf("stored %+v", a)
		}
		got, err := f.GetAssignment(f.ctx, vault, a.Name)
		if err != nil || got.Principal != a.Principal || got.ID() != vault.String()+"/providers/Microsoft.Authorization/roleAssignments/"+string(a.Name) {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := f.GetAssignment(f.ctx, group, a.Name); !errors.Is(err, rbac.ErrAssignmentNotFound) {
			t.Errorf("at another scope: %v", err)
		}
		if _, err := f.DeleteAssignment(f.ctx, vault, a.Name); err != nil {
			t.Fatal(err)
		}
		if f.allowed("anna", getSecret, true, vault) {
			t.Error("still allowed after the assignment was deleted")
		}
		events, err := f.log.List(f.ctx, audit.Filter{Kinds: []audit.Kind{audit.Activity}, Principal: object("admin")})
		if err != nil || len(events) != 2 || events[0].Details["principal_id"] != string(object("anna")) {
			t.Errorf("audit: %+v, %v", events, err)
		}
	})
}

// TestAnotherProcessSeesTheWrite: a service whose memory was filled before. // L-3, CP-106
func TestAnotherProcessSeesTheWrite(t *testing.T) {
	db := storetest.SQLite(t)
	f, other := newFixture(t, db), newFixture(t, db)
	if other.allowed("anna", vmRead, false, group) {
		t.Fatal("allowed before")
	}
	if _, err := f.assign("anna", readerRole, sub); err != nil {
		t.Fatal(err)
	}
	if !other.allowed("anna", vmRead, false, group) {
		t.Error("the other service decides on old facts")
	}
}

func TestPutAssignmentRefuses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		first, err := f.assign("anna", readerRole, group)
		if err != nil {
			t.Fatal(err)
		}
		good := rbac.NewAssignment{Name: assignmentID(99), Scope: group, Role: secretsUser, Principal: object("anna")}
		for name, c := range map[string]struct {
			change func(*rbac.NewAssignment)
			want   error
		}{
			"the same triple under another name":  {func(n *rbac.NewAssignment) { n.Role = readerRole }, rbac.ErrAssignmentExists},    // CP-101
			"a known name with another role":      {func(n *rbac.NewAssignment) { n.Name = first.Name }, rbac.ErrAssignmentImmutable}, // CP-102
			"a known name with another principal": {func(n *rbac.NewAssignment) { n.Name, n.Role, n.Principal = first.Name, readerRole, object("boris") }, rbac.ErrAssignmentImmutable},
			"a known name at another scope":       {func(n *rbac.NewAssignment) { n.Name, n.Role, n.Scope = first.Name, readerRole, vault }, rbac.ErrAssignmentImmutable},
			"an unknown principal":                {func(n *rbac.NewAssignment) { n.Principal = object("ghost") }, rbac.ErrPrincipalNotFound}, // CP-103
			"an unknown principal with a type":    {func(n *rbac.NewAssignment) { n.Principal, n.PrincipalType = object("ghost"), rbac.ServicePrincipal }, rbac.ErrPrincipalNotFound},
			"a principal of another type":         {func(n *rbac.NewAssignment) { n.PrincipalType = rbac.User }, rbac.ErrPrincipalType},
			"an unknown role":                     {func(n *rbac.NewAssignment) { n.Role = customRoleGUID }, rbac.ErrRoleNotFound},
			"a condition without a version":       {func(n *rbac.NewAssignment) { n.Condition = "@Resource[a:b] StringEquals 'c'" }, rbac.ErrCondition},
			"a management group": {func(n *rbac.NewAssignment) {
				n.Scope = scopeID(t, "/providers/Microsoft.Management/managementGroups/m")
			}, rbac.ErrAssignmentScope},
			"no scope":                             {func(n *rbac.NewAssignment) { n.Scope = resource.ID{} }, rbac.ErrAssignmentScope},
			"a name that is no GUID":               {func(n *rbac.NewAssignment) { n.Name = "mine" }, rbac.ErrAssignmentName},
			"a name in another case than we store": {func(n *rbac.NewAssignment) { n.Name = rbac.AssignmentID(strings.ToUpper(string(n.Name))) }, rbac.ErrAssignmentName},
		} {
			n := good
			c.change(&n)
			if _, _, err := f.PutAssignment(f.ctx, n); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if _, created, err := f.PutAssignment(f.ctx, good); err != nil || !created {
			t.Errorf("the good one: created %t, %v", created, err)
		}
		again := good
		again.Description = "why"
		a, created, err := f.PutAssignment(f.ctx, again)
		if err != nil || created || a.Description != "why" {
			t.Errorf("repeated with a description: %+v, %t, %v", a, created, err)
		}
	})
}

// TestMessagesThatClientsReadAreThere: az and azurerm look for these texts. // CP-101, CP-103
func TestMessagesThatClientsReadAreThere(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	_, err := f.assign("ghost", readerRole, group)
	if err == nil || !strings.Contains(err.Error(), " does not exist in the directory ") {
		t.Errorf("unknown principal: %v", err)
	}
	if _, err := f.assign("anna", readerRole, group); err != nil {
		t.Fatal(err)
	}
	if _, err := f.assign("anna", readerRole, group); err == nil || !strings.Contains(err.Error(), "The role assignment already exists.") {
		t.Errorf("duplicate: %v", err)
	}
}

// TestTheLastOwnerStays: of a subscription, for ordinary principals. // S-46
func TestTheLastOwnerStays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		anna, err := f.assign("anna", rbac.Owner, sub)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.assign("boris", rbac.Owner, group); err != nil {
			t.Fatal(err)
		}
		if _, err := f.DeleteAssignment(f.ctx, sub, anna.Name); !errors.Is(err, rbac.ErrLastOwner) {
			t.Errorf("only an owner of a group is left: %v", err)
		}
		boris, err := f.assign("boris", rbac.Owner, sub)
		if err != nil {
			t.Fatal(err)
		}
		delete(f.people, object("boris"))
		if _, err := f.DeleteAssignment(f.ctx, sub, anna.Name); !errors.Is(err, rbac.ErrLastOwner) {
			t.Errorf("only a deleted owner is left: %v", err)
		}
		if _, err := f.DeleteAssignment(f.ctx, sub, boris.Name); err != nil {
			t.Errorf("one of two: %v", err)
		}
		if _, err := f.DeleteAssignment(t.Context(), sub, anna.Name); err != nil {
			t.Errorf("the installation itself may: %v", err)
		}
	})
}

// TestDeletedPrincipalsMatchNobody: their assignments stay listed. // L-9, S-47
func TestDeletedPrincipalsMatchNobody(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	if _, err := f.assign("anna", readerRole, group); err != nil {
		t.Fatal(err)
	}
	delete(f.people, object("anna"))
	if f.allowed("anna", vmRead, false, group) {
		t.Error("a deleted principal is allowed")
	}
	if list, err := f.ListAssignments(f.ctx, rbac.AssignmentQuery{Scope: group}); err != nil || len(list) != 1 {
		t.Errorf("listed %d, %v", len(list), err)
	}
}

// TestANewResourceInheritsNothing: assignments go with the scope, and with nothing beside it. // S-47
func TestANewResourceInheritsNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		vault10 := group.Child("Microsoft.KeyVault/vaults", "v10")
		for _, at := range []resource.ID{vault, vault.Child("secrets", "s"), vault10, group} {
			if _, err := f.assign("anna", secretsUser, at); err != nil {
				t.Fatal(err)
			}
		}
		err := f.db.Update(f.ctx, func(tx *store.Tx) error {
			n, err := f.RemoveScope(f.ctx, tx, vault)
			if n != 2 {
				t.Errorf("removed %d", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		list, err := f.ListAssignments(f.ctx, rbac.AssignmentQuery{Scope: sub})
		if err != nil || len(list) != 2 {
			t.Errorf("left: %v, %v", list, err)
		}
		err = f.db.Update(f.ctx, func(tx *store.Tx) error { _, err := f.RemoveScope(f.ctx, tx, resource.Root()); return err })
		if err == nil {
			t.Error("the root can be emptied")
		}
	})
}

// TestListForms: none, atScope, principalId, assignedTo, both. // CP-105
func TestListForms(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	for _, x := range []struct {
		who string
		at  resource.ID
	}{{"anna", sub}, {"anna", group}, {"boris", vault}, {"team", group}, {"anna", resource.GroupID(subscription, "rg10")}} {
		if _, err := f.assign(x.who, readerRole, x.at); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		q    rbac.AssignmentQuery
		want int
	}{
		"at, above and below":            {rbac.AssignmentQuery{Scope: group}, 4},
		"at and above":                   {rbac.AssignmentQuery{Scope: group, AtScope: true}, 3},
		"direct":                         {rbac.AssignmentQuery{Scope: group, Principal: object("boris")}, 1},
		"direct and through groups":      {rbac.AssignmentQuery{Scope: group, AssignedTo: object("boris")}, 2},
		"through groups at and above":    {rbac.AssignmentQuery{Scope: group, AtScope: true, AssignedTo: object("boris")}, 1},
		"of the root":                    {rbac.AssignmentQuery{Scope: resource.Root()}, 5},
		"of somebody who holds nothing":  {rbac.AssignmentQuery{Scope: resource.Root(), Principal: object("ghost")}, 0},
		"of a group, not of its members": {rbac.AssignmentQuery{Scope: sub, Principal: object("team")}, 1},
	} {
		if got, err := f.ListAssignments(f.ctx, c.q); err != nil || len(got) != c.want {
			t.Errorf("%s: %d, %v; want %d", name, len(got), err, c.want)
		}
	}
	if !f.allowed("boris", vmRead, false, group) {
		t.Error("a role of a group does not reach its members")
	}
}

// TestTheSubscriptionIsLimited. // CP-119
func TestTheSubscriptionIsLimited(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	for n := range 20 {
		if _, err := f.assign("anna", readerRole, resource.GroupID(subscription, fmt.Sprint("g", n))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.assign("anna", readerRole, sub); !errors.Is(err, rbac.ErrAssignmentLimit) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := f.assign("anna", readerRole, resource.Root()); err != nil {
		t.Errorf("the root is not in the subscription: %v", err)
	}
}
