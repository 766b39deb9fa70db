package provider_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// events reads the record of an operation, oldest first.
func events(f *armtest.Fixture, operation string) []audit.Event {
	f.T.Helper()
	var out []audit.Event
	armtest.Check(f.T, f.DB.View(f.T.Context(), func(tx *store.Tx) error {
		return tx.Query(f.T.Context(), func(r store.Row) error {
			var body string
			if err := r.Scan(&body); err != nil {
				return err
			}
			var e audit.Event
			err := json.Unmarshal([]byte(body), &e)
			out = append(out, e)
			return err
		}, "SELECT body FROM audit WHERE operation = $1 ORDER BY seq", strings.ToLower(operation))
	}))
	return out
}

func TestEveryWriteIsOnRecord(t *testing.T) { // M-14, CP-41, L-2
	f := armtest.Open(t, storetest.SQLite(t))
	const write = "Microsoft.Compute/virtualMachines/write"
	correlation := "5f1d8a52-4c27-4c26-95ca-26b8cd0e5ae2"
	f.Do("nobody", "PUT", vm, `{"location":"local"}`).Want(403, "AuthorizationFailed")
	f.Do("owner", "PUT", vm, `{"id":"/x"}`).Want(400, "InvalidRequestContent")
	f.Do("owner", "PUT", vm, `{"location":"local"}`, "x-ms-correlation-request-id: "+correlation, "User-Agent: az").Want(201, "")
	got := events(f, write)
	if len(got) != 3 {
		t.Fatalf("%d events: %v", len(got), got)
	}
	for i, want := range []struct {
		kind    audit.Kind
		outcome audit.Outcome
		reason  string
		who     string
	}{
		{audit.Security, audit.Denied, "AuthorizationFailed", "nobody"}, {audit.Activity, audit.Failed, "InvalidRequestContent", "owner"}, {audit.Activity, audit.Succeeded, "", "owner"},
	} {
		e := got[i]
		if e.Kind != want.kind || e.Outcome != want.outcome || e.Reason != want.reason || e.Actor.Object != f.People[want.who].Object || e.Target != vm || e.Subscription == "" {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	if a := got[2].Actor; a.CorrelationID != correlation || a.UserAgent != "az" || a.Type != "Application" || a.Source == "" || a.RequestID == "" {
		t.Errorf("actor %+v", a)
	}
	f.OK("owner", "PUT", app, `{"location":"local"}`)
	f.OK("owner", "POST", app+"/config/appsettings/list", "")
	if got := events(f, "Microsoft.Web/sites/config/list/action"); len(got) != 1 || got[0].Outcome != audit.Succeeded { // S-51
		t.Errorf("reading settings: %v", got)
	}
	f.Do("reader", "GET", vm, "").Want(200, "")
	if got := events(f, "Microsoft.Compute/virtualMachines/read"); len(got) != 0 {
		t.Errorf("a read is no write: %v", got)
	}
}

func TestNoWriteIsLostBetweenTwoWriters(t *testing.T) { // CP-38
	f := armtest.Open(t, storetest.SQLite(t))
	f.OK("owner", "PUT", vm, `{"location":"local"}`)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			f.Do("owner", "PATCH", vm, fmt.Sprintf(`{"properties":{"p%d":%d}}`, i, i)).Want(200, "")
		})
	}
	wg.Wait()
	got := f.OK("owner", "GET", vm, "")
	for i := range 8 {
		if got.At("properties", fmt.Sprintf("p%d", i)) != fmt.Sprint(i) {
			t.Errorf("p%d is lost: %s", i, got.Text)
		}
	}
	if n := len(events(f, "Microsoft.Compute/virtualMachines/write")); n != 9 {
		t.Errorf("%d writes on record", n)
	}
}
