package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newRootCommand is the whole command line.
func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "sealring",
		Short: "Managed identities for the programs on your own machines",
		Long: "Sealring gives programs an identity without a secret, hands them short-lived tokens,\n" +
			"and checks at every service what that identity may do.",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newAuditCommand(),
		newBackupCommand(),
		newCheckCommand(),
		newConfigCommand(),
		newDemoCommand(),
		newEnvCommand(),
		newGrantCommand(),
		newIdentitiesCommand(),
		newKeysCommand(),
		newRestCommand(),
		newRestoreCommand(),
		newRunCommand(),
		newSubscriptionCommand(),
		newTenantCommand(),
		newTokenCommand(),
		newUpCommand(),
		newVersionCommand(),
		newWhyCommand(),
	)
	for _, cmd := range append(descendants(root), root) {
		prepare(cmd)
	}
	return root
}

// descendants are all commands below cmd.
func descendants(cmd *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, sub := range cmd.Commands() {
		out = append(append(out, sub), descendants(sub)...)
	}
	return out
}

// prepare makes wrong arguments a usage error and gives every flag its environment variable.
func prepare(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if check == nil {
			check = cobra.NoArgs
		}
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if err := flagsFromEnvironment(cmd); err != nil {
			return err
		}
		for _, check := range []func() error{cmd.ValidateRequiredFlags, cmd.ValidateFlagGroups} {
			if err := check(); err != nil {
				return usageError{err}
			}
		}
		if before != nil {
			return before(cmd, args)
		}
		return nil
	}
}

// variable is the environment variable of a flag: SEALRING_ and its name in capitals.
func variable(flag string) string {
	return "SEALRING_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// flagsFromEnvironment sets the flags that were not given from their variables; those of a
// list are separated by commas.
func flagsFromEnvironment(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value, there := lookupEnv(variable(f.Name))
		if f.Changed || !there || value == "" || f.Name == "help" || failed != nil {
			return
		}
		values := []string{value}
		if strings.HasSuffix(f.Value.Type(), "Array") {
			values = strings.Split(value, ",")
		}
		for _, v := range values {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				failed = usageError{fmt.Errorf("%s: %w", variable(f.Name), err)}
			}
		}
	})
	return failed
}
