package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/token"
)

// clocks may differ by 300 s. What differs by more is refused, and the refusal says
// by how much.
func TestSkewOfClientAssertions(t *testing.T) {
	for _, c := range []struct {
		claim string
		at    int64 // seconds from now
		want  error
		says  string
	}{
		{"exp", -299, nil, ""},
		{"exp", -301, token.ErrExpired, "expired 301 s ago"},
		{"exp", -3600, token.ErrExpired, "expired 3600 s ago"},
		{"nbf", 299, nil, ""},
		{"nbf", 301, token.ErrNotYetValid, "begins in 301 s"},
		{"nbf", 3600, token.ErrNotYetValid, "begins in 3600 s"},
		{"iat", 299, nil, ""},
		{"iat", 301, token.ErrNotYetValid, "begins in 301 s"},
		{"iat", 3600, token.ErrNotYetValid, "begins in 3600 s"},
		{"nbf", -3600, nil, ""},
		{"iat", -3600, nil, ""},
		{"exp", 299, nil, ""},
		{"exp", 4200, token.ErrTooLong, "expires in 4200 s"},
	} {
		_, err := token.VerifyClientAssertion(assert("RS256", ours, nil, map[string]any{c.claim: now.Unix() + c.at}), expect())
		if !errors.Is(err, c.want) || c.want != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %+d s: %v, want %v that says %q", c.claim, c.at, err, c.want, c.says)
		}
	}
}

// an issued token is valid from the skew before now, was never issued in the future,
// and ends when it says.
func TestDatesOfIssuedTokens(t *testing.T) {
	out := issue(t, request())
	c, err := verifierAt(t, now).Verify(out.Token.Reveal(), []string{request().Audience}, request().Tenant)
	if err != nil {
		t.Fatal(err)
	}
	if c.NotBefore.After(c.IssuedAt) || c.IssuedAt.After(now) || !c.Expires.Equal(now.Add(request().Lifetime)) {
		t.Errorf("nbf %v, iat %v, exp %v at %v", c.NotBefore, c.IssuedAt, c.Expires, now)
	}
	if now.Sub(c.NotBefore) > token.MaxSkew+time.Second {
		t.Errorf("backdated by %v", now.Sub(c.NotBefore))
	}
}
