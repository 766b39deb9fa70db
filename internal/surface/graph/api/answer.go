package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/odata"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/surface/graph/edm"
)

// defaultTop is the size of a page where $top is not given (DT-7.2).
const defaultTop = 100

// maxExpanded is how many members an expansion shows (DT-7.2).
const maxExpanded = 20

// page is a page of a listing (DT-7.3).
type page struct {
	Context  string       `json:"@odata.context"`
	Count    *int         `json:"@odata.count,omitempty"`
	NextLink string       `json:"@odata.nextLink,omitempty"`
	Value    []edm.Entity `json:"value"`
}

// Collection is a listing to be answered.
type Collection struct {
	Set    string      // as in $metadata: "servicePrincipals", "directoryObjects"
	Types  []*edm.Type // several for polymorphic collections, whose members say their type
	Source edm.Source
	// Expand returns the members of a navigation property of an entity; nil where none can
	// be expanded, false for an unknown one.
	Expand func(e edm.Entity, navigation string) ([]edm.Entity, bool, error)
	// Find, which may be nil, finds the one entity whose property has a value, false for none;
	// known says that it can look for that property. It spares going through all.
	Find func(property, value string) (e edm.Entity, found, known bool)
	// Log, in place of Source, makes the source of a log that may be long: newest first, in
	// no other order, not counted, and narrowed by what the filter says.
	Log func(filter odata.Expr) edm.Source
	// Newest is the property that a log is ordered by.
	Newest string
}

// cursor is what a continuation token holds: the query, and where it goes on.
type cursor struct {
	Query string       `json:"q,omitempty"`
	After edm.Position `json:"a"`
}

// query reads the options, or those of the page before where there is a $skiptoken; paged
// says that it did.
func (r *Request) query() (q odata.Query, c cursor, paged bool, err error) {
	if q, err = odata.ParseQuery(r.URL.RawQuery); err != nil {
		return q, c, false, err
	}
	if q.SkipToken == "" {
		return q, cursor{Query: r.URL.RawQuery}, false, nil
	}
	position, err := r.Room.Pages.Position(r.Context(), r.binding(), q.SkipToken)
	if err != nil {
		return q, c, false, err
	}
	if err := json.Unmarshal([]byte(position), &c); err != nil {
		return q, c, false, fmt.Errorf("decode the position of a page: %w", err)
	}
	q, err = odata.ParseQuery(c.Query)
	return q, c, true, err
}

// binding is what a continuation token is good for: this caller's listing of this path.
func (r *Request) binding() paging.Query {
	what := []string{"graph", r.Version}
	for _, s := range r.Path {
		what = append(what, strings.ToLower(s))
	}
	return paging.Query{Tenant: r.Caller.Tenant, Caller: r.Caller.Object, What: what}
}

// eventual reports the header that advanced queries need. Nothing here is eventual.
func eventual(r *Request) bool {
	return strings.EqualFold(r.Header.Get("ConsistencyLevel"), "eventual")
}

// matcher is the predicate of $filter and $search. Errors: edm.ErrProperty, edm.ErrUnsupported.
func (c *Collection) matcher(r *Request, q odata.Query, paged bool) (func(edm.Entity) bool, error) {
	advanced := paged || eventual(r) // a page token was given for a query that was accepted
	if q.Search != nil && !advanced {
		return nil, edm.ErrUnsupported.With("Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'")
	}
	if len(q.OrderBy) > 0 && q.Filter != nil && !advanced {
		return nil, edm.ErrUnsupported.With("Sorting not supported for current query: $orderby beside $filter needs the header ConsistencyLevel: eventual and $count=true.")
	}
	var names []string
	for _, o := range q.OrderBy {
		names = append(names, o.Property)
	}
	if err := edm.CheckNames(c.Types, append(names, q.Select...)); err != nil {
		return nil, err
	}
	filter, err := edm.Matcher(c.Types, q.Filter, advanced && (paged || q.Count) || strings.EqualFold(r.Path[len(r.Path)-1], "$count"))
	if err != nil {
		return nil, err
	}
	search, err := edm.Searcher(c.Types, q.Search)
	return func(e edm.Entity) bool { return filter(e) && search(e) }, err
}

// WriteCollection answers a listing, or its size where the path ends with "$count".
func WriteCollection(w http.ResponseWriter, r *Request, c Collection) error {
	q, at, paged, err := r.query()
	if err != nil {
		return err
	}
	if c.Log != nil {
		if q.OrderBy, err = c.newestFirst(q.OrderBy); err != nil {
			return err
		}
		c.Source, q.Count = c.Log(q.Filter), false
	}
	match, err := c.matcher(r, q, paged)
	if err != nil {
		return err
	}
	c.narrow(q.Filter)
	if strings.EqualFold(r.Path[len(r.Path)-1], "$count") {
		return writeCount(w, r, edm.Count(c.Source, match))
	}
	top := q.Top
	if top == 0 {
		top = defaultTop
	}
	list, next := edm.Page(c.Source, match, q.OrderBy, at.After, top)
	answer := page{Context: r.context(c.Set, q.Select, false), Value: make([]edm.Entity, 0, len(list))}
	for _, e := range list {
		e.Names = q.Select
		if e.Also, err = expand(e, q.Expand, c.Expand); err != nil {
			return err
		}
		if len(c.Types) > 1 {
			e = e.Typed()
		}
		answer.Value = append(answer.Value, e)
	}
	if q.Count && (eventual(r) || paged) {
		n := edm.Count(c.Source, match)
		answer.Count = &n
	}
	if next != nil {
		at.After = *next
		if answer.NextLink, err = r.nextLink(at); err != nil {
			return err
		}
	}
	return httpd.WriteJSON(w, http.StatusOK, answer)
}

// expand reads the navigation properties that names ask for.
func expand(e edm.Entity, names []string, read func(edm.Entity, string) ([]edm.Entity, bool, error)) ([]edm.Member, error) {
	var out []edm.Member
	for _, name := range names {
		bad := ErrRequest.With("Could not find a navigation property named '%s' that can be expanded.", Clipped(name))
		if read == nil {
			return nil, bad
		}
		list, ok, err := read(e, name)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, bad
		}
		out = append(out, edm.Member{Name: name, Value: append([]edm.Entity{}, list[:min(len(list), maxExpanded)]...)})
	}
	return out, nil
}

// narrow replaces the source by the one entity that the filter can hold of.
func (c *Collection) narrow(filter odata.Expr) {
	switch e := filter.(type) {
	case odata.And:
		c.narrow(e.Left)
		c.narrow(e.Right)
	case odata.Compare:
		if c.Find == nil || e.Op != "eq" {
			return
		}
		if one, found, known := c.Find(strings.ToLower(e.Property), e.Values[0].Text); known {
			var list []edm.Entity
			if found {
				list = append(list, one)
			}
			c.Source = edm.Slice[edm.Entity]{List: list, ID: func(e edm.Entity) string { return e.ID }, Entity: func(e edm.Entity) (edm.Entity, bool) { return e, true }}
		}
	}
}

// newestFirst takes the order that a log has anyway. Errors: edm.ErrUnsupported for another.
func (c *Collection) newestFirst(order []odata.Order) ([]odata.Order, error) {
	for _, o := range order {
		if !strings.EqualFold(o.Property, c.Newest) || !o.Descending {
			return nil, edm.ErrUnsupported.With("Unsupported Query: a log is ordered by %s desc.", c.Newest)
		}
	}
	return nil, nil
}

// writeCount answers the size of a collection.
func writeCount(w http.ResponseWriter, r *Request, n int) error {
	if !eventual(r) {
		return ErrRequest.With("$count is not currently supported.")
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if _, err := w.Write([]byte(strconv.Itoa(n))); err != nil {
		return fmt.Errorf("send count: %w", err)
	}
	return nil
}

// nextLink is the absolute URL of the next page (DT-93). It holds the token only.
func (r *Request) nextLink(c cursor) (string, error) {
	position, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode the position of a page: %w", err)
	}
	text, err := r.Room.Pages.Make(r.Context(), r.binding(), string(position))
	if err != nil {
		return "", err
	}
	var path strings.Builder
	for _, s := range r.Path {
		path.WriteString("/" + url.PathEscape(s))
	}
	return r.URLBase() + path.String() + "?$skiptoken=" + url.QueryEscape(text), nil
}

// context is the @odata.context of an answer (DT-6.1).
func (r *Request) context(set string, names []string, one bool) string {
	out := r.URLBase() + "/$metadata#" + set
	if len(names) > 0 {
		out += "(" + strings.Join(names, ",") + ")"
	}
	if one {
		out += "/$entity"
	}
	return out
}

// WriteEntity answers one entity, with what $select and $expand ask for; read may be nil.
func WriteEntity(w http.ResponseWriter, r *Request, status int, set string, e edm.Entity, read func(edm.Entity, string) ([]edm.Entity, bool, error)) error {
	q, err := odata.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	if err := edm.CheckNames([]*edm.Type{e.Type}, q.Select); err != nil {
		return err
	}
	e.Names = q.Select
	expanded, err := expand(e, q.Expand, read)
	if err != nil {
		return err
	}
	if status == http.StatusCreated {
		w.Header().Set("Location", r.URLBase()+"/"+set+"/"+e.ID)
	}
	e.Also = append([]edm.Member{{Name: "@odata.context", Value: r.context(set, q.Select, true)}}, append(e.Also, expanded...)...)
	return httpd.WriteJSON(w, status, e)
}

// value is the answer of a function.
type value struct {
	Context string `json:"@odata.context"`
	Value   any    `json:"value"`
}

// WriteValue answers what a function returns.
func WriteValue(w http.ResponseWriter, r *Request, set string, v any) error {
	return httpd.WriteJSON(w, http.StatusOK, value{r.context(set, nil, false), v})
}
