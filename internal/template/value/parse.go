package value

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sealring/sealring/internal/fault"
)

// ErrSyntax is a text that is not JSON even in the lenient reading.
var ErrSyntax = fault.New(fault.Invalid, "the text is not JSON")

// maxDepth bounds nesting (CP §2.10).
const maxDepth = 100

// Parse reads one JSON value leniently. Errors: ErrSyntax, with line and column.
func Parse(text []byte) (any, error) {
	p := &parser{text: strings.TrimPrefix(string(text), "\ufeff")}
	if !utf8.ValidString(p.text) {
		return nil, ErrSyntax.With("the text is not UTF-8")
	}
	v := p.value(0)
	if p.space(); p.err == nil && p.at < len(p.text) {
		p.fail("there is more behind the value")
	}
	if p.err != nil {
		return nil, p.err
	}
	return v, nil
}

// ParseObject is Parse for a text that must be an object. Errors: ErrSyntax.
func ParseObject(text []byte) (*Object, error) {
	v, err := Parse(text)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*Object)
	if !ok {
		return nil, ErrSyntax.With("the text is not a JSON object")
	}
	return o, nil
}

// parser reads from at on; after the first error it reads nothing more.
type parser struct {
	text string
	at   int
	err  error
}

// fail keeps the first error, with the place.
func (p *parser) fail(what string) {
	if p.err != nil {
		return
	}
	before := p.text[:min(p.at, len(p.text))]
	line := strings.Count(before, "\n") + 1
	column := len(before) - strings.LastIndexByte(before, '\n')
	p.err = ErrSyntax.With("line %d, column %d: %s", line, column, what)
}

// space skips white space and comments.
func (p *parser) space() {
	for p.err == nil && p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			p.at++
		case strings.HasPrefix(p.text[p.at:], "//"):
			end := strings.IndexByte(p.text[p.at:], '\n')
			if end < 0 {
				end = len(p.text) - p.at
			}
			p.at += end
		case strings.HasPrefix(p.text[p.at:], "/*"):
			end := strings.Index(p.text[p.at+2:], "*/")
			if end < 0 {
				p.fail("a comment has no end")
				return
			}
			p.at += end + 4
		default:
			return
		}
	}
}

// peek returns the next character that counts; 0 at the end.
func (p *parser) peek() byte {
	if p.space(); p.err != nil || p.at >= len(p.text) {
		return 0
	}
	return p.text[p.at]
}

// value reads any value.
func (p *parser) value(depth int) any {
	if depth > maxDepth {
		p.fail("the text is nested too deeply")
		return nil
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.list(depth)
	case c == '"' || c == '\'':
		return p.quoted(c)
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == 0:
		p.fail("a value is missing")
		return nil
	}
	switch word := p.word(); word {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	}
	p.fail("a value is expected")
	return nil
}

// object reads an object; p stands at its brace.
func (p *parser) object(depth int) any {
	p.at++
	o := &Object{}
	for p.err == nil {
		c := p.peek()
		if c == '}' {
			p.at++
			return o
		}
		var name string
		if c == '"' || c == '\'' {
			name = p.quoted(c)
		} else if name = p.word(); name == "" {
			p.fail("a name is expected")
			return nil
		}
		if p.peek() != ':' {
			p.fail("a colon is expected")
			return nil
		}
		p.at++
		if _, twice := o.Find(name); twice {
			p.fail("the member '" + clip(name) + "' is there twice")
			return nil
		}
		o.Set(name, p.value(depth+1))
		p.next('}')
	}
	return nil
}

// list reads an array; p stands at its bracket.
func (p *parser) list(depth int) any {
	p.at++
	items := []any{}
	for p.err == nil {
		if p.peek() == ']' {
			p.at++
			return items
		}
		items = append(items, p.value(depth+1))
		p.next(']')
	}
	return nil
}

// next takes the comma behind an item, or finds the end.
func (p *parser) next(end byte) {
	switch p.peek() {
	case ',':
		p.at++
	case end:
	default:
		p.fail("a comma or '" + string(end) + "' is expected")
	}
}

// word takes an unquoted name or literal.
func (p *parser) word() string {
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$'
		if !letter && (p.at == start || c < '0' || c > '9') {
			break
		}
		p.at++
	}
	return p.text[start:p.at]
}

// number reads a number in JSON's grammar.
func (p *parser) number() any {
	start := p.at
	for p.at < len(p.text) && strings.IndexByte("+-.eE0123456789", p.text[p.at]) >= 0 {
		p.at++
	}
	text := p.text[start:p.at]
	digits := strings.TrimPrefix(text, "-")
	if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		p.fail("a number begins with a zero")
		return nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && text[0] != '+' {
		return n
	}
	if _, err := strconv.ParseFloat(text, 64); err != nil || digits == "" || digits[0] < '0' || digits[0] > '9' || strings.HasSuffix(digits, ".") || strings.Contains(digits, ".e") || strings.Contains(digits, ".E") {
		p.fail("this is not a number")
		return nil
	}
	return Number(text)
}

// quoted reads a string behind either quote; line breaks may stand in it as they are.
func (p *parser) quoted(quote byte) string {
	p.at++
	start := p.at
	if end := strings.IndexAny(p.text[start:], string(quote)+`\`); end >= 0 && p.text[start+end] == quote {
		p.at = start + end + 1
		return p.text[start : start+end]
	}
	var b strings.Builder
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch c {
		case quote:
			return b.String()
		case '\\':
			p.escape(&b)
			if p.err != nil {
				return ""
			}
		default:
			b.WriteByte(c)
		}
	}
	p.fail("a string has no end")
	return ""
}

// escapes are the letters behind a backslash.
var escapes = map[byte]byte{'"': '"', '\'': '\'', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads what follows a backslash.
func (p *parser) escape(b *strings.Builder) {
	if p.at >= len(p.text) {
		p.fail("a string has no end")
		return
	}
	c := p.text[p.at]
	p.at++
	if plain, ok := escapes[c]; ok {
		b.WriteByte(plain)
		return
	}
	if c != 'u' {
		p.fail("an escape is not known")
		return
	}
	r := p.hex()
	if utf16.IsSurrogate(r) && strings.HasPrefix(p.text[p.at:], `\u`) {
		p.at += 2
		r = utf16.DecodeRune(r, p.hex())
	}
	if utf16.IsSurrogate(r) {
		r = utf8.RuneError
	}
	b.WriteRune(r)
}

// hex reads four hexadecimal digits.
func (p *parser) hex() rune {
	if p.at+4 > len(p.text) {
		p.fail("an escape is cut off")
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(p.text[p.at:p.at+4], 16, 16)
	if err != nil {
		p.fail("an escape is not hexadecimal")
		return utf8.RuneError
	}
	p.at += 4
	return rune(n)
}

// clip caps what is said back.
func clip(s string) string {
	const limit = 64
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "")
	}
	return s
}
