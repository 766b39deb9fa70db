package launch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/nameproxy"
)

// PublicNames are Azure's public names that `run --azure-names` answers for (D-9): all that the
// server's front knows, or what a program sends to the others would leave for Azure.
var PublicNames = []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net",
	"management.azure.com", "management.core.windows.net", "graph.microsoft.com", "*.vault.azure.net"}

// discoveryName is the public host that SDKs ask whether an authority they do not know exists (DT §1.5).
const discoveryName = "login.microsoftonline.com"

// Rules are the proxy rules of one run: our own names, on whatever port they are asked for
// (L-1), and the public discovery name go to the platform's TLS listener; with a certificate
// source, Azure's public names are answered with its leaves and forwarded (L-4). ca is the
// platform's ca.pem.
func Rules(e client.Endpoints, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error), ca []byte) ([]nameproxy.Rule, error) {
	at := e.TLSAddress()
	rules := []nameproxy.Rule{{Hosts: []string{"*." + strings.ToLower(e.Domain)}, Tunnel: at}}
	if certificate == nil {
		return append(rules, nameproxy.Rule{Hosts: []string{discoveryName}, Tunnel: at}), nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the platform's CA file holds no certificate")
	}
	upstream := &http.Transport{
		// The listener proves itself as localhost; which service answers is chosen by Host (L-6).
		TLSClientConfig:    &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12},
		DisableCompression: true,
		IdleConnTimeout:    30 * time.Second,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, at)
		},
	}
	return append(rules, nameproxy.Rule{Hosts: PublicNames,
		Intercept: &nameproxy.Interception{GetCertificate: certificate, Upstream: upstream}}), nil
}
