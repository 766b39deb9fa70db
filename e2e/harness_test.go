//go:build e2e || bench

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built by make.
var binary = func() string {
	path, err := filepath.Abs("../bin/sealring")
	if err != nil {
		panic(err)
	}
	return path
}()

// endpoints is what the tests need of endpoints.json.
type endpoints struct {
	TenantID        string `json:"tenant_id"`
	SubscriptionID  string `json:"subscription_id"`
	AuthorityHost   string `json:"authority_host"`
	ResourceManager string `json:"resource_manager"`
	Graph           string `json:"graph"`
	Local           string `json:"local"`
	Proxy           string `json:"proxy"`
	Node            string `json:"node"`
	IMDS            string `json:"imds"`
	CAFile          string `json:"ca_file"`
	VaultSuffix     string `json:"vault_suffix"`
	AdminClientID   string `json:"admin_client_id"`
	AdminSecretFile string `json:"admin_secret_file"`
	Ops             string `json:"ops"`
	PID             int    `json:"pid"`
}

// platform is a running server with a data directory of its own.
type platform struct {
	t    *testing.T
	home string
	data string
	endpoints
	log *bytes.Buffer
}

// start runs `sealring up` on free ports and stops it when the test ends.
func start(t *testing.T, flags ...string) *platform {
	t.Helper()
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%s is not built: run make e2e", binary)
	}
	p := &platform{t: t, home: t.TempDir(), log: &bytes.Buffer{}}
	p.data = filepath.Join(p.home, "data")
	args := append([]string{"up", "--data", p.data, "--tls-port", "0", "--http-port", "0"}, flags...)
	cmd := exec.Command(binary, args...)
	cmd.Env = p.env()
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(40 * time.Second):
			_ = cmd.Process.Kill()
			t.Error("the server did not stop within 40 s of SIGTERM")
		}
		if t.Failed() {
			t.Logf("server log:\n%s", tail(p.log.String(), 8000))
		}
	})
	file := filepath.Join(p.data, "endpoints.json")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		raw, err := os.ReadFile(file)
		if err == nil && json.Unmarshal(raw, &p.endpoints) == nil {
			return p
		}
		select {
		case err := <-done:
			done <- err
			t.Fatalf("the server ended: %v\n%s", err, p.log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready within 30 s\n%s", p.log)
		}
	}
}

// env is the smallest environment that programs need: no credentials, no proxies of the
// person who runs the tests, a home of the test's own.
func (p *platform) env(extra ...string) []string {
	env := []string{
		"HOME=" + p.home, "XDG_CONFIG_HOME=" + filepath.Join(p.home, "config"), "XDG_DATA_HOME=" + filepath.Join(p.home, "share"),
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "SEALRING_DATA=" + p.data, "TMPDIR=" + p.home,
		"AZURE_SDK_DISABLE_TELEMETRY=true",
	}
	if java := os.Getenv("JAVA_HOME"); java != "" {
		env = append(env, "JAVA_HOME="+java)
	}
	return append(env, extra...)
}

// result is how a program ended.
type result struct {
	stdout, stderr string
	code           int
}

// sealring runs a subcommand and returns how it ended.
func (p *platform) sealring(args ...string) result {
	p.t.Helper()
	return p.exec(2*time.Minute, nil, args...)
}

// exec runs a subcommand with further environment variables, for at most limit.
func (p *platform) exec(limit time.Duration, extra []string, args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = p.env(extra...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("sealring %s: %v", strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		p.t.Fatalf("sealring %s: not done after %s\n%s", strings.Join(args, " "), limit, stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs a subcommand that has to succeed and returns its output.
func (p *platform) must(args ...string) string {
	p.t.Helper()
	r := p.sealring(args...)
	if r.code != 0 {
		p.t.Fatalf("sealring %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// rest calls an API as the administrator and decodes the answer into v, if v is not nil.
func (p *platform) rest(v any, method, path string, body ...string) {
	p.t.Helper()
	out := p.must(append([]string{"rest", method, path}, body...)...)
	if v == nil {
		return
	}
	if err := json.Unmarshal([]byte(out), v); err != nil {
		p.t.Fatalf("rest %s %s: %v in %q", method, path, err, out)
	}
}

// group is the resource group that the first start makes.
func (p *platform) group() string {
	return "/subscriptions/" + p.SubscriptionID + "/resourceGroups/default"
}

// vault makes a vault with one secret in it and returns its resource id. rbac chooses the
// permission model.
func (p *platform) vault(name, secret, value string, rbac bool) string {
	p.t.Helper()
	id := p.group() + "/providers/Microsoft.KeyVault/vaults/" + name
	model := "false"
	if rbac {
		model = "true"
	}
	p.rest(nil, "PUT", id+"?api-version=2023-07-01", `{"location":"local","properties":{"tenantId":"`+p.TenantID+
		`","sku":{"family":"A","name":"standard"},"enableRbacAuthorization":`+model+`,"accessPolicies":[]}}`)
	if rbac {
		p.must("grant", "--principal", p.AdminClientID, "--role", "Key Vault Administrator", "--scope", id)
	} else {
		p.policy("add", id, p.adminObject(), "all")
	}
	p.rest(nil, "PUT", "https://"+name+"."+p.VaultSuffix+"/secrets/"+secret+"?api-version=7.4", `{"value":"`+value+`"}`)
	return id
}

// policy adds or removes an access policy for secrets.
func (p *platform) policy(operation, vault, object, permissions string) {
	p.t.Helper()
	p.rest(nil, "PUT", vault+"/accessPolicies/"+operation+"?api-version=2023-07-01",
		`{"properties":{"accessPolicies":[{"tenantId":"`+p.TenantID+`","objectId":"`+object+`","permissions":{"secrets":["`+permissions+`"]}}]}}`)
}

// adminObject is the administrator's object id.
func (p *platform) adminObject() string {
	p.t.Helper()
	var page struct{ Value []struct{ ID string } }
	p.rest(&page, "GET", "/v1.0/servicePrincipals?$filter=appId%20eq%20'"+p.AdminClientID+"'")
	if len(page.Value) != 1 {
		p.t.Fatalf("administrator: %d service principals", len(page.Value))
	}
	return page.Value[0].ID
}

// identity makes a user-assigned identity.
func (p *platform) identity(name string) (id, client, object string) {
	p.t.Helper()
	id = p.group() + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name
	var out struct {
		Properties struct{ ClientID, PrincipalID string }
	}
	p.rest(&out, "PUT", id+"?api-version=2023-01-31", `{"location":"local"}`)
	return id, out.Properties.ClientID, out.Properties.PrincipalID
}

// site makes a web app with the given identities and returns its id and, if it has a system
// identity, that identity's object id.
func (p *platform) site(name string, system bool, attached ...string) (id, object string) {
	p.t.Helper()
	return p.host("Microsoft.Web/sites", "2023-12-01", name, system, attached...)
}

// machine makes a virtual machine likewise.
func (p *platform) machine(name string, system bool, attached ...string) (id, object string) {
	p.t.Helper()
	return p.host("Microsoft.Compute/virtualMachines", "2024-07-01", name, system, attached...)
}

// host makes a resource that carries identities.
func (p *platform) host(kind, version, name string, system bool, attached ...string) (id, object string) {
	p.t.Helper()
	id = p.group() + "/providers/" + kind + "/" + name
	block := map[string]any{}
	var types []string
	if system {
		types = append(types, "SystemAssigned")
	}
	if len(attached) > 0 {
		types = append(types, "UserAssigned")
		users := map[string]any{}
		for _, a := range attached {
			users[a] = map[string]any{}
		}
		block["userAssignedIdentities"] = users
	}
	block["type"] = strings.Join(types, ",")
	body := map[string]any{"location": "local", "properties": map[string]any{}}
	if len(types) > 0 {
		body["identity"] = block
	}
	raw, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	var out struct{ Identity struct{ PrincipalID string } }
	p.rest(&out, "PUT", id+"?api-version="+version, string(raw))
	return id, out.Identity.PrincipalID
}

// grant assigns a role and returns the assignment's resource id.
func (p *platform) grant(object, role, scope string) string {
	p.t.Helper()
	out := p.must("grant", "--principal", object, "--role", role, "--scope", scope, "--json")
	var a struct{ ID string }
	if err := json.Unmarshal([]byte(out), &a); err != nil || a.ID == "" {
		p.t.Fatalf("grant answered %q: %v", out, err)
	}
	return a.ID
}

// ungrant deletes a role assignment.
func (p *platform) ungrant(assignment string) {
	p.t.Helper()
	p.rest(nil, "DELETE", assignment+"?api-version=2022-04-01")
}

// missing skips a test for want of something that a person's machine may lack. In CI
// nothing may be lacking.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// tail returns the last n bytes of s.
func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}
