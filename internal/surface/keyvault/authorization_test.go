package keyvault_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/surface/keyvault"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/vault"
)

// object returns a principal of the matrix.
func object(n int) id.Object { return id.Object(fmt.Sprintf("cccccccc-0000-4000-8000-%012d", n)) }

// The permissions of access policies, each held by one principal of the matrix.
var permissions = []string{"get", "list", "set", "delete", "recover", "backup", "restore", "purge"}

// Roles of RS §1.9.2, each held by one principal of the matrix at the subscription, and the
// data actions on secrets they shall grant.
var roles = []struct {
	name, id string
	grants   string // last parts of actions, or "*"
}{
	{"Key Vault Administrator", "00482a5a-887f-4fb3-b363-3b7fe8e74483", "*"},
	{"Key Vault Reader", "21090545-7ca7-4776-b22c-e363652d74d2", "readMetadata/action"},
	{"Key Vault Secrets Officer", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "*"},
	{"Key Vault Secrets User", "4633458b-17de-408a-b874-0445c86b69e6", "getSecret/action readMetadata/action"},
	{"Key Vault Contributor", "f25e0fa2-a7c8-4377-a976-54943a77a395", ""},
	{"Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", ""},
	{"Key Vault Crypto Officer", "14b46e9e-c2b7-41b4-b07b-48a6ebf60603", ""},
}

// bodies is what a route needs to succeed; {backup} stands for a real one.
var bodies = map[string]string{
	"PUT secrets/{name}": `{"value":"x"}`, "PATCH secrets/{name}": `{}`, "PATCH secrets/{name}/{version}": `{}`, "POST secrets/restore": `{"value":"{backup}"}`,
}

// cell is one caller of the matrix against one vault.
type cell struct {
	vault, caller, token string
	status               int // of a refusal; 0 where the permission or role decides
	allowed              func(keyvault.RouteInfo) bool
}

// S-56, RS-3, RS-4, RS-6, RS-53, RS-54, RS-57: every operation × every kind of caller, on a
// vault of each model. Refusals are asked about absent secrets: 403 comes before 404.
func TestAuthorizationMatrix(t *testing.T) {
	h := newHouse(t, nil)
	policies := []vault.Policy{}
	for i, p := range permissions {
		policies = append(policies, vault.Policy{Tenant: tenant, Object: object(100 + i), Secrets: []string{p}})
	}
	for i, r := range roles {
		h.grant(object(200+i), r.id, resource.SubscriptionID(sub))
	}
	yes := true
	vaults := map[string]vault.Vault{
		"by-policy": h.vault("by-policy", func(s *vault.Settings) { s.Policies = &policies }),
		"by-role":   h.vault("by-role", func(s *vault.Settings) { s.Policies, s.RBAC = &policies, &yes }),
	}
	n := 0
	for _, c := range h.matrix() {
		for _, route := range keyvault.Routes() {
			n++
			name, allowed := fmt.Sprintf("absent-%d", n), c.status == 0 && c.allowed(route)
			path, body := route.Path, bodies[route.Method+" "+route.Path]
			if allowed {
				name = fmt.Sprintf("s-%d", n)
				path, body = h.prepare(vaults[c.vault], route, name)
			}
			path = "/" + strings.NewReplacer("{name}", name, "{version}", strings.Repeat("0", 32)).Replace(path) + "?api-version=7.5"
			w := h.do(c.vault, c.token, route.Method, path, body)
			ok := w.Code == 200 || w.Code == 204 && route.Permission == "purge"
			wanted := c.status
			if wanted == 0 {
				wanted = http.StatusForbidden
			}
			if allowed != ok || !allowed && w.Code != wanted {
				t.Errorf("%s: %s: %s %s: %d, want allowed %v: %s", c.vault, c.caller, route.Method, route.Path, w.Code, allowed, w.Body)
			}
			if challenged := w.Header().Get("WWW-Authenticate") != ""; challenged != (w.Code == 401) {
				t.Errorf("%s: %s: status %d and challenge %v", c.vault, c.caller, w.Code, challenged)
			}
		}
	}
	if want := 2 * (5 + len(permissions) + len(roles)) * len(keyvault.Routes()); n != want {
		t.Errorf("%d cells, want %d", n, want)
	}
}

// matrix lists the callers.
func (h *house) matrix() []cell {
	never := func(keyvault.RouteInfo) bool { return false }
	var out []cell
	for _, v := range []string{"by-policy", "by-role"} {
		out = append(out,
			cell{v, "anonymous", "", 401, never},
			cell{v, "wrong tenant", h.token(object(100), func(r *token.Request) { r.Tenant = stranger }), 401, never},
			cell{v, "audience of Resource Manager", h.token(object(100), func(r *token.Request) { r.Audience = "https://management.azure.com/" }), 401, never},
			cell{v, "audience of storage", h.token(object(200), func(r *token.Request) { r.Audience = "https://storage.azure.com" }), 401, never},
			cell{v, "no right", h.token(object(999), nil), 403, never})
		for i, p := range permissions {
			out = append(out, cell{v, "permission " + p, h.token(object(100+i), nil), 0, func(r keyvault.RouteInfo) bool {
				return v == "by-policy" && r.Permission == p
			}})
		}
		for i, role := range roles {
			out = append(out, cell{v, role.name, h.token(object(200+i), nil), 0, func(r keyvault.RouteInfo) bool {
				action := strings.TrimPrefix(r.Action, "Microsoft.KeyVault/vaults/secrets/")
				return v == "by-role" && (role.grants == "*" || strings.Contains(" "+role.grants+" ", " "+action+" "))
			}})
		}
	}
	return out
}

// grant assigns a role.
func (h *house) grant(o id.Object, role string, scope resource.ID) *rbac.Assignment {
	h.t.Helper()
	r, err := rbac.ParseRoleID(role)
	if err != nil {
		h.t.Fatal(err)
	}
	name, err := rbac.ParseAssignmentID(id.NewSource(&counting{n: uint64(len(scope.String())) * 1000}).Text())
	if err != nil {
		h.t.Fatal(err)
	}
	name = name[:24] + rbac.AssignmentID(o[24:])
	a, _, err := h.roles.PutAssignment(h.t.Context(), rbac.NewAssignment{Name: name, Scope: scope, Role: r, Principal: o})
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// prepare makes what a route needs to succeed and returns its path and body.
func (h *house) prepare(v vault.Vault, route keyvault.RouteInfo, name string) (path, body string) {
	h.t.Helper()
	ctx := h.t.Context()
	path, body = route.Path, bodies[route.Method+" "+route.Path]
	x, err := h.vaults.SetSecret(ctx, v, name, secret.New("x"), vault.SecretChange{})
	path = strings.Replace(path, "{version}", x.Version, 1)
	if route.Permission == "restore" {
		b, failed := h.vaults.BackupSecret(ctx, v, name)
		if failed != nil {
			h.t.Fatal(failed)
		}
		body = strings.Replace(body, "{backup}", b.Reveal(), 1)
	}
	if err == nil && (strings.HasPrefix(path, "deleted") || route.Permission == "restore") {
		_, err = h.vaults.DeleteSecret(ctx, v, name)
	}
	if err == nil && route.Permission == "restore" {
		err = h.vaults.PurgeSecret(ctx, v, name)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return path, body
}

// RS-7, RS-8, RS-55: one token, from refused to served to refused; and a role on one secret.
func TestRoleComesAndGoesUnderOneToken(t *testing.T) {
	h := newHouse(t, nil)
	yes := true
	v := h.vault("kv-rbac", func(s *vault.Settings) { s.RBAC = &yes })
	for _, n := range []string{"s1", "s2"} {
		if _, err := h.vaults.SetSecret(t.Context(), v, n, secret.New("x"), vault.SecretChange{}); err != nil {
			t.Fatal(err)
		}
	}
	caller, get := h.token(object(1), nil), "/secrets/%s?api-version=7.5"
	try := func(name string, status int) {
		t.Helper()
		if w := h.do("kv-rbac", caller, "GET", fmt.Sprintf(get, name), ""); w.Code != status {
			t.Errorf("%s: %d, want %d", name, w.Code, status)
		}
	}
	try("s1", 403)
	a := h.grant(object(1), roles[3].id, v.SecretScope("S1"))
	try("s1", 200)
	try("s2", 403)
	if _, err := h.roles.DeleteAssignment(t.Context(), a.Scope, a.Name); err != nil {
		t.Fatal(err)
	}
	try("s1", 403)
	h.grant(object(1), roles[3].id, v.ID)
	try("s2", 200)
	// RS-5: the identity is deleted
	h.people.mu.Lock()
	h.people.dead[object(1)] = true
	h.people.mu.Unlock()
	try("s2", 401)
}

// RS-56, S-70: the refusals name what is missing, word for word, and are on record.
func TestRefusalsSayWhatIsMissing(t *testing.T) {
	h := newHouse(t, nil)
	yes := true
	h.vault("kv-role", func(s *vault.Settings) { s.RBAC = &yes })
	h.vault("kv-policy", nil)
	caller := h.token(object(1), nil)
	who := "appid=" + string(app) + ";oid=" + string(object(1)) + ";iss=" + authority + "/" + string(tenant) + "/"
	want(t, "by role", h.do("kv-role", caller, "GET", "/secrets/s?api-version=7.5", ""), 403,
		`{"error":{"code":"Forbidden","message":"Caller is not authorized to perform action on resource.\r\n`+
			`If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\n`+
			`Caller: `+who+`\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\n`+
			`Resource: '`+vaultID("kv-role").String()+`/secrets/s'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\n`+
			`DecisionReason: 'DeniedWithNoValidRBAC'\r\nVault: kv-role;location=westeurope","innererror":{"code":"ForbiddenByRbac"}}}`)
	want(t, "by policy", h.do("kv-policy", caller, "GET", "/secrets/s?api-version=7.5", ""), 403,
		`{"error":{"code":"Forbidden","message":"The user, group or application '`+who+`' does not have secrets get permission on key vault `+
			`'kv-policy;location=westeurope'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287",`+
			`"innererror":{"code":"ForbiddenByPolicy"}}}`)
	h.do("kv-role", h.token(object(2), func(r *token.Request) { r.Audience = "https://storage.azure.com" }), "GET", "/secrets/s", "")
	admin := h.token(owner, nil)
	h.do("kv-policy", admin, "PUT", "/secrets/off?api-version=7.5", `{"value":"x","attributes":{"enabled":false}}`)
	has(t, "disabled", h.do("kv-policy", admin, "GET", "/secrets/off?api-version=7.5", ""), 403, "SecretDisabled")
	events, err := h.audit.List(t.Context(), audit.Filter{Kinds: []audit.Kind{audit.Security}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		got = append(got, e.Operation+" "+e.Reason+" "+string(e.Actor.Object))
	}
	all := strings.Join(got, "\n")
	for _, part := range []string{
		"secrets/getSecret/action ForbiddenByRbac " + string(object(1)), "secrets/getSecret/action ForbiddenByPolicy " + string(object(1)),
		"secrets/getSecret/action ForbiddenByState " + string(owner),
		"vault.authenticate the audience of the token is not accepted ",
	} {
		if !strings.Contains(all, part) {
			t.Errorf("no %q on record:\n%s", part, all)
		}
	}
}

// A policy for a group counts for its members, on the next request after they joined.
func TestPolicyOfAGroup(t *testing.T) {
	h := newHouse(t, nil)
	group := object(500)
	h.vault("kv-group", func(s *vault.Settings) {
		s.Policies = &[]vault.Policy{{Tenant: tenant, Object: group, Secrets: []string{"list"}}}
	})
	caller := h.token(object(1), nil)
	has(t, "before", h.do("kv-group", caller, "GET", "/secrets?api-version=7.5", ""), 403)
	h.people.mu.Lock()
	h.people.groups[object(1)] = []id.Object{group}
	h.people.mu.Unlock()
	has(t, "after", h.do("kv-group", caller, "GET", "/secrets?api-version=7.5", ""), 200)
}
