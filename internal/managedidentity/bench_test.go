package managedidentity_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/store/storetest"
)

// BenchmarkMintCached is what nearly every request costs: memory only.
func BenchmarkMintCached(b *testing.B) {
	f := open(b, storetest.SQLite(b), nil)
	f.put(f.vm("v"), f.block("SystemAssigned"))
	caller := managedidentity.Caller{Resource: f.vm("v"), Process: &audit.Process{Host: "h", PID: 1, StartTime: 7}}
	req := managedidentity.Request{Audience: vault, Dialect: managedidentity.IMDS}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Mint(ctx, caller, req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMintCold makes and records a new token each time; compare with BenchmarkRSA.
func BenchmarkMintCold(b *testing.B) {
	f := open(b, storetest.SQLite(b), nil)
	f.put(f.vm("v"), f.block("SystemAssigned"))
	caller := managedidentity.Caller{Resource: f.vm("v"), Process: &audit.Process{Host: "h", PID: 1, StartTime: 7}}
	req := managedidentity.Request{Audience: vault, Dialect: managedidentity.IMDS}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		f.offset.Add(12 * 3600)
		if _, err := f.Mint(ctx, caller, req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRSA is the bare signature in a mint.
func BenchmarkRSA(b *testing.B) {
	sum := sha256.Sum256([]byte("x"))
	for b.Loop() {
		if _, err := rsa.SignPKCS1v15(rand.Reader, rsaKey(), crypto.SHA256, sum[:]); err != nil {
			b.Fatal(err)
		}
	}
}

// TestCachedMintAllocations is the ceiling of the hot path.
func TestCachedMintAllocations(t *testing.T) {
	f := open(t, storetest.SQLite(t), nil)
	f.put(f.vm("v"), f.block("SystemAssigned"))
	caller := managedidentity.Caller{Resource: f.vm("v"), Process: &audit.Process{Host: "h", PID: 1, StartTime: 7}}
	req := managedidentity.Request{Audience: vault, Dialect: managedidentity.IMDS}
	got := testing.AllocsPerRun(200, func() {
		if _, err := f.Mint(t.Context(), caller, req); err != nil {
			t.Fatal(err)
		}
	})
	if got > 6 {
		t.Errorf("a cached token costs %v allocations, at most 6 are allowed", got)
	}
}
