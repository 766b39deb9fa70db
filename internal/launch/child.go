package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sealring/sealring/internal/fault"
)

// Exit statuses of ours; every other is the program's own (L-15).
const (
	ExitFailed     = 125 // we failed before the program ran
	ExitCannotExec = 126 // the program exists and cannot be executed
	ExitNotFound   = 127 // there is no such program
)

var (
	// ErrNotFound is a program that does not exist (exit 127).
	ErrNotFound = fault.New(fault.NotFound, "no such program")
	// ErrCannotExec is a program that exists and cannot be executed (exit 126).
	ErrCannotExec = fault.New(fault.Denied, "the program cannot be executed")
)

// Program is what a waiting child turns into.
type Program struct {
	Path string   // absolute, or relative to the working directory
	Args []string // with the program's name first
	Env  []string
}

// Find looks name up as a shell would, in the PATH of env. Errors: ErrNotFound, ErrCannotExec.
func Find(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, executable(name, name)
	}
	worst := ErrNotFound.With("%s: not found in PATH", name)
	for _, dir := range filepath.SplitList(lookup(env)["PATH"]) {
		if dir == "" {
			dir = "."
		}
		candidate := filepath.Join(dir, name)
		if !strings.Contains(candidate, "/") {
			candidate = "./" + candidate
		}
		err := executable(name, candidate)
		if err == nil {
			return candidate, nil
		}
		if errors.Is(err, ErrCannotExec) {
			worst = err
		}
	}
	return "", worst
}

// executable reports whether path is a file that someone may execute.
func executable(name, path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return ErrNotFound.With("%s: no such file", name)
	case err != nil:
		return ErrCannotExec.With("%s: %v", path, errors.Unwrap(err))
	case info.IsDir():
		return ErrCannotExec.With("%s is a directory", path)
	case info.Mode()&0o111 == 0:
		return ErrCannotExec.With("%s is not executable (chmod +x)", path)
	}
	return nil
}

// Child is a process of ours that waits to become a program, so that it can be registered
// before it does anything: pid and start time stay the same across execve (L-10).
type Child struct {
	cmd  *exec.Cmd
	pipe *os.File // nil once released or abandoned
}

// Spawn starts shim, the command line that calls Shim in our own binary, in this process's
// group and on its standard streams.
func Spawn(shim []string, stdin, stdout, stderr *os.File) (*Child, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	cmd := exec.Command(shim[0], shim[1:]...) //nolint:gosec,noctx // our own program; its end is signalled, not cut
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.ExtraFiles = []*os.File{r}
	err = cmd.Start()
	_ = r.Close() // the child has its own
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start child: %w", err), w.Close())
	}
	return &Child{cmd: cmd, pipe: w}, nil
}

// PID is the process id of the child, before and after Release.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Release lets the child become p.
func (c *Child) Release(p Program) error {
	err := json.NewEncoder(c.pipe).Encode(p)
	if closeErr := c.pipe.Close(); err == nil {
		err = closeErr
	}
	c.pipe = nil
	if err != nil {
		return fmt.Errorf("hand the program over: %w", err)
	}
	return nil
}

// Abandon ends a child that was not released, and waits for it.
func (c *Child) Abandon() {
	if c.pipe == nil {
		return
	}
	_ = c.pipe.Close()
	c.pipe = nil
	_ = c.cmd.Wait() // it ends with a status of its own making
}

// forwarded are the signals passed on to the program.
var forwarded = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH}

// Listen starts to collect the signals that Wait will forward. Call it before Spawn, so
// that none is lost or ends us first; stop gives the signals back.
func Listen() (signals <-chan os.Signal, stop func()) {
	ch := make(chan os.Signal, 16)
	for _, s := range forwarded {
		if !signal.Ignored(s) { // nohup stays in force
			signal.Notify(ch, s)
		}
	}
	return ch, func() { signal.Stop(ch) }
}

// Wait forwards signals until the program ends, and returns its exit status: its own, or
// 128+n when signal n ended it (L-15). What a terminal sends to its whole foreground group
// has reached the program already and is not sent twice.
func (c *Child) Wait(signals <-chan os.Signal) (int, error) {
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if fromTerminal(s) && foreground() {
				continue
			}
			_ = c.cmd.Process.Signal(s) // it may just have ended
		case err := <-ended:
			if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
				return 0, fmt.Errorf("wait for the program: %w", err)
			}
			status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
			if ok && status.Signaled() {
				return 128 + int(status.Signal()), nil
			}
			return c.cmd.ProcessState.ExitCode(), nil
		}
	}
}

// fromTerminal reports whether a terminal sends s to its foreground group.
func fromTerminal(s os.Signal) bool {
	return s == syscall.SIGINT || s == syscall.SIGQUIT || s == syscall.SIGWINCH
}

// Shim is the child's side of Spawn: it waits on descriptor 3 for a program and becomes it.
// It returns only if it cannot, with the exit status; complaints go to stderr.
func Shim(stderr io.Writer) int {
	pipe := os.NewFile(3, "program")
	if pipe == nil {
		return ExitFailed
	}
	syscall.CloseOnExec(3)
	var p Program
	if err := json.NewDecoder(pipe).Decode(&p); err != nil {
		return ExitFailed // the launcher gave up and has said why
	}
	err := syscall.Exec(p.Path, p.Args, p.Env) //nolint:gosec // the program that the person named, by design
	_, _ = fmt.Fprintf(stderr, "sealring: cannot execute %s: %v\n", p.Path, err)
	if errors.Is(err, fs.ErrNotExist) {
		return ExitNotFound
	}
	return ExitCannotExec
}
