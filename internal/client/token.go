package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/secret"
)

// The audiences our services accept beside their own names (design.md §5).
const (
	AudienceManagement = "https://management.azure.com"
	AudienceGraph      = "https://graph.microsoft.com"
	AudienceVault      = "https://vault.azure.net"
)

// tokenCache keeps tokens for the life of one command, which is shorter than theirs.
type tokenCache struct {
	mu     sync.Mutex
	tokens map[string]secret.Text
}

// Audience is the audience of the service that answers u: vault and Graph by name, on
// localhost Graph by its path, else Resource Manager.
func (e Endpoints) Audience(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch {
	case strings.HasSuffix(host, "."+strings.ToLower(e.VaultSuffix)), strings.Contains(host, ".vault."):
		return AudienceVault
	case strings.HasPrefix(host, "graph."), strings.HasPrefix(u.Path, "/v1.0/"), strings.HasPrefix(u.Path, "/beta/"):
		return AudienceGraph
	default:
		return AudienceManagement
	}
}

// AdminToken is a TokenSource: it signs in as the administrator of `sealring up` by client
// credentials at `local`. Errors: ErrNotRunning when the secret cannot be read, *Error.
func (c *Client) AdminToken(ctx context.Context, audience string) (secret.Text, error) {
	c.admin.mu.Lock()
	defer c.admin.mu.Unlock()
	if t, ok := c.admin.tokens[audience]; ok {
		return t, nil
	}
	if err := c.enrol(ctx); err != nil {
		return secret.Text{}, err
	}
	t, err := c.signIn(ctx, audience)
	if err != nil {
		return secret.Text{}, err
	}
	if c.admin.tokens == nil {
		c.admin.tokens = map[string]secret.Text{}
	}
	c.admin.tokens[audience] = t
	return t, nil
}

// Selector names one of several identities of a resource; at most one field is set.
type Selector struct {
	ClientID   string
	ObjectID   string
	ResourceID string
}

// IdentityToken is what the App Service endpoint answers (TE §3.3).
type IdentityToken struct {
	AccessToken secret.Text
	ClientID    string
	Resource    string
	Expires     time.Time // UTC, whole seconds
}

// WorkloadToken asks the local token endpoint of r for a token, in the App Service dialect
// 2019-08-01 (TE §5.1). audience goes out as it is. Errors: *Error, ErrUnreachable.
func (c *Client) WorkloadToken(ctx context.Context, r Registration, audience string, s Selector) (IdentityToken, error) {
	query := url.Values{"api-version": {"2019-08-01"}, "resource": {audience}}
	for key, value := range map[string]string{"client_id": s.ClientID, "principal_id": s.ObjectID, "mi_res_id": s.ResourceID} {
		if value != "" {
			query.Set(key, value)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.IdentityEndpoint+"?"+query.Encode(), nil)
	if err != nil {
		return IdentityToken{}, fmt.Errorf("ask %s for a token: %w", r.IdentityEndpoint, err)
	}
	req.Header.Set("X-IDENTITY-HEADER", r.IdentityHeader.Reveal())
	direct := &Client{at: c.at, http: &http.Client{Timeout: callTimeout, Transport: &http.Transport{DisableKeepAlives: true}}}
	direct.at.Local = r.IdentityEndpoint
	resp, err := direct.send(req)
	if err != nil {
		return IdentityToken{}, err
	}
	var answer struct {
		AccessToken string      `json:"access_token"`
		ClientID    string      `json:"client_id"`
		Resource    string      `json:"resource"`
		ExpiresOn   json.Number `json:"expires_on"`
	}
	if err := json.Unmarshal(resp.Body, &answer); err != nil || answer.AccessToken == "" {
		return IdentityToken{}, fmt.Errorf("the answer of %s holds no token", r.IdentityEndpoint)
	}
	seconds, err := answer.ExpiresOn.Int64()
	if err != nil {
		return IdentityToken{}, fmt.Errorf("expires_on of %s: %w", r.IdentityEndpoint, err)
	}
	return IdentityToken{AccessToken: secret.New(answer.AccessToken), ClientID: answer.ClientID,
		Resource: answer.Resource, Expires: time.Unix(seconds, 0).UTC()}, nil
}
