package graph_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
)

// signedIn writes a row of the sign-in log.
func (w *world) signedIn(kind, operation, reason string, details map[string]string) {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	uid := 1000
	e := audit.Event{
		Kind: audit.SignIn, Operation: operation, Outcome: audit.Succeeded, Reason: reason, Details: details,
		Actor:  audit.Actor{Tenant: w.tenant.ID, Object: w.caller.ID, App: w.caller.App, Name: "caller", Type: kind, RequestID: "req-" + details["uti"], Source: "127.0.0.1:5", CorrelationID: "corr"},
		Target: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/shop", Process: &audit.Process{Host: "h1", PID: 7, UID: &uid, Executable: "/usr/bin/app", Unit: "app.service"},
	}
	if reason != "" {
		e.Outcome = audit.Denied
	}
	if err := w.log.Write(w.t.Context(), e); err != nil {
		w.t.Fatal(err)
	}
}

// rows are the token identifiers of a listing, newest first.
func (w *world) rows(filter string) string {
	w.t.Helper()
	var out []string
	for next := "/beta/auditLogs/signIns?$top=2&$orderby=createdDateTime%20desc&$filter=" + url.QueryEscape(filter); next != ""; {
		p := w.list(next, nil)
		for _, v := range p.Value {
			out = append(out, text(v, "uniqueTokenIdentifier"))
		}
		next = p.Next
	}
	return strings.Join(out, ",")
}

func TestSignInLog(t *testing.T) { // M-14, DT-102, DT-7.9
	w := newWorld(t)
	w.permit(w.caller, "AuditLog.Read.All")
	identity := "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1"
	w.signedIn("ManagedIdentity", "token.issue", "", map[string]string{"uti": "m1", "audience": "https://vault.azure.net", "identity": identity})
	w.signedIn("ManagedIdentity", "token.handout", "", map[string]string{"uti": "m1", "audience": "https://vault.azure.net", "identity": identity})
	w.signedIn("ManagedIdentity", "token.issue", "identity_disabled", map[string]string{"uti": "m2", "audience": "https://vault.azure.net", "identity": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/shop"})
	w.signedIn("Application", "token.issue", "", map[string]string{"uti": "a1", "audience": "https://graph.microsoft.com", "credential": "secret"})
	w.signedIn("User", "token.issue", "", map[string]string{"uti": "u1", "audience": "https://graph.microsoft.com", "interactive": "true"})
	w.signedIn("User", "token.issue", "", map[string]string{"uti": "u2", "audience": "https://graph.microsoft.com", "interactive": "false"})
	const managed = "signInEventTypes/any(t: t eq 'managedIdentity')"
	for filter, want := range map[string]string{
		"createdDateTime ge 2026-01-01T00:00:00Z": "u1", // no event types: interactive sign-ins only
		managed: "m2,m1",
		"signInEventTypes/any(t:t eq 'MANAGEDIDENTITY' or t eq 'servicePrincipal')": "a1,m2,m1",
		managed + " and status/errorCode eq 0":                                      "m1",
		managed + " and status/errorCode eq 7000112":                                "m2",
		managed + " and createdDateTime le 2026-05-01T12:00:01Z":                    "m1",
		managed + " and servicePrincipalId eq '" + string(w.caller.ID) + "'":        "m2,m1",
		managed + " and resourceId eq 'cfa8b339-82a2-471a-a3c9-0fc0be7a4093'":       "m2,m1",
		managed + " and uniqueTokenIdentifier eq 'm2'":                              "m2",
		managed + " and correlationId eq 'other'":                                   "",
	} {
		if got := w.rows(filter); got != want {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
	row := w.do(200, "GET", "/v1.0/auditLogs/signIns/req-m1", "")
	msi := row["managedServiceIdentity"].(object)
	if text(msi, "msiType") != "userAssigned" || !strings.HasSuffix(text(msi, "associatedResourceId"), "/sites/shop") || text(row, "resourceDisplayName") != "Azure Key Vault" ||
		text(row, "ipAddress") != "127.0.0.1" || text(row, "clientCredentialType") != "managedIdentity" || len(row["authenticationProcessingDetails"].([]any)) != 5 || row["isInteractive"] != false {
		t.Errorf("row: %v", row)
	}
	if rec := w.send("GET", "/v1.0/auditLogs/signIns?$orderby=appId", "", nil); rec.Code != 400 || !strings.Contains(rec.Body.String(), "createdDateTime desc") {
		t.Errorf("another order: %d %s", rec.Code, rec.Body)
	}
}

func TestDirectoryAuditLog(t *testing.T) { // M-14
	w := newWorld(t).admin()
	made := w.do(201, "POST", "/v1.0/groups", `{"displayName":"ops","mailNickname":"ops","mailEnabled":false,"securityEnabled":true}`)
	row := w.list("/v1.0/auditLogs/directoryAudits?$top=1", nil).Value[0]
	by, _ := row["initiatedBy"].(object)["app"].(object)
	what := row["targetResources"].([]any)[0].(object)
	if text(row, "activityDisplayName") != "Create group" || text(row, "category") != "GroupManagement" || text(row, "operationType") != "Add" || text(row, "result") != "success" ||
		text(by, "servicePrincipalId") != string(w.caller.ID) || text(what, "id") != text(made, "id") || text(what, "displayName") != "ops" || text(what, "type") != "Group" {
		t.Errorf("row: %v", row)
	}
	if p := w.list("/v1.0/auditLogs/directoryAudits?$filter="+url.QueryEscape("category eq 'GroupManagement' and activityDateTime ge 2026-05-01T00:00:00Z"), nil); len(p.Value) != 1 {
		t.Errorf("by category: %d rows", len(p.Value))
	}
	one := w.do(200, "GET", "/v1.0/auditLogs/directoryAudits/"+text(row, "id"), "")
	if text(one, "correlationId") != text(row, "correlationId") {
		t.Errorf("one row: %v", one)
	}
}
