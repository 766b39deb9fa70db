package token_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
)

// BenchmarkMint is to be read beside BenchmarkBareSign.
func BenchmarkMint(b *testing.B) {
	i, r := issuer(b), request()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.Issue(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareSign is what RSA alone costs.
func BenchmarkBareSign(b *testing.B) {
	digest := sha256.Sum256([]byte("x"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rsa.SignPKCS1v15(rand.Reader, ours, crypto.SHA256, digest[:]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify is to be read beside BenchmarkBareVerify.
func BenchmarkVerify(b *testing.B) {
	v, text := verifierAt(b, now), issue(b, request()).Token.Reveal()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(text, []string{vault}, tenant); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareVerify is what RSA alone costs.
func BenchmarkBareVerify(b *testing.B) {
	digest := sha256.Sum256([]byte("x"))
	sig, err := rsa.SignPKCS1v15(rand.Reader, ours, crypto.SHA256, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := rsa.VerifyPKCS1v15(&ours.PublicKey, crypto.SHA256, digest[:], sig); err != nil {
			b.Fatal(err)
		}
	}
}
