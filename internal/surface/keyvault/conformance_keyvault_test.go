package keyvault_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/token"
)

// RS-2, RS-10: forged algorithms and unknown keys are refused in the form of the vault, and
// a good token may be almost 16 KB long, not more.
func TestForgedAndLongTokens(t *testing.T) {
	h := newHouse(t, nil)
	h.vault("kv-one", nil)
	good := strings.Split(h.token(owner, nil), ".")
	head := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + good[1] }
	signed := head(`{"alg":"HS256","typ":"JWT","kid":"k1"}`)
	mac := hmac.New(sha256.New, signingKey.N.Bytes())
	mac.Write([]byte(signed))
	long := func(n int) string {
		return h.token(owner, func(r *token.Request) { r.Roles = []string{strings.Repeat("x", n)} })
	}
	for name, c := range map[string]struct {
		text   string
		status int
	}{
		"as it was issued":          {strings.Join(good, "."), 200},
		"alg none":                  {head(`{"alg":"none","typ":"JWT","kid":"k1"}`) + ".", 401},
		"alg none with a signature": {head(`{"alg":"none","typ":"JWT","kid":"k1"}`) + "." + good[2], 401},
		"HS256 under the modulus":   {signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), 401},
		"an unknown kid":            {head(`{"alg":"RS256","typ":"JWT","kid":"k2"}`) + "." + good[2], 401},
		"almost 16 KB":              {long(11000), 200},
		"more than 16 KB":           {long(12500), 401},
	} {
		w := h.do("kv-one", c.text, "GET", "/secrets"+api, "")
		part := `"value":`
		if c.status == 401 {
			part = `{"error":{"code":"Unauthorized","message":"`
			if got := w.Header().Get("WWW-Authenticate"); got != challenge {
				t.Errorf("%s: challenge %q", name, got)
			}
		}
		has(t, name+" ("+strings.Repeat("I", len(c.text)>>10)+" KB)", w, c.status, part)
	}
}
