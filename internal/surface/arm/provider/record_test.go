package provider_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// events reads the record of an operation, oldest first.
func (f *fixture) events(operation string) []audit.Event {
	f.t.Helper()
	var out []audit.Event
	check(f.t, f.db.View(f.t.Context(), func(tx *store.Tx) error {
		return tx.Query(f.t.Context(), func(r store.Row) error {
			var body string
			if err := r.Scan(&body); err != nil {
				return err
			}
			var e audit.Event
			err := json.Unmarshal([]byte(body), &e)
			out = append(out, e)
			return err
		}, "SELECT body FROM audit WHERE operation = $1 ORDER BY seq", operation)
	}))
	return out
}

func TestEveryWriteIsOnRecord(t *testing.T) { // M-14, CP-41, L-2
	f := open(t, storetest.SQLite(t))
	const write = "Microsoft.Compute/virtualMachines/write"
	correlation := "5f1d8a52-4c27-4c26-95ca-26b8cd0e5ae2"
	f.do("nobody", "PUT", vm, `{"location":"local"}`).want(403, "AuthorizationFailed")
	f.do("owner", "PUT", vm, `{"id":"/x"}`).want(400, "InvalidRequestContent")
	f.do("owner", "PUT", vm, `{"location":"local"}`, "x-ms-correlation-request-id: "+correlation, "User-Agent: az").want(201, "")
	got := f.events(write)
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
		if e.Kind != want.kind || e.Outcome != want.outcome || e.Reason != want.reason || e.Actor.Object != f.people[want.who].Object || e.Target != vm || e.Subscription == "" {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	if a := got[2].Actor; a.CorrelationID != correlation || a.UserAgent != "az" || a.Type != "Application" || a.Source == "" || a.RequestID == "" {
		t.Errorf("actor %+v", a)
	}
	f.ok("owner", "PUT", app, `{"location":"local"}`)
	f.ok("owner", "POST", app+"/config/appsettings/list", "")
	if got := f.events("Microsoft.Web/sites/config/list/action"); len(got) != 1 || got[0].Outcome != audit.Succeeded { // S-51
		t.Errorf("reading settings: %v", got)
	}
	f.do("reader", "GET", vm, "").want(200, "")
	if got := f.events("Microsoft.Compute/virtualMachines/read"); len(got) != 0 {
		t.Errorf("a read is no write: %v", got)
	}
}

func TestNoWriteIsLostBetweenTwoWriters(t *testing.T) { // CP-38
	f := open(t, storetest.SQLite(t))
	f.ok("owner", "PUT", vm, `{"location":"local"}`)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			f.do("owner", "PATCH", vm, fmt.Sprintf(`{"properties":{"p%d":%d}}`, i, i)).want(200, "")
		})
	}
	wg.Wait()
	got := f.ok("owner", "GET", vm, "")
	for i := range 8 {
		if got.at("properties", fmt.Sprintf("p%d", i)) != fmt.Sprint(i) {
			t.Errorf("p%d is lost: %s", i, got.text)
		}
	}
	if n := len(f.events("Microsoft.Compute/virtualMachines/write")); n != 9 {
		t.Errorf("%d writes on record", n)
	}
}
