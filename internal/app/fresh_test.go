package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/sealring/sealring/internal/keyring"
)

// watched counts what an SDK asks of its credential, and of whom it asks anything at all.
type watched struct {
	azcore.TokenCredential
	http.RoundTripper

	mu     sync.Mutex // guards what follows
	claims []string   // of each call that had some
	hosts  map[string]int
}

// GetToken implements azcore.TokenCredential.
func (w *watched) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	w.mu.Lock()
	if o.Claims != "" {
		w.claims = append(w.claims, o.Claims)
	}
	w.mu.Unlock()
	return w.TokenCredential.GetToken(ctx, o)
}

// RoundTrip implements http.RoundTripper.
func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.hosts[r.URL.Scheme+"://"+r.URL.Hostname()]++
	w.mu.Unlock()
	return w.RoundTripper.RoundTrip(r)
}

// CP-22, RS-22, DT-17, R-17: after the key of its token was revoked, an SDK's pipeline asks
// its credential once, with claims, and the program does not notice; sign-in without instance
// discovery talks to our own names alone, over TLS.
func TestAnSDKGetsAFreshTokenAfterARevocation(t *testing.T) {
	t.Parallel()
	s := start(t, testConfig(t))
	e := s.Endpoints()
	secret, err := os.ReadFile(e.AdminSecretFile)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{RoundTripper: proxied(t, s).Transport, hosts: map[string]int{}}
	transport := &http.Client{Transport: w}
	w.TokenCredential, err = azidentity.NewClientSecretCredential(e.TenantID, e.AdminClientID, string(secret), &azidentity.ClientSecretCredentialOptions{
		ClientOptions:            azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: e.AuthorityHost}, Transport: transport},
		DisableInstanceDiscovery: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	pipeline := runtime.NewPipeline("test", "1", runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(w, []string{e.ResourceManager + "/.default"}, nil)},
	}, &policy.ClientOptions{Transport: transport})
	list := func(claims int) {
		t.Helper()
		req, err := runtime.NewRequest(t.Context(), http.MethodGet, e.ResourceManager+"/subscriptions?api-version=2022-12-01")
		if err != nil {
			t.Fatal(err)
		}
		resp, err := pipeline.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || len(w.claims) != claims {
			t.Errorf("%d %s, asked with claims %q, want %d times", resp.StatusCode, body, w.claims, claims)
		}
	}
	list(0)
	for n := range 2 {
		kid, _, err := s.keys.Signer()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.keys.Revoke(t.Context(), kid, keyring.RevokeOptions{Reason: "drill"}); err != nil {
			t.Fatal(err)
		}
		list(n + 1)
		list(n + 1)
	}
	for host := range w.hosts {
		if !strings.HasPrefix(host, "https://") || !strings.HasSuffix(host, "."+e.Domain) {
			t.Errorf("asked %s", host)
		}
	}
}

// CP-8: tokens for every name of Resource Manager are accepted by it; those for another
// service, and for look-alikes of its names, are not.
func TestEveryNameOfResourceManagerIsAnAudience(t *testing.T) {
	t.Parallel()
	a := attack(t)
	e := a.Endpoints()
	for audience, accepted := range map[string]bool{
		e.ResourceManager: true, e.ResourceManager + "/": true, "https://management." + e.Domain: true,
		"https://management.azure.com": true, "https://management.azure.com/": true,
		"https://management.core.windows.net": true, "https://management.core.windows.net/": true,
		"797f4846-ba00-4fd7-ba43-dac1f8f63013": true,
		"https://vault.azure.net":              false, "https://graph.microsoft.com": false,
	} {
		token, err := a.client.AdminToken(t.Context(), audience)
		if err != nil {
			t.Errorf("%s: %v", audience, err)
			continue
		}
		status, _, body := a.https(t, http.MethodGet, a.vars["arm"], "/subscriptions?api-version=2022-12-01", token.Reveal(), "")
		if accepted && status != http.StatusOK || !accepted && status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", audience, status, body)
		}
	}
	for _, audience := range []string{"https://management.azure.com.attacker.example", "https://management.azure.co", e.ResourceManager + "0"} {
		if token, err := a.client.AdminToken(t.Context(), audience); err == nil {
			t.Errorf("a token for %s: %d bytes", audience, len(token.Reveal()))
		}
	}
}

// DT-16: without TLS the authority's port says what is wrong, and nothing else.
func TestTheAuthorityIsServedByTLSAlone(t *testing.T) {
	t.Parallel()
	a := attack(t)
	form := "grant_type=client_credentials&client_id=" + a.vars["client"] + "&client_secret=" + a.vars["secret"] + "&scope=https%3A%2F%2Fvault.azure.net%2F.default"
	for _, raw := range []string{a.discovery() + "\r\n",
		"POST /" + a.vars["tenant"] + "/oauth2/v2.0/token HTTP/1.1\r\nHost: " + a.vars["login"] + "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(form)) + "\r\n\r\n" + form} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", "127.0.0.1:"+a.vars["port"])
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprint(conn, raw)
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || strings.Contains(string(answer), "issuer") || strings.Contains(string(answer), "token") {
			t.Errorf("%q", answer)
		}
	}
	if got := a.exchange(t, "tls", a.discovery()+"Connection: close\r\n\r\n", 1); len(got) != 1 || got[0].status != http.StatusOK {
		t.Errorf("over TLS: %+v", got)
	}
}
