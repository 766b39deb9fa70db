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

// makers make the printed program of a language runnable against a host, in a directory of
// the test.
var makers = map[string]func(t *testing.T, dir, host, secret string) program{
	"Python": printedPython, "JavaScript": printedJavaScript, "Go": printedGo, "Java": printedJava,
}

// seedPrograms makes the printed programs of the installed languages runnable against host.
func seedPrograms(t *testing.T, host, secret string) []program {
	t.Helper()
	var out []program
	for _, sdk := range available(t) {
		out = append(out, makers[sdk.language](t, t.TempDir(), host, secret))
	}
	return out
}

// printedPython needs nothing but its placeholders filled in.
func printedPython(t *testing.T, dir, host, secret string) program {
	t.Helper()
	py := write(t, dir, "main.py", fill(printed(t, "Python"), host, secret))
	return program{"Python", []string{filepath.Join(clients, "python/.venv/bin/python"), py}, dir}
}

// unique is a name for a program against one host.
func unique(host string) string {
	return "printed-" + strings.NewReplacer(".", "-", ":", "-").Replace(host)
}

// printedJavaScript lies beside the installed packages, which is where Node looks for them.
func printedJavaScript(t *testing.T, dir, host, secret string) program {
	t.Helper()
	js := write(t, filepath.Join(clients, "node"), unique(host)+".mjs", fill(printed(t, "javascript"), host, secret))
	t.Cleanup(func() { _ = os.Remove(js) })
	return program{"JavaScript", []string{"node", js}, dir}
}

// printedGo is built in go-printed, which pins the modules that the program imports.
func printedGo(t *testing.T, dir, host, secret string) program {
	t.Helper()
	module := filepath.Join(clients, "go-printed")
	source := write(t, module, "cmd/"+unique(host)+"/main.go", goProgram(fill(printed(t, "go"), host, secret)))
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(source)) })
	bin := filepath.Join(dir, "go-printed")
	build(t, module, "go", "build", "-o", bin, "./cmd/"+unique(host))
	return program{"Go, module as printed", []string{bin}, dir}
}

// printedJava is compiled; its client id is a system property, as printed.
func printedJava(t *testing.T, dir, host, secret string) program {
	t.Helper()
	source := write(t, dir, "Main.java", javaProgram(fill(printed(t, "java"), host, secret), host, secret))
	lib := filepath.Join(clients, "java", "target", "lib", "*")
	build(t, dir, "javac", "-cp", lib, "-d", dir, source)
	return program{"Java", []string{"java", "-cp", dir + ":" + lib, "-DManaged_Identity_Client_ID=CLIENT", "Main"}, dir}
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
