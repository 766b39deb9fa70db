package audit_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func newLog(t *testing.T, db *store.DB) *audit.Log {
	t.Helper()
	l, err := audit.New(audit.Config{Store: db, Server: "s1", Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestRecordSharesTheFateOfItsWrite(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := newLog(t, db)
		ctx := audit.WithActor(t.Context(), audit.Actor{Object: "o1", CorrelationID: "c1"})
		refused := errors.New("refused")
		err := db.Update(ctx, func(tx *store.Tx) error {
			if err := l.Record(ctx, tx, audit.Event{Kind: audit.Activity, Operation: "a/write"}); err != nil {
				return err
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		err = db.Update(ctx, func(tx *store.Tx) error {
			return l.Record(ctx, tx, audit.Event{Kind: audit.Activity, Operation: "b/write", Outcome: audit.Succeeded})
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.List(ctx, audit.Filter{Kinds: []audit.Kind{audit.Activity}, Principal: "o1"})
		if err != nil || len(got) != 1 || got[0].Operation != "b/write" || got[0].Actor.CorrelationID != "c1" || !got[0].Time.Equal(noon) {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
}

func TestConcurrentWritesAreAllThereAndChained(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := newLog(t, db)
		c := newCheckpoints(t, db, l, nil)
		const callers, each = 16, 5
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for i := range each {
					e := audit.Event{Kind: audit.SignIn, Operation: "token.issue", Target: fmt.Sprint(c, i)}
					ctx := t.Context()
					if c%2 == 0 { // the others act for nobody, also in the batch of one who does
						e.Reason = "somebody"
						ctx = audit.WithActor(ctx, audit.Actor{Name: "somebody"})
					}
					if err := l.Write(ctx, e); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		events, err := l.List(t.Context(), audit.Filter{})
		if err != nil || len(events) != callers*each {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for _, e := range events {
			if e.Actor.Name != e.Reason {
				t.Errorf("%s is on record as done by %q", e.Target, e.Actor.Name)
			}
		}
		if err := c.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := c.Verify(t.Context(), nil)
		if err != nil || !r.Intact || len(r.Chains) != 1 || r.Chains[0].Last != callers*each+1 { // the key is on record too
			t.Fatalf("%+v, %v", r, err)
		}
	})
}

func TestWriteFailsWhenTheStoreIsGone(t *testing.T) {
	db := storetest.SQLite(t)
	l := newLog(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(t.Context(), audit.Event{Kind: audit.SignIn}); !errors.Is(err, audit.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
}
