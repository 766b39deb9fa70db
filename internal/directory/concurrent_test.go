package directory_test

import (
	"sync"
	"testing"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// Readers run all the while; whoever wrote sees his own write at once (DT-89).
func TestConcurrentWritersSeeTheirOwnWrites(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	tenant := w.tenant()
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := w.AllServicePrincipals(t.Context(), tenant.ID)
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 4 {
		writers.Go(func() {
			for range 10 {
				var object id.Object
				err := w.db.Update(t.Context(), func(tx *store.Tx) error {
					sp, err := w.CreateServicePrincipal(t.Context(), tx, directory.NewServicePrincipal{
						Tenant: tenant.ID, Kind: directory.KindManagedIdentity, DisplayName: "x",
					})
					object = sp.ID
					return err
				})
				if alive, err2 := w.Alive(t.Context(), tenant.ID, object); err != nil || err2 != nil || !alive {
					t.Errorf("made, but not alive: %v %v", err, err2)
				}
				err = w.db.Update(t.Context(), func(tx *store.Tx) error { return w.DeleteServicePrincipal(t.Context(), tx, tenant.ID, object) })
				if alive, err2 := w.Alive(t.Context(), tenant.ID, object); err != nil || err2 != nil || alive {
					t.Errorf("deleted, but alive: %v %v", err, err2)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}
