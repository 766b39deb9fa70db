package odata

import "strings"

// kind is the kind of a token.
type kind int

// The kinds of token.
const (
	end    kind = iota
	word        // names, keywords, bare literals that begin with a letter
	number      // bare literals that begin with a digit or a sign: numbers, dates, GUIDs
	text        // quoted text, without its quotes
	mark        // one of ( ) , : /
)

// lexeme is a token and its place, in bytes.
type lexeme struct {
	kind kind
	text string
	at   int
}

// lex splits a filter into tokens; the last is of kind end. Errors: ErrFilter.
func lex(s string) ([]lexeme, error) {
	var out []lexeme
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '\t':
			i++
		case strings.IndexByte("(),:/", c) >= 0:
			out = append(out, lexeme{mark, s[i : i+1], i})
			i++
		case c == '\'':
			value, n := quoted(s[i:])
			if n == 0 {
				return nil, ErrFilter.With("Invalid filter clause: a text that begins at position %d does not end", i)
			}
			out = append(out, lexeme{text, value, i})
			i += n
		case letter(c) || c == '$':
			n := 1 + span(s[i+1:], "_-.")
			out = append(out, lexeme{word, s[i : i+n], i})
			i += n
		case digit(c) || (c == '-' || c == '+') && i+1 < len(s) && digit(s[i+1]):
			n := 1 + span(s[i+1:], "_-.:+")
			out = append(out, lexeme{number, s[i : i+n], i})
			i += n
		default:
			return nil, ErrFilter.With("Invalid filter clause: unexpected character at position %d", i)
		}
	}
	return append(out, lexeme{kind: end, at: len(s)}), nil
}

// quoted reads a text in single quotes, in which a quote is doubled; n is 0 if it does not end.
func quoted(s string) (value string, n int) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		return b.String(), i + 1
	}
	return "", 0
}

// span counts the letters, digits and characters of more at the beginning of s.
func span(s, more string) int {
	for i := range len(s) {
		if !letter(s[i]) && !digit(s[i]) && strings.IndexByte(more, s[i]) < 0 {
			return i
		}
	}
	return len(s)
}

// letter reports an ASCII letter or underscore.
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// digit reports an ASCII digit.
func digit(c byte) bool { return c >= '0' && c <= '9' }
