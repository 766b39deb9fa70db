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
	SkipToken string
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
	default:
		err = ErrOption.With("A query option is not supported: only $filter, $select, $top, $count and $skiptoken are.")
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
