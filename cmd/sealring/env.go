package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/launch"
)

// envOptions are the flags of env.
type envOptions struct {
	platform
	hostFlags
	identities []string
	json       bool
	ttl        time.Duration
	shell      int
}

// newEnvCommand is `sealring env` (design.md §5, L-11).
func newEnvCommand() *cobra.Command {
	var o envOptions
	cmd := &cobra.Command{
		Use:   "env [--app NAME]",
		Short: "Print the environment that run sets, for eval in a shell",
		Long: "Prints export lines for the calling shell: eval \"$(sealring env --app web)\".\n" +
			"The identity in it ends with the shell, or earlier with --ttl. Names are reached through the\n" +
			"platform's own proxy, which passes nothing else on. Without --app there is no identity in it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.platform.flags(cmd)
	o.hostFlags.flags(cmd)
	cmd.Flags().StringArrayVar(&o.identities, "identity", nil, "as for run")
	cmd.Flags().BoolVar(&o.json, "json", false, "print a JSON object of the variables to set")
	cmd.Flags().DurationVar(&o.ttl, "ttl", 0, "end the identity after this time, for example 8h, even if the shell lives on")
	cmd.Flags().IntVar(&o.shell, "shell", 0, "process id of the shell whose life the identity shares (default: the calling process)")
	return cmd
}

// run prints the environment.
func (o *envOptions) run(cmd *cobra.Command) error {
	if o.ttl < 0 || o.ttl%time.Second != 0 {
		return usagef("--ttl %s is not a positive number of seconds", o.ttl)
	}
	c, err := o.open()
	if err != nil {
		return err
	}
	e := c.Endpoints()
	s := launch.Settings{App: o.app, Slot: o.slot, Group: o.group, Endpoints: e, Proxy: e.Proxy}
	if o.app != "" {
		s.Kind = launch.Kind(o.kind)
		if s.Registration, err = o.register(cmd, c); err != nil {
			return err
		}
	}
	dir, err := o.dir()
	if err != nil {
		return err
	}
	if s.Trust, err = trustFiles(filepath.Join(dir, "trust"), e); err != nil {
		return err
	}
	changes := s.Changes(os.Environ())
	if o.json {
		set := map[string]string{}
		for _, change := range changes {
			if !change.Unset {
				set[change.Name] = change.Value
			}
		}
		return printJSON(cmd.OutOrStdout(), set)
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), exportLines(changes))
	return err
}

// register makes the calling shell an instance of the app.
func (o *envOptions) register(cmd *cobra.Command, c *client.Client) (client.Registration, error) {
	host, err := o.host(o.identities)
	if err != nil {
		return client.Registration{}, err
	}
	if _, err := c.Ensure(cmd.Context(), host, notes(cmd)); err != nil {
		return client.Registration{}, err
	}
	pid := o.shell
	if pid == 0 {
		pid = os.Getppid()
	}
	start, err := launch.StartTime(pid)
	if err != nil {
		return client.Registration{}, usagef("--shell %d is not a process", pid)
	}
	return c.Register(cmd.Context(), client.Workload{ResourceID: host.ID(c.Endpoints()), PID: pid, StartTime: start, TTL: o.ttl})
}

// trustFiles writes the trust bundle where it outlives this command.
func trustFiles(dir string, e client.Endpoints) (launch.Trust, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return launch.Trust{}, fmt.Errorf("make the trust directory: %w", err)
	}
	ca, err := os.ReadFile(e.CAFile)
	if err != nil {
		return launch.Trust{}, fmt.Errorf("read the platform's certificates: %w", err)
	}
	return launch.WriteTrust(dir, os.Environ(), ca, rand.Reader)
}

// exportLines writes changes for a POSIX shell.
func exportLines(changes []launch.Change) string {
	var b strings.Builder
	for _, c := range changes {
		if c.Unset {
			fmt.Fprintf(&b, "unset %s\n", c.Name)
		} else {
			fmt.Fprintf(&b, "export %s='%s'\n", c.Name, strings.ReplaceAll(c.Value, "'", `'\''`))
		}
	}
	return b.String()
}
