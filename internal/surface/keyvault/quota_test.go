package keyvault_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/surface/keyvault"
)

// RS-62: 5,000 requests within ten seconds are taken with the switch off; with it on, 4,000
// of a vault and 20,000 of a subscription, the rest refused and not counted, and all are
// taken again in the next ten seconds.
func TestQuota(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	ask := func(take func(vault string) bool, vault string, n int) (taken int) {
		for range n {
			if take(vault) {
				taken++
			}
		}
		return taken
	}
	if n := ask(keyvault.Quota(nil), "a", 5000); n != 5000 {
		t.Errorf("off: %d", n)
	}
	on := keyvault.Quota(clock)
	for _, vault := range []string{"a", "b", "c", "d", "e"} {
		if n := ask(on, vault, 5000); n != 4000 {
			t.Errorf("vault %s: %d", vault, n)
		}
	}
	if n := ask(on, "f", 10); n != 0 {
		t.Errorf("a sixth vault of the subscription: %d", n)
	}
	now = now.Add(9 * time.Second)
	if n := ask(on, "a", 10); n != 0 {
		t.Errorf("within the ten seconds: %d", n)
	}
	now = now.Add(time.Second)
	if n := ask(on, "a", 10); n != 10 {
		t.Errorf("after the ten seconds: %d", n)
	}
}

// RS-62: on the wire, 429 with Retry-After, behind authentication; other vaults go on.
func TestThrottleOnTheWire(t *testing.T) {
	h := newHouse(t, func(c *keyvault.Config) { c.Throttle = true })
	h.vault("kv-one", nil)
	h.vault("kv-two", nil)
	keyvault.LimitQuota(h.room, 2)
	token := h.token(owner, nil)
	for range 2 {
		has(t, "below the limit", h.do("kv-one", token, "GET", "/secrets?api-version=7.5", ""), 200)
	}
	refused := h.do("kv-one", token, "GET", "/secrets?api-version=7.5", "")
	has(t, "above the limit", refused, http.StatusTooManyRequests, `"code":"Throttled"`)
	if refused.Header().Get("Retry-After") == "" {
		t.Error("it does not say when to try again")
	}
	has(t, "without a token", h.do("kv-one", "", "GET", "/secrets?api-version=7.5", ""), 401)
	has(t, "another vault", h.do("kv-two", token, "GET", "/secrets?api-version=7.5", ""), 200)
	h.sleep(10 * time.Second)
	has(t, "later", h.do("kv-one", token, "GET", "/secrets?api-version=7.5", ""), 200)
}
