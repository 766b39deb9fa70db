package resource_test

import (
	"fmt"
	"testing"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// BenchmarkPages reads pages of a list of 100,000 identities and machines at its beginning
// and at its end, and reports the ratio: page k costs what page 1 costs.
func BenchmarkPages(b *testing.B) {
	const total = 100_000
	db := storetest.SQLite(b)
	log, err := audit.New(audit.Config{Store: db, Server: "a", Now: fixedNow})
	if err != nil {
		b.Fatal(err)
	}
	s, err := resource.New(resource.Config{Store: db, Audit: log, Now: fixedNow})
	if err != nil {
		b.Fatal(err)
	}
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	check(s.PutSubscription(b.Context(), resource.Subscription{ID: subscription, Tenant: "t", Name: "mine"}))
	group, _, err := s.PutGroup(b.Context(), resource.GroupID(subscription, "rg"), resource.Precondition{}, func(g *resource.Group) error {
		g.Location = "local"
		return nil
	})
	check(err)
	const kind = "Microsoft.ManagedIdentity/userAssignedIdentities"
	for from := 0; from < total; from += 5_000 {
		check(db.Update(b.Context(), func(tx *store.Tx) error {
			for n := from; n < from+5_000; n++ {
				if _, err := s.Save(b.Context(), tx, resource.Resource{ID: group.ID.Child(kind, fmt.Sprintf("id-%06d", n)), Location: "local"}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	last := group.ID.Child(kind, fmt.Sprintf("id-%06d", total-101)).Key()
	for list, q := range map[string]resource.Query{
		"identities of a group":     {Scope: group.ID, Type: kind, Limit: 100},
		"resources of subscription": {Scope: resource.SubscriptionID(subscription), Limit: 100},
	} {
		first := 0.0
		for _, page := range []struct{ name, after string }{{"page 1", ""}, {"page 1000", last}} {
			q.After = page.after
			b.Run(list+"/"+page.name, func(b *testing.B) {
				for b.Loop() {
					if page, _, err := s.List(b.Context(), q); err != nil || len(page) != 100 {
						b.Fatal(len(page), err)
					}
				}
				each := float64(b.Elapsed()) / float64(b.N)
				if first == 0 {
					first = each
				}
				b.ReportMetric(each/first, "of-page-1")
			})
		}
	}
}
