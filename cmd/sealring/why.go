package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/client"
)

// whyOptions are the flags of why.
type whyOptions struct {
	platform
	access
	action, dataAction string
	json               bool
}

// newWhyCommand is `sealring why` (design.md §5).
func newWhyCommand() *cobra.Command {
	var o whyOptions
	cmd := &cobra.Command{
		Use:   "why --principal P --action A --scope S",
		Short: "Explain why somebody may or may not do something",
		Long: "Prints the decision, the rule behind it and the smallest grant that would change it.\n" +
			"A principal is an object id, an application id, a name (that of its app) or admin, the\n" +
			"administrator. A scope is a resource id, subscription, group/NAME, vault/NAME, app/NAME,\n" +
			"vm/NAME or identity/NAME.",
		Example: "  sealring why --principal web --action Microsoft.KeyVault/vaults/secrets/getSecret/action --scope vault/shop",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.platform.flags(cmd)
	o.access.flags(cmd)
	cmd.Flags().StringVar(&o.action, "action", "", "what: an action; whether on resources or on data is found out")
	cmd.Flags().StringVar(&o.dataAction, "data-action", "", "what: surely an action on data")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the explanation as JSON")
	cmd.MarkFlagsOneRequired("action", "data-action")
	cmd.MarkFlagsMutuallyExclusive("action", "data-action")
	return cmd
}

// run asks and prints.
func (o *whyOptions) run(cmd *cobra.Command) error {
	if action := o.action + o.dataAction; !isAction(action) {
		return usagef("%q is no action: write Namespace/type/verb that ends in /read, /write, /delete or /action, such as Microsoft.KeyVault/vaults/secrets/getSecret/action", action)
	}
	c, err := o.open()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	p, scope, err := o.find(ctx, c)
	if err != nil {
		return err
	}
	q := client.Question{PrincipalID: p.ID, Action: o.action}
	if o.dataAction != "" {
		q.Action, q.Data = o.dataAction, true
	} else if q.Data, err = c.IsDataAction(ctx, o.action); err != nil {
		return err
	}
	e, err := c.Why(ctx, q, scope)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(cmd.OutOrStdout(), e)
	}
	_, err = io.WriteString(cmd.OutOrStdout(), explain(e, o.principal))
	return err
}

// isAction reports whether text has the form of an action that somebody can do: no pattern, and
// one of the four verbs. It keeps a slip of the pen from getting a confident answer.
func isAction(text string) bool {
	parts := strings.Split(strings.ToLower(text), "/")
	return len(parts) > 2 && !strings.Contains(text, "*") && !slices.Contains(parts, "") && slices.Contains([]string{"read", "write", "delete", "action"}, parts[len(parts)-1])
}

// explain writes an explanation for a person.
func explain(e client.Explanation, principal string) string {
	var b strings.Builder
	fmt.Fprintln(&b, e.Sentence) // begins with Allowed or Denied
	if e.Rule != nil {
		fmt.Fprintf(&b, "rule: %s at %s", e.Rule.RoleName, e.Rule.Scope)
		if e.Rule.Pattern != "" {
			fmt.Fprintf(&b, " (%s)", e.Rule.Pattern)
		}
		if e.Rule.ViaGroup {
			b.WriteString(", through a group")
		}
		b.WriteString("\n")
	}
	for _, m := range e.NearMisses {
		fmt.Fprintf(&b, "almost: %s\n", m.Sentence)
	}
	if e.Grant != nil {
		fmt.Fprintf(&b, "smallest grant: %s at %s\n", e.Grant.RoleName, e.Grant.Scope)
		fmt.Fprintf(&b, "  sealring grant --principal %s --role %s --scope %s\n", shellWord(principal), shellWord(e.Grant.RoleName), shellWord(e.Grant.Scope))
	}
	return b.String()
}

// shellWord quotes s for a POSIX shell where it needs it.
func shellWord(s string) string {
	plain := strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@", r)
	}) < 0
	if plain && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
