package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/app"
)

// newCheckCommand looks for damage.
func newCheckCommand() *cobra.Command {
	var f offlineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Look for damage in everything an installation holds",
		Long: "Checks the database page by page and reference by reference, objects that belong together, that every key and\n" +
			"every secret opens, and the whole audit log. Changes nothing, and may run beside the server. Exits with 1 if\n" +
			"anything is wrong (docs/operating.md).",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(o *app.Offline, _ string) error {
				r, err := o.Check(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					err = printJSON(cmd.OutOrStdout(), r)
				} else {
					for _, p := range r.Parts {
						word := "sound"
						if len(p.Problems) > 0 {
							word = "DAMAGED"
						}
						fmt.Fprintf(cmd.OutOrStdout(), "%-9s %s (%s)\n", p.Part, word, p.Looked)
						for _, problem := range p.Problems {
							fmt.Fprintln(cmd.OutOrStdout(), "  "+problem)
						}
					}
				}
				if err == nil && !r.Intact {
					return statusError{status: exitFailed}
				}
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}
