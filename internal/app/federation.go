package app

import (
	"crypto/x509"
	"net/netip"
	"os"

	"github.com/sealring/sealring/internal/config"
	"github.com/sealring/sealring/internal/federation"
	"github.com/sealring/sealring/internal/outbound"
	"github.com/sealring/sealring/internal/token"
)

// azureFederated is how many federated credentials Azure allows for each application or identity.
const azureFederated = 20

// federationLimits reports whether federated credentials are limited as in Azure.
func (c Config) federationLimits() bool { return c.Azure.On(c.Azure.FederationLimits) }

// federatedLimit is how many federated credentials an owner may have; 0 is our own limit.
func (c Config) federatedLimit() int {
	if c.federationLimits() {
		return azureFederated
	}
	return 0
}

// thisMachine are the names under which a developer's issuer runs beside the server.
var thisMachine = []string{"localhost:*", "127.0.0.1:*", "[::1]:*"}

// newOutbound builds what asks outside addresses (S-35). A server that only this machine can
// reach is a developer's: it may ask this machine. One that others can reach may not, since
// who writes a federated credential there is not who runs it.
func (c Config) newOutbound() (*outbound.Client, error) {
	allow := c.Federation.Allow
	if address, err := netip.ParseAddr(c.Listen.Address); err == nil && address.IsLoopback() {
		allow = append(append([]string{}, allow...), thisMachine...)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // no issuer of the internet is believed without authorities
	}
	if file := c.Federation.CAFile; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, config.ErrInvalid.With("cannot read federation.ca_file %s: %s", file, reason(err))
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, config.ErrInvalid.With("federation.ca_file %s holds no certificate in PEM", file)
		}
	}
	client, err := outbound.New(outbound.Config{Allow: allow, Roots: roots})
	if err != nil {
		return nil, config.ErrInvalid.With("federation.allow: %s", err)
	}
	return client, nil
}

// newFederation builds what decides about assertions of outside issuers.
func (s *Server) newFederation() (*federation.Verifier, error) {
	client, err := s.c.newOutbound()
	if err != nil {
		return nil, err
	}
	var issuers []federation.Issuer
	for _, i := range s.c.Federation.Issuers {
		issuer := federation.Issuer{URL: i.URL, Algorithms: i.Algorithms}
		if i.KeysFile != "" {
			if issuer.Keys, err = os.ReadFile(i.KeysFile); err != nil {
				return nil, config.ErrInvalid.With("cannot read federation.issuers keys_file %s: %s", i.KeysFile, reason(err))
			}
		}
		issuers = append(issuers, issuer)
	}
	own, err := token.NewVerifier(token.VerifierConfig{Authority: s.in.url("login"), Keys: s.keys, Now: s.c.Now, Skew: token.MaxSkew})
	if err != nil {
		return nil, err
	}
	v, err := federation.New(federation.Config{
		Authority: s.in.url("login"), Own: own, Principals: s.directory, Client: client, Now: s.c.Now, Log: s.c.Log,
		Issuers: issuers, RS256Only: s.c.federationLimits(),
	})
	if err != nil {
		return nil, config.ErrInvalid.With("%s", err)
	}
	s.rooms.run = append(s.rooms.run, v.Run)
	s.federation = v
	return v, nil
}
