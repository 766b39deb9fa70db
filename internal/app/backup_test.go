package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/backup"
	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
)

// offline opens the installation of c, until the test ends.
func offline(t *testing.T, c Config) *Offline {
	t.Helper()
	o, err := OpenOffline(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// write makes or removes a resource group as the administrator and returns the status.
func (r *running) write(ctx context.Context, t *testing.T, method, group string) int {
	t.Helper()
	answer, err := r.client.Do(ctx, client.Request{
		Method: method, URL: r.Endpoints().Local + "/subscriptions/" + r.Endpoints().SubscriptionID + "/resourceGroups/" + group + "?api-version=2021-04-01",
		Body: []byte(`{"location":"local"}`), Token: r.client.AdminToken, Audience: "https://management.azure.com",
	})
	if err != nil {
		return 0
	}
	return answer.Status
}

// a backup taken beside a server under load is one moment of it; what is restored
// from it, into either engine, is the same installation: ids, issuer, keys, and a token from
// before still opens the door.
func TestABackupUnderLoadIsOneMoment(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		s := start(t, c)
		token, err := s.client.AdminToken(t.Context(), "https://management.azure.com")
		if err != nil {
			t.Fatal(err)
		}
		var last atomic.Int64
		ctx, stop := context.WithCancel(t.Context())
		var load sync.WaitGroup
		load.Go(func() {
			for n := int64(1); ctx.Err() == nil; n++ {
				if s.write(ctx, t, http.MethodPut, fmt.Sprintf("load%04d", n)) == http.StatusCreated {
					last.Store(n)
				}
			}
		})
		awaitCount(t, &last, 5)
		before := last.Load()
		file := filepath.Join(t.TempDir(), "backup")
		if _, err := offline(t, c).Backup(t.Context(), file, "test"); err != nil {
			t.Fatal(err)
		}
		after := last.Load() + 1 // the next may have been under way
		stop()
		load.Wait()
		want := s.identity(t)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := offline(t, c).Backup(t.Context(), file, "test"); !errors.Is(err, ErrBackupFile) {
			t.Errorf("over a backup: %v", err)
		}
		if _, err := Restore(t.Context(), c, file, nil); !errors.Is(err, store.ErrNotEmpty) {
			t.Errorf("over an installation: %v", err)
		}
		for engine, config := range map[string]func(*testing.T, Config) Config{"sqlite": func(_ *testing.T, c Config) Config { return c }, "postgres": onPostgres} {
			t.Run("into "+engine, func(t *testing.T) {
				fresh := testConfig(t)
				fresh.ConfigHome, fresh.KEK = c.ConfigHome, c.KEK
				fresh = config(t, fresh)
				r, err := Restore(t.Context(), fresh, file, nil)
				if err != nil || r.Epoch != 1 || r.Rows == 0 {
					t.Fatalf("%+v, %v", r, err)
				}
				report, err := offline(t, fresh).Check(t.Context())
				if err != nil || !report.Intact {
					t.Errorf("check: %+v, %v", report, err)
				}
				again := start(t, fresh)
				got := again.identity(t)
				for name, value := range want {
					if same := got[name] == value; same == (name == "secret") { // the file is new, and so is the secret
						t.Errorf("%s is %q and was %q", name, got[name], value)
					}
				}
				answer, err := again.client.Do(t.Context(), client.Request{Method: http.MethodGet, URL: again.Endpoints().Local + "/subscriptions?api-version=2021-04-01",
					Token: func(context.Context, string) (secret.Text, error) { return token, nil }, Audience: "x"})
				if err != nil || answer.Status != http.StatusOK {
					t.Errorf("a token from before: %+v, %v", answer, err)
				}
				list := again.get(t, "/subscriptions/"+again.Endpoints().SubscriptionID+"/resourceGroups?api-version=2021-04-01", true)
				held := int64(strings.Count(list, `"name":"load`))
				if held < before || held > after || held > 0 && !strings.Contains(list, fmt.Sprintf("load%04d", held)) {
					t.Errorf("%d groups are there, of %d before and %d after, or one is missing between", held, before, after)
				}
			})
		}
	})
}

// awaitCount polls until n is reached, ten seconds at most.
func awaitCount(t *testing.T, n *atomic.Int64, want int64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); n.Load() < want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d", n.Load(), want)
		}
	}
}

// what was removed after the backup is there again and is named, what works once or for
// a short time is not; the restore is on record, and the chain before it is whole.
func TestARestoreSaysWhatItRevived(t *testing.T) {
	c := testConfig(t)
	s := start(t, c)
	e, err := offline(t, c).Estate()
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := e.CreateTenant(t.Context(), "Second", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if s.write(t.Context(), t, http.MethodPut, fmt.Sprint("g", i)) != http.StatusCreated {
			t.Fatal("no group")
		}
	}
	link := nextLink(t, s)
	file := filepath.Join(t.TempDir(), "backup")
	if _, err := offline(t, c).Backup(t.Context(), file, "test"); err != nil {
		t.Fatal(err)
	}
	later := c.Now
	c.Now = func() time.Time { return later().Add(2 * time.Second) } // the log counts in seconds
	gone, err := offline(t, c).Estate()
	if err != nil {
		t.Fatal(err)
	}
	sp, err := gone.directory.ServicePrincipalByApp(t.Context(), tenant.ID, tenant.AdminClientID)
	if err != nil {
		t.Fatal(err)
	}
	err = gone.db.Update(t.Context(), func(tx *store.Tx) error {
		return gone.directory.DeleteApplication(t.Context(), tx, tenant.ID, tenant.AdminClientID)
	})
	if err != nil {
		t.Fatal(err)
	}
	var exported bytes.Buffer
	if _, err := offline(t, c).ExportAudit(t.Context(), &exported, "", time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	fresh := testConfig(t)
	fresh.ConfigHome, fresh.KEK = c.ConfigHome, c.KEK
	r, err := Restore(t.Context(), fresh, file, &exported)
	if said := strings.Join(r.Revived, "\n"); err != nil || !strings.Contains(said, "the application "+string(tenant.AdminClientID)) || !strings.Contains(said, "the service principal "+string(sp.ID)) {
		t.Errorf("revived %q, %v", r.Revived, err)
	}
	again := start(t, fresh)
	answer, err := again.client.Do(t.Context(), client.Request{Method: http.MethodGet, URL: again.Endpoints().Local + link, Token: again.client.AdminToken, Audience: "https://management.azure.com"})
	if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Status != http.StatusBadRequest {
		t.Errorf("a page link from before: %+v, %v", answer, err)
	}
	verified, err := offline(t, fresh).VerifyAudit(t.Context(), nil)
	if err != nil || !verified.Intact {
		t.Errorf("the log: %+v, %v", verified, err)
	}
	var log strings.Builder
	if _, err := offline(t, fresh).ExportAudit(t.Context(), &log, "security", time.Time{}, time.Time{}); err != nil || !strings.Contains(log.String(), `"operation":"installation.restore"`) {
		t.Errorf("the restore is not on record: %v", err)
	}
	other := testConfig(t)
	if _, err := VerifyBackup(t.Context(), other, file); err == nil {
		t.Error("a backup opens without its key-encryption key")
	}
	if err := os.Truncate(file, 4000); err != nil {
		t.Fatal(err)
	}
	other.ConfigHome, other.KEK = c.ConfigHome, c.KEK
	if _, err := Restore(t.Context(), other, file, nil); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("a cut backup: %v", err)
	}
	if _, err := os.Stat(other.SQLitePath()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left a store: %v", err)
	}
}

// nextLink is the path of a second page of resource groups.
func nextLink(t *testing.T, s *running) string {
	t.Helper()
	list := s.get(t, "/subscriptions/"+s.Endpoints().SubscriptionID+"/resourceGroups?api-version=2021-04-01&$top=1", true)
	_, rest, ok := strings.Cut(list, `"nextLink":"https://`)
	link, _, _ := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no second page in %s", list)
	}
	link = link[strings.Index(link, "/"):]
	answer, err := s.client.Do(t.Context(), client.Request{Method: http.MethodGet, URL: s.Endpoints().Local + strings.ReplaceAll(link, `\u0026`, "&"), Token: s.client.AdminToken, Audience: "https://management.azure.com"})
	if err != nil || answer.Status != http.StatusOK {
		t.Fatalf("the second page: %+v, %v", answer, err)
	}
	return strings.ReplaceAll(link, `\u0026`, "&")
}
