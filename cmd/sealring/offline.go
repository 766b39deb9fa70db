package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/app"
)

// offlineFlags are the flags by which the commands find an installation on this host.
type offlineFlags struct{ upFlags }

// register declares them on cmd.
func (f *offlineFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.data, "data", "", "data directory (default $XDG_DATA_HOME/sealring)")
	cmd.Flags().StringVar(&f.file, "config", "", "configuration file (YAML)")
}

// with opens the installation, runs fn and closes it.
func (f *offlineFlags) with(cmd *cobra.Command, fn func(o *app.Offline, dir string) error) (err error) {
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	ac, err := f.appConfig(c, newLogger(os.Stderr, c.Log))
	if err != nil {
		return err
	}
	o, err := app.OpenOffline(cmd.Context(), ac)
	if err != nil {
		return aloud(err)
	}
	defer func() {
		if closed := o.Close(); err == nil {
			err = closed
		}
	}()
	return aloud(fn(o, c.Data))
}
