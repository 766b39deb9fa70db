// Package insights is the provider Microsoft.Insights: the activity log, as `az monitor
// activity-log list` and its SDKs ask for it (control-plane.md §6). It only reads: nothing
// of the log can be changed through Resource Manager.
package insights

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// Namespace is the provider's name.
const Namespace = "Microsoft.Insights"

// reader reads the log; *audit.Log is one.
type reader interface {
	Query(ctx context.Context, f audit.Filter) (audit.Page, error)
}

// Deps is what the provider is made of; all of it is needed.
type Deps struct {
	Audit reader
	Now   func() time.Time
}

// insights is Microsoft.Insights.
type insights struct{ Deps }

// New makes Microsoft.Insights.
func New(d Deps) arm.Provider {
	p := insights{d}
	const (
		at   = "/providers/" + Namespace
		read = Namespace + "/eventtypes/values/read"
	)
	return arm.Provider{Namespace: Namespace, Routes: []arm.Route{
		arm.List(arm.InSubscription+at+"/eventtypes/management/values", read, p.events),
		arm.List(at+"/eventtypes/management/values", read, p.events),
		arm.List(arm.InSubscription+at+"/eventtypes/management/digestevents", Namespace+"/eventtypes/digestevents/read", noDigests),
		arm.GetByAnyone(at+"/eventcategories", categories),
	}}
}

// noDigests is the older, shorter log, which is always empty.
func noDigests(context.Context, *arm.Request) (arm.Response, error) {
	return arm.OK(arm.OnePage[json.RawMessage]{Value: []json.RawMessage{}})
}

// categories are the categories that the public service names; ours are all Administrative.
func categories(context.Context, *arm.Request) (arm.Response, error) {
	var list arm.OnePage[localized]
	for _, name := range []string{"Administrative", "Security", "ServiceHealth", "Alert", "Recommendation", "Policy", "Autoscale", "ResourceHealth"} {
		list.Value = append(list.Value, localized{name, name})
	}
	return arm.OK(list)
}

// events is the activity log below a subscription, or of the tenant: two events for each
// record, of which the caller sees those on what they may read.
func (p insights) events(ctx context.Context, r *arm.Request) (arm.Response, error) {
	f, err := parseFilter(r.Query("$filter"), p.Now())
	if err != nil {
		return arm.Response{}, err
	}
	query := audit.Filter{
		Kinds: []audit.Kind{audit.Activity, audit.Security}, From: f.from, To: f.to, CorrelationID: f.correlation,
		Subscription: r.Subscription(), Target: f.target(r.Subscription()), Namespace: f.namespace,
	}
	if r.Subscription() == "" {
		query.Tenant = r.Tenant()
	}
	fetch := func(ctx context.Context, after string, limit int) ([]event, string, error) {
		query.After, query.Limit = after, (limit+1)/2
		page, err := p.Audit.Query(ctx, query)
		if err != nil {
			return nil, "", err
		}
		var out []event
		for _, e := range page.Events {
			if !strings.Contains(e.Operation, "/") { // not an action of Resource Manager
				continue
			}
			if r.Subscription() == "" && e.Subscription != "" {
				continue // a subscription's own
			}
			end, begin := newEvents(e)
			out = append(out, end, begin)
		}
		return out, page.Next, nil
	}
	members := selected(r.Query("$select"))
	return arm.Page(ctx, r, fetch, func(ctx context.Context, e event) (any, error) {
		visible, err := visible(ctx, r, e.ResourceID)
		if err != nil || !visible || !f.matches(e) {
			return nil, err
		}
		return members.of(e)
	})
}

// visible reports whether the caller may read the log of what an event is about; of what has
// no resource id, the log of the whole tenant.
func visible(ctx context.Context, r *arm.Request, target string) (bool, error) {
	scope, err := resource.ParseID(target)
	if err != nil {
		scope, err = resource.ParseID("/")
	}
	if err != nil {
		return false, err
	}
	return r.Visible(ctx, scope)
}

// selection is the members that $select names, in lower case; none means all.
type selection map[string]bool

// selected reads $select.
func selected(text string) selection {
	s := selection{}
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			s[name] = true
		}
	}
	return s
}

// of returns what of e was selected.
func (s selection) of(e event) (any, error) {
	if len(s) == 0 {
		return e, nil
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	for name := range all {
		if !s[strings.ToLower(name)] {
			delete(all, name)
		}
	}
	return all, nil
}
