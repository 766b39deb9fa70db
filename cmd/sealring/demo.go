package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealring/sealring/internal/app"
	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/config"
	"github.com/sealring/sealring/internal/launch"
	"github.com/sealring/sealring/internal/secret"
)

// newDemoCommand does the main job from nothing to the end.
func newDemoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Do the main job from nothing to the end, in a temporary directory",
		Long: "Starts a platform in a temporary directory on free ports, gives an app an identity, and lets it\n" +
			"ask a key vault for a secret: refused, explained, granted, read, refused again. Exits 0 only if all held.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return demonstrate(cmd.Context(), cmd.OutOrStdout()) },
	}
}

// demo is a story in progress.
type demo struct {
	out      io.Writer
	server   *app.Server
	client   *client.Client
	vault    string // resource id
	shop     client.Resource
	workload client.Registration
	token    secret.Text
	grant    string
}

// demonstrate starts a platform of its own, tells the story and clears up.
func demonstrate(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "sealring-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintf(out, "Everything happens in %s, on loopback, and is removed at the end.\n\n", dir)
	c := config.Default(filepath.Join(dir, "data"))
	c.Listen.TLSPort, c.Listen.HTTPPort = 0, 0
	if err := c.Validate(); err != nil {
		return err
	}
	ac, err := new(upFlags).appConfig(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	ac.ConfigHome = filepath.Join(dir, "config")
	began := time.Now()
	server, err := app.New(ctx, ac)
	if err != nil {
		return aloud(err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- server.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		return aloud(err)
	}
	d := &demo{out: out, server: server}
	d.say("The platform is up", "tenant, subscription, administrator and CA made in %s", time.Since(began).Round(time.Millisecond))
	err = d.tell(ctx)
	stop()
	if err = errors.Join(err, <-done); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nAll of it held. Next: sealring up, then sealring run --app NAME -- ./your-program")
	return nil
}

// tell runs the chapters; the first that does not hold ends the story.
func (d *demo) tell(ctx context.Context) (err error) {
	if d.client, err = client.New(d.server.Endpoints()); err != nil {
		return err
	}
	for _, chapter := range []func(context.Context) error{
		d.makeVault, d.makeApp, d.getToken, d.refused, d.explained, d.granted, d.read, d.revoked, d.logged,
	} {
		if err := chapter(ctx); err != nil {
			return fmt.Errorf("the demo did not hold: %w", err)
		}
	}
	return nil
}

// say prints one step.
func (d *demo) say(step, format string, args ...any) {
	fmt.Fprintf(d.out, "  %-37s %s\n", step, fmt.Sprintf(format, args...))
}

// more prints a line below a step.
func (d *demo) more(format string, args ...any) {
	fmt.Fprintf(d.out, "      %s\n", fmt.Sprintf(format, args...))
}

// call makes one API call as the administrator.
func (d *demo) call(ctx context.Context, method, url, body string) error {
	_, err := d.client.Do(ctx, client.Request{Method: method, URL: url, Body: []byte(body), Token: d.client.AdminToken})
	return err
}

// makeVault makes a vault under role assignments, and a secret in it.
func (d *demo) makeVault(ctx context.Context) error {
	e := d.client.Endpoints()
	d.vault = e.GroupID("default") + "/providers/Microsoft.KeyVault/vaults/kv-demo"
	err := d.call(ctx, http.MethodPut, e.ResourceManager+d.vault+"?api-version=2023-07-01",
		`{"location":"local","properties":{"tenantId":"`+e.TenantID+`","sku":{"family":"A","name":"standard"},"enableRbacAuthorization":true}}`)
	if err != nil {
		return err
	}
	admin, err := d.client.Principal(ctx, e.AdminClientID)
	if err != nil {
		return err
	}
	if _, err := d.assign(ctx, admin.ID, "Key Vault Administrator"); err != nil {
		return err
	}
	if err := d.call(ctx, http.MethodPut, d.secretURL(), `{"value":"hello from the vault"}`); err != nil {
		return err
	}
	d.say("A key vault with a secret", "%s", strings.TrimSuffix(d.secretURL(), "?api-version=7.4"))
	return nil
}

// secretURL is where the secret is read.
func (d *demo) secretURL() string {
	return "https://kv-demo." + d.client.Endpoints().VaultSuffix + "/secrets/greeting?api-version=7.4"
}

// makeApp makes an app with a system-assigned identity and registers this process as it.
func (d *demo) makeApp(ctx context.Context) (err error) {
	h := client.Host{Name: "shop", Group: "default", Identities: []string{"system"}}
	if d.shop, err = d.client.Ensure(ctx, h, func(string, ...any) {}); err != nil {
		return err
	}
	start, err := launch.StartTime(os.Getpid())
	if err != nil {
		return err
	}
	d.workload, err = d.client.Register(ctx, client.Workload{ResourceID: d.shop.ID, PID: os.Getpid(), StartTime: start})
	if err != nil {
		return err
	}
	d.say("An app with an identity of its own", "shop, principal %s, no secret anywhere", d.shop.Identity.PrincipalID)
	return nil
}

// getToken asks the local endpoint as any SDK does, and shows what is in the token.
func (d *demo) getToken(ctx context.Context) error {
	t, err := d.client.WorkloadToken(ctx, d.workload, "https://vault.azure.net", client.Selector{})
	if err != nil {
		return err
	}
	d.token = t.AccessToken
	var c struct {
		Aud, Oid, Appid, Ver string
		XMSMIRID             string `json:"xms_mirid"`
	}
	parts := strings.Split(d.token.Reveal(), ".")
	if len(parts) != 3 {
		return errors.New("the endpoint's answer is not a token")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err = errors.Join(err, json.Unmarshal(raw, &c)); err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	if c.Oid != d.shop.Identity.PrincipalID {
		return fmt.Errorf("the token is for %s", c.Oid)
	}
	d.say("It asks its endpoint for a token", "RS256, version %s, valid for %.0f hours", c.Ver, time.Until(t.Expires).Hours())
	d.more("aud       %s", c.Aud)
	d.more("oid       %s   appid %s", c.Oid, c.Appid)
	_, resource, _ := strings.Cut(c.XMSMIRID, "/providers/")
	d.more("xms_mirid …/%s", resource)
	return nil
}

// get reads the secret with the app's token.
func (d *demo) get(ctx context.Context) (value string, status int, err error) {
	held := func(context.Context, string) (secret.Text, error) { return d.token, nil }
	resp, err := d.client.Do(ctx, client.Request{Method: http.MethodGet, URL: d.secretURL(), Token: held})
	if e, ok := errors.AsType[*client.Error](err); ok {
		return "", e.Status, nil
	}
	if err != nil {
		return "", 0, err
	}
	var body struct{ Value string }
	err = json.Unmarshal(resp.Body, &body)
	return body.Value, resp.Status, err
}

// mustBeRefused reads the secret and expects 403.
func (d *demo) mustBeRefused(ctx context.Context, step, note string) error {
	_, status, err := d.get(ctx)
	if err != nil {
		return err
	}
	if status != http.StatusForbidden {
		return fmt.Errorf("%s: the vault answered %d instead of 403", step, status)
	}
	d.say(step, "refused: 403 Forbidden%s", note)
	return nil
}

// refused: a valid token is not a permission.
func (d *demo) refused(ctx context.Context) error {
	return d.mustBeRefused(ctx, "It asks the vault for the secret", ", though the token is valid")
}

// getSecret is the action that reading a secret is.
const getSecret = "Microsoft.KeyVault/vaults/secrets/getSecret/action"

// explained asks why, and takes the answer's advice.
func (d *demo) explained(ctx context.Context) error {
	e, err := d.client.Why(ctx, client.Question{PrincipalID: d.shop.Identity.PrincipalID, Action: getSecret, Data: true}, d.vault)
	if err != nil {
		return err
	}
	if e.Allowed || e.Grant == nil {
		return errors.New("no grant is proposed")
	}
	d.grant = e.Grant.RoleName
	d.say("sealring why", "%s", strings.ReplaceAll(e.Sentence, d.vault, "…/vaults/kv-demo"))
	d.more("smallest grant: %s on …/vaults/kv-demo", d.grant)
	return nil
}

// assign gives a role on the vault.
func (d *demo) assign(ctx context.Context, principal, role string) (string, error) {
	r, err := d.client.Role(ctx, role, d.vault)
	if err != nil {
		return "", err
	}
	id, _, err := d.client.Assign(ctx, principal, r, d.vault)
	return id, err
}

// granted makes the proposed grant.
func (d *demo) granted(ctx context.Context) error {
	role := d.grant
	id, err := d.assign(ctx, d.shop.Identity.PrincipalID, role)
	d.grant = id
	d.say("The administrator grants it", "granted: %s", role)
	return err
}

// read: effective on the next request, with the same token.
func (d *demo) read(ctx context.Context) error {
	value, status, err := d.get(ctx)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("read after the grant: status %d: %w", status, err)
	}
	d.say("It asks again, same token", "200: %q", value)
	return nil
}

// revoked removes the grant.
func (d *demo) revoked(ctx context.Context) error {
	if err := d.call(ctx, http.MethodDelete, d.client.Endpoints().ResourceManager+d.grant+"?api-version=2022-04-01", ""); err != nil {
		return err
	}
	return d.mustBeRefused(ctx, "The grant is removed; it asks again", ", at once")
}

// logged shows who held a token, and what was changed.
func (d *demo) logged(ctx context.Context) error {
	rows, err := d.server.Recent(ctx, "signin", 1)
	if err != nil || len(rows) == 0 {
		return errors.Join(errors.New("no sign-in row"), err)
	}
	writes, err := d.server.Recent(ctx, "activity", 3)
	if err != nil || len(writes) == 0 {
		return errors.Join(errors.New("no activity record"), err)
	}
	d.say("The log names process and change", "sign-ins and writes, hash-chained")
	for _, l := range append(rows, writes...) {
		d.more("%s", l)
	}
	return nil
}
