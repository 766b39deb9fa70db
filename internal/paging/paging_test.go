package paging_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store/storetest"
)

// newTokens returns Tokens and the clock they read.
func newTokens(t *testing.T) (*paging.Tokens, *time.Time) {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	kek, err := seal.ParseKEK([]byte("sealring-kek-1 " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(t.Context(), seal.Config{Store: storetest.SQLite(t), KEK: kek, Now: now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	p, err := paging.New(paging.Config{Sealer: sealer, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return p, &at
}

// S-52
func TestTokenIsForOneQueryOfOneCaller(t *testing.T) {
	p, at := newTokens(t)
	q := paging.Query{Tenant: "t1", Caller: "c1", What: []string{"list", "a"}}
	const position = "'; DROP TABLE vaults; --"
	tok, err := p.Make(t.Context(), q, position)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(tok, "+/=&? ") || strings.Contains(tok, "DROP") {
		t.Errorf("token %q", tok)
	}
	if got, err := p.Position(t.Context(), q, tok); err != nil || got != position {
		t.Fatalf("%q, %v", got, err)
	}
	for name, other := range map[string]paging.Query{
		"another tenant":    {Tenant: "t2", Caller: "c1", What: []string{"list", "a"}},
		"another caller":    {Tenant: "t1", Caller: "c2", What: []string{"list", "a"}},
		"another list":      {Tenant: "t1", Caller: "c1", What: []string{"list", "b"}},
		"parts moved over":  {Tenant: "t1", Caller: "c1", What: []string{"lista"}},
		"tenant and caller": {Tenant: "t1c", Caller: "1", What: []string{"list", "a"}},
	} {
		if _, err := p.Position(t.Context(), other, tok); !errors.Is(err, paging.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	raw, _ := base64.RawURLEncoding.DecodeString(tok)
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 1
		if _, err := p.Position(t.Context(), q, base64.RawURLEncoding.EncodeToString(bad)); !errors.Is(err, paging.ErrToken) {
			t.Errorf("byte %d altered: %v", i, err)
		}
	}
	for _, bad := range []string{"", "x", "%24", "' OR 1=1", strings.Repeat("A", 9000)} {
		if _, err := p.Position(t.Context(), q, bad); !errors.Is(err, paging.ErrToken) {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
	*at = at.Add(time.Hour - time.Second)
	if _, err := p.Position(t.Context(), q, tok); err != nil {
		t.Errorf("within the hour: %v", err)
	}
	*at = at.Add(time.Second)
	if _, err := p.Position(t.Context(), q, tok); !errors.Is(err, paging.ErrToken) {
		t.Errorf("after an hour: %v", err)
	}
}
