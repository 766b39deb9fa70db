package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/launch"
)

// Exit codes of every command but run, whose codes are in package launch (design.md §5).
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitUnready = 3
	exitDenied  = 4
)

// lookupEnv is how commands read the environment.
func lookupEnv(name string) (string, bool) { return os.LookupEnv(name) }

// usageError is a command line that cannot be meant; the command changed nothing.
type usageError struct{ error }

// Unwrap gives the error inside.
func (e usageError) Unwrap() error { return e.error }

// usagef makes a usageError.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// statusError ends the command with a status and, where err is set, a line that says why.
type statusError struct {
	status int
	err    error
}

// Error says why, or only the status.
func (e statusError) Error() string {
	if e.err != nil {
		return e.err.Error()
	}
	return fmt.Sprintf("exit status %d", e.status)
}

// Unwrap gives the error inside.
func (e statusError) Unwrap() error { return e.err }

// report writes err in one line to w and returns the exit code it means.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	code := exitCode(err)
	if s, ok := errors.AsType[statusError](err); ok && s.err == nil {
		return code
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if code == exitUsage {
		text += " (see sealring help)"
	}
	_, _ = fmt.Fprintln(w, "sealring: "+text)
	return code
}

// exitCode sorts an error into the codes of design.md §5.
func exitCode(err error) int {
	if s, ok := errors.AsType[statusError](err); ok {
		return s.status
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if strings.HasPrefix(err.Error(), "unknown command ") { // cobra declares no error for it
		return exitUsage
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		switch {
		case e.Denied():
			return exitDenied
		case e.Status == 503:
			return exitUnready
		}
		return exitFailed
	}
	switch kind := fault.KindOf(err); {
	case errors.Is(err, context.Canceled):
		return exitFailed
	case kind == fault.Unavailable:
		return exitUnready
	case kind == fault.Denied || kind == fault.Unauthenticated:
		return exitDenied
	}
	return exitFailed
}

// runStatus sorts an error of `run` that came before the program into L-15.
func runStatus(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, launch.ErrNotFound):
		return statusError{launch.ExitNotFound, err}
	case errors.Is(err, launch.ErrCannotExec):
		return statusError{launch.ExitCannotExec, err}
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return err
	}
	if _, ok := errors.AsType[statusError](err); ok {
		return err // the program's own
	}
	return statusError{launch.ExitFailed, err}
}
