package app

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/keyring"
)

// decision is one thing that is decided, and what must be on record of it.
type decision struct {
	what, listener, raw string
	status              int
	outcome             audit.Outcome
	operation           string
	reason              string // what a refusal's must hold
}

// request is one request as text.
func request(method, host, path, token, header, body string) string {
	if token != "" {
		header += "Authorization: Bearer " + token + "\r\nContent-Type: application/json\r\n"
	} else if method == http.MethodPost {
		header += "Content-Type: application/x-www-form-urlencoded\r\n"
	}
	return method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + header + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// decisions are those of every kind that exists, in the order in which they are made; weak is
// a managed identity's tokens, which nothing was granted to.
func (a *attacked) decisions(weak map[string]string) []decision {
	v := a.vars
	form := func(more ...string) string {
		values := url.Values{"grant_type": {"client_credentials"}, "client_id": {v["client"]}, "scope": {"https://vault.azure.net/.default"}}
		for i := 0; i < len(more); i += 2 {
			values.Set(more[i], more[i+1])
		}
		return values.Encode()
	}
	arm := func(method, path, version, token, body string) string {
		return request(method, v["arm"], path+"?api-version="+version, token, "", body)
	}
	vault := func(method, path, token, body string) string {
		return request(method, v["vault"], path+"?api-version=7.4", token, "", body)
	}
	local := func(listener, path, header string) string {
		return request(http.MethodGet, v[listener], path, "", header+"\r\n", "")
	}
	sts, imds, node := "/"+v["tenant"]+"/oauth2/v2.0/token", "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://graph.microsoft.com", "/msi/token?api-version=2019-08-01&resource=https://graph.microsoft.com"
	identity := v["group"] + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rec1"
	assignment := v["group"] + "/providers/Microsoft.Authorization/roleAssignments/66666666-2222-4333-8444-555555555555"
	definition := "/subscriptions/" + v["sub"] + "/providers/Microsoft.Authorization/roleDefinitions/77777777-2222-4333-8444-555555555555"
	role := `{"properties":{"roleName":"recorded","type":"CustomRole","permissions":[{"actions":["*/read"]}],"assignableScopes":["/subscriptions/` + v["sub"] + `"]}}`
	grant := `{"properties":{"principalId":"` + v["admin"] + `","principalType":"ServicePrincipal","roleDefinitionId":"/subscriptions/` + v["sub"] + `/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"}}`
	trust := `{"properties":{"issuer":"https://ci.example","subject":"repo:shop","audiences":["api://AzureADTokenExchange"]}}`
	const secrets, user, roles = "Microsoft.KeyVault/vaults/secrets/", "Microsoft.ManagedIdentity/userAssignedIdentities/", "Microsoft.Authorization/"
	yes, no := audit.Succeeded, audit.Denied
	return []decision{
		{"sign-in", "tls", request(http.MethodPost, v["login"], sts, "", "", form("client_secret", v["secret"])), 200, yes, "token.issue", ""},
		{"sign-in with a wrong secret", "tls", request(http.MethodPost, v["login"], sts, "", "", form("client_secret", "wrong")), 401, no, "token.issue", "AADSTS7000215"},
		{"a token for a machine", "imds", local("imds", imds, "Metadata: true"), 200, yes, "token.issue", ""},
		{"a token of an identity it does not have", "imds", local("imds", imds+"&client_id="+v["random"], "Metadata: true"), 400, no, "token.issue", "identity_not_assigned"},
		{"a token for an app", "node", local("node", node, "X-IDENTITY-HEADER: "+v["header"]), 200, yes, "token.issue", ""},
		{"a secret written", "tls", vault(http.MethodPut, "/secrets/rec", v["vaulttoken"], `{"value":"x"}`), 200, yes, secrets + "setSecret/action", ""},
		{"a secret read", "tls", vault(http.MethodGet, "/secrets/rec", v["vaulttoken"], ""), 200, yes, secrets + "getSecret/action", ""},
		{"a secret refused", "tls", vault(http.MethodGet, "/secrets/rec", weak["vault"], ""), 403, no, secrets + "getSecret/action", "Forbidden"},
		{"a token for another service", "tls", vault(http.MethodGet, "/secrets/rec", v["armtoken"], ""), 401, no, "vault.authenticate", "audience"},
		{"a secret deleted", "tls", vault(http.MethodDelete, "/secrets/rec", v["vaulttoken"], ""), 200, yes, secrets + "delete", ""},
		{"a resource group", "tls", arm(http.MethodPut, "/subscriptions/"+v["sub"]+"/resourcegroups/rec", "2022-09-01", v["armtoken"], `{"location":"local"}`), 201, yes, "Microsoft.Resources/subscriptions/resourceGroups/write", ""},
		{"a resource group refused", "tls", arm(http.MethodPut, "/subscriptions/"+v["sub"]+"/resourcegroups/rec", "2022-09-01", weak["arm"], `{"location":"local"}`), 403, no, "Microsoft.Resources/subscriptions/resourceGroups/write", "AuthorizationFailed"},
		{"an identity", "tls", arm(http.MethodPut, identity, "2023-01-31", v["armtoken"], `{"location":"local"}`), 201, yes, user + "write", ""},
		{"a federated credential", "tls", arm(http.MethodPut, identity+"/federatedIdentityCredentials/rec1", "2023-01-31", v["armtoken"], trust), 201, yes, user + "federatedIdentityCredentials/write", ""},
		{"a federated credential deleted", "tls", arm(http.MethodDelete, identity+"/federatedIdentityCredentials/rec1", "2023-01-31", v["armtoken"], ""), 200, yes, user + "federatedIdentityCredentials/delete", ""},
		{"an identity deleted", "tls", arm(http.MethodDelete, identity, "2023-01-31", v["armtoken"], ""), 200, yes, user + "delete", ""},
		{"a role defined", "tls", arm(http.MethodPut, definition, "2022-04-01", v["armtoken"], role), 201, yes, roles + "roleDefinitions/write", ""},
		{"a role granted", "tls", arm(http.MethodPut, assignment, "2022-04-01", v["armtoken"], grant), 201, yes, roles + "roleAssignments/write", ""},
		{"a role not granted", "tls", arm(http.MethodPut, assignment, "2022-04-01", weak["arm"], grant), 403, no, roles + "roleAssignments/write", "AuthorizationFailed"},
		{"a grant taken back", "tls", arm(http.MethodDelete, assignment, "2022-04-01", v["armtoken"], ""), 200, yes, roles + "roleAssignments/delete", ""},
	}
}

// newRecords returns what was recorded after the record named, and the name of the newest.
func (a *attacked) newRecords(t *testing.T, after int64) (out []audit.Stored, newest int64) {
	t.Helper()
	all, err := a.audit.List(t.Context(), audit.Filter{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Seq > after {
			out, newest = append(out, e), max(newest, e.Seq)
		}
	}
	return out, max(newest, after)
}

// S-70: the table of decisions, each made once: exactly one record says what was decided, of
// whom, about what, from where, in which request, and why if it was refused. Decisions about
// keys are made by commands.
func TestEveryDecisionIsOnRecord(t *testing.T) {
	t.Parallel()
	a := attack(t)
	if a.vars["header"] == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("callers are not known on this system")
		}
		t.Skip("callers are not known on this system")
	}
	weak := map[string]string{}
	for name, resource := range map[string]string{"arm": "https://management.azure.com", "vault": "https://vault.azure.net"} {
		got := a.exchange(t, "node", request(http.MethodGet, a.vars["node"], "/msi/token?api-version=2019-08-01&resource="+resource, "", "X-IDENTITY-HEADER: "+a.vars["header"]+"\r\n", ""), 1)
		_, rest, _ := strings.Cut(got[0].body, `"access_token":"`)
		weak[name], _, _ = strings.Cut(rest, `"`)
	}
	_, last := a.newRecords(t, 0)
	for _, d := range a.decisions(weak) {
		got := a.exchange(t, d.listener, d.raw, 1)
		if len(got) == 0 || got[0].status != d.status {
			t.Errorf("%s: %+v, want %d", d.what, got, d.status)
		}
		var found []audit.Stored
		found, last = a.newRecords(t, last)
		var said []string
		fits := 0
		for _, e := range found {
			said = append(said, fmt.Sprintf("%s %s %s", e.Outcome, e.Operation, e.Reason))
			if e.Outcome != d.outcome || !strings.EqualFold(e.Operation, d.operation) {
				continue
			}
			fits++
			if e.Actor.Tenant == "" || e.Actor.CorrelationID == "" || e.Actor.Source == "" || e.Time.IsZero() || e.Target == "" && d.status < 400 {
				t.Errorf("%s: the record lacks who, where from, or in which request: %+v", d.what, e.Event)
			}
			if d.outcome == audit.Denied && (e.Reason == "" || !strings.Contains(e.Reason, d.reason)) {
				t.Errorf("%s: the reason is %q", d.what, e.Reason)
			}
		}
		if fits != 1 {
			t.Errorf("%s: %d records of %s %s among %q", d.what, fits, d.outcome, d.operation, said)
		}
	}
	kid, _, err := a.keys.Signer()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		operation string
		do        func(ctx context.Context) error
	}{
		{"keyring.hold", func(ctx context.Context) error { _, err := a.keys.Hold(ctx, kid, "drill"); return err }},
		{"keyring.release", func(ctx context.Context) error { _, err := a.keys.Release(ctx, kid); return err }},
		{"keyring.rotate", func(ctx context.Context) error { _, err := a.keys.Rotate(ctx, keyring.RotateOptions{}); return err }},
		{"keyring.revoke", func(ctx context.Context) error {
			return a.keys.Revoke(ctx, kid, keyring.RevokeOptions{Reason: "drill"})
		}},
	} {
		if err := step.do(audit.WithActor(t.Context(), audit.Actor{Name: "drill"})); err != nil {
			t.Errorf("%s: %v", step.operation, err)
		}
		var found []audit.Stored
		found, last = a.newRecords(t, last)
		if !slices.ContainsFunc(found, func(e audit.Stored) bool {
			return e.Operation == step.operation && e.Outcome == audit.Succeeded && e.Actor.Name == "drill" && e.Target != ""
		}) {
			t.Errorf("%s is not on record: %+v", step.operation, found)
		}
	}
}
