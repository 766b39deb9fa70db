package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/secret"
)

// methods are the HTTP methods that our APIs know.
var methods = []string{"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"}

// restOptions are the flags of rest.
type restOptions struct {
	platform
	hostFlags
	as, identity, contentType string
}

// newRestCommand is `sealring rest` (L-13).
func newRestCommand() *cobra.Command {
	var o restOptions
	cmd := &cobra.Command{
		Use:   "rest METHOD PATH [BODY|@FILE|-]",
		Short: "Call any API of the platform, as the administrator or as an app",
		Long: "Calls one API and prints the answer's body. PATH is one of\n" +
			"  /subscriptions/… or /providers/…   Resource Manager; add ?api-version=\n" +
			"  /v1.0/…                            Graph\n" +
			"  vault/NAME/…                       what is in a vault\n" +
			"  vault/NAME, app/NAME, vm/NAME, identity/NAME, group/NAME\n" +
			"                                     the resource itself; PUT without a body makes a small one where\n" +
			"                                     there is none (a vault that obeys role assignments alone)\n" +
			"or a whole URL of the platform or of its Azure counterpart.\n" +
			"Exit status: 4 when refused (401, 403), 1 for other failures.",
		Example: "  sealring rest PUT vault/kv1\n" +
			"  sealring rest PUT vault/kv1/secrets/greeting '{\"value\":\"hello\"}'\n" +
			"  sealring rest GET vault/kv1/secrets/greeting --as web\n" +
			"  sealring rest GET '/subscriptions?api-version=2022-12-01'",
		Args: cobra.RangeArgs(2, 3),
		RunE: o.run,
	}
	o.platform.flags(cmd)
	o.flagsBesideName(cmd)
	cmd.Flags().StringVar(&o.as, "as", client.Administrator, "who calls: admin, or the name of an app (with --kind vm: of a machine)")
	cmd.Flags().StringVar(&o.identity, "identity", "", "which identity of the app: system, a name, a resource id or a client id")
	cmd.Flags().StringVar(&o.contentType, "content-type", "application/json", "media type of the body")
	return cmd
}

// run makes the call.
func (o *restOptions) run(cmd *cobra.Command, args []string) error {
	method := strings.ToUpper(args[0])
	if !slices.Contains(methods, method) {
		return usagef("%q is no method; write one of %s", args[0], strings.Join(methods, ", "))
	}
	if o.as == "" || o.as == client.Administrator && o.identity != "" {
		return usagef("--as is admin or the name of an app; --identity needs an app")
	}
	body, err := readBody(cmd.InOrStdin(), args[2:])
	if err != nil {
		return err
	}
	c, err := o.open()
	if err != nil {
		return err
	}
	where, small, err := o.target(c.Endpoints(), args[1])
	if err != nil {
		return usageError{err}
	}
	tokens, err := o.tokens(cmd.Context(), c)
	if err != nil {
		return err
	}
	resp, err := call(cmd.Context(), c, client.Request{Method: method, URL: where, Body: body, ContentType: o.contentType, Token: tokens}, small)
	if failed, ok := errors.AsType[*client.Error](err); ok {
		resp.Body = failed.Body
	}
	if len(resp.Body) > 0 {
		if _, werr := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", bytes.TrimSuffix(resp.Body, []byte("\n"))); werr != nil && err == nil {
			return werr
		}
	}
	return err
}

// target is the URL that text means. small is what makes the resource that a short name means;
// nil for everything else.
func (o *restOptions) target(e client.Endpoints, text string) (where string, small []byte, err error) {
	short, ok, err := e.Short(text, o.group)
	if err == nil && !ok {
		where, err = e.Resolve(text)
		return where, nil, err
	}
	return short.URL, short.New, err
}

// call makes the call. A PUT that needs the body small, for want of its own, answers with the
// resource that exists: small would take its settings away.
func call(ctx context.Context, c *client.Client, r client.Request, small []byte) (client.Response, error) {
	if r.Method != http.MethodPut || r.Body != nil || small == nil {
		return c.Do(ctx, r)
	}
	r.Method = http.MethodGet
	resp, err := c.Do(ctx, r)
	if failed, ok := errors.AsType[*client.Error](err); !ok || failed.Status != http.StatusNotFound {
		return resp, err
	}
	r.Method, r.Body = http.MethodPut, small
	return c.Do(ctx, r)
}

// tokens is the source of tokens for --as.
func (o *restOptions) tokens(ctx context.Context, c *client.Client) (client.TokenSource, error) {
	if o.as == client.Administrator {
		return c.AdminToken, nil
	}
	o.app = o.as
	host, err := o.host(nil)
	if err != nil {
		return nil, err
	}
	fetch, err := workloadTokens(ctx, c, host, o.identity)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, audience string) (secret.Text, error) {
		t, err := fetch(ctx, audience)
		return t.AccessToken, err
	}, nil
}

// readBody reads the third argument: text, @file, or - for standard input; nil without one.
func readBody(stdin io.Reader, args []string) ([]byte, error) {
	switch {
	case len(args) == 0:
		return nil, nil
	case args[0] == "-":
		body, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read the body: %w", err)
		}
		return body, nil
	case strings.HasPrefix(args[0], "@"):
		body, err := os.ReadFile(args[0][1:])
		if err != nil {
			return nil, fmt.Errorf("read the body: %w", err)
		}
		return body, nil
	default:
		return []byte(args[0]), nil
	}
}
