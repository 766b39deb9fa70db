package deployment

import (
	"context"
	"fmt"
	"strings"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/template/expression"
)

// Operations are written a few at a time, so that a deployment costs not much more than
// its resources: what a crash takes are the records of the last half second, never the
// resources or their own records in the activity log.

// operationID names the operation on a target in one run of a deployment.
func (x *exec) operationID(kind, target string) string {
	return fmt.Sprintf("%016X", expression.Hash([]byte(x.record.Operation+kind+strings.ToLower(target))))
}

// note records how far a node is.
func (x *exec) note(n *node, state string, failure *Failure, status int) {
	if n.r.Existing && failure == nil {
		return
	}
	now := x.s.now().UTC()
	op := Operation{ID: x.operationID("Create", n.r.ID.Key()), Kind: "Create", State: state, At: now, Duration: now.Sub(n.began.UTC()), Status: status, Failure: failure,
		Target: n.r.ID.String(), APIVersion: n.r.APIVersion}
	if state == Running {
		op.Duration = 0
	}
	x.put(op)
}

// noteOutputs records that the outputs were computed, or why they could not be.
func (x *exec) noteOutputs(failure *Failure) {
	op := Operation{ID: x.operationID("EvaluateDeploymentOutput", ""), Kind: "EvaluateDeploymentOutput", State: Succeeded, At: x.s.now().UTC(), Status: 200, Failure: failure}
	if failure != nil {
		op.State, op.Status = Failed, 400
	}
	x.put(op)
}

// put adds an operation or replaces it.
func (x *exec) put(op Operation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.changed == nil {
		x.changed = map[int]bool{}
	}
	for i, have := range x.ops {
		if have.ID == op.ID {
			op.Place, op.Tracking = have.Place, have.Tracking
			x.ops[i], x.changed[i] = op, true
			return
		}
	}
	op.Place, op.Tracking = len(x.ops), x.s.ids.Text()
	x.changed[len(x.ops)] = true
	x.ops = append(x.ops, op)
}

// forget marks the operation of a node that was begun and then left out as failed with the
// one it turned out to wait for; one that was not begun has none.
func (x *exec) forget(n *node) {
	x.mu.Lock()
	id, begun := x.operationID("Create", n.r.ID.Key()), false
	for _, op := range x.ops {
		begun = begun || op.ID == id
	}
	x.mu.Unlock()
	if begun {
		x.note(n, Canceled, nil, 0)
	}
}

// unsaved takes the operations that are not stored yet.
func (x *exec) unsaved() []Operation {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []Operation
	for i := range x.ops {
		if x.changed[i] {
			out = append(out, x.ops[i])
		}
	}
	x.changed = nil
	return out
}

// flush stores what is not stored yet. A failure is not the deployment's: the next flush,
// or the end, writes the same.
func (x *exec) flush(ctx context.Context) {
	ops := x.unsaved()
	if len(ops) == 0 {
		return
	}
	d := x.snapshot()
	ctx = context.WithoutCancel(ctx)
	err := x.s.db.Update(ctx, func(tx *store.Tx) error { return x.s.update(ctx, tx, &d, ops) })
	if err != nil {
		x.s.out.WarnContext(ctx, "operations of a deployment are not stored yet", "resource_id", d.ID.String(), "err", err)
		x.mu.Lock()
		if x.changed == nil {
			x.changed = map[int]bool{}
		}
		for _, op := range ops {
			x.changed[op.Place] = true
		}
		x.mu.Unlock()
	}
}
