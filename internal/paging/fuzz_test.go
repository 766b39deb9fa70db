package paging_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/seal"
)

// box seals without a store, with a fixed key and nonce: enough to tell what it made.
type box struct{ cipher.AEAD }

// Seal implements the sealer of paging.
func (b box) Seal(_ context.Context, purpose, binding string, plain []byte) ([]byte, error) {
	return b.AEAD.Seal(nil, make([]byte, b.NonceSize()), plain, []byte(purpose+"\x00"+binding)), nil
}

// Open implements the sealer of paging.
func (b box) Open(_ context.Context, purpose, binding string, sealed []byte) ([]byte, error) {
	plain, err := b.AEAD.Open(nil, make([]byte, b.NonceSize()), sealed, []byte(purpose+"\x00"+binding))
	if err != nil {
		return nil, seal.ErrOpen
	}
	return plain, nil
}

// S-52, S-69: no text but the token that was made continues a list, and that one continues no other.
func FuzzPosition(f *testing.F) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p, err := paging.New(paging.Config{Sealer: box{aead}, Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	q := paging.Query{Tenant: "t", Caller: "c", What: []string{"list", "a"}}
	good, err := p.Make(f.Context(), q, "position")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, good + "A", good[1:], good + "=", "", "AAAA", "%00"} {
		f.Add(seed, "list", "a")
	}
	f.Add(good, "lista", "")
	f.Fuzz(func(t *testing.T, token, first, second string) {
		at, err := p.Position(t.Context(), paging.Query{Tenant: "t", Caller: "c", What: []string{first, second}}, token)
		if err == nil && (token != good || first != "list" || second != "a" || at != "position") {
			t.Fatalf("%q continues %q, %q at %q", token, first, second, at)
		}
	})
}
