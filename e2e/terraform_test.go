//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// blocks are the configurations of docs/terraform.md, by the provider that they use; the one
// for make terraform begins with a comment that says so.
func blocks(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "terraform.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, b := range regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		name := regexp.MustCompile(`source = "(?:hashicorp|azure)/(\w+)"`).FindStringSubmatch(b[1])
		if name == nil {
			t.Fatalf("a block without a provider: %s", b[1])
		}
		if strings.HasPrefix(b[1], "# slow\n") {
			name[1] = "slow"
		}
		out[name[1]] = b[1]
	}
	return out
}

// terraform is a directory with a configuration, and who works in it.
type terraform struct {
	t       *testing.T
	p       *platform
	dir     string
	program string
	env     []string
}

// terraform prepares a directory for a configuration, with providers as they were built.
func (p *platform) terraform(t *testing.T, provider, configuration string) *terraform {
	t.Helper()
	plugins := filepath.Join(clients, "terraform", "bin")
	if _, err := os.Stat(filepath.Join(plugins, "terraform-provider-"+provider)); err != nil {
		missing(t, "the Terraform provider is not installed: run e2e/clients/install.sh %s", strings.Replace(provider, "azapi", "terraform", 1))
	}
	program, err := exec.LookPath("terraform")
	if err != nil {
		program = filepath.Join(plugins, "tofu")
	}
	f := &terraform{t: t, p: p.in(t), dir: t.TempDir(), program: program}
	f.write("main.tf", configuration)
	f.write("cli.tfrc", `provider_installation {
  dev_overrides {
    "hashicorp/azurerm" = "`+plugins+`"
    "azure/azapi" = "`+plugins+`"
  }
}
`)
	f.env = append(p.documentedEnv(t), "TF_CLI_CONFIG_FILE="+filepath.Join(f.dir, "cli.tfrc"), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0")
	return f
}

// documentedEnv are the variables that the shell commands of docs/terraform.md set.
func (p *platform) documentedEnv(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "terraform.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```sh\n(.*?)sealring run").FindStringSubmatch(string(text))
	if block == nil {
		t.Fatal("docs/terraform.md says no longer what to set")
	}
	cmd := exec.Command("sh", "-ec", block[1]+"env")
	cmd.Env = p.env()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile("(?m)^ARM_.*$").FindAllString(string(out), -1)
}

// write puts a file into the directory.
func (f *terraform) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// run carries out a command and returns how it ended.
func (f *terraform) run(args ...string) result {
	f.t.Helper()
	command := append([]string{"run", "--app", "terraform", "--egress", "deny", "--", f.program, "-chdir=" + f.dir}, args...)
	return f.p.exec(15*time.Minute, f.env, append(command, "-no-color")...)
}

// says runs a command that has to succeed and to print something, and returns all it prints.
func (f *terraform) says(want string, args ...string) string {
	f.t.Helper()
	r := f.run(args...)
	if r.code != 0 || !strings.Contains(r.stdout, want) {
		f.t.Fatalf("terraform %s: exit %d, want one that says %q\n%s%s", strings.Join(args, " "), r.code, want, tail(r.stdout, 5000), tail(r.stderr, 5000))
	}
	return r.stdout
}

// circle makes what a configuration names, finds nothing to change, changes a variable,
// finds nothing again, and removes everything. It returns what the making prints.
func (f *terraform) circle(resources string) string {
	f.t.Helper()
	f.says("Plan: "+resources+" to add, 0 to change, 0 to destroy", "plan")
	made := f.says("Apply complete! Resources: "+resources+" added, 0 changed, 0 destroyed", "apply", "-auto-approve")
	f.says("No changes.", "plan", "-detailed-exitcode")
	f.says("0 added, ", "apply", "-auto-approve", "-var", "stage=prod")
	f.says("No changes.", "plan", "-detailed-exitcode", "-var", "stage=prod")
	f.says("Destroy complete! Resources: "+resources+" destroyed.", "destroy", "-auto-approve")
	return made
}

// M-13, CP-8, CP-88: Terraform takes the configuration of docs/terraform.md for azapi through
// its life. What azurerm does is in azurerm_test.go, for make terraform.
func TestTerraform(t *testing.T) {
	t.Parallel() // it mostly waits
	if !alone(t, 20*time.Minute) {
		return
	}
	p := start(t)
	f := p.terraform(t, "azapi", blocks(t)["azapi"])
	f.circle("6")
}
