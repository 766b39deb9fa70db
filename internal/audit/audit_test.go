package audit_test

import (
	"context"
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
		got, err := l.List(ctx, audit.Filter{Kind: audit.Activity, Principal: "o1"})
		if err != nil || len(got) != 1 || got[0].Operation != "b/write" || got[0].Actor.CorrelationID != "c1" || !got[0].Time.Equal(noon) {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
}

func TestConcurrentWritesAreAllThereAndChained(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := newLog(t, db)
		const callers, each = 16, 5
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for i := range each {
					e := audit.Event{Kind: audit.SignIn, Operation: "token.issue", Target: fmt.Sprint(c, i)}
					if err := l.Write(t.Context(), e); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		good, err := l.Verify(t.Context(), "s1")
		if err != nil || good != callers*each {
			t.Fatalf("%d records hold, %v; want %d", good, err, callers*each)
		}
	})
}

func TestVerifyNamesTheFirstBadRecord(t *testing.T) {
	for name, damage := range map[string]string{
		"edited":  "UPDATE audit SET body = '{}' WHERE seq = 3",
		"removed": "DELETE FROM audit WHERE seq = 3",
	} {
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			l, ctx := newLog(t, db), context.Background()
			for range 5 {
				if err := l.Write(ctx, audit.Event{Kind: audit.Security, Operation: "x"}); err != nil {
					t.Fatal(err)
				}
			}
			err := db.Update(ctx, func(tx *store.Tx) error { _, err := tx.Exec(ctx, damage); return err })
			if err != nil {
				t.Fatal(err)
			}
			if good, err := l.Verify(ctx, "s1"); !errors.Is(err, audit.ErrBroken) || good != 2 {
				t.Errorf("%s: %d good, %v", name, good, err)
			}
		})
	}
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
