// Package pki makes the certificates under which an installation serves TLS.
//
// There are two certificate authorities, each for one installation only and constrained
// by name, so that whoever trusts them trusts them for nothing else (D-10): one for the
// installation's domain and the loopback names, one for login.microsoftonline.com, the
// public name that clients ask about unknown authorities. Their keys are sealed in the
// store. Leaves are made in memory for the name that a client asks for.
package pki

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
)

// DiscoveryName is the public host that SDKs ask whether an authority is known.
const DiscoveryName = "login.microsoftonline.com"

// Failures of the certificate authorities.
var (
	// ErrNotServed is a name for which no certificate is made.
	ErrNotServed = fault.New(fault.NotFound, "this name is not served here")
	// ErrOther is a store whose authorities do not open, or are for another domain.
	ErrOther = fault.New(fault.Precondition, "the certificate authorities of this store do not fit")
)

// Config names what New needs; all fields.
type Config struct {
	Store  *store.DB
	Sealer *seal.Sealer
	Domain string // "sealring.internal"
	Now    func() time.Time
	Rand   io.Reader
}

// Authority makes leaves for the names of an installation. It is safe for concurrent use.
type Authority struct {
	issuers []*issuer
	now     func() time.Time
	rand    io.Reader

	mu     sync.Mutex // guards leaves
	leaves map[string]*tls.Certificate
}

// issuer is one certificate authority.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	names       []string // "login.example" itself, "*.example" any number of labels below example
	loopback    bool     // also localhost and the loopback addresses
}

// New loads both certificate authorities from the store, or makes them on first start.
// Errors: ErrOther.
func New(ctx context.Context, c Config) (*Authority, error) {
	if c.Store == nil || c.Sealer == nil || c.Now == nil || c.Rand == nil {
		return nil, errors.New("pki: Store, Sealer, Now and Rand are needed")
	}
	if !validName(c.Domain) {
		return nil, fmt.Errorf("pki: Domain %q is not a DNS name", c.Domain)
	}
	domain := strings.ToLower(c.Domain)
	a := &Authority{now: c.Now, rand: c.Rand, leaves: map[string]*tls.Certificate{}}
	for _, want := range []profile{
		{name: "installation", names: []string{domain, "*." + domain}, loopback: true},
		{name: "discovery", names: []string{DiscoveryName}},
	} {
		i, err := c.loadOrCreate(ctx, want)
		if err != nil {
			return nil, fmt.Errorf("certificate authority %s: %w", want.name, err)
		}
		a.issuers = append(a.issuers, i)
	}
	return a, nil
}

// NewEphemeral returns an Authority that lives in memory only, constrained to the given
// DNS names ("*.vault.azure.net" stands for all labels below vault.azure.net).
func NewEphemeral(names []string, now func() time.Time, rand io.Reader) (*Authority, error) {
	if len(names) == 0 || now == nil || rand == nil {
		return nil, errors.New("pki: names, now and rand are needed")
	}
	for _, n := range names {
		if !validName(strings.TrimPrefix(n, "*.")) {
			return nil, fmt.Errorf("pki: %q is not a DNS name", n)
		}
	}
	i, err := create(profile{name: "run", names: names}, now(), rand)
	if err != nil {
		return nil, err
	}
	return &Authority{issuers: []*issuer{i}, now: now, rand: rand, leaves: map[string]*tls.Certificate{}}, nil
}

// Bundle returns the certificates of the authorities as PEM, what a client must trust.
func (a *Authority) Bundle() []byte {
	var out bytes.Buffer
	for _, i := range a.issuers {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.certificate.Raw}))
	}
	return out.Bytes()
}

// ServerConfig returns the TLS settings of all our listeners: 1.2 or later, AEAD suites with
// forward secrecy only, certificates of a (S/R 6.4).
func (a *Authority) ServerConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: a.GetCertificate,
	}
}

// validName reports whether s is a DNS name of letters, digits and inner hyphens, without
// wildcards or a final dot.
func validName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}
