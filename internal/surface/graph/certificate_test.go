package graph_test

import (
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
)

// certificate is a self-signed certificate in DER.
func certificate(t *testing.T) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: noon, NotAfter: noon.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signingKey().Public(), signingKey())
	if err != nil {
		t.Fatal(err)
	}
	return der
}
