package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/app"
	"github.com/sealring/sealring/internal/id"
)

// newSubscriptionCommand groups what an operator does to subscriptions.
func newSubscriptionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "subscription",
		Short: "Make, list and transfer subscriptions",
		Long: "Works on the data of this host, whether its server runs or not; a running one follows within a\n" +
			"second. The administrator of the tenant owns what is made.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSubscriptionCreateCommand(), newSubscriptionListCommand(), newSubscriptionTransferCommand())
	return cmd
}

// tenantFlag reads --tenant; "" is the tenant of the first start.
func tenantFlag(text string) (id.Tenant, error) {
	if text == "" {
		return "", nil
	}
	t, err := id.ParseTenant(text)
	if err != nil {
		return "", usagef("--tenant %q is not a tenant id; `sealring tenant list` shows them", text)
	}
	return t, nil
}

// newSubscriptionCreateCommand makes a subscription.
func newSubscriptionCreateCommand() *cobra.Command {
	var f offlineFlags
	var name, tenant string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create --name NAME [--tenant TENANT]",
		Short: "Make a subscription with a resource group `default`",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(name) == "" {
				return usagef("--name is needed: what the subscription is called")
			}
			t, err := tenantFlag(tenant)
			if err != nil {
				return err
			}
			return f.withEstate(cmd, func(ctx context.Context, e *app.Estate) error {
				s, err := e.CreateSubscription(ctx, t, name)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), s)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "subscription  %s\ntenant        %s\n", s.ID, s.Tenant)
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&name, "name", "", "what the subscription is called")
	cmd.Flags().StringVar(&tenant, "tenant", "", "tenant id (default: the one of the first start)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// newSubscriptionListCommand prints the subscriptions of a tenant.
func newSubscriptionListCommand() *cobra.Command {
	var f offlineFlags
	var tenant string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [--tenant TENANT]",
		Short: "Print the subscriptions of a tenant",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := tenantFlag(tenant)
			if err != nil {
				return err
			}
			return f.withEstate(cmd, func(ctx context.Context, e *app.Estate) error {
				all, err := e.Subscriptions(ctx, t)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), map[string][]app.Subscription{"subscriptions": all})
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "SUBSCRIPTION\tTENANT\tNAME")
				for _, s := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\n", s.ID, s.Tenant, s.Name)
				}
				return w.Flush()
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&tenant, "tenant", "", "tenant id (default: the one of the first start)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// newSubscriptionTransferCommand hands a subscription to another tenant.
func newSubscriptionTransferCommand() *cobra.Command {
	var f offlineFlags
	var to string
	var yes, asJSON bool
	cmd := &cobra.Command{
		Use:   "transfer --to TENANT SUBSCRIPTION [--yes]",
		Short: "Hand a subscription to another tenant of this installation",
		Long: "Hands a subscription with its groups, resources and vaults to another tenant, whose administrator then\n" +
			"owns it. Role assignments, deny assignments and custom roles in it are removed, and the identities in it\n" +
			"end: hosts have to be given new ones. Secrets in vaults go along, and every access policy is removed.\n" +
			"Without --yes it only says what would end. There is no way back: transferred again it stays without.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sub, err := id.ParseSubscription(args[0])
			if err != nil {
				return usagef("%q is not a subscription id; `sealring subscription list` shows them", args[0])
			}
			tenant, err := id.ParseTenant(to)
			if err != nil {
				return usagef("--to is needed, a tenant id; `sealring tenant list` shows them")
			}
			return f.withEstate(cmd, func(ctx context.Context, e *app.Estate) error {
				r, err := e.Transfer(ctx, sub, tenant, !yes)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), r)
				}
				done, hint := "transferred", ""
				if !r.Done {
					done, hint = "would go", "nothing is changed yet: repeat it with --yes\n"
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "subscription  %s\n%-12s  from tenant %s to %s\nremoved       %d assignments, %d custom roles\n"+
					"ended         %d system-assigned and %d user-assigned identities\nvaults        %d, with their secrets and without access policies\n%s",
					r.Subscription, done, r.From, r.To, r.Assignments, r.Roles, r.Identities.System, r.Identities.UserAssigned, r.Vaults, hint)
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&to, "to", "", "id of the tenant that gets it")
	cmd.Flags().BoolVar(&yes, "yes", false, "do it; without, only say what would end")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
