package rbac_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/store/storetest"
)

// TestADelayIsASwitch: with it writes take effect later, and a type stands in for a
// principal; without it neither. // D-8, CP-103
func TestADelayIsASwitch(t *testing.T) {
	f := newFixture(t, storetest.SQLite(t))
	var pending []func()
	delayed, err := rbac.New(rbac.Config{Store: f.db, Audit: f.log, Directory: f.people, Now: func() time.Time { return noon }, Delay: func(effective func()) { pending = append(pending, effective) }})
	if err != nil {
		t.Fatal(err)
	}
	ask := rbac.Request{Principal: object("anna"), Action: vmRead, Scope: group}
	allowed := func() bool {
		t.Helper()
		d, err := delayed.Decide(f.ctx, ask)
		if err != nil {
			t.Fatal(err)
		}
		return d.Allowed
	}
	if allowed() {
		t.Fatal("allowed without an assignment")
	}
	a := rbac.NewAssignment{Name: assignmentID(1), Scope: group, Role: readerRole, Principal: object("anna")}
	if _, _, err := delayed.PutAssignment(f.ctx, a); err != nil {
		t.Fatal(err)
	}
	if allowed() || !f.allowed("anna", vmRead, false, group) {
		t.Error("effective at once with the delay, or not without it")
	}
	for _, effective := range pending {
		effective()
	}
	if !allowed() {
		t.Error("never effective")
	}
	unborn := rbac.NewAssignment{Name: assignmentID(2), Scope: group, Role: readerRole, Principal: object("unborn"), PrincipalType: rbac.ServicePrincipal}
	if _, _, err := f.PutAssignment(f.ctx, unborn); !errors.Is(err, rbac.ErrPrincipalNotFound) {
		t.Errorf("without the delay: %v", err)
	}
	if _, _, err := delayed.PutAssignment(f.ctx, unborn); err != nil {
		t.Errorf("with the delay: %v", err)
	}
}
