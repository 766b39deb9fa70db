package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/client"
)

// newIdentitiesCommand shows who is trusted, and by what.
func newIdentitiesCommand() *cobra.Command {
	var p platform
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "identities [PRINCIPAL]",
		Short: "List who is trusted here and when they were last seen, or everything about one",
		Long: "Without an argument: every managed identity and application with its last sign-in on record, so that those\n" +
			"nobody uses are seen. With one: what it is attached to, which outside subjects prove it, which roles it holds,\n" +
			"directly, from above and through groups. A principal is an object id, an application id, a name or admin.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.open()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				all, err := c.Identities(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), all)
				}
				for _, i := range all {
					fmt.Fprintf(cmd.OutOrStdout(), "%-36s  %-15s  %-17s  %s\n", i.ID, i.Type, lastUse(i.LastUse), i.DisplayName)
				}
				return nil
			}
			found, err := c.Principal(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			one, err := c.Identity(cmd.Context(), found.ID, time.Now())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), one)
			}
			printIdentity(cmd.OutOrStdout(), one)
			return nil
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printIdentity writes everything about one for a person.
func printIdentity(w io.Writer, i client.Identity) {
	fmt.Fprintf(w, "%s (%s)\n  object id       %s\n  application id  %s\n  last sign-in    %s\n", i.DisplayName, i.Type, i.ID, i.AppID, lastUse(i.LastUse))
	for _, h := range i.Hosts {
		fmt.Fprintf(w, "  attached to     %s\n", h)
	}
	for _, f := range i.Federated {
		dangling := ""
		if f.Dangling {
			dangling = ", DANGLING: not used for 90 days"
		}
		fmt.Fprintf(w, "  trusts          %s of %s as %s (last sign-in %s%s)\n", f.Subject, f.Issuer, f.Name, lastUse(f.LastUse), dangling)
	}
	for _, a := range i.Assignments {
		through := ""
		if a.Through != "" {
			through = " through the group " + a.Through
		}
		fmt.Fprintf(w, "  role            %s at %s%s\n", a.Role, a.Scope, through)
	}
}

// lastUse is an instant for a person.
func lastUse(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}
