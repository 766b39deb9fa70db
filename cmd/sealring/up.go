package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/app"
	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/config"
	"github.com/sealring/sealring/internal/fault"
)

// upFlags are the flags of up, config check and demo that shape a configuration.
type upFlags struct {
	data, file, listen, domain, imdsHost string
	tlsPort, httpPort                    int
	acceptClock                          bool
}

// register declares the flags on cmd.
func (f *upFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.data, "data", "", "data directory (default $XDG_DATA_HOME/sealring)")
	fs.StringVar(&f.file, "config", "", "configuration file (YAML)")
	fs.StringVar(&f.listen, "listen", "127.0.0.1", "IP address of the TLS listener")
	fs.IntVar(&f.tlsPort, "tls-port", 8443, "port for sign-in, Resource Manager, Graph and vaults; 0 picks a free one")
	fs.IntVar(&f.httpPort, "http-port", 8080, "loopback port of the App Service token endpoint; proxy and IMDS take the next two; 0 picks free ones")
	fs.StringVar(&f.domain, "domain", "", "suffix of all names, settled at first start (default sealring.internal)")
	fs.StringVar(&f.imdsHost, "imds-host", "", "resource id of the machine that unregistered callers of IMDS act for")
}

// load makes the validated configuration: flags over environment over file over defaults.
func (f *upFlags) load(cmd *cobra.Command) (config.Config, error) {
	dir := f.data
	if dir == "" {
		var err error
		if dir, err = client.DefaultDir(os.Getenv); err != nil {
			return config.Config{}, err
		}
	}
	c, err := config.Load(dir, f.file, lookupEnv)
	if err != nil {
		return c, usageError{errors.New(fault.Message(err))}
	}
	for name, set := range map[string]func(){
		"listen":    func() { c.Listen.Address = f.listen },
		"tls-port":  func() { c.Listen.TLSPort = f.tlsPort },
		"http-port": func() { c.Listen.HTTPPort = f.httpPort },
		"domain":    func() { c.Domain = f.domain },
	} {
		if cmd.Flags().Changed(name) {
			set()
		}
	}
	if err := c.Validate(); err != nil {
		return c, usageError{errors.New(fault.Message(err))}
	}
	return c, nil
}

// gcPercent lets garbage grow to four times what is live, a few MB, before it is
// collected: under load the collector would otherwise run thirty times a second
// (docs/performance.md). GOGC overrides it.
const gcPercent = 400

// newUpCommand runs the whole platform in one process.
func newUpCommand() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the whole platform in this process",
		Long: "Runs the whole platform in this process until SIGINT or SIGTERM. The first start makes a\n" +
			"tenant, a subscription, the resource group `default`, an administrator and certificate authorities.\n" +
			"When it is ready, endpoints.json in the data directory says where everything answers.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.load(cmd)
			if err != nil {
				return err
			}
			ac, err := f.appConfig(c, newLogger(os.Stderr, c.Log))
			if err != nil {
				return err
			}
			if c.Log.Format != "text" {
				ac.AccessLog = os.Stderr
			}
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(gcPercent)
			}
			return serve(cmd.Context(), ac, func(s *app.Server) {
				printReady(cmd.OutOrStdout(), s)
				debug.FreeOSMemory() // what starting took
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.acceptClock, "accept-clock", false, "start although the clock is behind the newest record in the store; this is recorded")
	return cmd
}

// appConfig adds the outside world to a configuration.
func (f *upFlags) appConfig(c config.Config, log *slog.Logger) (app.Config, error) {
	home := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(home) {
		var err error
		if home, err = os.UserConfigDir(); err != nil {
			return app.Config{}, fmt.Errorf("no place for the key-encryption key: set HOME, XDG_CONFIG_HOME or kek.file: %w", err)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return app.Config{}, fmt.Errorf("read the host's name: %w", err)
	}
	return app.Config{
		Config: c, Version: version, Log: log, Now: time.Now, Rand: rand.Reader,
		ConfigHome: home, Hostname: host, IMDSHost: f.imdsHost, AcceptClock: f.acceptClock,
	}, nil
}

// serve runs a server until ctx ends.
func serve(ctx context.Context, c app.Config, ready func(*app.Server)) error {
	s, err := app.New(ctx, c)
	if err != nil {
		return aloud(err)
	}
	return aloud(s.Run(ctx, func() { ready(s) }))
}

// aloud keeps of an error what a person needs: its sentence, with the kind that gives the
// exit code.
func aloud(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, config.ErrInvalid) {
		return usageError{errors.New(fault.Message(err))}
	}
	if text := fault.Message(err); text != "" {
		return fault.New(fault.KindOf(err), text)
	}
	return err
}

// printReady says what to do next.
func printReady(w io.Writer, s *app.Server) {
	e := s.Endpoints()
	fmt.Fprintf(w, "sealring is ready. Data: %s\n", filepath.Dir(e.AdminSecretFile))
	if path := s.NewKEK(); path != "" {
		fmt.Fprintf(w, "\n  The key that opens the data is %s\n  Back this up, apart from the data: without it nothing can be read.\n", path)
	}
	fmt.Fprintf(w, `
Next, in another terminal%s:
  sealring run --app shop -- ./your-program     run a program with a managed identity
  sealring token --app shop --resource https://vault.azure.net --decode
  sealring grant --principal shop --role Reader --scope group/default
  sealring why --principal shop --action Microsoft.Resources/subscriptions/resourceGroups/read --scope group/default

Stop with Ctrl-C.
`, dataHint(e))
}

// dataHint tells how other commands find a data directory that is not the default.
func dataHint(e client.Endpoints) string {
	dir := filepath.Dir(e.AdminSecretFile)
	if def, err := client.DefaultDir(os.Getenv); err == nil && def == dir {
		return ""
	}
	return ", after export SEALRING_DATA=" + dir
}

// newLogger writes lines of the configured level and format.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // validated by config
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}
