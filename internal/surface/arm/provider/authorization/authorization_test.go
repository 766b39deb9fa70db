package authorization_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

const (
	authorization = "/providers/Microsoft.Authorization/"
	groups        = "/providers/Microsoft.Management/managementGroups/"
	machine       = armtest.Group + "/providers/Microsoft.Compute/virtualMachines/vm1"
	delegate      = "8b54135c-b56d-4d72-a534-26097cfdc8d8" // Key Vault Data Access Administrator
	rbacAdmin     = "f58310d9-a9f6-439a-9e8d-f62e7b41a168" // Role Based Access Control Administrator
	uaa           = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9" // User Access Administrator
)

// name numbers GUIDs.
func name(n int) string { return fmt.Sprintf("00000000-1111-2222-3333-%012d", n) }

// assignment is the path of an assignment.
func assignment(scope string, n int) string {
	return scope + authorization + "roleAssignments/" + name(n)
}

// body assigns a role to a person; more are further properties.
func body(f *armtest.Fixture, role, who string, more ...string) string {
	return `{"properties":{"roleDefinitionId":"` + armtest.Sub + authorization + `roleDefinitions/` + role + `","principalId":"` + string(f.People[who].Object) + `"` +
		strings.Join(more, "") + `}}`
}

// TestDelegatesAssignSomeRolesOnly: the built-in role for vaults, and the general one with
// a condition of its own. // CP-114
func TestDelegatesAssignSomeRolesOnly(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	f.Person("delegate", delegate, armtest.Group)
	f.Do("delegate", "PUT", assignment(armtest.Group, 1), body(f, armtest.SecretsUser, "nobody")).Want(201, "")
	f.Do("delegate", "PUT", assignment(armtest.Group, 2), body(f, armtest.Owner, "nobody")).Want(403, "AuthorizationFailed")
	f.Do("delegate", "PUT", assignment(armtest.Group, 2), body(f, armtest.Owner, "delegate")).Want(403, "AuthorizationFailed")
	f.Do("delegate", "PUT", assignment(armtest.Group, 2), `{"properties":{}}`).Want(403, "AuthorizationFailed")
	f.Do("delegate", "PUT", assignment(armtest.Group, 2), `nonsense`).Want(403, "AuthorizationFailed")
	f.Do("owner", "PUT", assignment(armtest.Group, 3), body(f, armtest.Reader, "nobody")).Want(201, "")
	f.Do("delegate", "DELETE", assignment(armtest.Group, 3), "").Want(403, "AuthorizationFailed") // not one of its roles
	f.Do("delegate", "DELETE", assignment(armtest.Group, 1), "").Want(200, "")
	f.Do("owner", "DELETE", assignment(armtest.Group, 3), "").Want(200, "")

	f.Person("limited", "", "")
	onlyReader := `,"conditionVersion":"2.0","condition":"(!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {` +
		armtest.Reader + `} AND @Request[Microsoft.Authorization/roleAssignments:PrincipalType] StringEqualsIgnoreCase 'ServicePrincipal')"`
	f.Do("owner", "PUT", assignment(armtest.Group, 4), body(f, rbacAdmin, "limited", onlyReader)).Want(201, "")
	got := f.Do("owner", "GET", assignment(armtest.Group, 4), "").Want(200, "")
	if got.At("properties", "conditionVersion") != "2.0" || !strings.Contains(got.At("properties", "condition"), armtest.Reader) {
		t.Errorf("%s", got.Text)
	}
	f.Do("limited", "PUT", assignment(armtest.Group, 5), body(f, armtest.Reader, "nobody")).Want(201, "")
	f.Do("limited", "PUT", assignment(armtest.Group, 6), body(f, armtest.Owner, "limited")).Want(403, "AuthorizationFailed")
	f.Do("limited", "DELETE", assignment(armtest.Group, 5), "").Want(200, "") // the condition is about writing only
}

// TestConditionsAreCheckedWhenTheyAreWritten, on assignments and on roles.
func TestConditionsAreCheckedWhenTheyAreWritten(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	for _, more := range []string{
		`,"condition":"@Resource[a:b] StringEquals 'c'"`, `,"condition":"@Resource[a:b] StringEquals 'c'","conditionVersion":"1.0"`,
		`,"condition":"@Resource[a:b] Equals 'c'","conditionVersion":"2.0"`, `,"condition":"@Resource[Microsoft.Authorization/roleAssignments:Nothing] StringEquals 'c'","conditionVersion":"2.0"`,
		`,"conditionVersion":"3.0"`, `,"condition":"` + strings.Repeat("x", 9000) + `","conditionVersion":"2.0"`,
	} {
		f.Do("owner", "PUT", assignment(armtest.Group, 1), body(f, armtest.Reader, "nobody", more)).Want(400, "InvalidConditionExpression")
	}
	role := armtest.Group + authorization + "roleDefinitions/" + name(9)
	custom := `{"properties":{"roleName":"Mine","permissions":[{"actions":["Microsoft.Compute/*/read"],"condition":"%s","conditionVersion":"2.0"}],"assignableScopes":["` + armtest.Group + `"]}}`
	f.Do("owner", "PUT", role, fmt.Sprintf(custom, "nonsense")).Want(400, "InvalidConditionExpression")
	f.Do("owner", "PUT", role, fmt.Sprintf(custom, "@Resource[Microsoft.Compute/virtualMachines:name] StringLike 'vm*'")).Want(201, "")
	f.Do("owner", "PUT", assignment(armtest.Group, 1), body(f, name(9), "nobody")).Want(201, "")
	f.OK("owner", "PUT", machine, `{"location":"local"}`)
	f.OK("owner", "PUT", strings.Replace(machine, "vm1", "other", 1), `{"location":"local"}`)
	f.Do("nobody", "GET", machine, "").Want(200, "")
	f.Do("nobody", "GET", strings.Replace(machine, "vm1", "other", 1), "").Want(403, "AuthorizationFailed")
	f.Do("owner", "PUT", assignment(armtest.Group, 1), body(f, name(9), "nobody", `,"conditionVersion":"2.0","condition":"@Resource[Microsoft.Compute/virtualMachines:name] StringEquals 'vm2'"`)).Want(201, "")
	f.Do("nobody", "GET", machine, "").Want(403, "AuthorizationFailed") // both conditions must hold
}

// TestDenyAssignments beat every role; whoever could not take one back cannot write it. // CP-116
func TestDenyAssignments(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", machine, `{"location":"local"}`)
	f.Person("worker", armtest.Contributor, armtest.Sub)
	path := armtest.Group + authorization + "denyAssignments/" + name(1)
	deny := func(who, action, more string) string {
		return `{"properties":{"denyAssignmentName":"Keep it","permissions":[{"actions":["` + action + `"]}],"principals":[{"id":"` + who + `"}]` + more + `}}`
	}
	worker, everyone := string(f.People["worker"].Object), "00000000-0000-0000-0000-000000000000"
	f.Do("worker", "PUT", path, deny(worker, "*", "")).Want(403, "AuthorizationFailed")
	made := f.Do("owner", "PUT", path, deny(worker, "Microsoft.Compute/*/write", "")).Want(201, "")
	if made.At("properties", "principals", "0", "type") != "ServicePrincipal" || made.At("properties", "scope") != armtest.Group {
		t.Errorf("%s", made.Text)
	}
	f.Do("worker", "PUT", machine, `{"location":"local"}`).Want(403, "AuthorizationFailed")
	f.Do("worker", "GET", machine, "").Want(200, "")
	f.Do("owner", "PUT", machine, `{"location":"local"}`).Want(200, "") // not concerned
	if all := f.OK("reader", "GET", machine+authorization+"denyAssignments", ""); all.Count() != 1 {
		t.Errorf("%s", all.Text)
	}
	for filter, want := range map[string]int{"atScope()": 0, "principalId eq '" + worker + "'": 1, "assignedTo('" + string(f.People["owner"].Object) + "')": 0} {
		if got := f.OK("owner", "GET", armtest.Sub+authorization+"denyAssignments?$filter="+url.QueryEscape(filter), ""); got.Count() != want {
			t.Errorf("%s: %s", filter, got.Text)
		}
	}
	f.Do("owner", "PUT", path, deny(worker, "Microsoft.Compute/*/write", `,"doNotApplyToChildScopes":true`)).Want(201, "")
	f.Do("worker", "PUT", machine, `{"location":"local"}`).Want(200, "")
	f.Do("owner", "PUT", path, deny(everyone, "*", "")).Want(400, "InvalidDenyAssignment") // nobody could undo it
	f.Do("owner", "PUT", path, deny(everyone, "*", `,"isSystemProtected":true`)).Want(400, "InvalidDenyAssignment")
	f.Do("owner", "PUT", path, deny(everyone, "Microsoft.Compute/*", `,"excludePrincipals":[{"id":"`+worker+`"}]`)).Want(201, "")
	f.Do("owner", "GET", machine, "").Want(403, "AuthorizationFailed")
	f.Do("worker", "GET", machine, "").Want(200, "")
	f.Do("owner", "DELETE", path, "").Want(200, "")
	f.Do("owner", "DELETE", path, "").Want(204, "")
	f.Do("owner", "GET", machine, "").Want(200, "")
	f.Do("owner", "GET", path, "").Want(404, "DenyAssignmentNotFound")
}

// TestLocks forbid to delete, or to change, whatever the roles say. // CP-42, CP-43
func TestLocks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		f.OK("owner", "PUT", machine, `{"location":"local"}`)
		f.Person("worker", armtest.Contributor, armtest.Sub)
		lock := machine + authorization + "locks/Keep"
		f.Do("worker", "PUT", lock, `{"properties":{"level":"CanNotDelete"}}`).Want(403, "AuthorizationFailed")
		f.Do("owner", "PUT", lock, `{"properties":{"level":"Sometimes"}}`).Want(400, "InvalidRequestContent")
		made := f.Do("owner", "PUT", lock, `{"properties":{"level":"CanNotDelete","notes":"mine","owners":[{"applicationId":"a"}]}}`).Want(201, "")
		if made.At("name") != "Keep" || made.At("type") != "Microsoft.Authorization/locks" || made.At("properties", "notes") != "mine" {
			t.Errorf("%s", made.Text)
		}
		refused := f.Do("owner", "DELETE", machine, "").Want(409, "ScopeLocked")
		if want := "cannot perform delete operation because following scope(s) are locked: '" + machine + "'. Please remove the lock and try again."; !strings.Contains(refused.At("error", "message"), want) {
			t.Errorf("%s", refused.Text)
		}
		f.Do("owner", "DELETE", armtest.Group, "").Want(409, "ScopeLocked") // it would take the machine along
		f.Do("owner", "PUT", machine, `{"location":"local","tags":{"a":"b"}}`).Want(200, "")
		f.Do("nobody", "DELETE", machine, "").Want(403, "AuthorizationFailed") // told nothing of locks
		all := f.OK("owner", "GET", armtest.Sub+authorization+"locks", "")     // as az lock delete asks
		if all.Count() != 1 || all.At("value", "0", "id") != lock {
			t.Errorf("%s", all.Text)
		}
		if none := f.OK("nobody", "GET", armtest.Sub+authorization+"locks", ""); none.Count() != 0 {
			t.Errorf("%s", none.Text)
		}

		f.OK("owner", "PUT", armtest.Sub+"/resourceGroups/other", `{"location":"local"}`)
		move := `{"resources":["` + machine + `"],"targetResourceGroup":"` + armtest.Sub + `/resourceGroups/other"}`
		f.Do("owner", "POST", armtest.Group+"/moveResources", move).Want(409, "ScopeLocked")

		group := armtest.Group + authorization + "locks/still"
		f.Do("owner", "PUT", group, `{"properties":{"level":"ReadOnly"}}`).Want(201, "")
		f.Do("owner", "PUT", machine, `{"location":"local"}`).Want(409, "ScopeLocked")
		f.Do("owner", "PATCH", machine, `{"tags":{}}`).Want(409, "ScopeLocked")
		f.Do("owner", "PUT", assignment(machine, 1), body(f, armtest.Reader, "nobody")).Want(409, "ScopeLocked")
		f.Do("owner", "GET", machine, "").Want(200, "")
		f.Do("owner", "POST", machine+authorization+"why", `{"principalId":"`+string(f.People["nobody"].Object)+`","action":"a/b/read"}`).Want(200, "")
		f.Do("owner", "PUT", group, `{"properties":{"level":"CanNotDelete"}}`).Want(200, "") // locks do not lock locks
		f.Do("owner", "PUT", assignment(machine, 1), body(f, armtest.Reader, "nobody")).Want(201, "")
		f.Do("owner", "DELETE", assignment(machine, 1), "").Want(409, "ScopeLocked")
		f.Do("owner", "DELETE", group, "").Want(200, "")
		f.Do("owner", "DELETE", strings.Replace(lock, "Keep", "kEEP", 1), "").Want(200, "")
		f.Do("owner", "DELETE", lock, "").Want(204, "")
		f.Do("owner", "GET", lock, "").Want(404, "LockNotFound")
		f.Do("owner", "DELETE", assignment(machine, 1), "").Want(200, "")
		target := armtest.Sub + "/resourceGroups/other" + authorization + "locks/full"
		f.OK("owner", "PUT", target, `{"properties":{"level":"ReadOnly"}}`)
		f.Do("owner", "POST", armtest.Group+"/moveResources", move).Want(409, "ScopeLocked")
		f.Do("owner", "DELETE", target, "").Want(200, "")
		f.Do("owner", "POST", armtest.Group+"/moveResources", move).Want(204, "")
		f.Do("owner", "DELETE", strings.Replace(machine, "/rg/", "/other/", 1), "").Want(200, "")
	})
}

// TestCheckAccess answers for others whoever may ask, in both shapes. // CP-118
func TestCheckAccess(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	ask := func(who string) string {
		return `{"Subject":{"Attributes":{"ObjectId":"` + string(f.People[who].Object) + `","Groups":["` + string(f.People["owner"].Object) + `"]}},"Resource":{"Id":"` + machine + `"},
			"Actions":[{"Id":"Microsoft.Compute/virtualMachines/read"},{"Id":"Microsoft.Compute/virtualMachines/write"},{"Id":"Microsoft.Compute/virtualMachines/login/action","IsDataAction":true}]}`
	}
	path := armtest.Group + authorization + "checkaccess?api-version="
	old := f.Do("owner", "POST", path+"2018-09-01-preview", ask("reader")).Want(200, "")
	if !strings.HasPrefix(old.Text, `[{"actionId":"Microsoft.Compute/virtualMachines/read","accessDecision":"Allowed","isDataAction":false,"roleAssignment":{"id":"`+armtest.Sub+authorization) ||
		strings.Count(old.Text, `"NotAllowed"`) != 2 {
		t.Errorf("%s", old.Text)
	}
	paged := f.Do("owner", "POST", path+"2021-06-01-preview", ask("reader")).Want(200, "")
	if paged.Count() != 3 || paged.At("value", "0", "accessDecision") != "Allowed" || paged.At("value", "0", "roleAssignment", "roleDefinitionId") != armtest.Sub+authorization+"roleDefinitions/"+armtest.Reader {
		t.Errorf("%s", paged.Text)
	}
	f.Do("reader", "POST", path+"2018-09-01-preview", ask("owner")).Want(403, "AuthorizationFailed")
	f.Do("reader", "POST", path+"2018-09-01-preview", ask("reader")).Want(200, "") // about oneself
	f.Do("owner", "POST", path+"2018-09-01-preview", strings.Replace(ask("reader"), machine, armtest.Sub, 1)).Want(400, "InvalidRequestContent")
	f.Do("owner", "POST", path+"2018-09-01-preview", strings.Replace(ask("reader"), `"Actions":[`, `"Actions":[],"x":[`, 1)).Want(400, "InvalidRequestContent")
	f.OK("owner", "PUT", armtest.Group+authorization+"denyAssignments/"+name(1), `{"properties":{"denyAssignmentName":"No","permissions":[{"actions":["*/read"]}],"principals":[{"id":"`+string(f.People["reader"].Object)+`"}]}}`)
	denied := f.Do("owner", "POST", path+"2018-09-01-preview", ask("reader")).Want(200, "")
	if !strings.Contains(denied.Text, `"accessDecision":"Denied"`) || !strings.Contains(denied.Text, `"denyAssignmentName":"No"`) {
		t.Errorf("%s", denied.Text)
	}
	// What a condition asks for can be supplied.
	f.Person("limited", "", "")
	f.Do("owner", "PUT", assignment(armtest.Group, 4), body(f, armtest.Reader, "limited", `,"conditionVersion":"2.0","condition":"@Request[a:b] NumericLessThan 5"`)).Want(201, "")
	question := `{"Subject":{"Attributes":{"ObjectId":"` + string(f.People["limited"].Object) + `"}},"Actions":[{"Id":"a/b/read"},{"Id":"a/b/read","Attributes":{"a:b":4}},{"Id":"a/b/read","Attributes":{"a:b":6}}]}`
	answer := f.Do("owner", "POST", path+"2021-06-01-preview", question).Want(200, "")
	for i, want := range []string{"NotAllowed", "Allowed", "NotAllowed"} {
		if got := answer.At("value", fmt.Sprint(i), "accessDecision"); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
}

// TestManagementGroups: what is assigned at one holds below it, wherever a subscription is
// moved; so do roles that can be assigned there. // CP-98, CP-99, CP-110
func TestManagementGroups(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		f.Do("nobody", "POST", authorization+"elevateAccess", "").Want(403, "AuthorizationFailed")
		f.Do("owner", "PUT", groups+"top", `{}`).Want(403, "AuthorizationFailed")
		f.Do("owner", "POST", authorization+"elevateAccess", "").Want(200, "")
		f.Do("owner", "POST", authorization+"elevateAccess", "").Want(200, "")
		root := groups + string(f.Tenant)
		f.Do("owner", "PUT", assignment(root, 1), body(f, armtest.Owner, "owner")).Want(201, "")
		top := f.Do("owner", "PUT", groups+"Top", `{"properties":{"displayName":"The top"}}`).Want(200, "")
		if top.At("properties", "details", "parent", "id") != root || top.At("properties", "displayName") != "The top" {
			t.Errorf("%s", top.Text)
		}
		f.Do("owner", "PUT", groups+"low", `{"properties":{"details":{"parent":{"id":"`+groups+`top"}}}}`).Want(200, "")
		f.Do("owner", "PUT", assignment(groups+"top", 2), body(f, armtest.Reader, "nobody")).Want(201, "")
		f.Do("nobody", "GET", armtest.Group, "").Want(403, "AuthorizationFailed")
		f.Do("owner", "PUT", groups+"low/subscriptions/"+strings.TrimPrefix(armtest.Sub, "/subscriptions/"), "").Want(200, "")
		f.Do("nobody", "GET", armtest.Group, "").Want(200, "")
		f.Do("nobody", "GET", groups+"low", "").Want(200, "")
		f.Do("nobody", "GET", root, "").Want(403, "AuthorizationFailed")
		if list := f.OK("nobody", "GET", strings.TrimSuffix(groups, "/"), ""); list.Count() != 2 {
			t.Errorf("%s", list.Text)
		}
		tree := f.OK("owner", "GET", root+"?$expand=children&$recurse=true", "")
		if got := tree.At("properties", "children", "0", "children", "0", "children", "0", "id"); got != armtest.Sub {
			t.Errorf("%s", tree.Text)
		}
		if below := f.OK("owner", "GET", root+"/descendants", ""); below.Count() != 3 {
			t.Errorf("%s", below.Text)
		}
		// Lists at the subscription show what is inherited; lists at the group what is below.
		if list := f.OK("owner", "GET", armtest.Sub+authorization+"roleAssignments?$filter=atScope()", ""); list.Count() != 5 {
			t.Errorf("%d: %s", list.Count(), list.Text)
		}
		if list := f.OK("owner", "GET", groups+"top"+authorization+"roleAssignments", ""); list.Count() != 5 {
			t.Errorf("%d: %s", list.Count(), list.Text)
		}

		role := groups + "top" + authorization + "roleDefinitions/" + name(7)
		custom := `{"properties":{"roleName":"Ours","permissions":[{"actions":["Microsoft.Compute/*/write"]%s}],"assignableScopes":[%s]}}`
		f.Do("owner", "PUT", role, fmt.Sprintf(custom, "", `"`+groups+`top","`+groups+`low"`)).Want(400, "InvalidRoleDefinition")
		f.Do("owner", "PUT", role, fmt.Sprintf(custom, `,"dataActions":["*"]`, `"`+groups+`top"`)).Want(400, "InvalidRoleDefinition")
		f.Do("owner", "PUT", role, fmt.Sprintf(custom, "", `"`+groups+`none"`)).Want(400, "InvalidRoleDefinition")
		f.Do("owner", "PUT", role, fmt.Sprintf(custom, "", `"/"`)).Want(400, "InvalidRoleDefinition")
		f.Do("owner", "PUT", role, fmt.Sprintf(custom, "", `"`+groups+`top"`)).Want(201, "")
		made := f.Do("owner", "PUT", assignment(armtest.Group, 3), body(f, name(7), "nobody")).Want(201, "")
		if made.At("properties", "roleDefinitionId") != armtest.Sub+authorization+"roleDefinitions/"+name(7) {
			t.Errorf("%s", made.Text)
		}
		f.Do("nobody", "PUT", machine, `{"location":"local"}`).Want(201, "")

		f.Do("owner", "DELETE", groups+"top", "").Want(400, "BadRequest") // not empty
		f.Do("owner", "DELETE", groups+"low/subscriptions/"+strings.TrimPrefix(armtest.Sub, "/subscriptions/"), "").Want(200, "")
		f.Do("nobody", "GET", armtest.Group+authorization+"locks/x", "").Want(403, "AuthorizationFailed")
		f.Do("owner", "DELETE", groups+"low", "").Want(204, "")
		f.Do("owner", "DELETE", groups+"top", "").Want(204, "")
		f.Do("owner", "GET", groups+"top", "").Want(404, "ResourceNotFound")
		f.Do("owner", "PUT", groups+"top", `{}`).Want(200, "") // a new group of the name inherits nothing
		f.Do("nobody", "GET", groups+"top", "").Want(403, "AuthorizationFailed")
	})
}

// TestTenantsStandApart: not at the root that all share, and not in their groups. // S-54
func TestTenantsStandApart(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	f.Do("owner", "POST", authorization+"elevateAccess", "").Want(200, "")
	mine := f.OK("owner", "GET", authorization+"roleAssignments", "")
	if mine.Count() != 3 { // the root's, and the two of the subscription
		t.Errorf("%d: %s", mine.Count(), mine.Text)
	}
	f.Grant("stranger", uaa, "/")
	f.Do("stranger", "PUT", assignment(groups+string(f.Tenant), 1), body(f, armtest.Reader, "stranger")).Want(403, "AuthorizationFailed")
	f.Do("stranger", "GET", groups+string(f.Tenant), "").Want(403, "AuthorizationFailed")
	f.Do("stranger", "GET", armtest.Group, "").Want(404, "SubscriptionNotFound")
	f.Do("stranger", "PUT", assignment("", 2), body(f, armtest.Reader, "nobody")).Want(400, "PrincipalNotFound") // of another tenant
	f.Do("stranger", "PUT", assignment("", 2), body(f, armtest.Reader, "stranger")).Want(201, "")
	f.Do("owner", "GET", assignment("", 2), "").Want(404, "RoleAssignmentNotFound")
	f.Do("owner", "DELETE", assignment("", 2), "").Want(204, "")
	f.Do("stranger", "GET", assignment("", 2), "").Want(200, "")
	if again := f.OK("owner", "GET", authorization+"roleAssignments", ""); again.Count() != 3 {
		t.Errorf("%d: %s", again.Count(), again.Text)
	}
	f.Do("owner", "PUT", assignment(armtest.Group, 3), body(f, armtest.Reader, "stranger")).Want(400, "PrincipalNotFound")
	// Nor does anybody learn what a stranger may do at the root.
	stranger := string(f.People["stranger"].Object)
	asked := f.Do("owner", "POST", authorization+"checkAccess?api-version=2021-06-01-preview", `{"Subject":{"Attributes":{"ObjectId":"`+stranger+`"}},"Actions":[{"Id":"Microsoft.Authorization/roleAssignments/read"}]}`)
	if asked.Status == 200 && asked.At("value", "0", "accessDecision") != "NotAllowed" {
		t.Errorf("%s", asked.Text)
	}
	why := f.Do("owner", "POST", authorization+"why", `{"principalId":"`+stranger+`","action":"Microsoft.Authorization/roleAssignments/read"}`).Want(200, "")
	if why.At("reason") != "principal_gone" || !strings.Contains(why.At("sentence"), "0 assignments") {
		t.Errorf("%s", why.Text)
	}
}

// TestWhatPortalsPollIsThere: classic administrators, and roles for a time.
func TestWhatPortalsPollIsThere(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	for _, path := range []string{armtest.Sub + authorization + "classicAdministrators", armtest.Group + authorization + "roleEligibilityScheduleInstances?$filter=asTarget()",
		armtest.Sub + authorization + "roleAssignmentScheduleInstances", authorization + "roleEligibilitySchedules"} {
		if got := f.OK("nobody", "GET", path, ""); got.Count() != 0 || !strings.Contains(got.Text, `"value":[]`) {
			t.Errorf("%s: %s", path, got.Text)
		}
	}
}
