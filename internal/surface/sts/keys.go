package sts

import (
	"encoding/base64"
	"math/big"
	"net/http"
)

// keyDocument is a key set (RFC 7517 §5).
type keyDocument struct {
	Keys []webKey `json:"keys"`
}

// webKey is one signing key (DT-1.4). The member alg is left out, as some libraries
// restrict the use of a key by it.
type webKey struct {
	Type         string   `json:"kty"`
	Use          string   `json:"use"`
	ID           string   `json:"kid"`
	Thumbprint   string   `json:"x5t"`
	Modulus      string   `json:"n"`
	Exponent     string   `json:"e"`
	Certificates []string `json:"x5c"`
	Cloud        string   `json:"cloud_instance_name"`
	Issuer       string   `json:"issuer,omitempty"` // v2.0 only
}

// keysV2 serves the key set of version 2, whose keys name the issuer as a template.
func (m *Room) keysV2(w http.ResponseWriter, r *http.Request, tenant string) error {
	return m.serveKeys(w, r, tenant, m.authority+"/{tenantid}/v2.0")
}

// keysV1 serves the key set of version 1.
func (m *Room) keysV1(w http.ResponseWriter, r *http.Request, tenant string) error {
	return m.serveKeys(w, r, tenant, "")
}

// serveKeys writes all published keys; they are the same for every tenant.
func (m *Room) serveKeys(w http.ResponseWriter, r *http.Request, tenant, issuer string) error {
	if _, err := m.resolveForDiscovery(r, tenant); err != nil {
		return err
	}
	d := keyDocument{Keys: []webKey{}}
	for _, k := range m.keys.Published() {
		d.Keys = append(d.Keys, webKey{
			Type: "RSA", Use: "sig", ID: k.ID, Thumbprint: k.ID,
			Modulus:      base64.RawURLEncoding.EncodeToString(k.Public.N.Bytes()),
			Exponent:     base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.Public.E)).Bytes()),
			Certificates: []string{base64.StdEncoding.EncodeToString(k.Certificate)},
			Cloud:        m.cloud, Issuer: issuer,
		})
	}
	return writePublic(w, d)
}
