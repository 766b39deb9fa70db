package condition

import (
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/rbac/pattern"
)

// Parse reads a condition; white space alone is the absent one. Errors: ErrSyntax.
func Parse(text string) (Condition, error) {
	if strings.TrimSpace(text) == "" {
		return Condition{}, nil
	}
	if len(text) > maxLength {
		return Condition{}, ErrSyntax.With("The condition has more than %d characters.", maxLength)
	}
	s := &scanner{text: text}
	root, err := s.or()
	if err != nil {
		return Condition{}, err
	}
	if s.blanks(); s.at < len(text) {
		return Condition{}, s.fail("AND, OR or the end is expected")
	}
	return Condition{root: root, text: text}, nil
}

// or reads alternatives.
func (s *scanner) or() (node, error) {
	return s.chain(false, s.and, "OR", "||")
}

// and reads what must hold together.
func (s *scanner) and() (node, error) {
	return s.chain(true, s.unary, "AND", "&&")
}

// chain reads operands joined by a word or a sign.
func (s *scanner) chain(all bool, operand func() (node, error), word, sign string) (node, error) {
	first, err := operand()
	if err != nil {
		return nil, err
	}
	of := []node{first}
	for s.keyword(word) || s.sign(sign) {
		next, err := operand()
		if err != nil {
			return nil, err
		}
		of = append(of, next)
	}
	if len(of) == 1 {
		return first, nil
	}
	return &junction{all: all, of: flat(all, of)}, nil
}

// flat takes the operands of nested chains of the same kind into one.
func flat(all bool, of []node) []node {
	var out []node
	for _, n := range of {
		if j, ok := n.(*junction); ok && j.all == all {
			out = append(out, j.of...)
			continue
		}
		out = append(out, n)
	}
	return out
}

// unary reads a negation, something in parentheses, or a term.
func (s *scanner) unary() (node, error) {
	negated := s.keyword("NOT") || s.sign("!")
	if !negated && !s.sign("(") {
		return s.term()
	}
	if s.deep++; s.deep > maxDepth {
		return nil, s.fail("too many parentheses stand")
	}
	defer func() { s.deep-- }()
	if negated {
		of, err := s.unary()
		if err != nil {
			return nil, err
		}
		return &negation{of}, nil
	}
	of, err := s.or()
	if err != nil {
		return nil, err
	}
	if !s.sign(")") {
		return nil, s.fail("a closing parenthesis is expected")
	}
	return of, nil
}

// term reads a call, a test of existence, or a comparison.
func (s *scanner) term() (node, error) {
	switch {
	case s.keyword("ActionMatches"):
		text, err := s.argument()
		if err != nil {
			return nil, err
		}
		return &actionMatches{pattern.Compile(text)}, nil
	case s.keyword("SubOperationMatches"):
		text, err := s.argument()
		if err != nil {
			return nil, err
		}
		return &subOperation{text}, nil
	case s.keyword("Exists"):
		return s.existence(true)
	case s.keyword("NotExists"):
		return s.existence(false)
	}
	return s.comparison()
}

// argument reads the argument of a call: {'text'}.
func (s *scanner) argument() (string, error) {
	if !s.sign("{") {
		return "", s.fail("an opening brace is expected")
	}
	text, err := s.quoted()
	if err != nil {
		return "", err
	}
	if !s.sign("}") {
		return "", s.fail("a closing brace is expected")
	}
	return text, nil
}

// existence reads the attribute of Exists and NotExists.
func (s *scanner) existence(wanted bool) (node, error) {
	a, err := s.attribute()
	if err != nil {
		return nil, err
	}
	return &existence{wanted, a}, nil
}

// attribute reads @Source[type:name<$modifier$>].
func (s *scanner) attribute() (Attribute, error) {
	var a Attribute
	if !s.sign("@") {
		return a, s.fail("an attribute is expected")
	}
	word := s.peekWord()
	source := slices.IndexFunc(sources[:], func(name string) bool { return strings.EqualFold(name, word) })
	if source < 0 {
		return a, s.fail("@Request, @Resource, @Principal or @Environment is expected")
	}
	s.at += len(word)
	a.Source = Source(source)
	if !s.sign("[") {
		return a, s.fail("an opening bracket is expected")
	}
	end := strings.IndexByte(s.text[s.at:], ']')
	if end < 0 {
		return a, s.fail("a closing bracket is missing")
	}
	if !a.read(strings.TrimSpace(s.text[s.at : s.at+end])) {
		return a, s.fail("an attribute has no name that could be one")
	}
	s.at += end + 1
	return a, checkAttribute(a)
}

// read takes the text between the brackets apart.
func (a *Attribute) read(text string) bool {
	if i := strings.Index(text, "<$"); i >= 0 {
		rest, closed := strings.CutSuffix(text[i+2:], "$>")
		if !closed || !plain(rest, "_") {
			return false
		}
		text, a.Modifier = text[:i], rest
	}
	a.Name = text
	if i := strings.IndexByte(text, ':'); i >= 0 {
		a.written, a.Name = text[:i], text[i+1:]
		a.Type = strings.ToLower(a.written)
		if !plain(a.written, "./-_$") {
			return false
		}
	}
	return a.Name != "" && a.Name == strings.TrimSpace(a.Name) && strings.IndexFunc(a.Name, func(r rune) bool {
		return r < 0x20 || strings.ContainsRune("[]<>'", r)
	}) < 0
}

// plain reports whether a text is letters, digits and the characters of more.
func plain(text, more string) bool {
	for i := range len(text) {
		if c := text[i]; !isWord(c) && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return text != ""
}

// checkAttribute refuses attributes of Microsoft.Authorization that do not exist: those of
// other services are theirs to define. Errors: ErrSyntax.
func checkAttribute(a Attribute) error {
	if !strings.HasPrefix(a.Type, "microsoft.authorization/") {
		return nil
	}
	known := a.Type == "microsoft.authorization/roleassignments" && a.Source <= Resource && slices.ContainsFunc(
		[]string{"RoleDefinitionId", "PrincipalId", "PrincipalType"}, func(n string) bool { return strings.EqualFold(n, a.Name) })
	if !known {
		return ErrSyntax.With("The condition is not valid: there is no attribute @%s[%s:%s].", a.Source, a.written, a.Name)
	}
	return nil
}

// comparison reads attribute, function and value.
func (s *scanner) comparison() (node, error) {
	left, err := s.attribute()
	if err != nil {
		return nil, err
	}
	c := &comparison{left: left}
	word := s.peekWord()
	if q := slices.IndexFunc(quantifiers[:], func(name string) bool { return strings.EqualFold(name, word) }); q > 0 {
		s.at += len(word)
		if c.quantifier = quantifier(q); !s.sign(":") {
			return nil, s.fail("a colon is expected after the quantifier")
		}
		word = s.peekWord()
	}
	f, ok := findFunction(word)
	if !ok {
		return nil, s.fail("a function is expected")
	}
	if c.quantifier != single && !f.quantified() {
		return nil, s.fail("the function has no form for several values")
	}
	c.function = f
	s.at += len(word)
	return c, s.value(c)
}

// value reads the right side of a comparison.
func (s *scanner) value(c *comparison) error {
	s.blanks()
	if strings.HasPrefix(s.text[s.at:], "@") {
		right, err := s.attribute()
		c.right = &right
		return err
	}
	if !s.sign("{") {
		return s.literal(c)
	}
	c.braces = true
	for {
		if err := s.literal(c); err != nil {
			return err
		}
		if s.sign(",") {
			continue
		}
		if !s.sign("}") {
			return s.fail("a comma or a closing brace is expected")
		}
		if c.quantifier == single && len(c.literals) > 1 {
			return s.fail("several values need a quantifier such as ForAnyOfAnyValues before them")
		}
		return nil
	}
}

// literal reads one literal of the kind that the function compares.
func (s *scanner) literal(c *comparison) error {
	s.blanks()
	from := s.at
	var l literal
	if strings.HasPrefix(s.text[s.at:], "'") {
		text, err := s.quoted()
		if err != nil {
			return err
		}
		l = literal{text: text, quoted: true}
	} else if l.text = s.bare(); l.text == "" {
		return s.fail("a value is expected")
	}
	if !c.function.takes(l) {
		s.at = from
		return s.fail("the value is not one that " + c.function.name() + " compares")
	}
	l.value, _ = c.function.family.read(l.text)
	c.literals = append(c.literals, l)
	return nil
}
