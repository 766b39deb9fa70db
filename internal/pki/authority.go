package pki

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/store"
)

// purpose names authority keys to the sealer; they are bound to name and certificate.
const purpose = "pki.authority"

// authorityYears is how long an authority lives: as long as an installation, since replacing
// it means to visit every client.
const authorityYears = 10

// profile says what an authority is for.
type profile struct {
	name     string
	names    []string
	loopback bool
}

// loadOrCreate returns the authority of that name; the first one to start makes it.
func (c *Config) loadOrCreate(ctx context.Context, p profile) (*issuer, error) {
	i, err := c.load(ctx, p)
	if i != nil || err != nil {
		return i, err
	}
	if i, err = create(p, c.Now(), c.Rand); err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	sealed, err := c.Sealer.Seal(ctx, purpose, binding(p.name, i.certificate.Raw), private)
	if err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	err = c.Store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO authorities (name, certificate, sealed, created_at) VALUES ($1, $2, $3, $4)",
			p.name, i.certificate.Raw, sealed, c.Now().Unix())
		return err
	})
	if errors.Is(err, store.ErrExists) { // another replica was faster
		return c.load(ctx, p)
	}
	if err != nil {
		return nil, fmt.Errorf("keep it: %w", err)
	}
	return i, nil
}

// load returns the authority of that name from the store; nil if there is none. Errors:
// ErrOther.
func (c *Config) load(ctx context.Context, p profile) (*issuer, error) {
	var der, sealed []byte
	var found bool
	err := c.Store.View(ctx, func(tx *store.Tx) (err error) {
		found, err = tx.Get(ctx, "SELECT certificate, sealed FROM authorities WHERE name = $1", []any{p.name}, &der, &sealed)
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w: %w", ErrOther, err)
	}
	if want := constraints(p.names); !slices.Equal(cert.PermittedDNSDomains[:min(len(want), len(cert.PermittedDNSDomains))], want) {
		return nil, ErrOther.With("the certificate authority of this store is for %s, not for %s",
			strings.Join(cert.PermittedDNSDomains, ", "), strings.Join(want, ", "))
	}
	plain, err := c.Sealer.Open(ctx, purpose, binding(p.name, der), sealed)
	if err != nil {
		return nil, fmt.Errorf("open key: %w: %w", ErrOther, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("decode key: %w: %w", ErrOther, err)
	}
	key, ok := private.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("the key does not belong to the certificate: %w", ErrOther)
	}
	return &issuer{certificate: cert, key: key, names: p.names, loopback: p.loopback}, nil
}

// binding ties a sealed key to its row and certificate.
func binding(name string, der []byte) string { return name + "/" + string(der) }

// create makes an authority: P-256, no intermediates, constrained to its names and, unless
// it is for loopback, to no address at all.
func create(p profile, now time.Time, rand io.Reader) (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	serial, err := serialNumber(rand)
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Second)
	domains := constraints(p.names)
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"sealring"}, CommonName: fmt.Sprintf("sealring %s CA %x", p.name, serial.Bytes()[:4])},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.AddDate(authorityYears, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: domains,
	}
	if p.loopback {
		t.PermittedDNSDomains = append(t.PermittedDNSDomains, "localhost")
		t.PermittedIPRanges = loopbackRanges()
	} else {
		t.ExcludedIPRanges = []*net.IPNet{
			{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
		}
	}
	der, err := x509.CreateCertificate(rand, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("certify: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse own certificate: %w", err)
	}
	return &issuer{certificate: cert, key: key, names: p.names, loopback: p.loopback}, nil
}

// constraints returns the domains below which all of names lie, each once; a constraint
// covers the domain itself and everything below it (RFC 5280 section 4.2.1.10).
func constraints(names []string) (domains []string) {
	for _, n := range names {
		d := strings.TrimPrefix(strings.ToLower(n), "*.")
		if !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	return domains
}

// loopbackRanges returns 127.0.0.1 and ::1.
func loopbackRanges() []*net.IPNet {
	return []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 1).To4(), Mask: net.CIDRMask(32, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
}

// serialNumber draws 127 random bits; the highest is set, so that the length is always the same.
func serialNumber(rand io.Reader) (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(rand, b); err != nil {
		return nil, fmt.Errorf("draw serial number: %w", err)
	}
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b), nil
}
