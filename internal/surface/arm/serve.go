package arm

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/bearer"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/token"
)

// serve is the order of checks of CP §2.1; the numbers are its steps.
func (m *Room) serve(w http.ResponseWriter, hr *http.Request) error {
	m.setHeaders(w, hr)
	path, err := split(hr.URL.EscapedPath()) // 1
	if err != nil {
		return err
	}
	route, r, found := m.find(hr, path)
	if found && route.access == Public { // 2
		return m.run(w, hr, route, r)
	}
	principal, err := m.authenticator.Authenticate(hr, m.audiences, token.AnyTenant) // 3
	if err != nil {
		return err
	}
	hr = hr.WithContext(withActor(hr, principal))
	if r.query, err = lowerQuery(hr.URL.RawQuery); err != nil {
		return err
	}
	if r.Version, err = version(r.query); err != nil { // 4
		return err
	}
	if !found {
		return m.unknown(hr.Method, path) // 5
	}
	r.http, r.Principal = hr, principal
	if r.Target, err = targetOf(route, r); err != nil {
		return ErrPath.With("The request path is not a valid resource id.")
	}
	if err := m.checkVersion(route, r); err != nil {
		return err
	}
	err = m.admit(hr.Context(), route, r)
	if err == nil {
		err = m.run(w, hr, route, r)
	}
	if err != nil {
		return m.record(hr.Context(), route, r, err)
	}
	return nil
}

// targetOf returns the scope at which a request is authorised (S-50).
func targetOf(route Route, r *Request) (resource.ID, error) {
	if route.scoped {
		return resource.ParseID(r.vars["scope"])
	}
	return target(strings.Split(strings.Trim(r.path, "/"), "/"))
}

// find looks the path up in the table; the first route that fits path and method wins.
func (m *Room) find(hr *http.Request, path []string) (Route, *Request, bool) {
	r := &Request{http: hr, room: m, query: url.Values{}}
	route, canonical, vars, ok := m.table.find(hr.Method, path)
	if ok {
		r.path, r.vars, r.Action = "/"+strings.Join(canonical, "/"), vars, route.action
	}
	return route, r, ok
}

// unknown says why nothing serves the path: another method does, or the type or the
// namespace is not known.
func (m *Room) unknown(method string, path []string) error {
	if _, _, _, ok := m.table.find("", path); ok {
		return ErrMethod.With("The requested resource does not support http method '%s'.", clip(method))
	}
	for i := len(path) - 2; i >= 0; i-- {
		if !same(path[i], "providers") {
			continue
		}
		if _, ok := m.namespaces[fold(path[i+1])]; !ok {
			return ErrNamespace.With("The resource namespace '%s' is invalid.", clip(path[i+1]))
		}
		var types []string
		for j := i + 2; j < len(path); j += 2 {
			types = append(types, path[j])
		}
		return ErrType.With("The resource type '%s' could not be found in the namespace '%s'.", clip(strings.Join(types, "/")), path[i+1])
	}
	return ErrType.With("The resource type could not be found for the requested path.")
}

// admit is steps 6 to 11: the subscription is there, the principal may, the group is
// there, and nothing is locked.
func (m *Room) admit(ctx context.Context, route Route, r *Request) error {
	if err := m.authorize(ctx, route, r); err != nil {
		return err
	}
	return m.unlocked(ctx, route, r)
}

// authorize is steps 6 to 9.
func (m *Room) authorize(ctx context.Context, route Route, r *Request) error {
	if sub := r.Target.Subscription(); sub != "" { // 6
		s, err := m.scopes.Subscription(ctx, sub)
		switch {
		case errors.Is(err, resource.ErrSubscriptionNotFound), err == nil && s.Tenant != r.Principal.Tenant:
			return resource.ErrSubscriptionNotFound.With("The subscription '%s' could not be found.", sub)
		case err != nil:
			return err
		}
	}
	if err := m.checkRegistered(ctx, route, r); err != nil { // 7
		return err
	}
	if route.access == Authorized { // 8
		q := rbac.Request{Principal: r.Principal.Object, Action: route.action, Scope: r.Target}
		if route.ask != nil {
			if err := route.ask(ctx, r, &q); err != nil {
				return err
			}
		}
		d, err := m.authorizer.Decide(ctx, q)
		if err != nil {
			return err
		}
		if !d.Allowed {
			httpd.Note(ctx, "reason", d.Reason)
			return denied(r.Principal, route.action, r.Target)
		}
	}
	group := r.Target.GroupScope() // 9
	if group.IsZero() || group.Equal(r.Target) && route.method == http.MethodPut && route.action == actionWriteGroup {
		return nil
	}
	_, err := m.scopes.Group(ctx, group)
	if !errors.Is(err, resource.ErrGroupNotFound) {
		return err
	}
	if route.access != Authorized { // an empty list, unless the principal may know what is not there
		d, err := m.authorizer.Decide(ctx, rbac.Request{Principal: r.Principal.Object, Action: actionReadGroup, Scope: group})
		if err != nil || !d.Allowed {
			return err
		}
	}
	return resource.ErrGroupNotFound.With("Resource group '%s' could not be found.", group.Name())
}

// Actions on groups: actionWriteGroup is the one write whose group need not exist.
const (
	actionWriteGroup = "Microsoft.Resources/subscriptions/resourceGroups/write"
	actionReadGroup  = "Microsoft.Resources/subscriptions/resourceGroups/read"
)

// denied is the refusal in the words that clients know (CP §2.5).
func denied(p bearer.Principal, action string, scope resource.ID) error {
	return ErrAuthorization.With("The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
		clientName(p), p.Object, action, scope)
}

// clientName is how messages call a principal: users by name, programs by application id.
func clientName(p bearer.Principal) string {
	if p.UPN != "" {
		return p.UPN
	}
	return string(p.App)
}

// run calls the handler and sends its answer.
func (m *Room) run(w http.ResponseWriter, hr *http.Request, route Route, r *Request) error {
	if route.access == Public {
		if q, err := lowerQuery(hr.URL.RawQuery); err == nil {
			r.query = q
			r.Version = q.Get("api-version")
		}
	}
	resp, err := m.answer(hr.Context(), route, r)
	if err == nil {
		resp, err = m.postponed(hr.Context(), route, r, resp)
	}
	if err != nil {
		return err
	}
	return resp.write(w, hr)
}

// record keeps refusals and failed writes of known callers before they are answered (L-2).
// It returns the error to answer with.
func (m *Room) record(ctx context.Context, route Route, r *Request, err error) error {
	e := audit.Event{Kind: audit.Activity, Outcome: audit.Failed, Operation: route.action, Target: r.Target.String(), Subscription: r.Target.Subscription()}
	status, reason := wireOf(err)
	e.Reason, e.Details = reason, map[string]string{"status": strconv.Itoa(status)}
	switch kind := fault.KindOf(err); {
	case kind == fault.Denied:
		e.Kind, e.Outcome = audit.Security, audit.Denied
	case route.method == http.MethodGet || route.method == http.MethodHead || kind == fault.Internal || kind == fault.Unavailable:
		return err
	}
	if failed := m.audit.Write(ctx, e); failed != nil {
		return failed
	}
	return err
}

// withActor marks the request as the principal's, for the audit record.
func withActor(hr *http.Request, p bearer.Principal) context.Context {
	ctx := hr.Context()
	a := audit.Actor{Tenant: p.Tenant, Object: p.Object, App: p.App, Name: p.UPN, Type: "Application",
		CorrelationID: httpd.CorrelationID(ctx), RequestID: httpd.RequestID(ctx), Source: hr.RemoteAddr, UserAgent: hr.UserAgent(),
		Method: hr.Method, ClientRequestID: hr.Header.Get("x-ms-client-request-id")}
	switch {
	case p.Type == token.TypeUser:
		a.Type = "User"
	case p.MIRID != "":
		a.Type = "ManagedIdentity"
	}
	httpd.Note(ctx, "principal_id", string(p.Object))
	if name := hr.Header.Get("CommandName"); name != "" {
		httpd.Note(ctx, "command", name)
	}
	return audit.WithActor(ctx, a)
}
