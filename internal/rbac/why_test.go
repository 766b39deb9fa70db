package rbac_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store/storetest"
)

// TestWhyNamesTheRuleAndTheNearMisses.
func TestWhyNamesTheRuleAndTheNearMisses(t *testing.T) {
	roles := map[string]rbac.RoleID{}
	for _, d := range builtIns(t) {
		roles[d.Name] = d.ID
	}
	other := resource.GroupID(subscription, "rg10").Child("Microsoft.KeyVault/vaults", "v1")
	for name, c := range map[string]struct {
		role  string
		at    resource.ID
		ask   rbac.Request
		miss  string
		grant string
	}{
		"the role is assigned elsewhere": {"Key Vault Secrets User", other,
			rbac.Request{Action: getSecret, Data: true, Scope: vault}, rbac.MissScope, "Key Vault Secrets User"},
		"owner does not reach into a vault": {"Owner", sub,
			rbac.Request{Action: getSecret, Data: true, Scope: vault}, rbac.MissPlane, "Key Vault Secrets User"},
		"a data role cannot change the vault": {"Key Vault Administrator", vault,
			rbac.Request{Action: "Microsoft.KeyVault/vaults/write", Scope: vault}, rbac.MissPlane, "Key Vault Contributor"},
		"contributor leaves out granting access": {"Contributor", sub,
			rbac.Request{Action: "Microsoft.Authorization/roleAssignments/write", Scope: group}, rbac.MissCut, "Role Based Access Control Administrator"},
		"a block with a condition": {"Key Vault Data Access Administrator", vault,
			rbac.Request{Action: "Microsoft.Authorization/roleAssignments/write", Scope: vault}, rbac.MissCondition, "Role Based Access Control Administrator"},
		"reader does not write": {"Reader", sub,
			rbac.Request{Action: "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", Scope: group}, rbac.MissRole, "Managed Identity Operator"},
	} {
		c.ask.Principal = object("p")
		a := &rbac.Assignment{Name: assignmentID(1), Scope: c.at, Role: roles[c.role], Principal: object("p")}
		e := rbac.Compile(builtIns(t), []*rbac.Assignment{a}, nil).Why(c.ask, rbac.Facts{})
		if e.Decision.Allowed || len(e.NearMisses) != 1 || e.NearMisses[0].Kind != c.miss || e.Grant == nil || e.Grant.RoleName != c.grant {
			t.Errorf("%s: %+v, grant %+v", name, e, e.Grant)
			continue
		}
		// The promise: the grant it names changes the decision.
		granted := &rbac.Assignment{Name: assignmentID(2), Scope: e.Grant.Scope, Role: e.Grant.Role, Principal: object("p")}
		after := rbac.Compile(builtIns(t), []*rbac.Assignment{a, granted}, nil).Why(c.ask, rbac.Facts{})
		if !after.Decision.Allowed || after.Rule == nil || after.Rule.Role != e.Grant.Role || after.Grant != nil {
			t.Errorf("%s: after the grant %+v", name, after)
		}
	}
}

// TestTheSmallestGrantIsWhatAPersonWouldGive pins the ranking over the catalogue.
func TestTheSmallestGrantIsWhatAPersonWouldGive(t *testing.T) {
	policy := rbac.Compile(builtIns(t), nil, nil)
	for _, c := range []struct {
		action string
		data   bool
		want   string
	}{
		{getSecret, true, "Key Vault Secrets User"},
		{"Microsoft.KeyVault/vaults/secrets/setSecret/action", true, "Key Vault Secrets Officer"},
		{"Microsoft.KeyVault/vaults/keys/sign/action", true, "Key Vault Crypto User"},
		{"Microsoft.KeyVault/vaults/certificates/read", true, "Key Vault Certificate User"},
		{"Microsoft.KeyVault/vaults/read", false, "Key Vault Reader"},
		{"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read", true, "Storage Blob Data Reader"},
		{"Microsoft.Compute/virtualMachines/write", false, "Virtual Machine Contributor"},
		{vmRead, false, "Reader"},
		{"Microsoft.Authorization/roleDefinitions/write", false, "User Access Administrator"},
		{"Contoso.Unknown/things/write", false, "Contributor"},
	} {
		e := policy.Why(rbac.Request{Principal: object("p"), Action: c.action, Data: c.data, Scope: vault}, rbac.Facts{})
		if e.Grant == nil || e.Grant.RoleName != c.want {
			t.Errorf("%s: %+v, want %s", c.action, e.Grant, c.want)
		}
	}
	e := policy.Why(rbac.Request{Principal: object("p"), Action: vmRead, Data: true, Scope: vault}, rbac.Facts{})
	if e.Grant != nil || !strings.Contains(e.Sentence, "it is the control action") {
		t.Errorf("a control action asked for as data: %s (%+v)", e.Sentence, e.Grant)
	}
}

// TestWhyOfDenialsGroupsAndTheDeleted.
func TestWhyOfDenialsGroupsAndTheDeleted(t *testing.T) {
	a := &rbac.Assignment{Name: assignmentID(1), Scope: sub, Role: rbac.Owner, Principal: object("team")}
	deny := &rbac.DenyAssignment{Name: assignmentID(2), DisplayName: "freeze", Scope: group, Principals: []id.Object{rbac.Everyone},
		Permissions: []rbac.Permission{{Actions: []string{"*/write"}}}}
	policy := rbac.Compile(builtIns(t), []*rbac.Assignment{a}, []*rbac.DenyAssignment{deny})
	ask := rbac.Request{Principal: object("p"), Action: "Microsoft.KeyVault/vaults/write", Scope: vault}
	e := policy.Why(ask, rbac.Facts{Groups: []id.Object{object("team")}})
	if e.Decision.Deny == nil || e.Rule == nil || e.Rule.Name != "freeze" || e.Rule.Pattern != "*/write" || e.Grant != nil {
		t.Errorf("denied: %+v", e)
	}
	ask.Action = "Microsoft.KeyVault/vaults/read"
	if e := policy.Why(ask, rbac.Facts{Groups: []id.Object{object("team")}}); !e.Decision.Allowed || !e.Rule.ViaGroup || !strings.Contains(e.Sentence, "to a group") {
		t.Errorf("through a group: %+v", e)
	}

	f := newFixture(t, storetest.SQLite(t))
	if _, err := f.assign("anna", readerRole, sub); err != nil {
		t.Fatal(err)
	}
	delete(f.people, object("anna"))
	gone, err := f.Why(f.ctx, rbac.Request{Principal: object("anna"), Action: vmRead, Scope: sub})
	if err != nil || gone.Decision.Reason != rbac.ReasonPrincipal || gone.Grant != nil || !strings.Contains(gone.Sentence, "deleted") {
		t.Errorf("deleted: %+v, %v", gone, err)
	}
}
