package insights_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// log asks for the activity log as who; more is put behind the time.
func log(f *armtest.Fixture, who, more string) armtest.Answer {
	f.T.Helper()
	filter := "eventTimestamp ge '" + time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.000000") + "'" + more
	return f.Do(who, "GET", armtest.Sub+"/providers/Microsoft.Insights/eventtypes/management/values?$filter="+url.QueryEscape(filter), "")
}

// lines names the events of an answer: operation, status, http status.
func lines(a armtest.Answer) string {
	var list struct {
		Value []struct {
			OperationName, Status struct{ Value string }
			Properties            map[string]string
		}
	}
	if err := json.Unmarshal([]byte(a.Text), &list); err != nil {
		return err.Error()
	}
	var out []string
	for _, e := range list.Value {
		operation := e.OperationName.Value[strings.Index(e.OperationName.Value, "/")+1:]
		out = append(out, strings.TrimSpace(operation+" "+e.Status.Value+" "+e.Properties["statusCode"]))
	}
	return strings.Join(out, "; ")
}

func TestActivityLogShowsWritesAndRefusalsInPairs(t *testing.T) { // CP-123, CP-126, CP-127
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := armtest.Open(t, db)
		f.Person("bystander", "", "")
		vm := armtest.Group + "/providers/Microsoft.Compute/virtualMachines/vm1"
		id := "0b9f7f2c-8a01-4f0c-9d6e-111111111111"
		f.OK("owner", "PUT", vm, `{"location":"local"}`, "x-ms-correlation-request-id: "+id, "x-ms-client-request-id: mine")
		f.Do("reader", "DELETE", vm, "").Want(403, "AuthorizationFailed")
		assignment := armtest.Group + "/providers/Microsoft.Authorization/roleAssignments/22222222-2222-2222-2222-222222222222"
		f.OK("owner", "PUT", assignment, fmt.Sprintf(`{"properties":{"roleDefinitionId":"%s/providers/Microsoft.Authorization/roleDefinitions/%s","principalId":"%s"}}`,
			armtest.Sub, armtest.SecretsUser, f.People["bystander"].Object))
		f.OK("owner", "DELETE", assignment, "")
		for more, want := range map[string]string{
			" and resourceId eq '" + strings.ToUpper(vm) + "'":                                                       "virtualMachines/delete Failed Forbidden; virtualMachines/delete Started; virtualMachines/write Succeeded Created; virtualMachines/write Started",
			" and correlationId eq '" + strings.ToUpper(id) + "'":                                                    "virtualMachines/write Succeeded Created; virtualMachines/write Started",
			" and resourceGroupName eq 'RG' and status eq 'Failed'":                                                  "virtualMachines/delete Failed Forbidden",
			" and resourceProvider eq 'microsoft.compute' and levels eq 'Error'":                                     "virtualMachines/delete Failed Forbidden",
			" and resourceProvider eq Microsoft.Authorization and status eq 'Started' and resourceGroupName eq 'rg'": "roleAssignments/delete Started; roleAssignments/write Started",
			" and resourceGroupName eq 'other'":                                                                      "",
			" and resourceId eq '" + vm + "' and category eq 'Policy'":                                               "",
		} {
			if got := lines(log(f, "reader", more).Want(200, "")); got != want {
				t.Errorf("%s\n got %s\nwant %s", more, got, want)
			}
		}
		one := log(f, "owner", " and correlationId eq '"+id+"'")
		if a, b := one.At("value", "0", "operationId"), one.At("value", "1", "operationId"); a == "" || a != b {
			t.Errorf("the pair has the operations %q and %q", a, b)
		}
		for path, want := range map[string]string{
			"caller": string(f.People["owner"].Object), "httpRequest/method": "PUT", "httpRequest/clientRequestId": "mine", "authorization/scope": vm,
			"authorization/action": "Microsoft.Compute/virtualMachines/write", "resourceGroupName": "rg", "eventName/value": "EndRequest", "resourceId": vm,
			"resourceProviderName/value": "Microsoft.Compute", "subStatus/localizedValue": "Created (HTTP Status Code: 201)", "tenantId": string(f.Tenant),
		} {
			if got := one.At(append([]string{"value", "0"}, strings.Split(path, "/")...)...); got != want {
				t.Errorf("%s is %q, want %q", path, got, want)
			}
		}
	})
}

func TestChangelogsOfRoleAssignmentsHoldWhatAzReads(t *testing.T) { // CP-125
	f := armtest.Open(t, storetest.SQLite(t))
	f.Person("bystander", "", "")
	assignment := armtest.Group + "/providers/Microsoft.Authorization/roleAssignments/22222222-2222-2222-2222-222222222222"
	role := armtest.Sub + "/providers/Microsoft.Authorization/roleDefinitions/" + armtest.SecretsUser
	f.OK("owner", "PUT", assignment, fmt.Sprintf(`{"properties":{"roleDefinitionId":"%s","principalId":"%s"}}`, role, f.People["bystander"].Object))
	f.OK("owner", "DELETE", assignment, "")
	a := log(f, "reader", " and resourceProvider eq Microsoft.Authorization and resourceGroupName eq 'rg'")
	for place, member := range map[string]string{"0": "responseBody", "3": "requestbody"} { // the delete's end and the write's beginning
		var body struct {
			Properties struct{ PrincipalID, RoleDefinitionID string }
		}
		if err := json.Unmarshal([]byte(a.At("value", place, "properties", member)), &body); err != nil || body.Properties.PrincipalID != string(f.People["bystander"].Object) || body.Properties.RoleDefinitionID != role {
			t.Errorf("%s: %v %+v in %s", member, err, body, a.Text)
		}
	}
}

func TestNobodySeesTheLogOfWhatTheyMayNotRead(t *testing.T) { // S-54
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", armtest.Sub+"/resourceGroups/other", `{"location":"local"}`)
	f.Person("partial", armtest.Reader, armtest.Sub+"/resourceGroups/other")
	if got := lines(log(f, "partial", "")); !strings.Contains(got, "resourceGroups/write Succeeded") || strings.Count(got, ";") != 3 {
		t.Errorf("who may read one group sees %s", got)
	}
	if got := lines(log(f, "nobody", "")); got != "" {
		t.Errorf("who may read nothing sees %s", got)
	}
	log(f, "stranger", "").Want(404, "SubscriptionNotFound")
	f.Do("owner", "GET", armtest.Sub+"/providers/Microsoft.Insights/eventtypes/management/values", "").Want(400, "InvalidParameter")
	for _, method := range []string{"PUT", "DELETE", "POST"} { // CP-128
		f.Do("owner", method, armtest.Sub+"/providers/Microsoft.Insights/eventtypes/management/values", "{}").Want(405, "MethodNotAllowed")
	}
}

func TestPagesAndSelectedMembersOfTheLog(t *testing.T) {
	f := armtest.Open(t, storetest.SQLite(t))
	for i := range 5 {
		f.OK("owner", "PUT", fmt.Sprintf("%s/resourceGroups/g%d", armtest.Sub, i), `{"location":"local"}`)
	}
	filter := url.QueryEscape("eventTimestamp ge '" + time.Now().UTC().Format(time.DateOnly) + "' and status eq 'Succeeded' and resourceProvider eq 'Microsoft.Resources'")
	next := armtest.Sub + "/providers/Microsoft.Insights/eventtypes/management/values?$top=2&$select=eventName,resourceId&$filter=" + filter
	seen := map[string]bool{}
	for next != "" {
		a := f.OK("owner", "GET", next, "")
		var page struct {
			Value    []map[string]any
			NextLink string
		}
		armtest.Check(t, json.Unmarshal([]byte(a.Text), &page))
		for _, e := range page.Value {
			if len(e) != 2 || seen[e["resourceId"].(string)] {
				t.Errorf("event %v", e)
			}
			seen[e["resourceId"].(string)] = true
		}
		next = strings.TrimPrefix(page.NextLink, armtest.Base)
	}
	if len(seen) != 7 { // with the subscription and the first group
		t.Errorf("saw %v", seen)
	}
}
