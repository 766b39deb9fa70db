package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newConfigCommand groups what concerns the configuration.
func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at the configuration",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigCheckCommand())
	return cmd
}

// newConfigCheckCommand validates and prints the effective configuration.
func newConfigCheckCommand() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration and print what is in effect, secrets masked",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.load(cmd)
			if err != nil {
				return err
			}
			text, err := c.Effective()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "# data: %s\n%s", c.Data, text)
			return err
		},
	}
	f.register(cmd)
	return cmd
}
