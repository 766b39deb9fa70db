package launch

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// authority makes a CA certificate as PEM.
func authority(t *testing.T, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// L-16: the bundle holds the system's roots, the user's own and ours, each once; the Java
// store holds the same certificates.
func TestTrustHoldsAllRootsOnce(t *testing.T) {
	mine, ours := authority(t, "mine"), authority(t, "ours")
	own := filepath.Join(t.TempDir(), "own.pem")
	if err := os.WriteFile(own, append(append([]byte{}, mine...), mine...), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for range 2 { // writing again replaces the files
		trust, err := WriteTrust(dir, []string{"SSL_CERT_FILE=" + own, "REQUESTS_CA_BUNDLE=" + own}, ours, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := os.ReadFile(trust.Bundle)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string][]byte{"the user's": mine, "our": ours} {
			if n := bytes.Count(bundle, c); n != 1 {
				t.Errorf("%s certificate is in the bundle %d times", name, n)
			}
		}
		data, err := os.ReadFile(trust.JavaStore)
		if err != nil {
			t.Fatal(err)
		}
		inStore, err := pkcs12.DecodeTrustStore(data, javaStorePassword)
		if err != nil {
			t.Fatal(err)
		}
		if inBundle := distinct([][]byte{bundle}); len(inStore) != len(inBundle) || len(inStore) < 2 {
			t.Errorf("%d certificates in the Java store, %d in the bundle", len(inStore), len(inBundle))
		}
	}
	if _, err := WriteTrust(dir, []string{"SSL_CERT_FILE=/does/not/exist"}, ours, rand.Reader); err == nil {
		t.Error("a trust file of the user that cannot be read was left out in silence")
	}
	if _, err := WriteTrust(dir, nil, []byte("no certificate"), rand.Reader); err == nil {
		t.Error("a CA file without a certificate was accepted")
	}
}
