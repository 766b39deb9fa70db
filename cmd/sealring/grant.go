package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/client"
)

// grantOptions are the flags of grant.
type grantOptions struct {
	platform
	access
	role string
	json bool
}

// newGrantCommand is `sealring grant`, the one shortcut to a role assignment (L-13).
func newGrantCommand() *cobra.Command {
	var o grantOptions
	cmd := &cobra.Command{
		Use:     "grant --principal P --role R --scope S",
		Short:   "Assign a role",
		Long:    "Makes one role assignment, as the administrator. Principals and scopes are written as for why.",
		Example: "  sealring grant --principal web --role \"Key Vault Secrets User\" --scope vault/shop",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.platform.flags(cmd)
	o.access.flags(cmd)
	cmd.Flags().StringVar(&o.role, "role", "", "name or GUID of the role")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the assignment as JSON")
	_ = cmd.MarkFlagRequired("role") // fails only for a flag that does not exist
	return cmd
}

// granted is what --json prints.
type granted struct {
	ID               string `json:"id"`
	PrincipalID      string `json:"principalId"`
	RoleDefinitionID string `json:"roleDefinitionId"`
	Scope            string `json:"scope"`
	Created          bool   `json:"created"` // false: it was there already
}

// run makes the assignment.
func (o *grantOptions) run(cmd *cobra.Command) error {
	c, err := o.open()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	p, scope, err := o.find(ctx, c)
	if err != nil {
		return err
	}
	role, err := c.Role(ctx, o.role, scope)
	if err != nil {
		return err
	}
	id, made, err := c.Assign(ctx, p.ID, role, scope)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(cmd.OutOrStdout(), granted{ID: id, PrincipalID: p.ID, RoleDefinitionID: role.ID, Scope: scope, Created: made})
	}
	verb := "granted"
	if !made {
		verb = "already granted:"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s to %s (%s) at %s\n  undo: sealring rest DELETE '%s'\n",
		verb, role.Properties.RoleName, p.DisplayName, p.ID, scope, client.AssignmentPath(id))
	return err
}
