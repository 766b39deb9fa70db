package directory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// CP-76: what was issued before a revocation is not accepted, by the second it is dated.
func TestRevokedTokensHaveAFloor(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	tenant := w.tenant()
	sp := w.identity(tenant.ID, "orders")
	if from, err := w.TokensFrom(t.Context(), sp.ID); err != nil || !from.IsZero() {
		t.Fatalf("before: %v %v", from, err)
	}
	w.now = noon.Add(300 * time.Millisecond)
	w.must(func(ctx context.Context, tx *store.Tx) error {
		from, err := w.RevokeTokens(ctx, tx, tenant.ID, sp.ID)
		if !from.Equal(noon.Add(time.Second)) {
			t.Errorf("from %v", from)
		}
		return err
	})
	if from, err := w.TokensFrom(t.Context(), sp.ID); err != nil || !from.Equal(noon.Add(time.Second)) {
		t.Errorf("after: %v %v", from, err)
	}
	other := w.tenant()
	err := w.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := w.RevokeTokens(ctx, tx, other.ID, sp.ID)
		return err
	})
	if !errors.Is(err, directory.ErrServicePrincipalNotFound) {
		t.Errorf("from another tenant: %v", err)
	}
}
