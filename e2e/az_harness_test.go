//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// azure is the Azure CLI, signed in to a platform or not, in a process that runs one command
// after the other (clients/az/driver.py), under `sealring run`.
type azure struct {
	t   *testing.T
	p   *platform
	dir string   // AZURE_CONFIG_DIR
	run []string // the command line up to the program
	in  io.WriteCloser
	out *bufio.Reader
	log *bytes.Buffer
}

// azure starts the CLI as an app (flags are those of `sealring run`), with a configuration
// directory of its own that knows no cloud but the built-in ones.
func (p *platform) azure(t *testing.T, flags ...string) *azure {
	t.Helper()
	if _, err := os.Stat(filepath.Join(clients, "az/.venv/installed")); err != nil {
		missing(t, "the Azure CLI is not installed: run e2e/clients/install.sh az")
	}
	a := &azure{t: t, p: p.in(t), dir: t.TempDir(), log: &bytes.Buffer{}}
	a.run = append(append([]string{"run", "--egress", "deny"}, flags...), "--")
	cmd := exec.Command(binary, append(a.run, filepath.Join(clients, "az/.venv/bin/python"), filepath.Join(clients, "az/driver.py"))...)
	cmd.Env = a.env()
	cmd.Stderr = a.log
	var err error
	if a.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.in.Close()
		_, _ = io.Copy(io.Discard, a.out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the Azure CLI's process: %v\n%s", err, tail(a.log.String(), 3000))
		}
	})
	return a
}

// env is the environment of the CLI: a directory of its own, no telemetry.
func (a *azure) env() []string {
	return a.p.env("AZURE_CONFIG_DIR="+a.dir, "AZURE_CORE_COLLECT_TELEMETRY=no", "AZURE_CORE_NO_COLOR=true",
		"AZURE_CORE_ONLY_SHOW_ERRORS=true", "AZURE_EXTENSION_USE_DYNAMIC_INSTALL=no")
}

// with returns the CLI reporting to another test.
func (a *azure) with(t *testing.T) *azure {
	q := *a
	q.t, q.p = t, a.p.in(t)
	return &q
}

// azAnswer is how a command ended.
type azAnswer struct {
	Code int    `json:"code"`
	Out  string `json:"out"`
	Err  string `json:"err"`
}

// exec runs one command, written as one types it after `az`: words parted by spaces, with
// quotes around those that contain spaces.
func (a *azure) exec(command string) azAnswer {
	a.t.Helper()
	line, err := json.Marshal(words(command))
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.in.Write(append(line, '\n')); err != nil {
		a.t.Fatalf("az %s: %v\n%s", command, err, tail(a.log.String(), 3000))
	}
	raw, err := a.out.ReadBytes('\n')
	if err != nil {
		a.t.Fatalf("az %s: %v\n%s", command, err, tail(a.log.String(), 3000))
	}
	var answer azAnswer
	if err := json.Unmarshal(raw, &answer); err != nil {
		a.t.Fatalf("az %s: %v in %q", command, err, raw)
	}
	return answer
}

// ok runs a command that has to succeed and returns what it printed.
func (a *azure) ok(command string) string {
	a.t.Helper()
	r := a.exec(command)
	if r.Code != 0 {
		a.t.Fatalf("az %s: exit %d\n%s%s", command, r.Code, r.Out, tail(r.Err, 3000))
	}
	return strings.TrimSpace(r.Out)
}

// prints runs a command whose JSON, on one line and without spaces between its parts, must
// be want; a want between slashes is a regular expression.
func (a *azure) prints(want, command string) {
	a.t.Helper()
	r := a.exec(command)
	got := compact(r.Out)
	match := got == want
	if n := len(want); n > 1 && want[0] == '/' && want[n-1] == '/' {
		match = regexp.MustCompile(want[1 : n-1]).MatchString(got)
	}
	if r.Code != 0 || !match {
		a.t.Errorf("az %s: exit %d\n got %s\nwant %s\n%s", command, r.Code, got, want, tail(r.Err, 3000))
	}
}

// refused runs a command that has to fail and say something.
func (a *azure) refused(says, command string) {
	a.t.Helper()
	r := a.exec(command)
	if r.Code == 0 || !strings.Contains(r.Err, says) {
		a.t.Errorf("az %s: exit %d, want a failure that says %q\n%s%s", command, r.Code, says, r.Out, tail(r.Err, 3000))
	}
}

// value runs a command and returns the one string it prints with --query.
func (a *azure) value(query, command string) string {
	a.t.Helper()
	out := a.ok(command + " --query '" + query + "' -o tsv")
	if out == "" {
		a.t.Fatalf("az %s: no %s", command, query)
	}
	return out
}

// binary runs the real program, in a process of its own, and returns what it printed.
func (a *azure) binary(command string) string {
	a.t.Helper()
	args := append(slices.Clone(a.run), filepath.Join(clients, "az/.venv/bin/az"))
	cmd := exec.Command(binary, append(args, words(command)...)...)
	cmd.Env = a.env()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		a.t.Fatalf("az %s: %v\n%s%s", command, err, out, tail(stderr.String(), 3000))
	}
	return compact(string(out))
}

// file writes a file and returns its path with an @ before it, as commands read files.
func (a *azure) file(text string) string {
	a.t.Helper()
	path := filepath.Join(a.t.TempDir(), "file.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return "@" + path
}

// compact is JSON on one line; what is no JSON, without space around it.
func compact(out string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(out)) == nil {
		return b.String()
	}
	return strings.TrimSpace(out)
}

// words splits a command line at spaces; quotes of either kind keep a word together.
func words(command string) []string {
	var out []string
	var word strings.Builder
	quote, begun := rune(0), false
	for _, c := range command {
		switch {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, begun = c, true
		case quote == 0 && c == ' ':
			if begun {
				out = append(out, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(c)
			begun = true
		}
	}
	if begun {
		out = append(out, word.String())
	}
	return out
}

// decode runs a command and reads the JSON that it prints.
func (a *azure) decode(v any, command string) {
	a.t.Helper()
	out := a.ok(command)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		a.t.Fatalf("az %s: %v in %q", command, err, out)
	}
}
