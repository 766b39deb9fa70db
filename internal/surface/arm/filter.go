package arm

import "strings"

// Term is one comparison or call of a $filter.
type Term struct {
	Op    string // "eq", "ne", or the name of the function in lower case
	Field string // in lower case; "" for functions of one argument or none
	Value string
}

// ParseFilter reads the $filter grammar that Resource Manager's clients use (CP §2.9, §5.2,
// §5.3): comparisons and calls joined by `and` and `or`, without parentheses. The result is
// a list of alternatives, each a list of terms that must all hold; nil for "".
// Errors: ErrQuery.
func ParseFilter(text string) ([][]Term, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if len(text) > 4096 {
		return nil, ErrQuery.With("The $filter is too long.")
	}
	p := filterParser{rest: text}
	alternatives := [][]Term{{}}
	for {
		t, ok := p.term()
		if !ok {
			return nil, ErrQuery.With("The $filter '%.128s' is not supported.", text)
		}
		last := len(alternatives) - 1
		alternatives[last] = append(alternatives[last], t)
		switch p.word() {
		case "":
			if strings.TrimSpace(p.rest) != "" {
				return nil, ErrQuery.With("The $filter '%.128s' is not supported.", text)
			}
			return alternatives, nil
		case "and":
		case "or":
			alternatives = append(alternatives, []Term{})
		default:
			return nil, ErrQuery.With("The $filter '%.128s' is not supported.", text)
		}
	}
}

// filterParser reads a filter from left to right.
type filterParser struct{ rest string }

// word takes the next identifier, in lower case; "" if there is none.
func (p *filterParser) word() string {
	p.rest = strings.TrimLeft(p.rest, " ")
	n := 0
	for n < len(p.rest) {
		c := p.rest[n]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9' || n == 0) && (c != '/' && c != '.' || n == 0) {
			break
		}
		n++
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return strings.ToLower(w)
}

// literal takes the next quoted string, in which a quote is written twice.
func (p *filterParser) literal() (string, bool) {
	p.rest = strings.TrimLeft(p.rest, " ")
	if !strings.HasPrefix(p.rest, "'") {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		if p.rest[i] != '\'' {
			b.WriteByte(p.rest[i])
			continue
		}
		if i+1 < len(p.rest) && p.rest[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		p.rest = p.rest[i+1:]
		return b.String(), true
	}
	return "", false
}

// punct takes the next character if it is c.
func (p *filterParser) punct(c string) bool {
	p.rest = strings.TrimLeft(p.rest, " ")
	rest, ok := strings.CutPrefix(p.rest, c)
	if ok {
		p.rest = rest
	}
	return ok
}

// term takes a comparison `field eq 'value'` or a call with up to two arguments.
func (p *filterParser) term() (Term, bool) {
	name := p.word()
	if name == "" {
		return Term{}, false
	}
	if !p.punct("(") {
		t := Term{Op: p.word(), Field: name}
		if t.Op != "eq" && t.Op != "ne" {
			return Term{}, false
		}
		value, ok := p.literal()
		t.Value = value
		return t, ok
	}
	t := Term{Op: name}
	for n := 0; !p.punct(")"); n++ {
		if n > 1 || n == 1 && !p.punct(",") {
			return Term{}, false
		}
		if value, ok := p.literal(); ok {
			t.Value = value
		} else if t.Field = p.word(); t.Field == "" {
			return Term{}, false
		}
	}
	return t, true
}
