package rbac_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// TestTheCatalogueIsWhole: 928 roles with unique ids and names, 13 roles with their only
// block under a condition, 31 such blocks at least. // CP-94, CP-112
func TestTheCatalogueIsWhole(t *testing.T) {
	all := builtIns(t)
	ids, names, conditioned := map[rbac.RoleID]bool{}, map[string]bool{}, 0
	for _, d := range all {
		ids[d.ID], names[strings.ToLower(d.Name)] = true, true
		if d.Name != strings.TrimSpace(d.Name) || d.Name == "" || len(d.Permissions) == 0 {
			t.Errorf("role %+v", d)
		}
		for _, p := range d.Permissions {
			if p.Condition != "" {
				conditioned++
			}
		}
	}
	if len(all) != 928 || len(ids) != 928 || len(names) != 928 || conditioned != 31 {
		t.Errorf("%d roles, %d ids, %d names, %d blocks with a condition", len(all), len(ids), len(names), conditioned)
	}
}

// TestDefinitionsAreFoundByNameAndType. // CP-95
func TestDefinitionsAreFoundByNameAndType(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	found, err := f.ListDefinitions(f.ctx, rbac.DefinitionQuery{Scope: group, Name: " READER ", Type: rbac.BuiltIn})
	if err != nil || len(found) != 1 || found[0].ID != readerRole {
		t.Fatalf("reader: %v, %v", found, err)
	}
	if got := found[0].WireID(group); got != "/subscriptions/"+string(subscription)+"/providers/Microsoft.Authorization/roleDefinitions/"+string(readerRole) {
		t.Errorf("below a subscription: %s", got)
	}
	if got := found[0].WireID(resource.Root()); got != "/providers/Microsoft.Authorization/roleDefinitions/"+string(readerRole) {
		t.Errorf("at the root: %s", got)
	}
	for _, scope := range []resource.ID{resource.Root(), sub, group, vault} {
		if all, err := f.ListDefinitions(f.ctx, rbac.DefinitionQuery{Scope: scope}); err != nil || len(all) != 928 {
			t.Errorf("%s: %d, %v", scope, len(all), err)
		}
	}
	if custom, err := f.ListDefinitions(f.ctx, rbac.DefinitionQuery{Scope: sub, Type: rbac.Custom}); err != nil || len(custom) != 0 {
		t.Errorf("custom: %v, %v", custom, err)
	}
	if role, err := rbac.ParseRoleID("/subscriptions/x/PROVIDERS/microsoft.authorization/roleDefinitions/" + strings.ToUpper(string(readerRole))); err != nil || role != readerRole {
		t.Errorf("parsed %s, %v", role, err)
	}
	if _, err := rbac.ParseRoleID("Reader"); !errors.Is(err, rbac.ErrDefinitionName) {
		t.Errorf("a name: %v", err)
	}
}

// TestCustomRolesLive: created, assigned, changed, in use, deleted. // CP-96, CP-97, CP-100
func TestCustomRolesLive(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFixture(t, db)
		n := rbac.NewDefinition{ID: customRoleGUID, Name: "Machine starter", AssignableScopes: []resource.ID{group},
			Permissions: []rbac.Permission{{Actions: []string{"Microsoft.Compute/virtualMachines/start/action"}}}}
		if _, created, err := f.PutDefinition(f.ctx, n); err != nil || !created {
			t.Fatalf("created %t, %v", created, err)
		}
		if _, err := f.assign("anna", n.ID, sub); !errors.Is(err, rbac.ErrRoleNotAssignable) {
			t.Errorf("above its assignable scopes: %v", err)
		}
		a, err := f.assign("anna", n.ID, group)
		if err != nil {
			t.Fatal(err)
		}
		const start, stop = "Microsoft.Compute/virtualMachines/start/action", "Microsoft.Compute/virtualMachines/stop/action"
		if !f.allowed("anna", start, false, group) || f.allowed("anna", stop, false, group) {
			t.Error("the custom role does not grant exactly its action")
		}
		n.Permissions[0].Actions = []string{stop}
		if _, created, err := f.PutDefinition(f.ctx, n); err != nil || created {
			t.Errorf("changed: created %t, %v", created, err)
		}
		if f.allowed("anna", start, false, group) || !f.allowed("anna", stop, false, group) {
			t.Error("a change of the role does not show in decisions")
		}
		if _, err := f.DeleteDefinition(f.ctx, n.ID); !errors.Is(err, rbac.ErrDefinitionInUse) {
			t.Errorf("in use: %v", err)
		}
		if _, err := f.DeleteAssignment(f.ctx, group, a.Name); err != nil {
			t.Fatal(err)
		}
		if d, err := f.DeleteDefinition(f.ctx, n.ID); err != nil || d.Name != n.Name {
			t.Errorf("deleted %v, %v", d, err)
		}
		if _, err := f.GetDefinition(f.ctx, n.ID); !errors.Is(err, rbac.ErrDefinitionNotFound) {
			t.Errorf("after deletion: %v", err)
		}
	})
}

func TestPutDefinitionRefuses(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	good := rbac.NewDefinition{ID: customRoleGUID, Name: "Mine", AssignableScopes: []resource.ID{sub}}
	if _, _, err := f.PutDefinition(f.ctx, good); err != nil {
		t.Fatal(err)
	}
	good.ID = "9526768e-f4de-fc4c-8914-5ac069af6011"
	for name, c := range map[string]struct {
		change func(*rbac.NewDefinition)
		want   error
	}{
		"a built-in id":            {func(n *rbac.NewDefinition) { n.ID, n.Name = readerRole, "Other" }, rbac.ErrDefinitionBuiltIn},
		"a built-in name":          {func(n *rbac.NewDefinition) { n.Name = " rEADER" }, rbac.ErrDefinitionTaken},
		"a custom name":            {func(n *rbac.NewDefinition) { n.Name = "MINE" }, rbac.ErrDefinitionTaken},
		"no name":                  {func(n *rbac.NewDefinition) { n.Name = " " }, rbac.ErrDefinitionInvalid},
		"no assignable scope":      {func(n *rbac.NewDefinition) { n.Name, n.AssignableScopes = "Other", nil }, rbac.ErrDefinitionInvalid},
		"the root":                 {func(n *rbac.NewDefinition) { n.Name, n.AssignableScopes = "Other", []resource.ID{resource.Root()} }, rbac.ErrDefinitionInvalid}, // CP-98
		"a condition on its block": {func(n *rbac.NewDefinition) { n.Name, n.Permissions = "Other", []rbac.Permission{{Condition: "x"}} }, rbac.ErrCondition},
		"an empty action": {func(n *rbac.NewDefinition) {
			n.Name, n.Permissions = "Other", []rbac.Permission{{Actions: []string{""}}}
		}, rbac.ErrDefinitionInvalid},
		"a name that is no GUID": {func(n *rbac.NewDefinition) { n.Name, n.ID = "Other", "other" }, rbac.ErrDefinitionName},
	} {
		n := good
		c.change(&n)
		if _, _, err := f.PutDefinition(f.ctx, n); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := f.DeleteDefinition(f.ctx, readerRole); !errors.Is(err, rbac.ErrDefinitionBuiltIn) {
		t.Errorf("delete a built-in role: %v", err)
	}
}
