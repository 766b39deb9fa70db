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

// seedDir holds the documents whose printed programs are run as they stand, where somebody
// has put them beside the checkout. The programs are not part of this project.
const seedDir = "../../shared/seeds"

// program is a printed sample made runnable.
type program struct {
	language string
	command  []string
	dir      string
}

// heading is the section of the document that holds the Key Vault programs.
const heading = "### Accessing a secret stored in Azure Key Vault"

// printed returns the program of one language from the section.
func printed(t *testing.T, language string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(seedDir, "*.txt"))
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, section, ok := strings.Cut(string(raw), heading)
		if !ok {
			continue
		}
		section, _, _ = strings.Cut(section, "\n---\n")
		if m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(section); m != nil {
			return m[1]
		}
	}
	missing(t, "no %s program: the documents that print them are not in %s", language, seedDir)
	return ""
}

// fill puts the vault's address and the secret's name where the text has placeholders.
func fill(text, host, secret string) string {
	for _, placeholder := range []string{"<your-unique-key-vault-name>.vault.azure.net", "<your-key-vault-name>.vault.azure.net"} {
		text = strings.ReplaceAll(text, placeholder, host)
	}
	for _, placeholder := range []string{"<my secret>", "<your-secret-name>"} {
		text = strings.ReplaceAll(text, placeholder, secret)
	}
	return text
}

// write puts a program's file in a directory of the test.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// build runs a build step.
func build(t *testing.T, dir string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// clients is where the SDKs are installed.
var clients, _ = filepath.Abs("clients")

// seedPrograms makes the four printed programs runnable against host.
func seedPrograms(t *testing.T, host, secret string) []program {
	t.Helper()
	dir := t.TempDir()
	var out []program

	py := write(t, dir, "py/main.py", fill(printed(t, "Python"), host, secret))
	out = append(out, program{"Python", []string{filepath.Join(clients, "python/.venv/bin/python"), py}, dir})

	// The module lies beside the installed packages, which is where Node looks for them.
	unique := "printed-" + strings.NewReplacer(".", "-", ":", "-").Replace(host)
	js := filepath.Join(clients, "node", unique+".mjs")
	write(t, filepath.Dir(js), filepath.Base(js), fill(printed(t, "javascript"), host, secret))
	t.Cleanup(func() { _ = os.Remove(js) })
	out = append(out, program{"JavaScript", []string{"node", js}, dir})

	// The printed Go program imports the module path of its time; go-printed pins it.
	goFile := filepath.Join(clients, "go-printed", "cmd", unique, "main.go")
	write(t, filepath.Dir(goFile), "main.go", goProgram(fill(printed(t, "go"), host, secret)))
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(goFile)) })
	goBin := filepath.Join(dir, "go-printed")
	build(t, filepath.Join(clients, "go-printed"), "go", "build", "-o", goBin, "./cmd/"+unique)
	out = append(out, program{"Go, module as printed", []string{goBin}, dir})

	java := write(t, dir, "java/Main.java", javaProgram(fill(printed(t, "java"), host, secret), host, secret))
	lib := filepath.Join(clients, "java", "target", "lib", "*")
	build(t, dir, "javac", "-cp", lib, "-d", filepath.Join(dir, "java"), java)
	out = append(out, program{"Java", []string{"java", "-cp", filepath.Join(dir, "java") + ":" + lib, "-DManaged_Identity_Client_ID=CLIENT", "Main"}, dir})
	return out
}

// goProgram takes out the one line that no release of azidentity compiles; the client id
// reaches the credential by AZURE_CLIENT_ID instead (docs/divergences.md).
func goProgram(text string) string {
	return strings.ReplaceAll(text, "ManagedIdentityClientID: clientID,", "")
}

// javaProgram gives the printed statements a class to stand in, the import they forget
// (DefaultAzureCredential), the vault's and the secret's names, and a line that prints.
func javaProgram(text, host, secret string) string {
	text = strings.ReplaceAll(text, `"https://" + keyVaultName + ".vault.azure.net"`, `"https://`+host+`"`)
	text = strings.ReplaceAll(text, `"mysecret"`, `"`+secret+`"`)
	var imports, body []string
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "import ") {
			imports = append(imports, line)
		} else {
			body = append(body, line)
		}
	}
	return strings.Join(imports, "\n") + "\nimport com.azure.identity.DefaultAzureCredential;\n" +
		"public class Main { public static void main(String[] args) {\n" + strings.Join(body, "\n") +
		"\nSystem.out.println(retrievedSecret.getValue());\nSystem.exit(0); } }\n"
}

// TestPrintedPrograms is the main job (M-7, M-12): the documentation's own programs, only
// names filled in, are refused with their SDK's 403, read after a grant by role or by
// access policy, and are refused again within a second of its removal.
func TestPrintedPrograms(t *testing.T) {
	p := start(t)
	const secret, value = "greeting", "s3cret-by-managed-identity"
	uai, client, object := p.identity("reader")
	p.site("shop", false, uai)
	byRole := p.vault("byrole", secret, value, true)
	byPolicy := p.vault("bypolicy", secret, value, false)

	for _, c := range []struct {
		name, host    string
		flags         []string
		grant, revoke func()
	}{
		{"own names, by role", "byrole." + p.VaultSuffix, nil, nil, nil},
		{"own names, by access policy", "bypolicy." + p.VaultSuffix, nil,
			func() { p.policy("add", byPolicy, object, "get") }, func() { p.policy("remove", byPolicy, object, "get") }},
		{"public names, by role", "byrole.vault.azure.net", []string{"--azure-names"}, nil, nil},
		{"public names, by access policy", "bypolicy.vault.azure.net", []string{"--azure-names"},
			func() { p.policy("add", byPolicy, object, "get") }, func() { p.policy("remove", byPolicy, object, "get") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var assignment string
			if c.grant == nil {
				c.grant = func() { assignment = p.grant(object, "Key Vault Secrets User", byRole) }
				c.revoke = func() { p.ungrant(assignment) }
			}
			programs := seedPrograms(t, c.host, secret)
			run := func(pr program) result {
				args := append([]string{"run", "--app", "shop", "--egress", "deny"}, c.flags...)
				args = append(args, "--")
				for _, a := range pr.command {
					args = append(args, strings.ReplaceAll(a, "CLIENT", client))
				}
				return p.exec(3*time.Minute, []string{"Managed_Identity_Client_ID=" + client, "AZURE_CLIENT_ID=" + client}, args...)
			}
			refusedAll := func(when string) {
				for _, pr := range programs {
					r := run(pr)
					text := r.stdout + r.stderr
					if strings.Contains(text, value) || !strings.Contains(text, "Forbidden") {
						t.Errorf("%s, %s: want the SDK's 403, got exit %d\n%s", pr.language, when, r.code, tail(text, 3000))
					}
				}
			}
			refusedAll("before the grant")
			c.grant()
			for _, pr := range programs {
				if r := run(pr); r.code != 0 || strings.TrimSpace(r.stdout) != value {
					t.Errorf("%s, after the grant: exit %d, printed %q\n%s", pr.language, r.code, r.stdout, tail(r.stderr, 3000))
				}
			}
			c.revoke()
			refusedAll("after the removal")
		})
	}
}
