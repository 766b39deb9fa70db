//go:build failpoints

package store

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// FailpointsBuilt reports whether this build can be made to fail on purpose.
const FailpointsBuilt = true

// failpoints is the state of this test build: what was asked for last, and how often each
// point was passed since.
var failpoints struct {
	mu     sync.Mutex // guards what follows
	spec   string
	passed map[string]int
}

// Failpoint fails at the point name if SEALRING_FAILPOINT asks for it: name=action[@n],
// several separated by commas, or file:PATH, a file that holds the same and is read again
// each time. Without @n the action is taken every time, with it the nth time only, counted
// from when the text last changed. Actions: kill (SIGKILL to this process), panic, error
// (ErrUnavailable), eio, enospc, erofs (that error of the operating system), sleep:DURATION.
func Failpoint(name string) error {
	for _, part := range strings.Split(failpointSpec(), ",") {
		point, action, _ := strings.Cut(strings.TrimSpace(part), "=")
		if point == name {
			if action, ok := due(name, action); ok {
				return act(name, action)
			}
		}
	}
	return nil
}

// failpointSpec reads what is asked for.
func failpointSpec() string {
	spec := os.Getenv("SEALRING_FAILPOINT")
	if path, ok := strings.CutPrefix(spec, "file:"); ok {
		text, _ := os.ReadFile(path)
		return strings.TrimSpace(string(text))
	}
	return spec
}

// due counts the passing and reports whether the action is to be taken this time.
func due(name, action string) (string, bool) {
	spec := failpointSpec()
	failpoints.mu.Lock()
	defer failpoints.mu.Unlock()
	if failpoints.spec != spec || failpoints.passed == nil {
		failpoints.spec, failpoints.passed = spec, map[string]int{}
	}
	failpoints.passed[name]++
	action, nth, counted := strings.Cut(action, "@")
	n, _ := strconv.Atoi(nth)
	return action, !counted || failpoints.passed[name] == n
}

// act does what was asked for.
func act(name, action string) error {
	action, argument, _ := strings.Cut(action, ":")
	switch action {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "panic":
		panic("failpoint " + name)
	case "error":
		return fmt.Errorf("failpoint %s: %w", name, ErrUnavailable)
	case "sleep":
		d, err := time.ParseDuration(argument)
		if err != nil {
			panic(err)
		}
		time.Sleep(d)
		return nil
	}
	errno, ok := map[string]syscall.Errno{"eio": syscall.EIO, "enospc": syscall.ENOSPC, "erofs": syscall.EROFS}[action]
	if !ok {
		panic("failpoint " + name + ": no such action: " + action)
	}
	return fmt.Errorf("failpoint %s: %w", name, errno)
}
