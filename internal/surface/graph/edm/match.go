package edm

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/odata"
)

// Matcher turns a filter into a predicate, after checking that it names properties that one
// of the types has. advanced says that the client asked for advanced queries, without which
// some operators are refused (DT-92). Errors: ErrProperty, ErrUnsupported.
func Matcher(types []*Type, e odata.Expr, advanced bool) (func(Entity) bool, error) {
	if e == nil {
		return func(Entity) bool { return true }, nil
	}
	var err error
	odata.Walk(e, func(n odata.Expr) {
		if err == nil {
			err = check(types, n, advanced)
		}
	})
	if err != nil {
		return nil, err
	}
	return func(x Entity) bool { return holds(e, x.value) }, nil
}

// value looks a property up as filters see it.
func (e Entity) value(name string) any {
	collection, sized := strings.CutSuffix(name, "/$count")
	p := e.Type.Find(collection)
	if p == nil {
		return nil
	}
	v := p.comparable(e.Object)
	if list, ok := v.([]string); ok && sized {
		return strconv.Itoa(len(list))
	}
	return v
}

// check refuses a node that names an unknown property or needs an advanced query.
func check(types []*Type, e odata.Expr, advanced bool) error {
	name, needs := "", false
	switch e := e.(type) {
	case odata.Not:
		needs = true
	case odata.Compare:
		name, needs = e.Property, e.Op == "ne" || strings.HasSuffix(e.Property, "/$count")
	case odata.Match:
		name, needs = e.Property, e.Function == "endswith"
		if e.Function == "contains" {
			return ErrUnsupported.With("Unsupported Query: contains is not supported.")
		}
	case odata.Any:
		name = e.Collection
	}
	name = strings.TrimSuffix(name, "/$count")
	if name != "" && !known(types, name) {
		return types[0].unknown(name)
	}
	if needs && !advanced {
		return ErrUnsupported.With("Unsupported Query: this operator needs the header ConsistencyLevel: eventual and $count=true.")
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
		if strings.HasSuffix(e.Property, "/$count") {
			return compareSize(value(e.Property), e.Op, e.Values)
		}
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

// compareSize applies eq, ne or in to the size of a collection.
func compareSize(size any, op string, values []odata.Value) bool {
	n, ok := size.(string)
	equal := ok && slices.ContainsFunc(values, func(v odata.Value) bool { return v.Text == n })
	return ok && (op == "eq" || op == "in") && equal || ok && op == "ne" && !equal
}

// compare applies an operator to a property. Texts compare without letter case.
func compare(property any, op string, values []odata.Value) bool {
	if t, ok := property.(time.Time); ok {
		return slices.ContainsFunc(values, func(v odata.Value) bool { return compareTime(t, op, v.Text) })
	}
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

// compareTime applies an operator to a time; what is no time is not equal to any.
func compareTime(t time.Time, op, literal string) bool {
	other, err := time.Parse(time.RFC3339, literal)
	if err != nil {
		if other, err = time.Parse(time.DateOnly, literal); err != nil {
			return op == "ne"
		}
	}
	order := t.Compare(other)
	switch op {
	case "eq", "in":
		return order == 0
	case "ne":
		return order != 0
	case "ge":
		return order >= 0
	case "gt":
		return order > 0
	case "le":
		return order <= 0
	}
	return order < 0
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
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
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

// Searcher turns a search into a predicate: a term is found where a word of the property
// begins with it; a term without a property is looked for in displayName. Errors: ErrProperty.
func Searcher(types []*Type, s odata.Search) (func(Entity) bool, error) {
	for _, all := range s {
		for _, term := range all {
			if term.Property != "" && !known(types, term.Property) {
				return nil, types[0].unknown(term.Property)
			}
		}
	}
	return func(e Entity) bool {
		return s == nil || slices.ContainsFunc(s, func(all []odata.Term) bool {
			return !slices.ContainsFunc(all, func(term odata.Term) bool { return !found(e, term) })
		})
	}, nil
}

// found reports whether a word of a property begins with the text.
func found(e Entity, term odata.Term) bool {
	name := term.Property
	if name == "" {
		name = "displayName"
	}
	whole, _ := e.value(name).(string)
	whole, part := strings.ToLower(whole), strings.ToLower(term.Text)
	for at := 0; ; {
		i := strings.Index(whole[at:], part)
		if i < 0 {
			return false
		}
		if i += at; i == 0 || strings.ContainsRune(" -_./@", rune(whole[i-1])) {
			return true
		}
		at = i + 1
	}
}
