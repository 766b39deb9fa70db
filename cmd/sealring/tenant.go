package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/app"
)

// newTenantCommand groups what an operator does to tenants.
func newTenantCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tenant",
		Short: "Make and list tenants: directories that share this installation and nothing else",
		Long: "Works on the data of this host, whether its server runs or not; a running one follows within a\n" +
			"second. A principal of one tenant reaches nothing in another.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTenantCreateCommand(), newTenantListCommand())
	return cmd
}

// withEstate opens the installation, runs fn on its tenants and subscriptions and closes it.
func (f *offlineFlags) withEstate(cmd *cobra.Command, fn func(context.Context, *app.Estate) error) error {
	return f.with(cmd, func(o *app.Offline, _ string) error {
		e, err := o.Estate()
		if err != nil {
			return err
		}
		return fn(o.As(cmd.Context(), cmd.CommandPath()), e)
	})
}

// newTenantCreateCommand makes a tenant.
func newTenantCreateCommand() *cobra.Command {
	var f offlineFlags
	var name string
	var domains []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create --name NAME [--domain DOMAIN]…",
		Short: "Make a tenant with an administrator and a first subscription",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(name) == "" {
				return usagef("--name is needed: what the tenant is called")
			}
			return f.withEstate(cmd, func(ctx context.Context, e *app.Estate) error {
				t, err := e.CreateTenant(ctx, name, domains)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), t)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "tenant         %s\nsubscription   %s\nadministrator  %s, its secret is in %s\n",
					t.ID, t.Subscriptions[0], t.AdminClientID, t.SecretFile)
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&name, "name", "", "what the tenant is called")
	cmd.Flags().StringArrayVar(&domains, "domain", nil, "a domain name that names the tenant in addresses, such as example.org; may be repeated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// newTenantListCommand prints the tenants.
func newTenantListCommand() *cobra.Command {
	var f offlineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print every tenant, its administrator and its subscriptions",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.withEstate(cmd, func(ctx context.Context, e *app.Estate) error {
				all, err := e.Tenants(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), map[string][]app.Tenant{"tenants": all})
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "TENANT\tNAME\tDOMAINS\tADMINISTRATOR\tSUBSCRIPTIONS")
				for _, t := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", t.ID, t.Name, strings.Join(t.Domains, ","), t.AdminClientID, len(t.Subscriptions))
				}
				return w.Flush()
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
