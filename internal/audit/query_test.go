package audit_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

func TestQueryFindsByWhatTheActivityLogAsksFor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		l, err := audit.New(audit.Config{Store: db, Server: "s1", Now: func() time.Time { now = now.Add(time.Second); return now }})
		if err != nil {
			t.Fatal(err)
		}
		write := func(kind audit.Kind, operation, target, correlation string) {
			t.Helper()
			e := audit.Event{Kind: kind, Operation: operation, Target: target, Subscription: "S1", Outcome: audit.Succeeded, Actor: audit.Actor{CorrelationID: correlation}}
			if err := l.Write(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		write(audit.Activity, "Microsoft.Web/sites/write", "/subscriptions/S1/resourceGroups/A/providers/Microsoft.Web/sites/x", "c1")
		write(audit.Activity, "Microsoft.Web/sites/delete", "/subscriptions/s1/resourcegroups/a_b/providers/Microsoft.Web/sites/x", "c2")
		write(audit.Security, "Microsoft.Authorization/roleAssignments/write", "/subscriptions/S1/resourceGroups/a", "c2")
		write(audit.SignIn, "token.issue", "/subscriptions/S1/resourceGroups/A/providers/Microsoft.Web/sites/x", "c3")
		both := []audit.Kind{audit.Activity, audit.Security}
		for name, c := range map[string]struct {
			f    audit.Filter
			want []string
		}{
			"kinds, newest first": {audit.Filter{Kinds: both}, []string{"c2", "c2", "c1"}},
			"all kinds":           {audit.Filter{}, []string{"c3", "c2", "c2", "c1"}},
			"a group in other letters and what lies below": {audit.Filter{Kinds: both, Target: "/SUBSCRIPTIONS/s1/resourceGroups/a/"}, []string{"c2", "c1"}},
			"no group whose name only begins so":           {audit.Filter{Kinds: both, Target: "/subscriptions/s1/resourceGroups/a_"}, nil},
			"a namespace":                                  {audit.Filter{Kinds: both, Namespace: "microsoft.WEB"}, []string{"c2", "c1"}},
			"no namespace that only begins so":             {audit.Filter{Namespace: "Microsoft.We"}, nil},
			"a correlation":                                {audit.Filter{CorrelationID: "c2"}, []string{"c2", "c2"}},
			"a subscription in other letters":              {audit.Filter{Kinds: both, Subscription: "s1"}, []string{"c2", "c2", "c1"}},
			"another subscription":                         {audit.Filter{Subscription: "s2"}, nil},
		} {
			t.Run(name, func(t *testing.T) {
				page, err := l.Query(t.Context(), c.f)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, e := range page.Events {
					got = append(got, e.Actor.CorrelationID)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		}
	})
}

func TestPagesOfTheLogNeitherRepeatNorLeaveOut(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		logs := map[string]*audit.Log{}
		for _, server := range []string{"a.example", "b"} {
			l, err := audit.New(audit.Config{Store: db, Server: server, Now: func() time.Time { return at }})
			if err != nil {
				t.Fatal(err)
			}
			logs[server] = l
		}
		kinds := []audit.Kind{audit.Activity, audit.SignIn, audit.Security}
		write := func(i int) {
			t.Helper()
			l := logs["a.example"]
			if i%2 == 0 {
				l = logs["b"]
			}
			if err := l.Write(t.Context(), audit.Event{Kind: kinds[i%3], Operation: "x", Target: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		const n = 40 // many within one second
		for i := range n {
			at = at.Add(time.Duration(i%5/4) * time.Second)
			write(i)
		}
		var seen []string
		f := audit.Filter{Limit: 7}
		for {
			page, err := logs["b"].Query(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				seen = append(seen, e.Target)
			}
			if f.After = page.Next; f.After == "" {
				break
			}
			write(100 + len(seen)) // newer than every page that follows
		}
		unique := slices.Compact(slices.Sorted(slices.Values(seen)))
		if len(seen) != n || len(unique) != n {
			t.Errorf("%d events in the pages, %d of them different, want %d", len(seen), len(unique), n)
		}
		for _, bad := range []string{"x", "1.2", "1.x.b", "x.1.b", "1.1."} {
			if _, err := logs["b"].Query(t.Context(), audit.Filter{After: bad}); !errors.Is(err, audit.ErrPosition) {
				t.Errorf("position %q: %v", bad, err)
			}
		}
	})
}
