//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A person uses `az login`: with a browser here, and by device code with one elsewhere;
// later commands go on with the refresh token, for Resource Manager and Graph (DT-58, DT-63, DT-64).
func TestAzureCLISignsAPersonIn(t *testing.T) {
	p := start(t)
	upn, object := p.person(aliceName, aliceWord)
	b := p.chromium(t)
	az := p.command(t)
	az.ok("cloud", "register", "-n", "Sealring", "--endpoint-resource-manager", p.ResourceManager)
	az.ok("cloud", "set", "-n", "Sealring")
	az.ok("config", "set", "core.instance_discovery=false", "core.login_experience_v2=off")

	open, wait := az.begin(regexp.MustCompile(`^OPEN (\S+)`), "login")
	b.open(open[1])
	b.wait("Sign in")
	b.write(upn)
	b.press("Tab")
	b.write(aliceWord)
	b.press("Enter")
	b.waitText("logged into") // az's own page
	if out := wait(); !strings.Contains(out, upn) || !strings.Contains(out, p.SubscriptionID) {
		t.Fatalf("az login prints %s", out)
	}
	az.asAlice(upn, object)
	az.ok("logout")

	code, wait := az.begin(regexp.MustCompile(`open the page (\S+) and enter the code (\S+) to`), "login", "--use-device-code")
	b.open(code[1])
	b.wait("Enter the code") // the browser knows her
	b.write(code[2])
	b.press("Enter")
	b.wait("Is this you?")
	b.press("Tab", "Enter")
	b.wait("You are signed in")
	if out := wait(); !strings.Contains(out, upn) {
		t.Fatalf("az login --use-device-code prints %s", out)
	}
	az.asAlice(upn, object)

	p.rest(nil, "POST", p.Graph+"/v1.0/users/"+object+"/revokeSignInSessions")
	if out, err := az.run("account", "get-access-token", "--resource", "https://vault.azure.net"); err == nil || !strings.Contains(out, "AADSTS50173") {
		t.Errorf("DT-65: after revokeSignInSessions: %v %s", err, out)
	}
	if out, err := az.run("group", "list"); err == nil || !strings.Contains(out, "az login") { // with the token it has
		t.Errorf("S-42: after revokeSignInSessions: %v %s", err, out)
	}
}

// azCommand is the Azure CLI, one process for each command, with a configuration of its own.
type azCommand struct {
	t   *testing.T
	p   *platform
	env []string
}

// command prepares the CLI; $BROWSER prints where to go.
func (p *platform) command(t *testing.T) *azCommand {
	t.Helper()
	if _, err := os.Stat(filepath.Join(clients, "az/.venv/installed")); err != nil {
		missing(t, "the Azure CLI is not installed: run e2e/clients/install.sh az")
	}
	return &azCommand{t: t, p: p, env: p.env("AZURE_CONFIG_DIR="+t.TempDir(), "AZURE_CORE_COLLECT_TELEMETRY=no", "AZURE_CORE_NO_COLOR=true",
		"AZURE_EXTENSION_USE_DYNAMIC_INSTALL=no", "BROWSER=echo OPEN %s", "PYTHONUNBUFFERED=1")}
}

// process is a command that has not been started.
func (a *azCommand) process(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, append([]string{"run", "--egress", "deny", "--app", "desk", "--", filepath.Join(clients, "az/.venv/bin/az")}, args...)...)
	cmd.Env = a.env
	return cmd
}

// run runs a command and returns all that it printed.
func (a *azCommand) run(args ...string) (string, error) {
	out, err := a.process(args...).CombinedOutput()
	return string(out), err
}

// ok runs a command that has to succeed and returns its output.
func (a *azCommand) ok(args ...string) string {
	a.t.Helper()
	cmd := a.process(args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		a.t.Fatalf("az %s: %v\n%s%s", strings.Join(args, " "), err, out, tail(stderr.String(), 3000))
	}
	return string(out)
}

// begin starts a command, waits for a line, and returns its parts and what waits for the end.
func (a *azCommand) begin(line *regexp.Regexp, args ...string) (parts []string, wait func() string) {
	a.t.Helper()
	cmd := a.process(args...)
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = write.Close()
		ended <- err
	}()
	a.t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(read)
	var seen strings.Builder
	for parts == nil && lines.Scan() {
		seen.WriteString(lines.Text() + "\n")
		parts = line.FindStringSubmatch(lines.Text())
	}
	if parts == nil {
		a.t.Fatalf("az %s: %v\n%s", strings.Join(args, " "), <-ended, seen.String())
	}
	return parts, func() string {
		a.t.Helper()
		rest, _ := io.ReadAll(read)
		if err := <-ended; err != nil {
			a.t.Fatalf("az %s: %v\n%s%s", strings.Join(args, " "), err, seen.String(), rest)
		}
		return string(rest)
	}
}

// asAlice looks at what the CLI can do for the person now.
func (a *azCommand) asAlice(upn, object string) {
	a.t.Helper()
	var account struct {
		TenantID string
		User     struct{ Name, Type string }
	}
	if err := json.Unmarshal([]byte(a.ok("account", "show")), &account); err != nil || account.User.Name != upn || account.User.Type != "user" || account.TenantID != a.p.TenantID {
		a.t.Errorf("az account show: %+v, %v", account, err)
	}
	if got := strings.TrimSpace(a.ok("group", "list", "--query", "[].name", "-o", "tsv")); got != "default" {
		a.t.Errorf("az group list: %q", got)
	}
	if got := strings.TrimSpace(a.ok("ad", "signed-in-user", "show", "--query", "id", "-o", "tsv")); got != object {
		a.t.Errorf("az ad signed-in-user show: %q", got)
	}
}
