package graph

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/odata"
)

// matcher turns a filter into a predicate, after checking that it names known properties.
// advanced says that the client asked for advanced queries, without which some operators
// are refused (DT-92). Errors: errRequest, errUnsupported.
func matcher(e odata.Expr, advanced bool) (func(directory.ServicePrincipal) bool, error) {
	if e == nil {
		return func(directory.ServicePrincipal) bool { return true }, nil
	}
	var err error
	odata.Walk(e, func(n odata.Expr) {
		if err == nil {
			err = check(n, advanced)
		}
	})
	if err != nil {
		return nil, err
	}
	return func(sp directory.ServicePrincipal) bool {
		return holds(e, func(name string) any { return find(name).value(sp) })
	}, nil
}

// check refuses a node that names an unknown property or needs an advanced query.
func check(e odata.Expr, advanced bool) error {
	name, needs := "", false
	switch e := e.(type) {
	case odata.Not:
		needs = true
	case odata.Compare:
		name, needs = e.Property, e.Op == "ne"
	case odata.Match:
		name, needs = e.Property, e.Function == "endswith"
		if e.Function == "contains" {
			return errUnsupported.With("Unsupported Query: contains is not supported.")
		}
	case odata.Any:
		name = e.Collection
	}
	if name != "" && find(name) == nil {
		return errRequest.With("Could not find a property named '%s' on type 'microsoft.graph.servicePrincipal'.", clipped(name))
	}
	if needs && !advanced {
		return errUnsupported.With("Unsupported Query: this operator needs the header ConsistencyLevel: eventual and $count=true.")
	}
	return nil
}

// holds evaluates a filter; value looks a property up ("" is the element inside any()).
func holds(e odata.Expr, value func(name string) any) bool {
	switch e := e.(type) {
	case odata.And:
		return holds(e.Left, value) && holds(e.Right, value)
	case odata.Or:
		return holds(e.Left, value) || holds(e.Right, value)
	case odata.Not:
		return !holds(e.Of, value)
	case odata.Compare:
		return compare(value(e.Property), e.Op, e.Values)
	case odata.Match:
		return matches(e.Function, value(e.Property), e.Text)
	case odata.Any:
		list, _ := value(e.Collection).([]string)
		return slices.ContainsFunc(list, func(element string) bool {
			return holds(e.Of, func(string) any { return element })
		})
	}
	return false
}

// compare applies an operator to a property. Texts compare without letter case.
func compare(property any, op string, values []odata.Value) bool {
	equal := func(v odata.Value) bool { return strings.EqualFold(text(property), v.Text) && sameKind(property, v) }
	switch op {
	case "in":
		return slices.ContainsFunc(values, equal)
	case "eq":
		return equal(values[0])
	case "ne":
		return !equal(values[0])
	}
	if _, ok := property.(string); !ok {
		return false
	}
	order := strings.Compare(strings.ToLower(text(property)), strings.ToLower(values[0].Text))
	return op == "ge" && order >= 0 || op == "gt" && order > 0 || op == "le" && order <= 0 || op == "lt" && order < 0
}

// sameKind keeps null, booleans and texts apart: 'true' is a text, true is not.
func sameKind(property any, v odata.Value) bool {
	switch property.(type) {
	case nil, bool:
		return !v.Quoted
	case string:
		return v.Quoted || !strings.EqualFold(v.Text, "null")
	}
	return false
}

// text writes a property as a literal would spell it.
func text(property any) string {
	switch v := property.(type) {
	case nil:
		return "null"
	case string:
		return v
	case bool:
		if v {
			return "true"
		}
		return "false"
	case json.RawMessage, []string:
	}
	return ""
}

// matches applies startswith or endswith to a text.
func matches(function string, property any, part string) bool {
	whole, ok := property.(string)
	if !ok || len(part) > len(whole) {
		return false
	}
	if function == "startswith" {
		return strings.EqualFold(whole[:len(part)], part)
	}
	return strings.EqualFold(whole[len(whole)-len(part):], part)
}
