package odata

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// ParseFilter reads the (decoded) value of $filter. Errors: ErrFilter.
func ParseFilter(text string) (Expr, error) {
	if len(text) > maxLength || !utf8.ValidString(text) {
		return nil, ErrFilter.With("Invalid filter clause: longer than %d bytes or not UTF-8", maxLength)
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.peek().kind != end {
		return nil, p.unexpected()
	}
	if height(e) > maxDepth {
		return nil, errDepth
	}
	return e, nil
}

// errDepth is a filter that would cost too much to walk.
var errDepth = ErrFilter.With("Invalid filter clause: too many conditions or nested too deep")

// height is how many operators lie above the deepest condition, plus one.
func height(e Expr) int {
	switch e := e.(type) {
	case And:
		return 1 + max(height(e.Left), height(e.Right))
	case Or:
		return 1 + max(height(e.Left), height(e.Right))
	case Not:
		return 1 + height(e.Of)
	case Any:
		return 1 + height(e.Of)
	}
	return 1
}

// parser walks the tokens of one filter.
type parser struct {
	tokens   []lexeme
	at       int
	variable string // of the enclosing any()
}

// peek returns the next token without taking it.
func (p *parser) peek() lexeme { return p.tokens[p.at] }

// unexpected refuses the next token.
func (p *parser) unexpected() error {
	return ErrFilter.With("Invalid filter clause: syntax error at position %d", p.peek().at)
}

// keyword takes a word if it is next.
func (p *parser) keyword(name string) bool {
	if t := p.peek(); t.kind == word && strings.EqualFold(t.text, name) {
		p.at++
		return true
	}
	return false
}

// punctuation takes a character, which must be next.
func (p *parser) punctuation(c string) error {
	if t := p.peek(); t.kind != mark || t.text != c {
		return p.unexpected()
	}
	p.at++
	return nil
}

// isMark reports whether the character c is next.
func (p *parser) isMark(c string) bool { return p.peek().kind == mark && p.peek().text == c }

// or reads alternatives.
func (p *parser) or(depth int) (Expr, error) {
	return p.chain(depth, "or", p.and, func(l, r Expr) Expr { return Or{l, r} })
}

// and reads conjunctions.
func (p *parser) and(depth int) (Expr, error) {
	return p.chain(depth, "and", p.unary, func(l, r Expr) Expr { return And{l, r} })
}

// chain reads operands joined by a keyword, from the left.
func (p *parser) chain(depth int, joint string, operand func(int) (Expr, error), join func(l, r Expr) Expr) (Expr, error) {
	e, err := operand(depth + 1)
	for err == nil && p.keyword(joint) {
		var r Expr
		if r, err = operand(depth + 1); err == nil {
			e = join(e, r)
		}
	}
	return e, err
}

// unary reads a negation, a parenthesis or a condition.
func (p *parser) unary(depth int) (Expr, error) {
	if depth > maxRecursion {
		return nil, errDepth
	}
	if p.isMark("(") {
		p.at++
		e, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		return e, p.punctuation(")")
	}
	if t := p.peek(); t.kind == word && strings.EqualFold(t.text, "not") {
		p.at++
		e, err := p.unary(depth + 1)
		if err != nil {
			return nil, err
		}
		return Not{e}, nil
	}
	return p.condition(depth)
}

// condition reads a function, an any() or a comparison.
func (p *parser) condition(depth int) (Expr, error) {
	t := p.peek()
	if t.kind != word {
		return nil, p.unexpected()
	}
	function := strings.ToLower(t.text)
	if slices.Contains([]string{"startswith", "endswith", "contains"}, function) && p.tokens[p.at+1].kind == mark && p.tokens[p.at+1].text == "(" {
		p.at += 2
		return p.function(function)
	}
	name, any, err := p.path()
	if err != nil {
		return nil, err
	}
	if any {
		return p.any(name, depth)
	}
	return p.comparison(name)
}

// path reads a property name; any reports that "/any" followed it.
func (p *parser) path() (name string, any bool, err error) {
	for {
		t := p.peek()
		if name != "" && p.variable == "" && t.kind == word && strings.EqualFold(t.text, "$count") {
			p.at++
			return name + "/$count", false, nil
		}
		if t.kind != word || !identifier(t.text) {
			return "", false, p.unexpected()
		}
		p.at++
		if name != "" && strings.EqualFold(t.text, "any") && p.isMark("(") {
			return name, true, nil
		}
		if name != "" {
			name += "/"
		}
		name += t.text
		if !p.isMark("/") {
			break
		}
		p.at++
	}
	if p.variable != "" {
		if name != p.variable {
			return "", false, p.unexpected()
		}
		return "", false, nil
	}
	return name, false, nil
}

// function reads the arguments of startswith and its like.
func (p *parser) function(name string) (Expr, error) {
	property, any, err := p.path()
	if err != nil {
		return nil, err
	}
	if any {
		return nil, p.unexpected()
	}
	if err := p.punctuation(","); err != nil {
		return nil, err
	}
	t := p.peek()
	if t.kind != text {
		return nil, p.unexpected()
	}
	p.at++
	return Match{name, property, t.text}, p.punctuation(")")
}

// any reads "(v:condition)" behind a collection.
func (p *parser) any(collection string, depth int) (Expr, error) {
	if p.variable != "" {
		return nil, p.unexpected()
	}
	if err := p.punctuation("("); err != nil {
		return nil, err
	}
	v := p.peek()
	if v.kind != word || !identifier(v.text) {
		return nil, p.unexpected()
	}
	p.at++
	if err := p.punctuation(":"); err != nil {
		return nil, err
	}
	p.variable = v.text
	e, err := p.or(depth + 1)
	p.variable = ""
	if err != nil {
		return nil, err
	}
	return Any{collection, e}, p.punctuation(")")
}

// comparison reads an operator and its values.
func (p *parser) comparison(property string) (Expr, error) {
	t := p.peek()
	op := strings.ToLower(t.text)
	if t.kind != word || !slices.Contains([]string{"eq", "ne", "ge", "gt", "le", "lt", "in"}, op) {
		return nil, p.unexpected()
	}
	p.at++
	if op != "in" {
		v, err := p.value()
		return Compare{property, op, []Value{v}}, err
	}
	if err := p.punctuation("("); err != nil {
		return nil, err
	}
	var values []Value
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		if values = append(values, v); len(values) > maxValues {
			return nil, ErrFilter.With("Invalid filter clause: more than %d values", maxValues)
		}
		if !p.isMark(",") {
			return Compare{property, op, values}, p.punctuation(")")
		}
		p.at++
	}
}

// value reads a literal.
func (p *parser) value() (Value, error) {
	switch t := p.peek(); t.kind {
	case text:
		p.at++
		return Value{t.text, true}, nil
	case word, number:
		if strings.HasPrefix(t.text, "$") {
			return Value{}, p.unexpected()
		}
		p.at++
		return Value{t.text, false}, nil
	default:
		return Value{}, p.unexpected()
	}
}

// identifier reports whether s can be a name: letters, digits and underscores.
func identifier(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_'
	})
}
