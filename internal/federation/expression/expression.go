// Package expression reads and applies claims matching expressions, by which a federated
// credential accepts more than one subject:
//
//	claims['sub'] matches 'repo:octo-org/app:ref:refs/heads/*' and claims['job_workflow_ref'] eq '…'
//
// It knows two claims and three operators (DT 2.7, S-37). In a pattern `*` stands for any
// text and `?` for one character; both may only follow two names that a delimiter closes,
// so that no pattern accepts another organisation than the one it names. A quote inside a
// text is written twice. Nothing here does I/O.
package expression

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sealring/sealring/internal/fault"
)

// ErrInvalid is a text that is no expression, or one that accepts too much.
var ErrInvalid = fault.New(fault.Invalid, "the claims matching expression is not valid")

// MaxLength is the longest expression, in characters (S/R 6.2).
const MaxLength = 600

// LanguageVersion is the only version of the language.
const LanguageVersion = 1

// operator is how a claim is compared.
type operator string

// The operators between a claim and a text.
const (
	opEqual   operator = "eq"
	opMatches operator = "matches"
)

// claims are the claims that an expression may name.
var claims = []string{"sub", "job_workflow_ref"}

// term is one comparison.
type term struct {
	claim string
	op    operator
	text  string
}

// Expression is a parsed expression: comparisons that must all hold.
type Expression struct{ terms []term }

// Parse reads an expression and refuses one that accepts too much. Errors: ErrInvalid.
func Parse(text string) (Expression, error) {
	if text == "" || !utf8.ValidString(text) || utf8.RuneCountInString(text) > MaxLength {
		return Expression{}, ErrInvalid.With("A claims matching expression has 1 to %d characters.", MaxLength)
	}
	var e Expression
	for rest := strings.TrimLeft(text, " "); ; {
		var t term
		var err error
		if t, rest, err = parseTerm(rest); err != nil {
			return Expression{}, err
		}
		e.terms = append(e.terms, t)
		if rest = strings.TrimLeft(rest, " "); rest == "" {
			return e, nil
		}
		next, ok := strings.CutPrefix(rest, "and ")
		if !ok {
			return Expression{}, ErrInvalid.With("In a claims matching expression, 'and' is expected before '%s'.", rest)
		}
		rest = strings.TrimLeft(next, " ")
	}
}

// parseTerm reads one comparison and returns what follows it.
func parseTerm(s string) (t term, rest string, err error) {
	rest, ok := strings.CutPrefix(s, "claims['")
	t.claim, rest, _ = strings.Cut(rest, "']")
	if !ok || !slices.Contains(claims, t.claim) {
		return t, "", ErrInvalid.With("A claims matching expression compares claims['sub'] or claims['job_workflow_ref'], not '%s'.", s)
	}
	word, after, found := strings.Cut(strings.TrimLeft(rest, " "), " ")
	t.op = operator(word)
	if !found || !strings.HasPrefix(rest, " ") || t.op != opEqual && t.op != opMatches {
		return t, "", ErrInvalid.With("The operators of a claims matching expression are 'eq' and 'matches', not '%s'.", word)
	}
	if t.text, rest, err = parseText(strings.TrimLeft(after, " ")); err != nil {
		return t, "", err
	}
	if rest != "" && rest[0] != ' ' {
		return t, "", ErrInvalid.With("In a claims matching expression, a space is expected before '%s'.", rest)
	}
	return t, rest, t.check()
}

// parseText reads a quoted text and returns what follows it.
func parseText(s string) (text, rest string, err error) {
	if !strings.HasPrefix(s, "'") {
		return "", "", ErrInvalid.With("In a claims matching expression, a text in single quotes is expected at '%s'.", s)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return b.String(), s[i+1:], nil
		}
		b.WriteByte('\'')
		i++
	}
	return "", "", ErrInvalid.With("A text of the claims matching expression is not closed by a single quote.")
}

// check refuses a text that accepts too much: an empty one, and a pattern with a wildcard
// before two names that ':' or '/' closes (S-37).
func (t term) check() error {
	if t.text == "" {
		return ErrInvalid.With("A text of the claims matching expression is empty.")
	}
	if t.op == opEqual {
		return nil
	}
	wild := strings.IndexAny(t.text, "*?")
	if wild < 0 {
		return nil
	}
	closed, name := 0, 0
	for _, c := range []byte(t.text[:wild]) {
		switch {
		case c != ':' && c != '/':
			name++
		case name > 0:
			closed, name = closed+1, 0
		}
	}
	if closed < 2 {
		return ErrInvalid.With("The pattern '%s' has a wildcard too early: it must begin with two names closed by ':' or '/', such as 'repo:organisation/*'.", t.text)
	}
	return nil
}

// String writes the expression with single spaces.
func (e Expression) String() string {
	var out []string
	for _, t := range e.terms {
		out = append(out, "claims['"+t.claim+"'] "+string(t.op)+" '"+strings.ReplaceAll(t.text, "'", "''")+"'")
	}
	return strings.Join(out, " and ")
}

// Matches reports whether every comparison holds; claim returns a claim's text, false where
// the token has none or one that is no text. The zero Expression matches nothing.
func (e Expression) Matches(claim func(name string) (string, bool)) bool {
	for _, t := range e.terms {
		value, ok := claim(t.claim)
		if !ok || t.op == opEqual && value != t.text || t.op == opMatches && !glob(t.text, value) {
			return false
		}
	}
	return len(e.terms) > 0
}

// glob reports whether pattern fits the whole of s. It goes back to the last `*` only, so
// its time is at most the product of the lengths.
func glob(pattern, s string) bool {
	var p, i int
	star, mark := -1, 0
	for i < len(s) {
		_, width := utf8.DecodeRuneInString(s[i:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			i += width
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			_, width = utf8.DecodeRuneInString(s[mark:])
			mark += width
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
