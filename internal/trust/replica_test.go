package trust_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/trust"
)

// DT-53, S-36, S-42: two servers over one store agree: on credentials within the feed's delay,
// on an assertion that works once at once.
func TestTwoServersAgree(t *testing.T) {
	dsn := storetest.PostgresDSN(t)
	var servers []*world
	for range 2 {
		db := storetest.Open(t, store.Config{PostgresDSN: dsn, Now: time.Now})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := db.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(func() { stop(); running.Wait() })
		servers = append(servers, newWorld(t, db))
	}
	one, two := servers[0], servers[1]
	tenant := one.tenant()
	app, _ := one.app(tenant.ID)
	held := func() int {
		all, err := two.FederatedCredentials(t.Context(), tenant.ID, app.App)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if n := held(); n != 0 {
		t.Fatalf("%d credentials before", n)
	}
	if _, _, err := one.federate(tenant.ID, app.App, "kube", trust.Either, nil); err != nil {
		t.Fatal(err)
	}
	storetest.Eventually(t, "the other server sees the credential", func() bool { return held() == 1 })
	if err := one.RemoveFederatedCredential(t.Context(), tenant.ID, app.App, "kube"); err != nil {
		t.Fatal(err)
	}
	storetest.Eventually(t, "the other server sees it go", func() bool { return held() == 0 })
	if err := one.SetSingleUseAssertions(t.Context(), tenant.ID, app.App, true); err != nil {
		t.Fatal(err)
	}
	storetest.Eventually(t, "the other server sees the setting", func() bool {
		once, err := two.SingleUseAssertions(t.Context(), app.App)
		return err == nil && once
	})
	var won atomic.Int64
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			err := servers[n%2].UseAssertion(t.Context(), app.App, trust.Use{Digest: []byte("digest"), Expires: noon.Add(time.Hour)})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, trust.ErrAssertionUsed) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 50 uses at two servers succeeded", won.Load())
	}
}
