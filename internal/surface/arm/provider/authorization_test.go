package provider_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// roles is where roles are; one names an assignment.
const (
	roles = "/providers/Microsoft.Authorization/roleDefinitions/"
	one   = "/providers/Microsoft.Authorization/roleAssignments/9526768e-f4de-fc4c-8914-5ac069af6010" // CP-100: Terraform makes such GUIDs
)

// assign is the body of an assignment to a person.
func (f *fixture) assign(role, name string) string {
	return `{"properties":{"roleDefinitionId":"` + sub + roles + role + `","principalId":"` + string(f.people[name].Object) + `"}}`
}

func TestRoleAssignments(t *testing.T) { // CP-100 to CP-106
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		f.ok("owner", "PUT", vm, `{"location":"local"}`)
		f.do("nobody", "GET", vm, "").want(403, "AuthorizationFailed")
		a := f.do("owner", "PUT", vm+one, f.assign(read, "nobody")).want(201, "")
		for path, want := range map[string]string{"principalType": "ServicePrincipal", "scope": vm, "principalId": string(f.people["nobody"].Object),
			"roleDefinitionId": sub + roles + read, "createdBy": string(f.people["owner"].Object)} {
			if got := a.at("properties", path); got != want {
				t.Errorf("%s: %q, want %q", path, got, want)
			}
		}
		f.do("nobody", "GET", vm, "").want(200, "") // effective at once
		f.do("owner", "PUT", vm+one, f.assign(read, "nobody")).want(201, "")
		f.do("owner", "PUT", vm+one, f.assign(contr, "nobody")).want(409, "RoleAssignmentUpdateNotPermitted")
		f.do("owner", "PUT", rg+one, f.assign(read, "nobody")).want(409, "RoleAssignmentUpdateNotPermitted")
		twice := f.do("owner", "PUT", strings.Replace(vm+one, "9526768e", "9526768f", 1), f.assign(read, "nobody")).want(409, "RoleAssignmentExists")
		if !strings.Contains(twice.at("error", "message"), "The role assignment already exists.") {
			t.Errorf("%s", twice.text)
		}
		body := strings.Replace(f.assign(read, "nobody"), string(f.people["nobody"].Object), "77777777-7777-7777-7777-777777777777", 1)
		unknown := f.do("owner", "PUT", strings.Replace(vm+one, "9526768e", "95267690", 1), body).want(400, "PrincipalNotFound")
		if want := "Principal 77777777777777777777777777777777 does not exist in the directory " + string(f.tenant) + ". Check that"; !strings.HasPrefix(unknown.at("error", "message"), want) {
			t.Errorf("%s", unknown.text)
		}
		f.do("owner", "PUT", rg+one+"x", f.assign(read, "nobody")).want(400, "InvalidRoleAssignmentId")
		f.do("owner", "PUT", strings.Replace(rg+one, "9526768e", "95267691", 1), f.assign("99999999-9999-9999-9999-999999999999", "nobody")).want(400, "RoleDefinitionDoesNotExist")
		f.do("owner", "PUT", strings.Replace(rg+one, "9526768e", "95267692", 1), strings.Replace(f.assign(read, "nobody"), "}}", `,"principalType":"User"}}`, 1)).want(400, "UnmatchedPrincipalType")
		f.do("owner", "PUT", strings.Replace(rg+one, "9526768e", "95267693", 1), strings.Replace(f.assign(read, "nobody"), "principalId", "PrincipalId", 1)).want(400, "InvalidRequestContent") // S-63
		f.do("owner", "DELETE", vm+one, "").want(200, "")
		f.do("nobody", "GET", vm, "").want(403, "AuthorizationFailed")
		f.do("owner", "DELETE", vm+one, "").want(204, "")
	})
}

func TestAssignmentsAreListedByFilter(t *testing.T) { // CP-105
	f := open(t, storetest.SQLite(t))
	f.ok("owner", "PUT", vm, `{"location":"local"}`)
	f.grant("nobody", read, vm)
	list := rg + "/providers/Microsoft.Authorization/roleAssignments"
	who := string(f.people["nobody"].Object)
	for filter, want := range map[string]int{
		"": 3, "atScope()": 2, "principalId eq '" + who + "'": 1, "assignedTo('" + who + "')": 1, "atScope() and assignedTo('" + who + "')": 0,
	} {
		if got := f.ok("owner", "GET", list+"?$filter="+url.QueryEscape(filter), ""); got.count() != want {
			t.Errorf("%q: %s", filter, got.text)
		}
	}
	f.do("owner", "GET", list+"?$filter=asTarget()", "").want(400, "InvalidFilter")
	if got := f.ok("nobody", "GET", list, ""); got.count() != 1 { // at their own machine only
		t.Errorf("%s", got.text)
	}
	if got := f.ok("owner", "GET", rg+"/providers/Microsoft.Authorization/permissions", ""); got.at("value", "0", "actions", "0") != "*" { // CP-117
		t.Errorf("%s", got.text)
	}
	if got := f.ok("nobody", "GET", rg+"/providers/Microsoft.Authorization/permissions", ""); got.count() != 0 {
		t.Errorf("%s", got.text)
	}
}

func TestContributorCannotWriteAuthorization(t *testing.T) { // S-46
	f := open(t, storetest.SQLite(t))
	f.ok("owner", "PUT", vm, `{"location":"local"}`)
	f.ok("owner", "PUT", sub+"/resourceGroups/other", `{"location":"local"}`)
	f.person("worker", contr, sub)
	f.person("sibling", owner, sub+"/resourceGroups/other")
	for _, who := range []string{"worker", "sibling"} {
		body := f.assign(owner, who)
		for _, path := range []string{rg + one, vm + one, sub + one, strings.ToUpper(rg + one), strings.Replace(rg+one, "roleAssignments", "role%41ssignments", 1),
			rg + strings.Replace(one, "/Microsoft", "//Microsoft", 1), one} {
			f.do(who, "PUT", path, body).want(403, "AuthorizationFailed")
		}
		f.do(who, "PATCH", rg+one, body).want(405, "MethodNotAllowed")
		f.do(who, "PUT", rg+roles+"33333333-3333-3333-3333-333333333333", definitionBody).want(403, "AuthorizationFailed")
		// A right at one scope does not make a role for another.
		f.do(who, "PUT", sub+"/resourceGroups/other"+roles+"33333333-3333-3333-3333-333333333333", definitionBody).want(403, "AuthorizationFailed")
	}
	f.ok("owner", "PUT", rg+roles+"33333333-3333-3333-3333-333333333333", definitionBody)
	taken := strings.Replace(definitionBody, rg, sub+"/resourceGroups/other", 1)
	f.do("sibling", "PUT", sub+"/resourceGroups/other"+roles+"33333333-3333-3333-3333-333333333333", taken).want(403, "AuthorizationFailed")
	f.do("sibling", "DELETE", sub+"/resourceGroups/other"+roles+"33333333-3333-3333-3333-333333333333", "").want(403, "AuthorizationFailed")
	fresh := strings.NewReplacer("33333333-3333", "44444444-3333", rg, sub+"/resourceGroups/other", "Mine", "Theirs").Replace(definitionBody)
	f.do("sibling", "PUT", sub+"/resourceGroups/other"+roles+"44444444-3333-3333-3333-333333333333", fresh).want(201, "") // the positive twin
	f.do("sibling", "PUT", sub+"/resourceGroups/other"+one, f.assign(read, "worker")).want(201, "")
}

func TestRoleDefinitions(t *testing.T) { // CP-94 to CP-98
	f := open(t, storetest.SQLite(t))
	for scope, prefix := range map[string]string{"": "", sub: sub, rg: sub} {
		all := f.ok("nobody", "GET", scope+strings.TrimSuffix(roles, "/"), "")
		if all.count() < 928 || all.at("nextLink") != "" {
			t.Errorf("%q: %d roles", scope, all.count())
		}
		reader := f.ok("nobody", "GET", scope+strings.TrimSuffix(roles, "/")+"?$filter="+url.QueryEscape("roleName eq 'reader'"), "")
		if reader.count() != 1 || reader.at("value", "0", "id") != prefix+roles+read || reader.at("value", "0", "properties", "type") != "BuiltInRole" {
			t.Errorf("%q: %s", scope, reader.text)
		}
	}
	mine := sub + roles + "33333333-3333-3333-3333-333333333333"
	f.do("owner", "PUT", mine, definitionBody).want(201, "")
	f.do("owner", "PUT", mine, definitionBody).want(201, "")
	f.do("owner", "PUT", strings.Replace(mine, "33333333-", "44444444-", 1), definitionBody).want(409, "RoleDefinitionWithSameNameExists")
	f.do("owner", "PUT", sub+roles+read, definitionBody).want(403, "RoleDefinitionIsBuiltIn")
	f.do("owner", "DELETE", sub+roles+read, "").want(403, "RoleDefinitionIsBuiltIn")
	f.do("owner", "PUT", mine, strings.Replace(definitionBody, rg, sub+"/resourceGroups/none", 1)).want(400, "InvalidRoleDefinition")
	f.do("owner", "PUT", mine, strings.Replace(definitionBody, `"`+rg+`"`, `"/"`, 1)).want(403, "AuthorizationFailed")
	f.do("owner", "PUT", rg+one, f.assign("33333333-3333-3333-3333-333333333333", "nobody")).want(201, "")
	f.do("owner", "DELETE", mine, "").want(400, "RoleDefinitionHasAssignments")
	f.do("owner", "DELETE", rg+one, "").want(200, "")
	f.do("owner", "DELETE", mine, "").want(200, "")
	f.do("owner", "DELETE", mine, "").want(204, "")
	f.do("owner", "GET", mine, "").want(404, "RoleDefinitionDoesNotExist")
}
