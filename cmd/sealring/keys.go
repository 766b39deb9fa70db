package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/app"
)

// publishedLongEnough is for how long the key set shows a key before it signs, so that
// every verifier that refreshes once a day knows it.
const publishedLongEnough = 24 * time.Hour

// newKeysCommand groups what an operator does to signing keys.
func newKeysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "List, rotate, revoke and hold the keys that sign tokens",
		Long: "Works on the data of this host, whether its server runs or not; a running one follows within a\n" +
			"second. Rotation needs nobody: it happens every 90 days by itself (docs/keys.md).",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeysListCommand(), newKeysRotateCommand(), newKeysRevokeCommand(), newKeysHoldCommand(), newKeysReleaseCommand())
	return cmd
}

// withKeys opens the installation, runs fn on its keys and closes it.
func (f *offlineFlags) withKeys(cmd *cobra.Command, fn func(context.Context, *app.Keyring) error) error {
	return f.with(cmd, func(o *app.Offline, _ string) error {
		keys, err := o.Keys(cmd.Context())
		if err != nil {
			return err
		}
		return fn(o.As(cmd.Context(), cmd.CommandPath()), keys)
	})
}

// shownKey is a key in --json.
type shownKey struct {
	ID           string     `json:"kid"`
	State        string     `json:"state"`
	Created      time.Time  `json:"created_at"`
	SignsFrom    time.Time  `json:"signs_from"`
	SignsUntil   *time.Time `json:"signs_until,omitempty"`
	HeldFrom     *time.Time `json:"held_from,omitempty"`
	HoldReason   string     `json:"hold_reason,omitempty"`
	Revoked      *time.Time `json:"revoked_at,omitempty"`
	RevokeReason string     `json:"revoke_reason,omitempty"`
}

// newKeysListCommand prints every key there ever was.
func newKeysListCommand() *cobra.Command {
	var f offlineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print every signing key, its state and its times",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.withKeys(cmd, func(ctx context.Context, keys *app.Keyring) error {
				all, err := keys.List(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return printKeysJSON(cmd.OutOrStdout(), all)
				}
				return printKeys(cmd.OutOrStdout(), all)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printKeysJSON writes the list for scripts.
func printKeysJSON(w io.Writer, all []app.SigningKey) error {
	out := struct {
		Keys []shownKey `json:"keys"`
	}{Keys: []shownKey{}}
	for _, k := range all {
		out.Keys = append(out.Keys, shownKey{
			ID: k.ID, State: string(k.State), Created: k.Created, SignsFrom: k.ActiveFrom, SignsUntil: ifSet(k.ActiveUntil),
			HeldFrom: ifSet(k.HeldFrom), HoldReason: k.HoldReason, Revoked: ifSet(k.Revoked), RevokeReason: k.Reason,
		})
	}
	return printJSON(w, out)
}

// ifSet is a time that may be absent.
func ifSet(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// printKeys writes the list for a person.
func printKeys(w io.Writer, all []app.SigningKey) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KID\tSTATE\tSIGNS FROM\tUNTIL\tNOTE")
	for _, k := range all {
		until, note := "", ""
		if !k.ActiveUntil.IsZero() {
			until = k.ActiveUntil.Format(time.RFC3339)
		}
		switch {
		case !k.Revoked.IsZero():
			note = "revoked " + k.Revoked.Format(time.RFC3339) + ": " + k.Reason
		case !k.HeldFrom.IsZero():
			note = "held since " + k.HeldFrom.Format(time.RFC3339) + ": " + k.HoldReason
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.State, k.ActiveFrom.Format(time.RFC3339), until, note)
	}
	return table.Flush()
}

// newKeysRotateCommand schedules a takeover.
func newKeysRotateCommand() *cobra.Command {
	var f offlineFlags
	var o app.RotateOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Have the next key take over as soon as it has been published for 24 h",
		Long: "Has the next key take over as soon as it has been published for 24 h, ahead of its time. Tokens of\n" +
			"the old key stay valid until they expire. With --now it takes over in two seconds.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Force && o.Reason == "" {
				return usagef("--force needs --reason, for the record")
			}
			return f.withKeys(cmd, func(ctx context.Context, keys *app.Keyring) error {
				to, err := keys.Rotate(ctx, o)
				if err != nil {
					return err
				}
				if to.From.Sub(to.Published) < publishedLongEnough {
					fmt.Fprintf(cmd.ErrOrStderr(), "sealring: key %s is published since %s only: verifiers that keep the key set for a day, and do not look unknown keys up, refuse its tokens until they refresh\n",
						to.ID, to.Published.Format(time.RFC3339))
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), struct {
						ID        string    `json:"kid"`
						SignsFrom time.Time `json:"signs_from"`
						Published time.Time `json:"published_at"`
					}{to.ID, to.From, to.Published})
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "key %s signs from %s on\n", to.ID, to.From.Format(time.RFC3339))
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&o.Now, "now", false, "take over at once, however short the key has been published")
	cmd.Flags().BoolVar(&o.Force, "force", false, "in spite of a hold; needs --reason")
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why, for the record")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// newKeysRevokeCommand withdraws a key at once.
func newKeysRevokeCommand() *cobra.Command {
	var f offlineFlags
	var o app.RevokeOptions
	cmd := &cobra.Command{
		Use:   "revoke KID",
		Short: "Withdraw a key at once, for example one that was stolen",
		Long: "Withdraws a key at once: our services refuse its tokens within a second, the key set drops it, and if\n" +
			"it was signing the next key does from now on. There is no way back. Programs get new tokens by\n" +
			"themselves when they next ask; verifiers of your own that cached the key set accept tokens of the\n" +
			"old key until they refresh it. Write -- before a key id that begins with a dash.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Reason == "" {
				return usagef("--reason is empty: say why, for the record")
			}
			return f.withKeys(cmd, func(ctx context.Context, keys *app.Keyring) error {
				if err := keys.Revoke(ctx, args[0], o); err != nil {
					return err
				}
				active, _, err := keys.Signer()
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "key %s is revoked; key %s signs\n", args[0], active)
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&o.Force, "force", false, "in spite of a hold")
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why, for the record (needed)")
	_ = cmd.MarkFlagRequired("reason") // it was declared in the line above
	return cmd
}

// newKeysHoldCommand stops the schedule for a key.
func newKeysHoldCommand() *cobra.Command {
	var f offlineFlags
	var reason string
	cmd := &cobra.Command{
		Use:   "hold [KID]",
		Short: "Keep a key as it is until it is released: the active one, if none is named",
		Long: "Keeps a key as it is: an active key goes on signing when its time is over, and one that retires stays\n" +
			"published. rotate and revoke refuse a held key without --force.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return usagef("--reason is empty: say why, for the record")
			}
			return f.withKeys(cmd, func(ctx context.Context, keys *app.Keyring) error {
				kid, err := keys.Hold(ctx, first(args), reason)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "key %s is held\n", kid)
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record (needed)")
	_ = cmd.MarkFlagRequired("reason") // it was declared in the line above
	return cmd
}

// newKeysReleaseCommand lets the schedule go on.
func newKeysReleaseCommand() *cobra.Command {
	var f offlineFlags
	cmd := &cobra.Command{
		Use:   "release [KID]",
		Short: "End the hold of a key: of the one that is held, if none is named",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withKeys(cmd, func(ctx context.Context, keys *app.Keyring) error {
				kid, err := keys.Release(ctx, first(args))
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "key %s is not held\n", kid)
				return err
			})
		},
	}
	f.register(cmd)
	return cmd
}

// first is the only argument; "" if there is none.
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
