package deployment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/template"
	"github.com/sealring/sealring/internal/template/value"
)

// progress is how far a resource is.
type progress int

// The steps.
const (
	waiting progress = iota
	working
	done
	failed
	skipped
)

// node is a resource on its way. Its fields but body are of the goroutine that executes; body is
// guarded by exec.mu.
type node struct {
	r         *template.Resource
	place     int
	left      int // resources to wait for
	followers []*node
	progress  progress
	body      *value.Object // what it answered; nil before
	began     time.Time
}

// exec executes a plan.
type exec struct {
	s      *Service
	req    Request
	plan   *template.Plan
	parent *exec
	depth  int
	slots  chan struct{} // one for each request under way, for the whole tree
	order  []*node
	nodes  map[*template.Resource]*node

	once sync.Once
	mask masker // made once, by explain

	mu      sync.Mutex // guards what follows, and node.body and node.failure
	record  Deployment
	ops     []Operation
	changed map[int]bool // places in ops that are not stored yet
	kept    []string     // ids of what the platform made beside the resources
	outputs []template.Output
}

// snapshot is the record as it is now.
func (x *exec) snapshot() Deployment {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.record
}

// result is how work on a node ended.
type result struct {
	n       *node
	failure *Failure
	after   *node // the node has to wait for this one first
}

// execute does the plan's work, and stops beginning more of it when ctx ends.
func (x *exec) execute(ctx context.Context) {
	results := make(chan result)
	var ready []*node
	for _, n := range x.order {
		for _, a := range n.r.After {
			before := x.nodes[a]
			before.followers = append(before.followers, n)
			n.left++
		}
	}
	for _, n := range x.order {
		if n.left == 0 {
			ready = append(ready, n)
		}
	}
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	under := 0
	for {
		for ; len(ready) > 0 && ctx.Err() == nil; ready = ready[1:] {
			n := ready[0]
			n.progress, n.began = working, x.s.now()
			x.note(n, Running, nil, 0)
			under++
			go func() { results <- x.work(ctx, n) }() // received below before execute returns
		}
		if under == 0 {
			break
		}
		select {
		case res := <-results:
			under--
			ready = x.settle(res, ready)
		case <-flush.C:
			x.flush(ctx)
		}
	}
	x.stuck(ctx)
}

// settle takes note of a result and returns what is ready now.
func (x *exec) settle(res result, ready []*node) []*node {
	n := res.n
	switch {
	case res.after != nil:
		switch res.after.progress {
		case done:
			return append(ready, n)
		case failed, skipped:
			x.skip(n)
		default:
			n.progress, n.left = waiting, 1
			res.after.followers = append(res.after.followers, n)
		}
	case res.failure != nil:
		n.progress = failed
		x.note(n, Failed, res.failure, res.failure.Status)
		for _, f := range n.followers {
			x.skip(f)
		}
	default:
		n.progress = done
		for _, f := range n.followers {
			if f.left--; f.left == 0 && f.progress == waiting {
				ready = append(ready, f)
			}
		}
	}
	return ready
}

// skip leaves out a node and all that wait for it.
func (x *exec) skip(n *node) {
	if n.progress != waiting && n.progress != working {
		return
	}
	n.progress = skipped
	x.forget(n)
	for _, f := range n.followers {
		x.skip(f)
	}
}

// stuck fails nodes that wait for one another, which only references that are known late
// can bring about.
func (x *exec) stuck(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	for _, n := range x.order {
		if n.progress == waiting {
			n.progress = failed
			x.note(n, Failed, &Failure{Status: 400, Code: "InvalidTemplateCircularDependency", Target: n.r.ID.String(),
				Message: "The resource refers to a resource that waits for it."}, 400)
		}
	}
}

// work does what a resource asks for.
func (x *exec) work(ctx context.Context, n *node) result {
	switch {
	case n.r.Existing:
		return result{n: n} // read when it is referred to
	case n.r.IsNested():
		return x.nested(ctx, n)
	}
	x.slots <- struct{}{}
	defer func() { <-x.slots }()
	if ctx.Err() != nil {
		return result{n: n, failure: canceledFailure(n)}
	}
	whole := context.WithoutCancel(ctx) // what has begun is finished
	rt := &runtime{x: x, ctx: whole}
	body, err := x.plan.Body(n.r, rt)
	if err != nil {
		return x.refused(whole, n, rt, err)
	}
	status, answer, err := x.req.Caller.Do(whole, Call{Method: "PUT", Path: n.r.ID.String(), Version: n.r.APIVersion, Body: value.Marshal(body)})
	if err != nil {
		return x.refused(whole, n, rt, err)
	}
	out, err := value.ParseObject(answer)
	if err != nil {
		out = &value.Object{} // answered without a body
	}
	if f := unfinished(n, out); f != nil {
		return result{n: n, failure: f}
	}
	x.mu.Lock()
	n.body = out
	x.kept = append(x.kept, made(out)...)
	x.mu.Unlock()
	x.note(n, Succeeded, nil, status)
	x.deployed(whole, n)
	return result{n: n}
}

// unfinished is the failure of a resource that was accepted and did not succeed.
func unfinished(n *node, answer *value.Object) *Failure {
	state := answer.Object("properties").Text("provisioningState")
	if !strings.EqualFold(state, Failed) && !strings.EqualFold(state, Canceled) {
		return nil
	}
	return &Failure{Status: 409, Code: "ResourceDeploymentFailure", Target: n.r.ID.String(),
		Message: fmt.Sprintf("The resource write operation failed to complete successfully, because it reached terminal provisioning state '%s'.", state)}
}

// canceledFailure is why a resource was not begun.
func canceledFailure(n *node) *Failure {
	return &Failure{Status: 409, Code: "DeploymentCanceled", Target: n.r.ID.String(), Message: "The deployment was canceled before the resource was begun."}
}

// refused makes a result of an error: the node waits for another one, or has failed.
func (x *exec) refused(ctx context.Context, n *node, rt *runtime, err error) result {
	if errors.Is(err, template.ErrPending) && rt.missing != nil {
		return result{n: n, after: rt.missing}
	}
	f := x.explain(ctx, err)
	f.Target = n.r.ID.String()
	return result{n: n, failure: &f}
}

// explain tells what an error looks like, without secure values that it may quote.
func (x *exec) explain(ctx context.Context, err error) Failure {
	f := x.req.Caller.Explain(ctx, err)
	x.once.Do(func() { x.mask = newMasker(x.plan) })
	return x.mask.failure(f)
}

// nested does a deployment in the deployment.
func (x *exec) nested(ctx context.Context, n *node) result {
	whole := context.WithoutCancel(ctx)
	rt := &runtime{x: x, ctx: whole}
	if x.depth+1 >= maxDepth {
		return x.refused(whole, n, rt, ErrContent.With("Deployments are nested in deployments more than %d times.", maxDepth-1))
	}
	asked, err := x.plan.Nested(n.r, rt)
	if err == nil && asked.Link != nil {
		err = ErrContent.With("The nested deployment '%s' links to a template; linked templates are not fetched. Put the template into the deployment.", n.r.Name)
	}
	if err == nil {
		err = x.req.Caller.Check(whole, Call{Method: "PUT", Path: n.r.ID.String(), Version: n.r.APIVersion})
	}
	if err != nil {
		return x.refused(whole, n, rt, err)
	}
	req := Request{ID: n.r.ID, Tenant: x.req.Tenant, Location: asked.Location, Template: asked.Template, Parameters: asked.Parameters, Caller: x.req.Caller,
		Facts: x.req.Facts, Correlation: x.req.Correlation, Complete: strings.EqualFold(asked.Mode, "Complete")}
	if tags, ok := asked.Tags.(*value.Object); ok {
		req.Tags = map[string]string{}
		for _, name := range tags.Names() {
			req.Tags[name] = tags.Text(name)
		}
	}
	inner, err := x.s.prepareNested(whole, req, asked, x)
	if err == nil {
		_, err = inner.open(whole)
	}
	if err != nil {
		return x.refused(whole, n, rt, err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &run{exec: inner, s: x.s, id: n.r.ID, stop: stop}
	x.s.enter(r)
	inner.execute(ctx)
	inner.close(whole, context.Cause(ctx))
	x.s.leave(r)
	d := inner.snapshot()
	x.mu.Lock()
	x.record.Resources = append(x.record.Resources, d.Resources...)
	x.kept = append(x.kept, inner.kept...)
	n.body = value.NewObject("id", d.ID.String(), "name", d.ID.Name(), "type", template.TypeDeployment, "properties",
		value.NewObject("provisioningState", d.State, "outputs", shownOutputs(inner.outputs, true)))
	x.mu.Unlock()
	if d.State != Succeeded {
		f := Failure{Status: 409, Code: "DeploymentFailed", Message: failedMessage, Target: n.r.ID.String()}
		if d.Failure != nil {
			f.Code, f.Message, f.Details = d.Failure.Code, d.Failure.Message, d.Failure.Details
		}
		return result{n: n, failure: &f}
	}
	x.note(n, Succeeded, nil, 200)
	return result{n: n}
}

// prepareNested is prepare for a nested deployment.
func (s *Service) prepareNested(ctx context.Context, req Request, asked template.Nested, parent *exec) (*exec, error) {
	if err := CheckName(req.ID.Name()); err != nil {
		return nil, err
	}
	if req.Location == "" && req.ID.Scope().Group() == "" {
		if req.Location = parent.req.Location; req.Location == "" {
			return nil, ErrLocation.With("The 'location' property must be specified for '%s'.", req.ID.Name())
		}
	}
	in, err := s.input(ctx, req)
	if err != nil {
		return nil, err
	}
	plan, err := asked.Plan(in)
	if err != nil {
		return nil, err
	}
	return s.runnable(req, plan, parent)
}

// failedMessage is what a deployment says of which some resource failed.
const failedMessage = "At least one resource deployment operation failed. Please list deployment operations for details. Please see https://aka.ms/arm-deployment-operations for usage details."

// deployed notes a resource that stands. Settings that cannot be deleted are not listed:
// Terraform deletes what is, one by one.
func (x *exec) deployed(ctx context.Context, n *node) {
	err := x.req.Caller.Check(ctx, Call{Method: "DELETE", Path: n.r.ID.String(), Version: n.r.APIVersion})
	if err != nil && x.req.Caller.Explain(ctx, err).Status == 405 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.record.Resources = append(x.record.Resources, n.r.ID.String())
}

// close settles the result of an execution that has ended, and records it. It tries for a
// while, since a record that is never closed misleads.
func (x *exec) close(ctx context.Context, cause error) {
	state, failure := x.verdict(ctx, cause)
	ctx, stop := context.WithTimeout(ctx, finishWithin)
	defer stop()
	x.mu.Lock()
	x.record.State, x.record.Failure = state, failure
	x.record.Changed = x.s.now().UTC()
	x.record.Duration = x.record.Changed.Sub(x.record.Started)
	if state == Succeeded {
		x.record.Outputs = encode(shownOutputs(x.outputs, false))
	}
	x.mu.Unlock()
	outcome, code := audit.Succeeded, ""
	if failure != nil {
		outcome, code = audit.Failed, failure.Code
	}
	ops := x.unsaved()
	for {
		d := x.snapshot()
		err := x.s.db.Update(ctx, func(tx *store.Tx) error {
			if err := x.s.update(ctx, tx, &d, ops); err != nil {
				return err
			}
			return x.s.record(ctx, tx, d.ID, "write", outcome, code, map[string]string{"state": state})
		})
		if err == nil {
			return
		}
		select {
		case <-ctx.Done(): // whoever starts next finds it unfinished
			x.s.out.ErrorContext(ctx, "the end of a deployment could not be recorded", "resource_id", d.ID.String(), "err", err)
			return
		case <-time.After(flushEvery):
		}
	}
}

// verdict decides how the deployment ended, and computes what comes last: leftovers of a
// Complete deployment, and outputs.
func (x *exec) verdict(ctx context.Context, cause error) (string, *Failure) {
	var details []Failure
	unbegun := false
	for _, n := range x.order {
		unbegun = unbegun || n.progress == waiting
	}
	x.mu.Lock()
	for _, op := range x.ops {
		if op.Failure != nil && op.Failure.Code != "DeploymentCanceled" {
			details = append(details, *op.Failure)
		} else if op.Failure != nil {
			unbegun = true
		}
	}
	x.mu.Unlock()
	switch {
	case unbegun && errors.Is(cause, errCanceled):
		return Canceled, &Failure{Code: "DeploymentCanceled", Message: "The deployment was canceled.", Details: details}
	case unbegun:
		return Failed, interrupted()
	case details != nil:
		return Failed, &Failure{Code: "DeploymentFailed", Message: failedMessage, Details: details}
	}
	if x.req.Complete {
		if failures := x.sweep(ctx); failures != nil {
			return Failed, &Failure{Code: "DeploymentFailed", Message: failedMessage, Details: failures}
		}
	}
	outputs, err := x.plan.Outputs(&runtime{x: x, ctx: ctx})
	if err != nil {
		f := x.explain(ctx, err)
		x.noteOutputs(&f)
		return Failed, &Failure{Code: "DeploymentFailed", Message: failedMessage, Details: []Failure{f}}
	}
	if x.outputs = outputs; len(outputs) > 0 {
		x.noteOutputs(nil)
	}
	return Succeeded, nil
}

// shownOutputs writes outputs as answers have them; values of secure ones only for a
// parent template.
func shownOutputs(outputs []template.Output, secure bool) *value.Object {
	out := &value.Object{}
	for _, o := range outputs {
		shown := value.NewObject("type", o.Type)
		if !o.Secure || secure {
			shown.Set("value", o.Value)
		}
		name := o.Name
		if !secure {
			name = answeredName(name)
		}
		out.Set(name, shown)
	}
	return out
}

// answeredName is how answers spell the name of an output: capitals at its beginning are
// small there, but for the one that begins the next word. `az vmss create` names its output
// VMSS and reads vmss.
func answeredName(name string) string {
	out := []byte(name)
	for n, c := range out {
		if c < 'A' || c > 'Z' || n > 0 && n+1 < len(out) && (out[n+1] < 'A' || out[n+1] > 'Z') {
			break
		}
		out[n] = c + 'a' - 'A'
	}
	return string(out)
}

// encode writes a value.
func encode(o *value.Object) json.RawMessage { return value.Marshal(o) }
