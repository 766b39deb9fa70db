package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/client"
)

// access says whose access is meant, and where; the commands on access share its flags.
type access struct{ principal, scope string }

// flags declares them on cmd; both are needed.
func (a *access) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.principal, "principal", "", "who: object id, application id, name, or admin for the administrator")
	cmd.Flags().StringVar(&a.scope, "scope", "", "where: a resource id, subscription, group/NAME, vault/NAME, app/NAME …")
	for _, name := range []string{"principal", "scope"} {
		_ = cmd.MarkFlagRequired(name) // fails only for a flag that does not exist
	}
}

// find looks both up. Errors: those of client.Scope and client.Principal.
func (a *access) find(ctx context.Context, c *client.Client) (client.ServicePrincipal, string, error) {
	scope, err := c.Scope(ctx, a.scope)
	if err != nil {
		return client.ServicePrincipal{}, "", err
	}
	p, err := c.Principal(ctx, a.principal)
	return p, scope, err
}
