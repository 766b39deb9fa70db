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
		Short: "Make and list subscriptions",
		Long: "Works on the data of this host, whether its server runs or not; a running one follows within a\n" +
			"second. The administrator of the tenant owns what is made.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSubscriptionCreateCommand(), newSubscriptionListCommand())
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
