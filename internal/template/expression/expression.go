// Package expression reads and evaluates the expressions of templates: `[concat('a', …)]`
// (control-plane.md §7.4, §7.5). It knows the functions whose result depends on nothing but
// their arguments; what depends on the template or the deployment it asks its Environment.
//
// Work is bounded: an expression has at most 24,576 characters and 200 levels, every value
// at most 4 MiB, and all evaluations under one Budget share a number of steps. Messages of
// errors name functions, members and places, never values: a value may be a secret.
package expression

import (
	"strings"

	"github.com/sealring/sealring/internal/fault"
)

// Failures of expressions.
var (
	// ErrSyntax is a text that is not an expression.
	ErrSyntax = fault.New(fault.Invalid, "the expression is not valid")
	// ErrFunction is a function that does not exist, or does not exist where it is called.
	ErrFunction = fault.New(fault.Invalid, "the template function is not valid")
	// ErrEvaluation is an expression that has no value: wrong arguments, a missing member.
	ErrEvaluation = fault.New(fault.Invalid, "the expression cannot be evaluated")
	// ErrBudget is a template that asks for too much work or memory.
	ErrBudget = fault.New(fault.Invalid, "the template asks for more work than is allowed")
)

// Bounds.
const (
	maxLength = 24576 // characters of an expression
	maxDepth  = 200   // levels of an expression
	maxValue  = 4 << 20
)

// Node is a parsed expression or a part of one.
type Node interface{ node() }

// The kinds of node.
type (
	// Literal is a string or an int64.
	Literal struct{ Value any }
	// Call is a function with its arguments; Namespace is "" for built-in functions.
	Call struct {
		Namespace, Name string // folded
		Args            []Node
	}
	// Member is `of.name` and `of[at]`.
	Member struct{ Of, At Node }
)

// node implements Node.
func (Literal) node() {}

// node implements Node.
func (*Call) node() {}

// node implements Node.
func (*Member) node() {}

// Is reports whether a string of a template is an expression, and returns its inside.
func Is(s string) (inside string, ok bool) {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' || s[1] == '[' {
		return "", false
	}
	return s[1 : len(s)-1], true
}

// Plain returns what a string that is no expression stands for: "[[" at the begin is one
// bracket that does not open an expression.
func Plain(s string) string {
	if strings.HasPrefix(s, "[[") && strings.HasSuffix(s, "]") {
		return s[1:]
	}
	return s
}

// Parse reads the inside of an expression. Errors: ErrSyntax.
func Parse(text string) (Node, error) {
	if len(text) > maxLength {
		return nil, ErrSyntax.With("the expression has more than %d characters", maxLength)
	}
	p := &parser{text: text}
	n := p.expression(0)
	if p.space(); p.err == nil && p.at < len(text) {
		p.fail("a character is not expected")
	}
	if p.err != nil {
		return nil, p.err
	}
	return n, nil
}

// parser reads from at on.
type parser struct {
	text string
	at   int
	err  error
}

// fail keeps the first error.
func (p *parser) fail(what string) {
	if p.err == nil {
		p.err = ErrSyntax.With("%s at position %d of the expression", what, p.at+1)
	}
}

// space skips white space.
func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take takes the next character if it is c.
func (p *parser) take(c byte) bool {
	p.space()
	if p.err != nil || p.at >= len(p.text) || p.text[p.at] != c {
		return false
	}
	p.at++
	return true
}

// expression reads a primary with what hangs on it.
func (p *parser) expression(depth int) Node {
	if depth > maxDepth {
		p.fail("the expression is nested too deeply")
		return nil
	}
	n := p.primary(depth)
	for hung := 0; p.err == nil; hung++ {
		if hung > maxDepth {
			p.fail("the expression has too many members in a row")
			return nil
		}
		switch {
		case p.take('.'):
			p.space()
			name := p.ident()
			if name == "" {
				p.fail("a member's name is expected")
				return nil
			}
			n = &Member{Of: n, At: Literal{name}}
		case p.take('['):
			at := p.expression(depth + 1)
			if !p.take(']') {
				p.fail("a closing bracket is expected")
				return nil
			}
			n = &Member{Of: n, At: at}
		default:
			return n
		}
	}
	return nil
}

// primary reads a call or a literal.
func (p *parser) primary(depth int) Node {
	p.space()
	if p.at >= len(p.text) {
		p.fail("the expression ends too early")
		return nil
	}
	switch c := p.text[p.at]; {
	case c == '\'':
		return p.quoted()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	name := p.ident()
	if name == "" {
		p.fail("a character is not expected")
		return nil
	}
	call := &Call{Name: strings.ToLower(name)}
	if p.take('.') {
		call.Namespace, call.Name = call.Name, strings.ToLower(p.ident())
	}
	if call.Name == "" || !p.take('(') {
		p.fail("a function call is expected")
		return nil
	}
	if p.take(')') {
		return call
	}
	for p.err == nil {
		call.Args = append(call.Args, p.expression(depth+1))
		if p.take(')') {
			return call
		}
		if !p.take(',') {
			p.fail("a comma or a closing parenthesis is expected")
		}
	}
	return nil
}

// ident reads a name; "" if there is none.
func (p *parser) ident() string {
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$'
		if !letter && (p.at == start || c < '0' || c > '9') {
			break
		}
		p.at++
	}
	return p.text[start:p.at]
}

// number reads an integer.
func (p *parser) number() Node {
	start := p.at
	p.at++
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	n, ok := parseInt(p.text[start:p.at])
	if !ok {
		p.fail("this is not a 64-bit integer")
	}
	return Literal{n}
}

// quoted reads a string; a quote in it is written twice.
func (p *parser) quoted() Node {
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		if c != '\'' {
			b.WriteByte(c)
			continue
		}
		if p.at++; p.at >= len(p.text) || p.text[p.at] != '\'' {
			return Literal{b.String()}
		}
		b.WriteByte('\'')
	}
	p.fail("a string has no end")
	return nil
}
