package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/launch"
)

// platform is the flag by which commands find a running platform.
type platform struct{ data string }

// flags adds the flag to cmd.
func (p *platform) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.data, "data", "", "data directory of the platform (default $XDG_DATA_HOME/sealring)")
}

// dir is the data directory.
func (p *platform) dir() (string, error) {
	if p.data != "" {
		return p.data, nil
	}
	return client.DefaultDir(os.Getenv)
}

// open finds the platform. Errors: client.ErrNotRunning.
func (p *platform) open() (*client.Client, error) {
	dir, err := p.dir()
	if err != nil {
		return nil, err
	}
	return client.Open(dir)
}

// hostFlags name the app or machine a command acts as.
type hostFlags struct {
	app, slot, group, kind string
}

// flags adds them to cmd.
func (h *hostFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&h.app, "app", "", "name of the app (or, with --kind vm, of the machine)")
	h.flagsBesideName(cmd)
}

// flagsBesideName adds all of them but the name.
func (h *hostFlags) flagsBesideName(cmd *cobra.Command) {
	cmd.Flags().StringVar(&h.slot, "slot", "", "deployment slot of the app")
	cmd.Flags().StringVar(&h.group, "resource-group", "default", "resource group of the app")
	cmd.Flags().StringVar(&h.kind, "kind", string(launch.Site), "what it is: site (App Service, Functions) or vm")
}

// host checks the flags. Errors: usageError.
func (h *hostFlags) host(identities []string) (client.Host, error) {
	switch {
	case h.app == "":
		return client.Host{}, usagef("--app is needed: the name of the app")
	case h.kind != string(launch.Site) && h.kind != string(launch.VM):
		return client.Host{}, usagef("--kind %q is not site or vm", h.kind)
	case h.slot != "" && h.kind == string(launch.VM):
		return client.Host{}, usagef("--slot belongs to an app; a vm has none")
	case h.group == "":
		return client.Host{}, usagef("--resource-group is empty")
	case strings.ContainsAny(h.app+h.slot+h.group, "/?#%\\"):
		return client.Host{}, usagef("names of apps, slots and groups hold no / ? # %% or backslash")
	}
	for _, id := range identities {
		if id == "" {
			return client.Host{}, usagef("--identity is empty: write system, a name or a resource id")
		}
	}
	return client.Host{Machine: h.kind == string(launch.VM), Name: h.app, Slot: h.slot, Group: h.group, Identities: identities}, nil
}

// workloadTokens returns what fetches tokens as one identity of host, for which this process is
// registered; identity is "", "system", a name, a resource id or a client id.
func workloadTokens(ctx context.Context, c *client.Client, host client.Host, identity string) (func(context.Context, string) (client.IdentityToken, error), error) {
	selector, err := selectIdentity(ctx, c, host, identity)
	if err != nil {
		return nil, err
	}
	start, err := launch.StartTime(os.Getpid())
	if err != nil {
		return nil, err
	}
	r, err := c.Register(ctx, client.Workload{ResourceID: host.ID(c.Endpoints()), PID: os.Getpid(), StartTime: start})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, audience string) (client.IdentityToken, error) {
		t, err := c.WorkloadToken(ctx, r, audience, selector)
		if refused, ok := errors.AsType[*client.Error](err); ok && refused.Status == http.StatusBadRequest {
			if _, missing := c.Host(ctx, host); errors.Is(missing, client.ErrNotFound) {
				err = missing // says more
			}
		}
		return t, err
	}, nil
}

// selectIdentity turns --identity into a selector of the token endpoint. Only "system" asks the
// platform, as the administrator: an app must be able to act when nobody has that secret.
func selectIdentity(ctx context.Context, c *client.Client, host client.Host, identity string) (client.Selector, error) {
	switch {
	case identity == "":
		return client.Selector{}, nil
	case strings.EqualFold(identity, "system"):
		have, err := c.Host(ctx, host)
		if err != nil {
			return client.Selector{}, err
		}
		if have.Identity == nil || have.Identity.PrincipalID == "" {
			return client.Selector{}, client.ErrNotFound.With("%s has no system-assigned identity: `sealring run --app %s --identity system` gives it one", host.Name, host.Name)
		}
		return client.Selector{ObjectID: have.Identity.PrincipalID}, nil
	case uuid.Validate(identity) == nil:
		return client.Selector{ClientID: strings.ToLower(identity)}, nil
	default:
		return client.Selector{ResourceID: c.Endpoints().IdentityID(identity, host.Group)}, nil
	}
}

// printJSON writes v, indented.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// notes tells a person, on stderr, what a command did beside its purpose.
func notes(cmd *cobra.Command) func(string, ...any) {
	return func(format string, args ...any) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "sealring: "+format+"\n", args...)
	}
}
