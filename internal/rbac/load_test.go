package rbac_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// BenchmarkLoad is the first decision after a start, which reads all assignments, and the
// first after one assignment changed, which reads those of one principal.
// SEALRING_BENCH_ASSIGNMENTS sets their number.
func BenchmarkLoad(b *testing.B) {
	n := 10_000
	if more, err := strconv.Atoi(os.Getenv("SEALRING_BENCH_ASSIGNMENTS")); err == nil {
		n = more
	}
	db := storetest.SQLite(b)
	for from := 0; from < n; from += 5000 {
		err := db.Update(b.Context(), func(tx *store.Tx) error {
			for i := from; i < min(from+5000, n); i++ {
				scope := group.Child("Microsoft.KeyVault/vaults", fmt.Sprintf("vault%d", i))
				_, err := tx.Exec(b.Context(), `INSERT INTO role_assignment (name, scope, scope_key, scope_path, subscription, role_id, principal_id, principal_type,
					description, created_at, created_by, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, 'ServicePrincipal', '', 0, '', 0, '')`,
					guid(3, i), scope.String(), scope.Key(), []byte(scope.Key()), string(subscription), string(secretsUser), guid(1, i/3))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	now := func() time.Time { return noon }
	log, err := audit.New(audit.Config{Store: db, Server: "s1", Now: now})
	if err != nil {
		b.Fatal(err)
	}
	everybody := people{}
	for i := range 2 {
		everybody[id.Object(guid(1, i))] = person{kind: rbac.ServicePrincipal}
	}
	ask := rbac.Request{Principal: id.Object(guid(1, 0)), Data: true, Action: getSecret, Scope: group.Child("Microsoft.KeyVault/vaults", "vault0")}
	b.Run(fmt.Sprintf("start/%d", n), func(b *testing.B) {
		for b.Loop() {
			s, err := rbac.New(rbac.Config{Store: db, Audit: log, Directory: everybody, Now: now})
			if err != nil {
				b.Fatal(err)
			}
			if d, err := s.Decide(b.Context(), ask); err != nil || !d.Allowed {
				b.Fatalf("%+v, %v", d, err)
			}
		}
	})
	b.Run(fmt.Sprintf("change/%d", n), func(b *testing.B) {
		s, err := rbac.New(rbac.Config{Store: db, Audit: log, Directory: everybody, Now: now, AssignmentsPerSubscription: 10 * n})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Decide(b.Context(), ask); err != nil {
			b.Fatal(err)
		}
		for i := 0; b.Loop(); i++ {
			_, _, err := s.PutAssignment(b.Context(), rbac.NewAssignment{Name: rbac.AssignmentID(guid(3, 0)), Scope: ask.Scope, Role: secretsUser, Principal: ask.Principal, Description: fmt.Sprint(i)})
			if err != nil {
				b.Fatal(err)
			}
			if d, err := s.Decide(b.Context(), ask); err != nil || !d.Allowed {
				b.Fatalf("%+v, %v", d, err)
			}
		}
	})
}
