package launch

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"software.sslmate.com/src/go-pkcs12"
)

// javaStorePassword protects nothing: the store holds only public certificates. Java's own is the same.
const javaStorePassword = "changeit"

// trustVariables name a file of certificates that replaces (or, for Node, extends) a
// client's own: Go, OpenSSL, .NET, Ruby; Python requests; curl and azure-core for Python; Node.
var trustVariables = []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}

// systemBundles are the places where systems keep their roots; the first that exists is used.
var systemBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Alpine
	"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL
	"/etc/ssl/ca-bundle.pem",                            // SUSE
	"/etc/ssl/cert.pem",                                 // macOS, Alpine
}

// Trust names the files by which a program trusts the system's roots and our CA.
type Trust struct {
	Bundle    string // PEM
	JavaStore string // PKCS#12, for -Djavax.net.ssl.trustStore
}

// WriteTrust writes both files into dir, which should be 0700: the roots of the system,
// those the user's own trust variables name (base is "NAME=value" pairs), and ours (PEM).
func WriteTrust(dir string, base []string, ours []byte, rand io.Reader) (Trust, error) {
	sources, err := rootSources(base)
	if err != nil {
		return Trust{}, err
	}
	certificates := distinct(append(sources, ours))
	if len(distinct([][]byte{ours})) == 0 {
		return Trust{}, errors.New("the platform's CA file holds no certificate")
	}
	var bundle bytes.Buffer
	entries := make([]pkcs12.TrustStoreEntry, 0, len(certificates))
	for i, c := range certificates {
		if err := pem.Encode(&bundle, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			return Trust{}, fmt.Errorf("write trust bundle: %w", err)
		}
		entries = append(entries, pkcs12.TrustStoreEntry{Cert: c, FriendlyName: fmt.Sprintf("root-%d", i+1)})
	}
	store, err := pkcs12.Modern2023.WithRand(rand).EncodeTrustStoreEntries(entries, javaStorePassword)
	if err != nil {
		return Trust{}, fmt.Errorf("make Java trust store: %w", err)
	}
	t := Trust{Bundle: filepath.Join(dir, "bundle.pem"), JavaStore: filepath.Join(dir, "truststore.p12")}
	if err := replaceFile(t.Bundle, bundle.Bytes()); err != nil {
		return Trust{}, fmt.Errorf("write trust bundle: %w", err)
	}
	if err := replaceFile(t.JavaStore, store); err != nil {
		return Trust{}, fmt.Errorf("write Java trust store: %w", err)
	}
	return t, nil
}

// replaceFile writes name so that a reader sees the old or the new content, never half.
func replaceFile(name string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone after the rename
	if _, err := file.Write(data); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

// rootSources reads the roots a program would trust without us. A file that the user's
// environment names must be readable: leaving it out would silently remove trust.
func rootSources(base []string) ([][]byte, error) {
	var out [][]byte
	for _, name := range systemBundles {
		if data, err := os.ReadFile(name); err == nil {
			out = append(out, data)
			break
		}
	}
	old := lookup(base)
	for _, variable := range trustVariables {
		name := old[variable]
		if name == "" {
			continue
		}
		info, err := os.Stat(name)
		if err == nil && info.IsDir() {
			continue // REQUESTS_CA_BUNDLE may name a hashed directory
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("%s names a file that cannot be read: %w", variable, err)
		}
		out = append(out, data)
	}
	return out, nil
}

// distinct returns every certificate of the PEM texts once. What does not parse is left
// out, as OpenSSL and Go do with old roots.
func distinct(texts [][]byte) []*x509.Certificate {
	seen := map[[sha256.Size]byte]bool{}
	var out []*x509.Certificate
	for _, rest := range texts {
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			key := sha256.Sum256(block.Bytes)
			if block.Type != "CERTIFICATE" || seen[key] {
				continue
			}
			if c, err := x509.ParseCertificate(block.Bytes); err == nil {
				seen[key] = true
				out = append(out, c)
			}
		}
	}
	return out
}
