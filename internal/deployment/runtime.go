package deployment

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/template"
	"github.com/sealring/sealring/internal/template/value"
)

// runtime answers what a plan asks about resources, as the caller. It implements
// template.Runtime for one evaluation.
type runtime struct {
	x       *exec
	ctx     context.Context
	missing *node // of this deployment, where State said ErrPending
}

// State implements template.Runtime. A template in its parent's scope also asks for
// resources of the parent, which are done or never will be by then.
func (rt *runtime) State(r *template.Resource) (*value.Object, error) {
	for x := rt.x; x != nil; x = x.parent {
		n := x.nodes[r]
		if n == nil {
			continue
		}
		x.mu.Lock()
		body := n.body
		x.mu.Unlock()
		switch {
		case body != nil:
			return body, nil
		case r.Existing:
			return rt.existing(x, n)
		case x == rt.x:
			rt.missing = n
		}
		return nil, template.ErrPending.With("The resource '%s' is not deployed yet.", r.ID)
	}
	return nil, template.ErrPending.With("The resource '%s' is not deployed.", r.ID)
}

// existing reads a resource that the template only refers to, once.
func (rt *runtime) existing(x *exec, n *node) (*value.Object, error) {
	body, err := rt.Read(n.r.ID, n.r.APIVersion)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	n.body = body
	x.mu.Unlock()
	return body, nil
}

// Read implements template.Runtime.
func (rt *runtime) Read(at resource.ID, version string) (*value.Object, error) {
	_, body, err := rt.x.req.Caller.Do(rt.ctx, Call{Method: http.MethodGet, Path: at.String(), Version: version})
	if err != nil {
		return nil, err
	}
	return value.ParseObject(body)
}

// Act implements template.Runtime.
func (rt *runtime) Act(at resource.ID, verb, version string, body any) (any, error) {
	call := Call{Method: http.MethodPost, Path: at.String() + "/" + verb, Version: version}
	if body != nil {
		call.Body = value.Marshal(body)
	}
	_, answer, err := rt.x.req.Caller.Do(rt.ctx, call)
	if err != nil {
		return nil, err
	}
	return value.Parse(answer)
}

// listVersion is the api-version of the lists and deletions of Complete mode.
const listVersion = "2021-04-01"

// leftovers lists the top-level resources of the group that a deployment does not keep.
func (x *exec) leftovers(ctx context.Context, keep []string) ([]resource.ID, error) {
	var out []resource.ID
	query := url.Values{}
	for {
		_, body, err := x.req.Caller.Do(ctx, Call{Method: http.MethodGet, Path: x.plan.At().String() + "/resources", Version: listVersion, Query: query})
		if err != nil {
			return nil, err
		}
		var page struct {
			Value []struct {
				ID resource.ID `json:"id"`
			} `json:"value"`
			NextLink string `json:"nextLink"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		for _, item := range page.Value {
			if strings.Count(item.ID.Type(), "/") == 1 && !keeps(keep, item.ID) {
				out = append(out, item.ID)
			}
		}
		next, err := url.Parse(page.NextLink)
		if err != nil || page.NextLink == "" {
			return out, nil
		}
		if query = next.Query(); query.Get("$skiptoken") == "" {
			return out, nil
		}
		query.Del("api-version")
	}
}

// keeps reports whether one of the ids is at or below i.
func keeps(ids []string, i resource.ID) bool {
	for _, id := range ids {
		if parsed, err := resource.ParseID(id); err == nil && i.Contains(parsed) {
			return true
		}
	}
	return false
}

// made are the ids of what the platform made for a resource that a template names: the plan
// of a web app that was deployed without one.
func made(body *value.Object) []string {
	if plan := body.Object("properties").Text("serverFarmId"); plan != "" {
		return []string{plan}
	}
	return nil
}

// sweep deletes what the template of a Complete deployment does not name: what uses an
// identity before identities, so that nothing is left with a dead one for a moment.
func (x *exec) sweep(ctx context.Context) []Failure {
	keep := append(append([]string(nil), x.snapshot().Resources...), x.kept...)
	for _, n := range x.order {
		keep = append(keep, n.r.ID.String())
	}
	left, err := x.leftovers(ctx, keep)
	if err != nil {
		return []Failure{x.explain(ctx, err)}
	}
	var failures []Failure
	for _, identities := range []bool{false, true} {
		for _, at := range left {
			if at.Is("Microsoft.ManagedIdentity/userAssignedIdentities") != identities {
				continue
			}
			op := Operation{ID: x.operationID("Delete", at.Key()), Kind: "Delete", State: Succeeded, At: x.s.now().UTC(), Target: at.String(), APIVersion: listVersion}
			op.Status, _, err = x.req.Caller.Do(ctx, Call{Method: http.MethodDelete, Path: at.String(), Version: listVersion})
			if err != nil {
				f := x.explain(ctx, err)
				f.Target = at.String()
				op.State, op.Status, op.Failure = Failed, f.Status, &f
				failures = append(failures, f)
			}
			x.put(op)
		}
	}
	return failures
}
