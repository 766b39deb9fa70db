package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test binary the shim, and the program that the shim becomes.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "__exec":
		os.Exit(Shim(os.Stderr))
	case len(os.Args) == 3 && os.Args[1] == "__program":
		program(os.Args[2])
	}
	os.Exit(m.Run())
}

// program is what the child does: say who it is, exit with a status, die of a signal, or
// wait for one.
func program(what string) {
	switch verb, arg, _ := strings.Cut(what, "="); verb {
	case "identify":
		start, _ := StartTime(os.Getpid())
		fmt.Printf("%d %d %s", os.Getpid(), start, os.Getenv("MARK"))
		os.Exit(0)
	case "exit":
		status, _ := strconv.Atoi(arg)
		os.Exit(status)
	case "die":
		n, _ := strconv.Atoi(arg)
		_ = syscall.Kill(os.Getpid(), syscall.Signal(n))
		select {}
	case "wait":
		ch := make(chan os.Signal, 1)
		signal.Notify(ch, syscall.SIGTERM, syscall.SIGUSR1)
		fmt.Println("ready")
		os.Exit(map[os.Signal]int{syscall.SIGTERM: 42, syscall.SIGUSR1: 43}[<-ch])
	}
}

// spawn starts a waiting child whose output goes to the returned file.
func spawn(t *testing.T) (*Child, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	c, err := Spawn([]string{os.Args[0], "__exec"}, nil, w, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	return c, r
}

// self is the test binary as a program that does what.
func self(what string) Program {
	return Program{Path: os.Args[0], Args: []string{"program", "__program", what}, Env: append(os.Environ(), "MARK=here")}
}

// L-15: the child's own status comes through, a signal as 128+n, and what cannot be executed as 126 or 127.
func TestExitStatus(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("not a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		program Program
		want    int
	}{
		"success":                 {self("exit=0"), 0},
		"its own failure":         {self("exit=7"), 7},
		"a status like one of us": {self("exit=125"), 125},
		"killed by SIGKILL":       {self("die=9"), 137},
		"ended by SIGTERM":        {self("die=15"), 143},
		"not a program":           {Program{Path: text, Args: []string{text}}, ExitCannotExec},
		"gone since it was found": {Program{Path: "/does/not/exist", Args: []string{"x"}}, ExitNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := spawn(t)
			if err := c.Release(tt.program); err != nil {
				t.Fatal(err)
			}
			got, err := c.Wait(nil)
			if err != nil || got != tt.want {
				t.Errorf("status %d, %v; want %d", got, err, tt.want)
			}
		})
	}
}

// L-10: pid and start time, by which a child is registered before it is released, are the
// program's own; descriptor 3 is not left open to it.
func TestChildKeepsPIDAndStartTime(t *testing.T) {
	c, out := spawn(t)
	start, err := StartTime(c.PID())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Release(self("identify")); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(nil); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d %d here", c.PID(), start); string(text) != want {
		t.Errorf("the program is %q, want %q", text, want)
	}
}

// A child that is not released ends without running anything, and is waited for.
func TestAbandon(t *testing.T) {
	c, _ := spawn(t)
	c.Abandon()
	if err := syscall.Kill(c.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("after Abandon the child is still there: %v", err)
	}
	c.Abandon() // again is harmless
}

// L-15: signals that reach us reach the program.
func TestSignalsAreForwarded(t *testing.T) {
	for s, want := range map[syscall.Signal]int{syscall.SIGTERM: 42, syscall.SIGUSR1: 43} {
		signals, stop := Listen()
		c, out := spawn(t)
		if err := c.Release(self("wait")); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 16)); err != nil { // "ready"
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		ended := time.AfterFunc(10*time.Second, func() { _ = c.cmd.Process.Kill() })
		if got, err := c.Wait(signals); err != nil || got != want {
			t.Errorf("after %v: status %d, %v; want %d", s, got, err, want)
		}
		ended.Stop()
		stop()
	}
}

// L-15: 126 and 127 are told apart before anything is started.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	plain, program := filepath.Join(dir, "plain"), filepath.Join(dir, "program")
	for name, mode := range map[string]os.FileMode{plain: 0o644, program: 0o755} {
		if err := os.WriteFile(name, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=/does/not/exist:" + dir}
	for name, tt := range map[string]struct {
		path string
		err  error
	}{
		"program":      {program, nil},
		program:        {program, nil},
		"plain":        {"", ErrCannotExec},
		plain:          {plain, ErrCannotExec},
		dir:            {dir, ErrCannotExec},
		"missing":      {"", ErrNotFound},
		dir + "/other": {dir + "/other", ErrNotFound},
	} {
		path, err := Find(name, env)
		if path != tt.path || !errors.Is(err, tt.err) {
			t.Errorf("Find(%q) = %q, %v; want %q, %v", name, path, err, tt.path, tt.err)
		}
	}
}
