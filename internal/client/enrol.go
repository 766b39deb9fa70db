package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sealring/sealring/internal/secret"
)

// onceSuffix names the file beside the administrator's secret that says that it works once.
const onceSuffix = ".once"

// enrol exchanges an administrator's secret that works once for one that stays 180 days, and
// writes that in its place; it does nothing where there is none. Of commands that come at the
// same time one does it, the others wait. What the one sign-in gives is used for nothing else.
func (c *Client) enrol(ctx context.Context) error {
	mark, err := os.Open(c.at.AdminSecretFile + onceSuffix)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return ErrNoSecret.With("cannot read %s: %v", c.at.AdminSecretFile+onceSuffix, errors.Unwrap(err))
	}
	defer mark.Close() //nolint:errcheck // nothing was written
	if err := syscall.Flock(int(mark.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("wait for the administrator's secret: %w", err)
	}
	if _, err := os.Stat(c.at.AdminSecretFile + onceSuffix); errors.Is(err, os.ErrNotExist) {
		return nil // another command has done it meanwhile
	}
	token, err := c.signIn(ctx, AudienceGraph)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoSecret.With("the administrator's first secret works once within an hour, and that is over: remove %s and start `sealring up` again", c.at.AdminSecretFile), err)
	}
	keyID, value, err := c.addPassword(ctx, token)
	if err != nil {
		return fmt.Errorf("exchange the administrator's first secret: %w", err)
	}
	names, err := os.ReadFile(c.at.AdminSecretFile + ".id")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("name the administrator's secret: %w", err)
	}
	for _, f := range []struct{ path, text string }{
		{c.at.AdminSecretFile + ".id", keyID + "\n" + string(names)}, {c.at.AdminSecretFile, value.Reveal()},
	} {
		if err := replaceFile(f.path, f.text); err != nil {
			return fmt.Errorf("keep the administrator's secret: %w", err)
		}
	}
	if err := os.Remove(c.at.AdminSecretFile + onceSuffix); err != nil {
		return fmt.Errorf("keep the administrator's secret: %w", err)
	}
	return nil
}

// addPassword makes a secret of the administrator's application through Graph.
func (c *Client) addPassword(ctx context.Context, token secret.Text) (keyID string, value secret.Text, err error) {
	resp, err := c.Do(ctx, Request{
		Method: http.MethodPost, URL: c.at.Local + "/v1.0/applications(appId='" + url.PathEscape(c.at.AdminClientID) + "')/addPassword",
		Body:  []byte(`{"passwordCredential":{"displayName":"made by the first command of sealring"}}`),
		Token: func(context.Context, string) (secret.Text, error) { return token, nil },
	})
	if err != nil {
		return "", value, err
	}
	var answer struct {
		KeyID  string `json:"keyId"`
		Secret string `json:"secretText"`
	}
	if err := json.Unmarshal(resp.Body, &answer); err != nil || answer.KeyID == "" || answer.Secret == "" {
		return "", value, errors.New("the answer holds no secret")
	}
	return answer.KeyID, secret.New(answer.Secret), nil
}

// replaceFile writes a file of the owner's alone in one step.
func replaceFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already after the rename
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// signIn gets a token for an audience by the administrator's secret.
func (c *Client) signIn(ctx context.Context, audience string) (secret.Text, error) {
	password, err := os.ReadFile(c.at.AdminSecretFile)
	if err != nil {
		return secret.Text{}, ErrNoSecret.With("cannot read the administrator's secret: %v; `sealring up` makes a new one when it starts without", err)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.at.AdminClientID},
		"client_secret": {strings.TrimSpace(string(password))}, "scope": {strings.TrimSuffix(audience, "/") + "/.default"}}
	where := c.at.Local + "/" + c.at.TenantID + "/oauth2/v2.0/token"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, where, strings.NewReader(form.Encode()))
	if err != nil {
		return secret.Text{}, fmt.Errorf("sign in at %s: %w", where, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.send(req)
	if err != nil {
		return secret.Text{}, fmt.Errorf("sign in as administrator: %w", err)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(resp.Body, &answer); err != nil || answer.AccessToken == "" {
		return secret.Text{}, errors.New("sign in as administrator: the answer holds no token")
	}
	return secret.New(answer.AccessToken), nil
}
