package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// tokenOptions are the flags of token.
type tokenOptions struct {
	platform
	hostFlags
	resource, identity string
	decode, json       bool
}

// newTokenCommand is `sealring token` (design.md §5).
func newTokenCommand() *cobra.Command {
	var o tokenOptions
	cmd := &cobra.Command{
		Use:   "token --resource URI [--app NAME]",
		Short: "Fetch one access token and print it",
		Long: "Prints one access token for a resource, for example https://vault.azure.net: that of an app's\n" +
			"identity with --app, else the administrator's. Whoever holds it can use it until it expires.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.platform.flags(cmd)
	o.hostFlags.flags(cmd)
	cmd.Flags().StringVar(&o.resource, "resource", "", "what the token is for, for example https://vault.azure.net")
	cmd.Flags().StringVar(&o.identity, "identity", "", "which identity of the app: system, a name, a resource id or a client id")
	cmd.Flags().BoolVar(&o.decode, "decode", false, "print header and claims instead of the token")
	cmd.Flags().BoolVar(&o.json, "json", false, "print a JSON object with access_token and expires_on")
	_ = cmd.MarkFlagRequired("resource") // fails only for a flag that does not exist
	cmd.MarkFlagsMutuallyExclusive("decode", "json")
	return cmd
}

// tokenAnswer is what --json prints; expires_on is in seconds since 1970 UTC.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresOn   int64  `json:"expires_on,omitempty"`
	Resource    string `json:"resource"`
	ClientID    string `json:"client_id,omitempty"`
}

// run fetches and prints the token.
func (o *tokenOptions) run(cmd *cobra.Command) error {
	if o.identity != "" && o.app == "" {
		return usagef("--identity needs --app: whose identity?")
	}
	answer := tokenAnswer{Resource: o.resource}
	if o.app == "" {
		c, err := o.open()
		if err != nil {
			return err
		}
		t, err := c.AdminToken(cmd.Context(), o.resource)
		if err != nil {
			return err
		}
		answer.AccessToken, answer.ClientID = t.Reveal(), c.Endpoints().AdminClientID
	} else {
		host, err := o.host(nil)
		if err != nil {
			return err
		}
		c, err := o.open()
		if err != nil {
			return err
		}
		fetch, err := workloadTokens(cmd.Context(), c, host, o.identity)
		if err != nil {
			return err
		}
		t, err := fetch(cmd.Context(), o.resource)
		if err != nil {
			return err
		}
		answer.AccessToken, answer.ClientID, answer.ExpiresOn = t.AccessToken.Reveal(), t.ClientID, t.Expires.Unix()
	}
	switch {
	case o.decode:
		text, err := decodeToken(answer.AccessToken)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(cmd.OutOrStdout(), text)
		return err
	case o.json:
		return printJSON(cmd.OutOrStdout(), answer)
	default:
		_, err := fmt.Fprintln(cmd.OutOrStdout(), answer.AccessToken)
		return err
	}
}

// decodeToken shows header and claims of a JWT as one JSON document. It verifies nothing:
// the token came from our own platform and is shown, not trusted.
func decodeToken(jwt string) (string, error) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("the token is not a JWT: it has %d parts", len(parts))
	}
	var shown struct {
		Header  json.RawMessage `json:"header"`
		Claims  json.RawMessage `json:"claims"`
		Expires string          `json:"expires,omitempty"`
	}
	for i, part := range []*json.RawMessage{&shown.Header, &shown.Claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return "", fmt.Errorf("the token is not a JWT: %w", err)
		}
		*part = raw
	}
	var times struct {
		Exp int64 `json:"exp"`
	}
	if err := json.Unmarshal(shown.Claims, &times); err == nil && times.Exp > 0 {
		shown.Expires = time.Unix(times.Exp, 0).UTC().Format(time.RFC3339)
	}
	var b bytes.Buffer
	if err := printJSON(&b, shown); err != nil {
		return "", err
	}
	return b.String(), nil
}
