package graph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/odata"
	"github.com/sealring/sealring/internal/paging"
)

// defaultTop is the size of a page where $top is not given (DT-7.2).
const defaultTop = 100

// everything is more service principals than there can be.
const everything = 1 << 30

// collection is a page of a listing (DT-7.3).
type collection struct {
	Context  string   `json:"@odata.context"`
	Count    *int     `json:"@odata.count,omitempty"`
	NextLink string   `json:"@odata.nextLink,omitempty"`
	Value    []entity `json:"value"`
}

// cursor is what a continuation token holds: the whole query, and where it goes on.
type cursor struct {
	Filter string    `json:"f,omitempty"`
	Select []string  `json:"s,omitempty"`
	Top    int       `json:"t"`
	After  id.Object `json:"a"`
}

// listServicePrincipals serves GET /servicePrincipals.
func (m *Room) listServicePrincipals(w http.ResponseWriter, r *request) error {
	q, c, err := m.query(r)
	if err != nil {
		return err
	}
	match, err := matcher(q.Filter, c.After != "" || q.Count && eventual(r)) // a page token was given for a query that was accepted
	if err != nil {
		return err
	}
	props, err := selected(q.Select)
	if err != nil {
		return err
	}
	list, more, err := m.directory.ServicePrincipals(r.Context(), r.caller.Tenant, c.After, c.Top, match)
	if err != nil {
		return err
	}
	answer := collection{Context: m.context(r, q.Select, false), Value: make([]entity, 0, len(list))}
	for _, sp := range list {
		answer.Value = append(answer.Value, entity{sp: sp, properties: props})
	}
	if q.Count && eventual(r) {
		all, _, err := m.directory.ServicePrincipals(r.Context(), r.caller.Tenant, "", everything, match)
		if err != nil {
			return err
		}
		n := len(all)
		answer.Count = &n
	}
	if more {
		c.After = list[len(list)-1].ID
		if answer.NextLink, err = m.nextLink(r, c); err != nil {
			return err
		}
	}
	return httpd.WriteJSON(w, http.StatusOK, answer)
}

// countServicePrincipals serves GET /servicePrincipals/$count.
func (m *Room) countServicePrincipals(w http.ResponseWriter, r *request) error {
	if !eventual(r) {
		return errRequest.With("$count is not currently supported.")
	}
	q, err := odata.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	match, err := matcher(q.Filter, true)
	if err != nil {
		return err
	}
	all, _, err := m.directory.ServicePrincipals(r.Context(), r.caller.Tenant, "", everything, match)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if _, err := w.Write([]byte(strconv.Itoa(len(all)))); err != nil {
		return fmt.Errorf("send count: %w", err)
	}
	return nil
}

// getServicePrincipal serves /servicePrincipals/{id}, ('{id}') and (appId='{id}').
func (m *Room) getServicePrincipal(w http.ResponseWriter, r *request, key string) error {
	q, err := odata.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	props, err := selected(q.Select)
	if err != nil {
		return err
	}
	sp, err := m.byKey(r, key)
	if err != nil {
		return err
	}
	return httpd.WriteJSON(w, http.StatusOK, entity{
		sp: sp, properties: props, annotations: []annotation{{"@odata.context", m.context(r, q.Select, true)}},
	})
}

// byKey finds a service principal by object id or alternate key. Errors: errNotFound,
// errRequest for a key that is not a GUID.
func (m *Room) byKey(r *request, key string) (directory.ServicePrincipal, error) {
	name, value, alternate := strings.Cut(key, "=")
	if !alternate {
		value = key
	}
	value = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(value), "'"), "'")
	notFound := errNotFound.With("Resource '%s' does not exist or one of its queried reference-property objects are not present.", clipped(value))
	if alternate && !strings.EqualFold(strings.TrimSpace(name), "appId") {
		return directory.ServicePrincipal{}, errRequest.With("The key property is not one of appId.")
	}
	object, err := id.ParseObject(value)
	if err != nil {
		return directory.ServicePrincipal{}, notFound
	}
	var sp directory.ServicePrincipal
	if alternate {
		sp, err = m.directory.ServicePrincipalByApp(r.Context(), r.caller.Tenant, id.App(object))
	} else {
		sp, err = m.directory.ServicePrincipal(r.Context(), r.caller.Tenant, object)
	}
	if isNotFound(err) {
		return directory.ServicePrincipal{}, notFound
	}
	return sp, err
}

// query reads the options, or those of the page before where there is a $skiptoken.
func (m *Room) query(r *request) (odata.Query, cursor, error) {
	q, err := odata.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return odata.Query{}, cursor{}, err
	}
	c := cursor{Select: q.Select, Top: q.Top}
	if c.Top == 0 {
		c.Top = defaultTop
	}
	if q.Filter != nil {
		c.Filter = q.Filter.String()
	}
	if q.SkipToken == "" {
		return q, c, nil
	}
	position, err := m.pages.Position(r.Context(), m.binding(r), q.SkipToken)
	if err != nil {
		return odata.Query{}, cursor{}, err
	}
	if err := json.Unmarshal([]byte(position), &c); err != nil {
		return odata.Query{}, cursor{}, fmt.Errorf("decode the position of a page: %w", err)
	}
	q = odata.Query{Select: c.Select, Top: c.Top}
	if c.Filter != "" {
		q.Filter, err = odata.ParseFilter(c.Filter)
	}
	return q, c, err
}

// nextLink is the absolute URL of the next page (DT-93). It holds the token only.
func (m *Room) nextLink(r *request, c cursor) (string, error) {
	position, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode the position of a page: %w", err)
	}
	text, err := m.pages.Make(r.Context(), m.binding(r), string(position))
	if err != nil {
		return "", err
	}
	return m.entry(r.Request).Graph + "/" + r.version + "/servicePrincipals?$skiptoken=" + url.QueryEscape(text), nil
}

// binding is what a continuation token is good for: this caller's listing of this set.
func (m *Room) binding(r *request) paging.Query {
	return paging.Query{Tenant: r.caller.Tenant, Caller: r.caller.Object, What: []string{"graph", r.version, "servicePrincipals"}}
}

// context is the @odata.context of an answer (DT-6.1).
func (m *Room) context(r *request, names []string, one bool) string {
	out := m.entry(r.Request).Graph + "/" + r.version + "/$metadata#servicePrincipals"
	if len(names) > 0 {
		out += "(" + strings.Join(names, ",") + ")"
	}
	if one {
		out += "/$entity"
	}
	return out
}

// eventual reports the header that advanced queries need. Nothing here is eventual.
func eventual(r *request) bool {
	return strings.EqualFold(r.Header.Get("ConsistencyLevel"), "eventual")
}
