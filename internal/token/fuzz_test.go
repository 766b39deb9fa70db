package token_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/token"
)

// FuzzCompact feeds every reader of compact JWS. What an honest key did not sign never
// verifies, and one changed byte is enough (S-29).
func FuzzCompact(f *testing.F) {
	good := forge(ours, goodHeader, payload(nil))
	f.Add(good)
	f.Add(good + "=")
	f.Add(assert("PS256", other, nil, nil))
	v := verifierAt(f, now)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := v.Verify(text, []string{vault}, tenant); err == nil && text != good {
			t.Fatalf("accepted %q", text)
		}
		client, err := token.UnverifiedClient(text)
		if err == nil && string(client) != strings.ToLower(string(client)) {
			t.Fatalf("client %q", client)
		}
		_, _ = token.UnverifiedIssuer(text)
		if _, err := token.VerifyClientAssertion(text, expect()); err == nil {
			t.Skip() // signed by the seed's own key
		}
	})
}
