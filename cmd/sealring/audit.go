package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/app"
	"github.com/sealring/sealring/internal/client"
)

// newAuditCommand groups what an operator does with the audit log.
func newAuditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Verify and export the audit log",
		Long:  "Works on the data of this host, whether its server runs or not (docs/audit.md).",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAuditVerifyCommand(), newAuditExportCommand())
	return cmd
}

// newAuditVerifyCommand says whether the log is what was written.
func newAuditVerifyCommand() *cobra.Command {
	var f offlineFlags
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [--checkpoint FILE]",
		Short: "Check every record and every checkpoint of the audit log",
		Long: "Names the first record of each chain that was changed, removed or put in, and exits with 1. A log\n" +
			"that ends without a last checkpoint is intact: its server runs, or was ended without stopping.\n" +
			"That the whole store was put back to an earlier state shows only against checkpoints that were\n" +
			"kept elsewhere: name their file (log.checkpoints) with --checkpoint.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var exported io.Reader
			if file != "" {
				opened, err := os.Open(file)
				if err != nil {
					return usagef("--checkpoint: %w", err)
				}
				defer opened.Close() //nolint:errcheck // nothing was written
				exported = opened
			}
			return f.with(cmd, func(o *app.Offline, dir string) error {
				r, err := o.VerifyAudit(cmd.Context(), exported)
				if err != nil {
					return err
				}
				if asJSON {
					if err := printJSON(cmd.OutOrStdout(), r); err != nil {
						return err
					}
				} else {
					for _, p := range r.Problems {
						fmt.Fprintln(cmd.OutOrStdout(), "broken:", p.Error())
					}
					for _, c := range r.Chains {
						fmt.Fprintf(cmd.OutOrStdout(), "%s: records %d to %d%s\n", c.Server, c.First, c.Last, tail(c.Unsigned, c.Closed, running(dir)))
					}
					if n := r.Newest; n != nil {
						fmt.Fprintf(cmd.OutOrStdout(), "%d checkpoints, the newest is %d of %s (%s)\n", r.Checkpoints, n.Number, n.At, n.Reason)
					}
					if file != "" {
						fmt.Fprintf(cmd.OutOrStdout(), "%d exported checkpoints agree%s\n", r.Exported, torn(r.Torn))
					}
				}
				if !r.Intact {
					return statusError{status: exitFailed}
				}
				if !asJSON {
					fmt.Fprintln(cmd.OutOrStdout(), "intact")
				}
				return nil
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&file, "checkpoint", "", "file of exported checkpoints to compare with")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

// running reports whether a server serves dir.
func running(dir string) bool {
	_, err := client.ReadEndpoints(dir)
	return err == nil
}

// tail says how a chain ends.
func tail(unsigned int64, closed, running bool) string {
	switch {
	case closed:
		return ", closed by a clean stop"
	case running:
		return fmt.Sprintf(", %d of them not signed yet: the server runs", unsigned)
	}
	return fmt.Sprintf(", %d of them not signed, in order: no clean stop came after them", unsigned)
}

// torn says how many lines a crash cut.
func torn(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d lines are torn", n)
}

// newAuditExportCommand prints records.
func newAuditExportCommand() *cobra.Command {
	var f offlineFlags
	var kind, since, until string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print audit records as JSON lines, with their hashes",
		Long:  "Prints the records of every chain in order, one JSON object a line. event is byte for byte what hash covers.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if kind != "" && !slices.Contains([]string{"activity", "signin", "security"}, kind) {
				return usagef("--kind %q is none of activity, signin, security", kind)
			}
			from, err := instant("--since", since)
			if err != nil {
				return err
			}
			to, err := instant("--until", until)
			if err != nil {
				return err
			}
			return f.with(cmd, func(o *app.Offline, _ string) error {
				_, err := o.ExportAudit(cmd.Context(), cmd.OutOrStdout(), kind, from, to)
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&since, "since", "", "from this instant on: 2026-05-01 or 2026-05-01T12:00:00Z")
	cmd.Flags().StringVar(&until, "until", "", "up to this instant, not with it")
	cmd.Flags().StringVar(&kind, "kind", "", "activity, signin or security (default all)")
	return cmd
}

// instant reads what a person writes for a moment: RFC 3339, or a date in UTC; zero if "".
func instant(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("%s %q is neither a date such as 2026-05-01 nor an instant such as 2026-05-01T12:00:00Z", flag, text)
}
