package odata

import (
	"net/url"
	"strconv"
	"strings"
)

// Query holds the query options of a request. A zero field was not sent.
type Query struct {
	Filter    Expr
	Select    []string // as spelled
	Top       int      // 1 to MaxTop
	Count     bool
	Search    Search
	OrderBy   []Order
	Expand    []string // navigation properties, as spelled
	SkipToken string
}

// Order is one key of $orderby.
type Order struct {
	Property   string // as spelled
	Descending bool
}

// MaxTop is the largest page (DT-7.2).
const MaxTop = 999

// ParseQuery reads the raw query string. Where it has a $skiptoken every other option is
// ignored: clients send them again beside the link that holds it (DT-7.3). Parameters
// without a dollar sign are ignored. Errors: ErrFilter, ErrOption.
func ParseQuery(raw string) (Query, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return Query{}, ErrOption.With("The query string has a bad escape or separator.")
	}
	if tokens := values["$skiptoken"]; len(tokens) > 0 {
		if len(tokens) > 1 || tokens[0] == "" {
			return Query{}, ErrOption.With("The query option $skiptoken must be given once.")
		}
		return Query{SkipToken: tokens[0]}, nil
	}
	var q Query
	for name, list := range values {
		if !strings.HasPrefix(name, "$") {
			continue
		}
		if len(list) > 1 {
			return Query{}, ErrOption.With("A query option must be given once.")
		}
		if err := q.option(strings.ToLower(name), list[0]); err != nil {
			return Query{}, err
		}
	}
	return q, nil
}

// option reads one option.
func (q *Query) option(name, value string) (err error) {
	switch name {
	case "$filter":
		q.Filter, err = ParseFilter(value)
	case "$select":
		q.Select, err = names(value)
	case "$top":
		q.Top, err = strconv.Atoi(value)
		if err != nil || q.Top < 1 || q.Top > MaxTop {
			err = ErrOption.With("Invalid page size specified. Must be between 1 and %d inclusive.", MaxTop)
		}
	case "$count":
		q.Count, err = strconv.ParseBool(value)
		if err != nil {
			err = ErrOption.With("The query option $count must be true or false.")
		}
	case "$search":
		q.Search, err = ParseSearch(value)
	case "$orderby":
		q.OrderBy, err = orders(value)
	case "$expand":
		q.Expand, err = expansions(value)
	default:
		err = ErrOption.With("A query option is not supported: only $filter, $search, $select, $expand, $orderby, $top, $count and $skiptoken are.")
	}
	return err
}

// names reads a list of property names.
func names(value string) ([]string, error) {
	var out []string
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if !identifier(name) {
			return nil, ErrOption.With("The query option $select is not a list of property names.")
		}
		out = append(out, name)
	}
	return out, nil
}

// orders reads "name desc,other".
func orders(value string) ([]Order, error) {
	var out []Order
	for part := range strings.SplitSeq(value, ",") {
		words := strings.Fields(part)
		if len(words) < 1 || len(words) > 2 || !identifier(words[0]) || len(out) == maxOrders {
			return nil, ErrOption.With("The query option $orderby is not a list of up to %d properties, each with asc or desc.", maxOrders)
		}
		o := Order{Property: words[0]}
		if len(words) == 2 {
			o.Descending = strings.EqualFold(words[1], "desc")
			if !o.Descending && !strings.EqualFold(words[1], "asc") {
				return nil, ErrOption.With("The query option $orderby has neither asc nor desc behind a property.")
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// maxOrders is how many properties $orderby may name.
const maxOrders = 4

// expansions reads names of navigation properties. Options in parentheses that choose
// properties are skipped: what is not asked for does no harm.
func expansions(value string) ([]string, error) {
	var out []string
	for rest := value; ; {
		end := strings.IndexAny(rest, ",(")
		if end < 0 {
			end = len(rest)
		}
		name := strings.TrimSpace(rest[:end])
		if !identifier(name) || len(out) == maxExpansions {
			return nil, ErrOption.With("The query option $expand is not a list of up to %d navigation properties.", maxExpansions)
		}
		out = append(out, name)
		rest = rest[end:]
		if strings.HasPrefix(rest, "(") {
			inner, behind, closed := strings.Cut(rest[1:], ")")
			if !closed || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(inner)), "$select=") || strings.Contains(inner, "(") {
				return nil, ErrOption.With("The query option $expand takes no options but $select.")
			}
			rest = strings.TrimSpace(behind)
		}
		if rest == "" {
			return out, nil
		}
		if !strings.HasPrefix(rest, ",") {
			return nil, ErrOption.With("The query option $expand is not a list of navigation properties.")
		}
		rest = rest[1:]
	}
}

// maxExpansions is how many navigation properties $expand may name.
const maxExpansions = 4
