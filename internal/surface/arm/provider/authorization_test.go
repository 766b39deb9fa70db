package provider_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// roles is where roles are; one names an assignment.
const (
	roles = "/providers/Microsoft.Authorization/roleDefinitions/"
	one   = "/providers/Microsoft.Authorization/roleAssignments/9526768e-f4de-fc4c-8914-5ac069af6010" // CP-100: Terraform makes such GUIDs
)

// assign is the body of an assignment to a person.
func assign(f *armtest.Fixture, role, name string) string {
	return `{"properties":{"roleDefinitionId":"` + armtest.Sub + roles + role + `","principalId":"` + string(f.People[name].Object) + `"}}`
}

func TestRoleAssignments(t *testing.T) { // CP-100 to CP-106
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		f.OK("owner", "PUT", vm, `{"location":"local"}`)
		f.Do("nobody", "GET", vm, "").Want(403, "AuthorizationFailed")
		a := f.Do("owner", "PUT", vm+one, assign(f, armtest.Reader, "nobody")).Want(201, "")
		for path, want := range map[string]string{"principalType": "ServicePrincipal", "scope": vm, "principalId": string(f.People["nobody"].Object),
			"roleDefinitionId": armtest.Sub + roles + armtest.Reader, "createdBy": string(f.People["owner"].Object)} {
			if got := a.At("properties", path); got != want {
				t.Errorf("%s: %q, want %q", path, got, want)
			}
		}
		f.Do("nobody", "GET", vm, "").Want(200, "") // effective at once
		f.Do("owner", "PUT", vm+one, assign(f, armtest.Reader, "nobody")).Want(201, "")
		f.Do("owner", "PUT", vm+one, assign(f, armtest.Contributor, "nobody")).Want(409, "RoleAssignmentUpdateNotPermitted")
		f.Do("owner", "PUT", armtest.Group+one, assign(f, armtest.Reader, "nobody")).Want(409, "RoleAssignmentUpdateNotPermitted")
		twice := f.Do("owner", "PUT", strings.Replace(vm+one, "9526768e", "9526768f", 1), assign(f, armtest.Reader, "nobody")).Want(409, "RoleAssignmentExists")
		if !strings.Contains(twice.At("error", "message"), "The role assignment already exists.") {
			t.Errorf("%s", twice.Text)
		}
		body := strings.Replace(assign(f, armtest.Reader, "nobody"), string(f.People["nobody"].Object), "77777777-7777-7777-7777-777777777777", 1)
		unknown := f.Do("owner", "PUT", strings.Replace(vm+one, "9526768e", "95267690", 1), body).Want(400, "PrincipalNotFound")
		if want := "Principal 77777777777777777777777777777777 does not exist in the directory " + string(f.Tenant) + ". Check that"; !strings.HasPrefix(unknown.At("error", "message"), want) {
			t.Errorf("%s", unknown.Text)
		}
		f.Do("owner", "PUT", armtest.Group+one+"x", assign(f, armtest.Reader, "nobody")).Want(400, "InvalidRoleAssignmentId")
		f.Do("owner", "PUT", strings.Replace(armtest.Group+one, "9526768e", "95267691", 1), assign(f, "99999999-9999-9999-9999-999999999999", "nobody")).Want(400, "RoleDefinitionDoesNotExist")
		f.Do("owner", "PUT", strings.Replace(armtest.Group+one, "9526768e", "95267692", 1), strings.Replace(assign(f, armtest.Reader, "nobody"), "}}", `,"principalType":"User"}}`, 1)).Want(400, "UnmatchedPrincipalType")
		f.Do("owner", "PUT", strings.Replace(armtest.Group+one, "9526768e", "95267693", 1), strings.Replace(assign(f, armtest.Reader, "nobody"), "principalId", "PrincipalId", 1)).Want(400, "InvalidRequestContent") // S-63
		f.Do("owner", "DELETE", vm+one, "").Want(200, "")
		f.Do("nobody", "GET", vm, "").Want(403, "AuthorizationFailed")
		f.Do("owner", "DELETE", vm+one, "").Want(204, "")
	})
}

func TestAssignmentsAreListedByFilter(t *testing.T) { // CP-105
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", vm, `{"location":"local"}`)
	f.Grant("nobody", armtest.Reader, vm)
	list := armtest.Group + "/providers/Microsoft.Authorization/roleAssignments"
	who := string(f.People["nobody"].Object)
	for filter, want := range map[string]int{
		"": 3, "atScope()": 2, "principalId eq '" + who + "'": 1, "assignedTo('" + who + "')": 1, "atScope() and assignedTo('" + who + "')": 0,
	} {
		if got := f.OK("owner", "GET", list+"?$filter="+url.QueryEscape(filter), ""); got.Count() != want {
			t.Errorf("%q: %s", filter, got.Text)
		}
	}
	f.Do("owner", "GET", list+"?$filter=asTarget()", "").Want(400, "InvalidFilter")
	if got := f.OK("nobody", "GET", list, ""); got.Count() != 1 { // at their own machine only
		t.Errorf("%s", got.Text)
	}
	if got := f.OK("owner", "GET", armtest.Group+"/providers/Microsoft.Authorization/permissions", ""); got.At("value", "0", "actions", "0") != "*" { // CP-117
		t.Errorf("%s", got.Text)
	}
	if got := f.OK("nobody", "GET", armtest.Group+"/providers/Microsoft.Authorization/permissions", ""); got.Count() != 0 {
		t.Errorf("%s", got.Text)
	}
}

func TestContributorCannotWriteAuthorization(t *testing.T) { // S-46
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", vm, `{"location":"local"}`)
	f.OK("owner", "PUT", armtest.Sub+"/resourceGroups/other", `{"location":"local"}`)
	f.Person("worker", armtest.Contributor, armtest.Sub)
	f.Person("sibling", armtest.Owner, armtest.Sub+"/resourceGroups/other")
	for _, who := range []string{"worker", "sibling"} {
		body := assign(f, armtest.Owner, who)
		for _, path := range []string{armtest.Group + one, vm + one, armtest.Sub + one, strings.ToUpper(armtest.Group + one), strings.Replace(armtest.Group+one, "roleAssignments", "role%41ssignments", 1),
			armtest.Group + strings.Replace(one, "/Microsoft", "//Microsoft", 1), one} {
			f.Do(who, "PUT", path, body).Want(403, "AuthorizationFailed")
		}
		f.Do(who, "PATCH", armtest.Group+one, body).Want(405, "MethodNotAllowed")
		f.Do(who, "PUT", armtest.Group+roles+"33333333-3333-3333-3333-333333333333", definitionBody).Want(403, "AuthorizationFailed")
		// A right at one scope does not make a role for another.
		f.Do(who, "PUT", armtest.Sub+"/resourceGroups/other"+roles+"33333333-3333-3333-3333-333333333333", definitionBody).Want(403, "AuthorizationFailed")
	}
	f.OK("owner", "PUT", armtest.Group+roles+"33333333-3333-3333-3333-333333333333", definitionBody)
	taken := strings.Replace(definitionBody, armtest.Group, armtest.Sub+"/resourceGroups/other", 1)
	f.Do("sibling", "PUT", armtest.Sub+"/resourceGroups/other"+roles+"33333333-3333-3333-3333-333333333333", taken).Want(403, "AuthorizationFailed")
	f.Do("sibling", "DELETE", armtest.Sub+"/resourceGroups/other"+roles+"33333333-3333-3333-3333-333333333333", "").Want(403, "AuthorizationFailed")
	fresh := strings.NewReplacer("33333333-3333", "44444444-3333", armtest.Group, armtest.Sub+"/resourceGroups/other", "Mine", "Theirs").Replace(definitionBody)
	f.Do("sibling", "PUT", armtest.Sub+"/resourceGroups/other"+roles+"44444444-3333-3333-3333-333333333333", fresh).Want(201, "") // the positive twin
	f.Do("sibling", "PUT", armtest.Sub+"/resourceGroups/other"+one, assign(f, armtest.Reader, "worker")).Want(201, "")
}

func TestRoleDefinitions(t *testing.T) { // CP-94 to CP-98
	f := armtest.Open(t, storetest.SQLite(t))
	for scope, prefix := range map[string]string{"": "", armtest.Sub: armtest.Sub, armtest.Group: armtest.Sub} {
		all := f.OK("nobody", "GET", scope+strings.TrimSuffix(roles, "/"), "")
		if all.Count() < 928 || all.At("nextLink") != "" {
			t.Errorf("%q: %d roles", scope, all.Count())
		}
		reader := f.OK("nobody", "GET", scope+strings.TrimSuffix(roles, "/")+"?$filter="+url.QueryEscape("roleName eq 'reader'"), "")
		if reader.Count() != 1 || reader.At("value", "0", "id") != prefix+roles+armtest.Reader || reader.At("value", "0", "properties", "type") != "BuiltInRole" {
			t.Errorf("%q: %s", scope, reader.Text)
		}
	}
	mine := armtest.Sub + roles + "33333333-3333-3333-3333-333333333333"
	f.Do("owner", "PUT", mine, definitionBody).Want(201, "")
	f.Do("owner", "PUT", mine, definitionBody).Want(201, "")
	f.Do("owner", "PUT", strings.Replace(mine, "33333333-", "44444444-", 1), definitionBody).Want(409, "RoleDefinitionWithSameNameExists")
	f.Do("owner", "PUT", armtest.Sub+roles+armtest.Reader, definitionBody).Want(403, "RoleDefinitionIsBuiltIn")
	f.Do("owner", "DELETE", armtest.Sub+roles+armtest.Reader, "").Want(403, "RoleDefinitionIsBuiltIn")
	f.Do("owner", "PUT", mine, strings.Replace(definitionBody, armtest.Group, armtest.Sub+"/resourceGroups/none", 1)).Want(400, "InvalidRoleDefinition")
	f.Do("owner", "PUT", mine, strings.Replace(definitionBody, `"`+armtest.Group+`"`, `"/"`, 1)).Want(403, "AuthorizationFailed")
	f.Do("owner", "PUT", armtest.Group+one, assign(f, "33333333-3333-3333-3333-333333333333", "nobody")).Want(201, "")
	f.Do("owner", "DELETE", mine, "").Want(400, "RoleDefinitionHasAssignments")
	f.Do("owner", "DELETE", armtest.Group+one, "").Want(200, "")
	f.Do("owner", "DELETE", mine, "").Want(200, "")
	f.Do("owner", "DELETE", mine, "").Want(204, "")
	f.Do("owner", "GET", mine, "").Want(404, "RoleDefinitionDoesNotExist")
}
