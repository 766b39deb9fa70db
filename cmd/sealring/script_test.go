package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/launch"
)

// TestMain lets scripts run this very program as sealring, and fetch.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sealring": main, "fetch": fetch})
}

// fetch is an ordinary program: it knows its environment and nothing of us. It prints the
// status of a URL and the challenge that came with it.
func fetch() {
	resp, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = resp.Body.Close()
	fmt.Println(resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
}

// TestScripts plays testdata/*.txtar: what a person types, what is printed, which status.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("LONG", strings.Repeat("x", 110))
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, "tmp"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			if err := os.WriteFile(filepath.Join(e.WorkDir, "readme.sh"), []byte(readmeCommands(t)), 0o600); err != nil {
				return err
			}
			return os.MkdirAll(filepath.Join(e.WorkDir, "tmp"), 0o700)
		},
		Cmds:      commands(),
		Condition: condition,
	})
}

// readmeCommands are the commands of the README that a running platform answers.
func readmeCommands(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	script := "set -e\n"
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(line, "$ sealring "); ok && !strings.HasPrefix(command, "up ") {
			script += "sealring " + command
		}
	}
	return script
}

// commands are what scripts can say beside what every script can.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	all := maps.Clone(harm)
	all["status"], all["ready"], all["activekey"], all["field"] = status, ready, activeKey, field
	return all
}

// status runs a command and checks its exit status: status N COMMAND...
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command...")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = fmt.Sprint(err)
	}
	if want := args[0]; got != want && got != "exit status "+want {
		ts.Fatalf("%s, want %s", got, want)
	}
}

// ready waits until a platform serves a data directory: ready DIR
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready dir")
	}
	var err error
	for range 500 {
		if _, err = client.ReadEndpoints(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("%v", err)
}

// design.md §5 and L-15: every error has its exit code and one line.
func TestExitCodes(t *testing.T) {
	unready, denied := fault.New(fault.Unavailable, "not\nthere"), fault.New(fault.Denied, "no")
	for name, tt := range map[string]struct {
		err  error
		code int
		line string
	}{
		"done":                      {nil, 0, ""},
		"usage":                     {usagef("what is %q", "x"), 2, "sealring: what is \"x\" (see sealring help)\n"},
		"not running":               {fmt.Errorf("open: %w", unready), 3, "sealring: open: not there\n"},
		"denied":                    {denied, 4, "sealring: no\n"},
		"refused by a service":      {&client.Error{Status: 403, Code: "Forbidden", Message: "no"}, 4, "sealring: Forbidden: no (403)\n"},
		"not authenticated":         {&client.Error{Status: 401, Message: "who"}, 4, "sealring: who (401)\n"},
		"another answer":            {&client.Error{Status: 404, Message: "none"}, 1, "sealring: none (404)\n"},
		"a service that is not up":  {&client.Error{Status: 503, Message: "later"}, 3, "sealring: later (503)\n"},
		"anything else":             {errors.New("broken"), 1, "sealring: broken\n"},
		"run: the program's status": {runStatus(statusError{status: 7}), 7, ""},
		"run: no such program":      {runStatus(launch.ErrNotFound), 127, "sealring: no such program\n"},
		"run: not executable":       {runStatus(launch.ErrCannotExec), 126, "sealring: the program cannot be executed\n"},
		"run: we failed":            {runStatus(unready), 125, "sealring: not there\n"},
		"run: wrong flags":          {runStatus(usagef("x")), 2, "sealring: x (see sealring help)\n"},
	} {
		var w bytes.Buffer
		if code := report(&w, tt.err); code != tt.code || w.String() != tt.line {
			t.Errorf("%s: %d %q, want %d %q", name, code, w.String(), tt.code, tt.line)
		}
	}
}

// What env prints survives a shell, whatever the value holds.
func TestExportLines(t *testing.T) {
	got := exportLines([]launch.Change{{Name: "A", Value: "it's $HOME"}, {Name: "B", Unset: true}})
	if want := "export A='it'\\''s $HOME'\nunset B\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The grant that why prints can be copied into a shell.
func TestExplainEndsWithACommand(t *testing.T) {
	got := explain(client.Explanation{Sentence: "Denied: no role grants it.", NearMisses: []client.NearMiss{{Sentence: "Reader is on the other plane."}},
		Grant: &client.Grant{RoleName: "Key Vault Secrets User", Scope: "/subscriptions/s"}}, "my app")
	want := "Denied: no role grants it.\nalmost: Reader is on the other plane.\nsmallest grant: Key Vault Secrets User at /subscriptions/s\n" +
		"  sealring grant --principal 'my app' --role 'Key Vault Secrets User' --scope /subscriptions/s\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// field keeps the first word of the line that has a word, as a variable: field NAME FILE WORD
func field(ts *testscript.TestScript, _ bool, args []string) {
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		if words := strings.Fields(line); slices.Contains(words, args[2]) {
			ts.Setenv(args[0], words[0])
			return
		}
	}
	ts.Fatalf("no line of %s has the word %s", args[1], args[2])
}
