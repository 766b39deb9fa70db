// Command sealring gives the programs you run on your own machines managed identities.
// docs/design.md and `sealring help` describe its commands; the exit codes are in exit.go.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sealring/sealring/internal/launch"
)

// shimName is the first argument with which we start ourselves to become another program.
const shimName = "__exec"

// main runs one command, or becomes the program that `run` asked for.
func main() {
	if len(os.Args) == 2 && os.Args[1] == shimName {
		os.Exit(launch.Shim(os.Stderr))
	}
	os.Exit(realMain(os.Args[1:]))
}

// realMain runs one command and returns its exit code. The first SIGINT or SIGTERM ends
// the command's context; the second ends the process.
func realMain(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := newRootCommand()
	root.SetArgs(args)
	return report(os.Stderr, root.ExecuteContext(ctx))
}
