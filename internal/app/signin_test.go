package app

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// certificate is a self-signed certificate and its key.
type certificate struct {
	der  []byte
	leaf *x509.Certificate
	key  crypto.PrivateKey
}

// newCertificate makes one as `openssl req -x509` would.
func newCertificate(t *testing.T) certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pipeline"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate{der: der, leaf: leaf, key: key}
}

// register puts a certificate on an application.
func register(t *testing.T, s *running, app id.App, c certificate) {
	t.Helper()
	ctx := audit.WithActor(t.Context(), audit.Actor{Name: "test"})
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		_, err := s.directory.AddCertificate(ctx, tx, s.in.tenant, app, "pipeline", c.der)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// application makes an application with its service principal.
func application(t *testing.T, s *running, n directory.NewApplication) directory.Application {
	t.Helper()
	ctx := audit.WithActor(t.Context(), audit.Actor{Name: "test"})
	n.Tenant = s.in.tenant
	var app directory.Application
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if app, err = s.directory.CreateApplication(ctx, tx, n); err != nil {
			return err
		}
		_, err = s.directory.CreateServicePrincipal(ctx, tx, directory.NewServicePrincipal{
			Tenant: n.Tenant, Kind: directory.KindApplication, DisplayName: n.DisplayName, App: app.App,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// proxied is a client as `sealring run` gives it to programs: the name proxy and our
// authorities, nothing else.
func proxied(t *testing.T, s *running) *http.Client {
	t.Helper()
	proxy, err := url.Parse(s.Endpoints().Proxy)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(s.Endpoints().CAFile)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no authorities", err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// signIn gets a token with the SDK's certificate credential, default options.
func signIn(t *testing.T, s *running, app id.App, c certificate, scope string) (string, error) {
	t.Helper()
	credential, err := azidentity.NewClientCertificateCredential(string(s.in.tenant), string(app), []*x509.Certificate{c.leaf}, c.key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: azcore.ClientOptions{
			Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: s.Endpoints().AuthorityHost},
			Transport: proxied(t, s),
		}})
	if err != nil {
		t.Fatal(err)
	}
	token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
	return token.Token, err
}

// The Go SDK signs in with a registered certificate (PS256, instance discovery on)
// and its tokens of both versions verify from discovery alone; another certificate is refused.
func TestCertificateCredentialSignsInAndItsTokensVerify(t *testing.T) {
	s := start(t, testConfig(t))
	pipeline := application(t, s, directory.NewApplication{DisplayName: "pipeline"})
	orders := application(t, s, directory.NewApplication{DisplayName: "orders", IdentifierURIs: []string{"api://orders"}, TokenVersion: 2})
	registered := newCertificate(t)
	register(t, s, pipeline.App, registered)
	tenant := s.Endpoints().AuthorityHost + "/" + s.Endpoints().TenantID
	for _, v := range []struct{ name, scope, issuer, audience, app, method string }{
		{"v1", "https://management.azure.com/.default", tenant + "/", "https://management.azure.com", "appid", "appidacr"},
		{"v2", "api://orders/.default", tenant + "/v2.0", string(orders.App), "azp", "azpacr"},
	} {
		t.Run(v.name, func(t *testing.T) {
			raw, err := signIn(t, s, pipeline.App, registered, v.scope)
			if err != nil {
				t.Fatal(err)
			}
			ctx := oidc.ClientContext(context.WithoutCancel(t.Context()), proxied(t, s))
			provider, err := oidc.NewProvider(ctx, v.issuer)
			if err != nil {
				t.Fatal(err)
			}
			verified, err := provider.Verifier(&oidc.Config{ClientID: v.audience}).Verify(ctx, raw)
			if err != nil {
				t.Fatal(err)
			}
			var claims map[string]any
			if err := verified.Claims(&claims); err != nil {
				t.Fatal(err)
			}
			if claims[v.app] != string(pipeline.App) || claims[v.method] != "2" || claims["tid"] != s.Endpoints().TenantID {
				t.Errorf("claims %v", claims)
			}
			if _, err := provider.Verifier(&oidc.Config{ClientID: "another"}).Verify(ctx, raw); err == nil {
				t.Error("another audience verifies")
			}
		})
	}
	t.Run("a certificate that is not registered", func(t *testing.T) {
		_, err := signIn(t, s, pipeline.App, newCertificate(t), "https://management.azure.com/.default")
		if err == nil || !strings.Contains(err.Error(), "AADSTS700027") {
			t.Errorf("got %v", err)
		}
	})
}
