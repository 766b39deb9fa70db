// Package odata reads the query options of OData that Microsoft Graph clients send, into
// values. It is pure: it knows no entity and compares nothing.
//
// $filter: eq, ne, ge, gt, le, lt, in, and, or, not, parentheses, startswith, endswith,
// contains, and any() over collections of texts (OData 4.01 URL conventions §5.1.1, as far
// as Graph's clients use it). Names and keywords are taken in any letter case. Everything
// else is refused, never guessed.
package odata

import (
	"strings"

	"github.com/sealring/sealring/internal/fault"
)

// ErrFilter is a $filter that is not in the grammar, too long or nested too deep.
var ErrFilter = fault.New(fault.Invalid, "Invalid filter clause")

// ErrOption is another query option that cannot be read.
var ErrOption = fault.New(fault.Invalid, "a query option is not valid")

// Limits of a filter.
const (
	maxLength = 8 << 10 // bytes
	maxDepth  = 32
	// maxRecursion lets the canonical form of every accepted filter parse: three calls per
	// level, and some spare parentheses.
	maxRecursion = 4 * maxDepth
	maxValues    = 100 // of one `in`
)

// Expr is a node of a filter: And, Or, Not, Compare, Match or Any.
type Expr interface {
	// String writes the expression so that it parses to the same one.
	String() string
}

// And holds where both sides hold.
type And struct{ Left, Right Expr }

// Or holds where a side holds.
type Or struct{ Left, Right Expr }

// Not holds where Of does not.
type Not struct{ Of Expr }

// Compare holds where the property stands in relation Op to a value; to one of Values where
// Op is "in". Inside Any the Property is "": the element itself.
type Compare struct {
	Property string // as spelled; "tags/$count" is the size of a collection
	Op       string // eq, ne, ge, gt, le, lt, in
	Values   []Value
}

// Match holds where Function (startswith, endswith, contains) of the property and Text holds.
type Match struct{ Function, Property, Text string }

// Any holds where Of holds for an element of the collection.
type Any struct {
	Collection string // as spelled
	Of         Expr
}

// Value is a literal: a text, or null, true, false, a number, a date or a GUID as written.
type Value struct {
	Text   string
	Quoted bool
}

// String implements Expr.
func (e And) String() string { return "(" + e.Left.String() + " and " + e.Right.String() + ")" }

// String implements Expr.
func (e Or) String() string { return "(" + e.Left.String() + " or " + e.Right.String() + ")" }

// String implements Expr.
func (e Not) String() string { return "not " + e.Of.String() }

// String implements Expr.
func (e Compare) String() string {
	name := e.Property
	if name == "" {
		name = "x"
	}
	if e.Op != "in" {
		return name + " " + e.Op + " " + e.Values[0].String()
	}
	var list []string
	for _, v := range e.Values {
		list = append(list, v.String())
	}
	return name + " in (" + strings.Join(list, ",") + ")"
}

// String implements Expr.
func (e Match) String() string {
	name := e.Property
	if name == "" {
		name = "x"
	}
	return e.Function + "(" + name + "," + Value{e.Text, true}.String() + ")"
}

// String implements Expr.
func (e Any) String() string { return e.Collection + "/any(x:" + e.Of.String() + ")" }

// String writes the literal; a quote inside is doubled.
func (v Value) String() string {
	if !v.Quoted {
		return v.Text
	}
	return "'" + strings.ReplaceAll(v.Text, "'", "''") + "'"
}

// Walk calls visit for e and everything below it.
func Walk(e Expr, visit func(Expr)) {
	visit(e)
	switch e := e.(type) {
	case And:
		Walk(e.Left, visit)
		Walk(e.Right, visit)
	case Or:
		Walk(e.Left, visit)
		Walk(e.Right, visit)
	case Not:
		Walk(e.Of, visit)
	case Any:
		Walk(e.Of, visit)
	}
}
