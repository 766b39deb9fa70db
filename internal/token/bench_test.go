package token_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
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

// The ceilings are what was measured plus a little; a change that exceeds them is to be
// argued. The last one is S-29: a million dots cost nothing.
func TestAllocationCeilings(t *testing.T) {
	i, r := issuer(t), request()
	v, text := verifierAt(t, now), issue(t, request()).Token.Reveal()
	dots := strings.Repeat(".", 1_000_000)
	audiences := []string{vault}
	for name, c := range map[string]struct {
		ceiling float64
		do      func()
	}{
		"mint":           {16, func() { _, _ = i.Issue(r) }},
		"verify":         {45, func() { _, _ = v.Verify(text, audiences, tenant) }},
		"a million dots": {0, func() { _, _ = v.Verify(dots, audiences, tenant) }},
	} {
		if got := testing.AllocsPerRun(20, c.do); got > c.ceiling {
			t.Errorf("%s: %v allocations, at most %v", name, got, c.ceiling)
		}
	}
}
