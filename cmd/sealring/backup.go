package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/app"
)

// newBackupCommand writes a backup; its child verifies one.
func newBackupCommand() *cobra.Command {
	var f offlineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write everything but the key-encryption key to one encrypted file",
		Long: "Works beside a running server or without one, and holds one moment of the installation, whichever\n" +
			"store it uses. The file opens with the installation's key-encryption key alone: back that up\n" +
			"somewhere else (docs/operating.md).",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, func(o *app.Offline, _ string) error {
				sum, err := o.Backup(cmd.Context(), args[0], version)
				if err != nil {
					return err
				}
				return printBackup(cmd.OutOrStdout(), asJSON, "written to "+args[0], sum, sum)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(newBackupVerifyCommand())
	return cmd
}

// newBackupVerifyCommand reads a backup to its end.
func newBackupVerifyCommand() *cobra.Command {
	var f offlineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Read a backup to its end and say what it holds; 0 whole and unchanged, 1 not",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.appOffline(cmd)
			if err != nil {
				return err
			}
			sum, err := app.VerifyBackup(cmd.Context(), c, args[0])
			if err != nil {
				return aloud(err)
			}
			return printBackup(cmd.OutOrStdout(), asJSON, "whole and unchanged", sum, sum)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// newRestoreCommand makes an installation from a backup.
func newRestoreCommand() *cobra.Command {
	var f offlineFlags
	var asJSON bool
	var exported string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make an installation from a backup, in an empty directory or database",
		Long: "The data directory (--data) and the store must be empty: a restore replaces nothing. Ids, issuer and\n" +
			"keys are those of the backup; the key-encryption key has to be where it was, or named by kek.file.\n" +
			"Sign-in sessions, refresh tokens and page links of before end. With --audit, an audit log that was\n" +
			"exported after the backup, it lists what was removed since and is there again.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.appOffline(cmd)
			if err != nil {
				return err
			}
			var log io.Reader
			if exported != "" {
				file, err := os.Open(exported)
				if err != nil {
					return aloud(app.ErrBackupFile.With("cannot read the exported audit log %s", exported))
				}
				defer file.Close() //nolint:errcheck // it is only read
				log = file
			}
			r, err := app.Restore(cmd.Context(), c, args[0], log)
			if err != nil {
				return aloud(err)
			}
			if err := printBackup(cmd.OutOrStdout(), asJSON, "restored to "+c.Data, r.BackupSummary, r); err != nil || asJSON {
				return err
			}
			for _, line := range r.Revived {
				fmt.Fprintln(cmd.OutOrStdout(), "is there again:", line)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "next: sealring check, then sealring up; never run two servers on copies of one installation")
			return nil
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&exported, "audit", "", "JSON lines of sealring audit export, made after the backup")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// appOffline is the configuration for commands that open no installation.
func (f *offlineFlags) appOffline(cmd *cobra.Command) (app.Config, error) {
	c, err := f.load(cmd)
	if err != nil {
		return app.Config{}, err
	}
	return f.appConfig(c, newLogger(os.Stderr, c.Log))
}

// printBackup says what a backup holds, or writes v as JSON.
func printBackup(w io.Writer, asJSON bool, what string, sum app.BackupSummary, v any) error {
	if asJSON {
		return printJSON(w, v)
	}
	_, err := fmt.Fprintf(w, "%s: installation %s at %s, %d rows in %d tables\n", what, sum.Installation, sum.Created.Format(time.RFC3339), sum.Rows, len(sum.Tables))
	return err
}
