package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/fault"
)

// platform is a TLS server under the name example.com (that of httptest's certificate),
// with a token endpoint and h for everything else; calls gets "METHOD path body".
func platform(t *testing.T, h http.HandlerFunc) (c *Client, calls *[]string) {
	t.Helper()
	calls = &[]string{}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
			form, _ := url.ParseQuery(string(body))
			_, _ = fmt.Fprintf(w, `{"access_token":"for %s by %s/%s"}`, form.Get("scope"), form.Get("client_id"), form.Get("client_secret"))
			return
		}
		*calls = append(*calls, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
		h(w, r)
	}))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	e := sample()
	e.CAFile, e.AdminSecretFile, e.AdminClientID = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "secret"), "admin"
	e.Domain, e.VaultSuffix = "example.com", "vault.example.com"
	e.Local = "https://localhost:" + s.Listener.Addr().String()[strings.LastIndex(s.Listener.Addr().String(), ":")+1:]
	if err := errors.Join(os.WriteFile(e.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600),
		os.WriteFile(e.AdminSecretFile, []byte("hush\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	c, err := New(e)
	if err != nil {
		t.Fatal(err)
	}
	c.at.Local = strings.Replace(e.Local, "localhost", "a.example.com", 1) // the certificate covers *.example.com, not localhost
	t.Cleanup(c.http.CloseIdleConnections)
	return c, calls
}

// D-11: our own calls carry the administrator's token for the service they go to, and reach
// names that nothing resolves.
func TestCallsAreAuthorised(t *testing.T) {
	c, _ := platform(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Authorization")) })
	for where, audience := range map[string]string{
		c.at.Local + "/subscriptions":          AudienceManagement,
		c.at.Local + "/v1.0/servicePrincipals": AudienceGraph,
	} {
		resp, err := c.Do(t.Context(), Request{Method: "GET", URL: where, Token: c.AdminToken})
		if err != nil {
			t.Fatal(err)
		}
		if want := "Bearer for " + audience + "/.default by admin/hush"; string(resp.Body) != want {
			t.Errorf("%s got %q, want %q", where, resp.Body, want)
		}
	}
	if _, err := c.Do(t.Context(), Request{Method: "GET", URL: "https://example.org/", Token: c.AdminToken}); !errors.Is(err, ErrNotOurs) {
		t.Errorf("a foreign name: %v, want ErrNotOurs", err)
	}
	if got := sample().Audience(&url.URL{Host: "shop.vault.sealring.internal:8443", Path: "/secrets/a"}); got != AudienceVault {
		t.Errorf("audience of a vault is %s", got)
	}
}

// A platform that does not answer, or does not prove who it is, is unreachable (exit 3).
func TestUnreachable(t *testing.T) {
	c, calls := platform(t, func(http.ResponseWriter, *http.Request) {})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	silent, stranger := c.at, c.at
	silent.Local = "https://a.example.com:" + strings.TrimPrefix(ln.Addr().String(), "127.0.0.1:")
	stranger.CAFile = filepath.Join(t.TempDir(), "other.pem")
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stranger.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]Endpoints{"nobody listens": silent, "its certificate is not the platform's": stranger} {
		broken, err := New(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := broken.Do(t.Context(), Request{Method: "GET", URL: e.Local + "/", Token: nil}); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v, want ErrUnreachable", name, err)
		}
	}
	if len(*calls) != 0 {
		t.Errorf("an unproven server got %v", *calls)
	}
}

// Failures keep the service's code and words, whatever its dialect.
func TestWireErrors(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":{"code":"AuthorizationFailed","message":"no\n right"}}`:       "AuthorizationFailed: no right (403)",
		`{"error":"invalid_client","error_description":"AADSTS7000215: wrong"}`: "invalid_client: AADSTS7000215: wrong (403)",
		`{"statusCode":403,"message":"No identity","correlationId":"x"}`:        "No identity (403)",
		`plain`: "plain (403)",
		``:      "Forbidden (403)",
	} {
		c, _ := platform(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403); _, _ = io.WriteString(w, body) })
		_, err := c.Do(t.Context(), Request{Method: "GET", URL: c.at.Local + "/x"})
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Error() != want || !e.Denied() || string(e.Body) != body {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

// Ensure creates what is missing in order, says so, and grants nothing (D-5, L-13).
func TestEnsure(t *testing.T) {
	const sub = "/subscriptions/s/resourceGroups/g"
	for name, tt := range map[string]struct {
		host  Host
		there map[string]string // resources that exist, by path
		want  []string          // writes
	}{
		"a new app gets a system identity": {
			Host{Name: "web", Group: "g"}, map[string]string{sub: `{}`},
			[]string{`PUT ` + sub + `/providers/Microsoft.Web/sites/web {"location":"local","identity":{"type":"SystemAssigned"}}`},
		},
		"group, app, slot and identity are made where they lack": {
			Host{Name: "web", Slot: "blue", Group: "g", Identities: []string{"system", "id1"}}, nil,
			[]string{`PUT ` + sub + ` {"location":"local"}`, `PUT ` + sub + `/providers/Microsoft.Web/sites/web {"location":"local"}`,
				`PUT ` + sub + `/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1 {"location":"local"}`,
				`PUT ` + sub + `/providers/Microsoft.Web/sites/web/slots/blue {"location":"local","identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"` + sub + `/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1":{}}}}`},
		},
		"an app that exists is left as it is": {
			Host{Name: "web", Group: "g"}, map[string]string{sub: `{}`, sub + "/providers/Microsoft.Web/sites/web": `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"/x":{}}}}`}, nil,
		},
		"a lacking system identity is added beside the others": {
			Host{Machine: true, Name: "m", Group: "g", Identities: []string{"system"}},
			map[string]string{sub: `{}`, sub + "/providers/Microsoft.Compute/virtualMachines/m": `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"/x":{}}}}`},
			[]string{`PATCH ` + sub + `/providers/Microsoft.Compute/virtualMachines/m {"identity":{"type":"SystemAssigned, UserAssigned"}}`},
		},
		"what is attached already is not attached again": {
			Host{Name: "web", Group: "g", Identities: []string{"/SUBS/id1"}},
			map[string]string{sub: `{}`, "/SUBS/id1": `{}`, sub + "/providers/Microsoft.Web/sites/web": `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"/subs/ID1":{}}}}`}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			made := map[string]bool{}
			c, calls := platform(t, func(w http.ResponseWriter, r *http.Request) {
				body, there := tt.there[r.URL.Path]
				switch {
				case r.Method != http.MethodGet:
					made[r.URL.Path] = true
					_, _ = io.WriteString(w, `{}`)
				case there || made[r.URL.Path]:
					_, _ = io.WriteString(w, orText(body, `{}`))
				default:
					w.WriteHeader(http.StatusNotFound)
				}
			})
			var said []string
			if _, err := c.Ensure(t.Context(), tt.host, func(f string, a ...any) { said = append(said, fmt.Sprintf(f, a...)) }); err != nil {
				t.Fatal(err)
			}
			writes := slices.DeleteFunc(*calls, func(s string) bool { return strings.HasPrefix(s, "GET ") })
			if !slices.Equal(writes, tt.want) {
				t.Errorf("wrote\n%s\nwant\n%s", strings.Join(writes, "\n"), strings.Join(tt.want, "\n"))
			}
			if len(said) != len(tt.want) {
				t.Errorf("said %q for %d writes", said, len(tt.want))
			}
		})
	}
}

// L-11: a process is registered over the unix socket, and its token comes from the local endpoint (TE §5.1).
func TestRegisterAndToken(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-IDENTITY-HEADER") != "s3cret" {
			w.WriteHeader(401)
			return
		}
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"expires_on":"1700000000","client_id":"c"}`, r.URL.Query().Encode())
	}))
	defer endpoint.Close()
	socket := filepath.Join(t.TempDir(), "node.sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var got registerBody
	node := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&got)
		_, _ = fmt.Fprintf(w, `{"identity_endpoint":%q,"identity_header":"s3cret","handle":"h","expires_at":null}`, endpoint.URL)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = node.Serve(ln) }()
	defer func() { _ = node.Close(); <-done }()

	c, _ := platform(t, func(http.ResponseWriter, *http.Request) {})
	c.at.NodeSocket = socket
	r, err := c.Register(t.Context(), Workload{ResourceID: "/r", PID: 12, StartTime: 345})
	if err != nil || got != (registerBody{ResourceID: "/r", PID: 12, StartTime: 345}) || !r.Expires.IsZero() {
		t.Fatalf("registered %+v as %+v, %v", got, r, err)
	}
	token, err := c.WorkloadToken(t.Context(), r, "https://vault.azure.net", Selector{ResourceID: "/id"})
	if want := "api-version=2019-08-01&mi_res_id=%2Fid&resource=https%3A%2F%2Fvault.azure.net"; err != nil || token.AccessToken.Reveal() != want || token.Expires.Unix() != 1700000000 {
		t.Errorf("token %q, %v; want %q", token.AccessToken.Reveal(), err, want)
	}
	c.at.NodeSocket = filepath.Join(t.TempDir(), "none")
	if _, err := c.Register(t.Context(), Workload{}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("no socket: %v, want ErrUnreachable", err)
	}
}

// Scopes as people write them.
func TestScope(t *testing.T) {
	c, _ := platform(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"value":[{"id":"/one/shop","name":"shop"},{"id":"/a/two","name":"two"},{"id":"/b/TWO","name":"Two"}]}`)
	})
	for text, want := range map[string]string{
		"/subscriptions/x/": "/subscriptions/x", "/": "/", "subscription": "/subscriptions/s", "group/g": "/subscriptions/s/resourceGroups/g",
		"vault/Shop": "/one/shop", "vault/g/shop": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/shop",
		"vault/none": "", "vault/two": "", "shop": "", "group/": "", "planet/earth": "",
	} {
		got, err := c.Scope(context.Background(), text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
}

// An action belongs to the plane whose pattern names it most exactly.
func TestClosest(t *testing.T) {
	for pattern, want := range map[string]int{
		"*": 0, "*/read": -1, "a/b/*": 4, "A/B/get/action": 14, "a/*/get/action": 13, "a/*/set/action": -1, "*/action": 7,
	} {
		if got := closest([]string{pattern}, "a/b/get/action"); got != want {
			t.Errorf("%s: %d, want %d", pattern, got, want)
		}
	}
}
