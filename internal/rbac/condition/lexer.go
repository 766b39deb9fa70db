package condition

import "strings"

// scanner reads a condition from left to right.
type scanner struct {
	text string
	at   int
	deep int // open parentheses and negations
}

// fail is ErrSyntax with a position, counted in bytes from 1.
func (s *scanner) fail(what string) error {
	return ErrSyntax.With("The condition is not valid: %s at position %d.", what, s.at+1)
}

// blanks skips white space.
func (s *scanner) blanks() {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
}

// sign takes one of the texts, which are not letters.
func (s *scanner) sign(text string) bool {
	s.blanks()
	if !strings.HasPrefix(s.text[s.at:], text) {
		return false
	}
	s.at += len(text)
	return true
}

// peekWord returns the next run of letters and digits without taking it.
func (s *scanner) peekWord() string {
	s.blanks()
	end := s.at
	for end < len(s.text) && isWord(s.text[end]) {
		end++
	}
	return s.text[s.at:end]
}

// keyword takes the word if it is next, in any letter case.
func (s *scanner) keyword(word string) bool {
	if !strings.EqualFold(s.peekWord(), word) {
		return false
	}
	s.at += len(word)
	return true
}

// isWord reports whether c may stand in a keyword.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// quoted takes a text in single quotes. A quote inside is written \' or ”.
func (s *scanner) quoted() (string, error) {
	if !s.sign("'") {
		return "", s.fail("a text in single quotes is expected")
	}
	var b strings.Builder
	for s.at < len(s.text) {
		c := s.text[s.at]
		next := byte(0)
		if s.at+1 < len(s.text) {
			next = s.text[s.at+1]
		}
		switch {
		case c == '\\' && next == '\'', c == '\'' && next == '\'':
			b.WriteByte('\'')
			s.at += 2
		case c == '\'':
			s.at++
			return b.String(), nil
		case c < 0x20:
			return "", s.fail("a control character stands")
		default:
			b.WriteByte(c)
			s.at++
		}
	}
	return "", s.fail("a text does not end")
}

// quote is the inverse of quoted.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `\'`) + "'" }

// bare takes a literal without quotes: a number, true, false, a GUID or a time.
func (s *scanner) bare() string {
	s.blanks()
	from := s.at
	for s.at < len(s.text) && (isWord(s.text[s.at]) || strings.IndexByte("-+:.", s.text[s.at]) >= 0) {
		s.at++
	}
	return s.text[from:s.at]
}
