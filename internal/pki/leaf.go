package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"strings"
	"time"
)

// How long a leaf lives, and when the next one is made; and how many are kept. The names
// asked for are bounded by what the authorities are for, but not finite.
const (
	leafLife   = 30 * 24 * time.Hour
	leafRenew  = 20 * 24 * time.Hour
	leavesKept = 256
)

// loopbackName is what a client means that names no host: it connected to an address.
const loopbackName = "localhost"

// GetCertificate serves tls.Config. A client that names no host gets the loopback names.
// Names of two labels or more below a domain get a wildcard of their parent, so that one
// leaf serves all vaults. Errors: ErrNotServed.
func (a *Authority) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if name == "" {
		name = loopbackName
	}
	i, name := a.issuerOf(name)
	if i == nil {
		return nil, ErrNotServed
	}
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if leaf := a.leaves[name]; leaf != nil && now.Before(leaf.Leaf.NotBefore.Add(leafRenew)) && now.After(leaf.Leaf.NotBefore) {
		return leaf, nil
	}
	leaf, err := a.issue(i, name, now)
	if err != nil {
		return nil, fmt.Errorf("make certificate for %s: %w", name, err)
	}
	if len(a.leaves) >= leavesKept {
		clear(a.leaves) // making them again costs less than a millisecond each
	}
	a.leaves[name] = leaf
	return leaf, nil
}

// issuerOf finds the authority for a host and the name its leaf carries; nil if there is none.
func (a *Authority) issuerOf(host string) (*issuer, string) {
	for _, i := range a.issuers {
		if i.loopback && host == loopbackName {
			return i, host
		}
		if !validName(host) {
			continue
		}
		for _, n := range i.names {
			domain, wild := strings.CutPrefix(strings.ToLower(n), "*.")
			if !wild {
				if host == domain {
					return i, host
				}
				continue
			}
			below, ok := strings.CutSuffix(host, "."+domain)
			if !ok {
				continue
			}
			if _, parent, deep := strings.Cut(below, "."); deep {
				return i, "*." + parent + "." + domain
			}
			return i, leafName(i, host, domain)
		}
	}
	return nil, ""
}

// leafName is the name of the leaf for a host one label below domain: the host itself, or,
// where only wildcards are served, as for an ephemeral authority, the wildcard.
func leafName(i *issuer, host, domain string) string {
	if i.loopback {
		return host
	}
	return "*." + domain
}

// issue makes a leaf for a name.
func (a *Authority) issue(i *issuer, name string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), a.rand)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	serial, err := serialNumber(a.rand)
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Second)
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Organization: []string{"sealring"}}, DNSNames: []string{name},
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, SubjectKeyId: keyID(&key.PublicKey),
	}
	if name == loopbackName {
		t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}
	}
	if len(name) <= 64 { // ub-common-name, RFC 5280 appendix A.1
		t.Subject.CommonName = name
	}
	der, err := x509.CreateCertificate(a.rand, t, i.certificate, &key.PublicKey, i.key)
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse own certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// keyID is the subject key identifier of a key: RFC 7093 section 2, method 1.
func keyID(key *ecdsa.PublicKey) []byte {
	raw, err := key.Bytes()
	if err != nil {
		return nil // not with a key that was just made
	}
	sum := sha256.Sum256(raw)
	return sum[:20]
}
