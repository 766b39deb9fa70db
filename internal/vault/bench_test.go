package vault_test

import (
	"testing"

	"github.com/sealring/sealring/internal/store/storetest"
)

// Reading a secret, its durable record included, by one caller.
func BenchmarkGetSecret(b *testing.B) {
	db := storetest.SQLite(b)
	h := newHouse(b, db)
	v := h.create(b, vaultID(sub1, "g", "kv-bench"), tenantA, nil)
	h.set(b, v, "s", "value")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.GetSecret(b.Context(), v, "s", ""); err != nil {
			b.Fatal(err)
		}
	}
}
