package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/launch"
	"github.com/sealring/sealring/internal/nameproxy"
	"github.com/sealring/sealring/internal/pki"
)

// runOptions are the flags of run.
type runOptions struct {
	platform
	hostFlags
	identities []string
	azureNames bool
	egress     string
}

// newRunCommand is `sealring run` (design.md §5, L-4, L-15).
func newRunCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run --app NAME [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a program as an app, with the app's managed identity",
		Long: "Runs COMMAND as the named app or machine: creates what is missing in the running platform,\n" +
			"sets the environment that Azure would set, and passes signals and the exit status through.\n" +
			"It grants nothing: until a role is assigned (sealring grant), the program is refused.\n\n" +
			"Exit status: the program's own; 125 when sealring failed, 126 when the program cannot be\n" +
			"executed, 127 when it does not exist, 128+n when signal n ended it.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("no program: write it after --, as in sealring run --app web -- ./web")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runStatus(o.run(cmd, args)) },
	}
	cmd.Flags().SetInterspersed(false)
	o.platform.flags(cmd)
	o.hostFlags.flags(cmd)
	cmd.Flags().StringArrayVar(&o.identities, "identity", nil, "identity the app has: system, a name, or a resource id; repeatable (default: what it has, system for a new app)")
	cmd.Flags().BoolVar(&o.azureNames, "azure-names", false, "answer for Azure's public names inside the program")
	cmd.Flags().StringVar(&o.egress, "egress", "allow", "what happens to other names behind the proxy: allow or deny")
	return cmd
}

// run does it all: find the program, make the app, start the proxy, start the child.
func (o *runOptions) run(cmd *cobra.Command, args []string) error {
	host, err := o.host(o.identities)
	if err != nil {
		return err
	}
	if o.egress != "allow" && o.egress != "deny" {
		return usagef("--egress %q is not allow or deny", o.egress)
	}
	path, err := launch.Find(args[0], os.Environ())
	if err != nil {
		return err
	}
	c, err := o.open()
	if err != nil {
		return err
	}
	if _, err := c.Ensure(cmd.Context(), host, notes(cmd)); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sealring-run-") // 0700
	if err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ca, err := os.ReadFile(c.Endpoints().CAFile)
	if err != nil {
		return fmt.Errorf("read the platform's certificates: %w", err)
	}
	proxy, ours, stop, err := o.startProxy(context.WithoutCancel(cmd.Context()), c.Endpoints(), ca)
	if err != nil {
		return err
	}
	defer stop()
	trust, err := launch.WriteTrust(dir, os.Environ(), ours, rand.Reader)
	if err != nil {
		return err
	}
	settings := launch.Settings{Kind: launch.Kind(o.kind), App: o.app, Slot: o.slot, Group: o.group, Endpoints: c.Endpoints(),
		Proxy: proxy, Trust: trust, PublicNames: o.azureNames, DenyEgress: o.egress == "deny"}
	if v, _ := lookupEnv("WEBSITE_DISABLE_MSI"); launch.Disabled(v) && settings.Kind == launch.Site {
		notes(cmd)("WEBSITE_DISABLE_MSI is set: the program gets no identity endpoint")
	}
	return startChild(cmd.Context(), c, host, settings, launch.Program{Path: path, Args: args})
}

// startChild starts p registered as an instance of host, and returns its status as an error.
func startChild(ctx context.Context, c *client.Client, host client.Host, s launch.Settings, p launch.Program) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own program: %w", err)
	}
	signals, stop := launch.Listen()
	defer stop()
	child, err := launch.Spawn([]string{self, shimName}, os.Stdin, os.Stdout, os.Stderr)
	if err != nil {
		return err
	}
	defer child.Abandon()
	start, err := launch.StartTime(child.PID())
	if err != nil {
		return err
	}
	s.Registration, err = c.Register(ctx, client.Workload{ResourceID: host.ID(c.Endpoints()), PID: child.PID(), StartTime: start})
	if err != nil {
		return err
	}
	p.Env = launch.Apply(os.Environ(), s.Changes(os.Environ()))
	if err := child.Release(p); err != nil {
		return err
	}
	status, err := child.Wait(signals)
	if err != nil || status == 0 {
		return err
	}
	return statusError{status: status}
}

// startProxy starts the proxy of this run on a free port. ours are the certificates that
// the program must trust (PEM); stop ends the proxy and waits for it.
func (o *runOptions) startProxy(ctx context.Context, e client.Endpoints, ca []byte) (at string, ours []byte, stop func(), err error) {
	ours = ca
	var certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	if o.azureNames {
		authority, err := pki.NewEphemeral(launch.PublicNames, time.Now, rand.Reader)
		if err != nil {
			return "", nil, nil, fmt.Errorf("make certificates for Azure's names: %w", err)
		}
		certificate = authority.GetCertificate
		ours = append(append([]byte{}, ca...), authority.Bundle()...)
	}
	rules, err := launch.Rules(e, certificate, ca)
	if err != nil {
		return "", nil, nil, err
	}
	proxy, err := nameproxy.New(nameproxy.Config{Rules: rules, Egress: o.egress == "allow",
		Next: func(u *url.URL) (*url.URL, error) { return http.ProxyFromEnvironment(&http.Request{URL: u}) }, // the user's own
		Log:  slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", nil, nil, err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, nil, fmt.Errorf("open the name proxy: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = proxy.Serve(ctx, ln) // the program notices a broken proxy by itself
	}()
	return "http://" + ln.Addr().String(), ours, func() { cancel(); <-ended }, nil
}
