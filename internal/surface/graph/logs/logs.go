// Package logs serves Graph's sign-in log and directory audit log from the installation's own
// record (DT-7.9). A row is shown once per token that was made; hand-outs of a cached token
// stay in the record. What the kernel said of the asking process is in
// authenticationProcessingDetails.
package logs

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/odata"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/surface/graph/model"
)

// area holds what the handlers work on.
type area struct {
	*model.Domain
	log *audit.Log
}

// Routes are the operations of this area.
func Routes(d *model.Domain, log *audit.Log) []api.Route {
	a := &area{d, log}
	read := []api.Permission{api.AuditLogRead}
	return []api.Route{
		{Method: "GET", Path: "auditLogs/signIns", Any: read, Serve: a.signIns},
		{Method: "GET", Path: "auditLogs/signIns/{row}", Any: read, Serve: a.signIn},
		{Method: "GET", Path: "auditLogs/directoryAudits", Any: read, Serve: a.audits},
		{Method: "GET", Path: "auditLogs/directoryAudits/{row}", Any: read, Serve: a.audit},
	}
}

// rows is a log as a source of entities, newest first.
type rows struct {
	ctx    context.Context // of the request that is answered
	log    *audit.Log
	filter audit.Filter
	entity func(*audit.Stored) (edm.Entity, bool)
}

// chunk is how many rows are read at once.
const chunk = 500

// From implements edm.Source. A log that cannot be read ends.
func (s rows) From(after string) iter.Seq[edm.Entity] {
	return func(yield func(edm.Entity) bool) {
		f := s.filter
		f.After, f.Limit = after, chunk
		for {
			page, err := s.log.Query(s.ctx, f)
			if err != nil {
				return
			}
			for i := range page.Events {
				e, ok := s.entity(&page.Events[i])
				e.ID = page.Events[i].Position()
				if ok && !yield(e) {
					return
				}
			}
			if f.After = page.Next; f.After == "" {
				return
			}
		}
	}
}

// narrowed is what of a filter the log itself can look for: the conditions that hold of every
// row, on time, principal and correlation.
func narrowed(filter odata.Expr, when string, f audit.Filter) audit.Filter {
	switch e := filter.(type) {
	case odata.And:
		return narrowed(e.Right, when, narrowed(e.Left, when, f))
	case odata.Compare:
		value := e.Values[0].Text
		switch {
		case strings.EqualFold(e.Property, when):
			t, err := time.Parse(time.RFC3339, value)
			if err != nil {
				return f
			}
			switch e.Op {
			case "ge", "gt", "eq":
				f.From = t.Truncate(time.Second)
			case "le", "lt":
				f.To = t.Truncate(time.Second).Add(time.Second)
			}
		case e.Op == "eq" && strings.EqualFold(e.Property, "servicePrincipalId"):
			if o, err := id.ParseObject(value); err == nil {
				f.Principal = o
			}
		case e.Op == "eq" && strings.EqualFold(e.Property, "correlationId"):
			f.CorrelationID = value
		}
	}
	return f
}

// asksFor reports whether a filter names a collection.
func asksFor(filter odata.Expr, collection string) (found bool) {
	if filter == nil {
		return false
	}
	odata.Walk(filter, func(e odata.Expr) {
		if any, ok := e.(odata.Any); ok && strings.EqualFold(any.Collection, collection) {
			found = true
		}
	})
	return found
}

// signIns serves GET /auditLogs/signIns. Without a condition on signInEventTypes only
// interactive sign-ins of people are shown (DT-102).
func (a *area) signIns(w http.ResponseWriter, r *api.Request) error {
	return api.WriteCollection(w, r, api.Collection{
		Set: "auditLogs/signIns", Types: []*edm.Type{signInType}, Newest: "createdDateTime",
		Log: func(filter odata.Expr) edm.Source {
			every := asksFor(filter, "signInEventTypes")
			return a.signInRows(r, narrowed(filter, "createdDateTime", audit.Filter{}), func(s *signIn) bool { return every || s.kind() == "interactiveUser" })
		},
	})
}

// signInRows are the tokens that were made, and the refusals, of the tenant.
func (a *area) signInRows(r *api.Request, f audit.Filter, keep func(*signIn) bool) rows {
	f.Kinds, f.Tenant = []audit.Kind{audit.SignIn}, r.Tenant()
	names := map[string]resource{}
	return rows{ctx: r.Context(), log: a.log, filter: f, entity: func(e *audit.Stored) (edm.Entity, bool) {
		if e.Operation != "token.issue" {
			return edm.Entity{}, false
		}
		s := &signIn{Event: e.Event, position: e.Position()}
		if !keep(s) {
			return edm.Entity{}, false
		}
		s.resource = a.resourceOf(r.Context(), s, names)
		return edm.Entity{Type: signInType, Object: s}, true
	}}
}

// signIn serves GET /auditLogs/signIns/{id}.
func (a *area) signIn(w http.ResponseWriter, r *api.Request) error {
	for e := range a.signInRows(r, audit.Filter{}, func(s *signIn) bool { return s.id() == r.Params["row"] }).From("") {
		return api.WriteEntity(w, r, http.StatusOK, "auditLogs/signIns", e, nil)
	}
	return api.NotFound(r.Params["row"])
}

// auditRows are the writes to the directory of the tenant.
func (a *area) auditRows(r *api.Request, f audit.Filter, keep func(*change) bool) rows {
	f.Kinds, f.Tenant = []audit.Kind{audit.Activity}, r.Tenant()
	return rows{ctx: r.Context(), log: a.log, filter: f, entity: func(e *audit.Stored) (edm.Entity, bool) {
		c := &change{Event: e.Event, position: e.Position()}
		return edm.Entity{Type: changeType, Object: c}, strings.HasPrefix(e.Operation, "directory.") && keep(c)
	}}
}

// audits serves GET /auditLogs/directoryAudits.
func (a *area) audits(w http.ResponseWriter, r *api.Request) error {
	return api.WriteCollection(w, r, api.Collection{
		Set: "auditLogs/directoryAudits", Types: []*edm.Type{changeType}, Newest: "activityDateTime",
		Log: func(filter odata.Expr) edm.Source {
			return a.auditRows(r, narrowed(filter, "activityDateTime", audit.Filter{}), func(*change) bool { return true })
		},
	})
}

// audit serves GET /auditLogs/directoryAudits/{id}.
func (a *area) audit(w http.ResponseWriter, r *api.Request) error {
	for e := range a.auditRows(r, audit.Filter{}, func(c *change) bool { return c.id() == r.Params["row"] }).From("") {
		return api.WriteEntity(w, r, http.StatusOK, "auditLogs/directoryAudits", e, nil)
	}
	return api.NotFound(r.Params["row"])
}

// sorted are the keys of details in order.
func sorted(details map[string]string) []string {
	out := make([]string, 0, len(details))
	for k := range details {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
