package condition

import (
	"strconv"
	"strings"
	"time"
)

// family is what kind of values a function compares.
type family uint8

// The families.
const (
	stringFamily family = iota
	numericFamily
	dateTimeFamily
	boolFamily
	guidFamily
)

// families are how the names of their functions begin.
var families = [...]string{"String", "Numeric", "DateTime", "Bool", "Guid"}

// relation is what must hold between two values.
type relation uint8

// The relations.
const (
	equals relation = iota
	startsWith
	like
	lessThan
	lessThanEquals
	greaterThan
	greaterThanEquals
)

// relations are how functions spell them.
var relations = [...]string{"Equals", "StartsWith", "Like", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"}

// function is a comparison: StringNotLikeIgnoreCase, NumericLessThan.
type function struct {
	family     family
	relation   relation
	negated    bool
	ignoreCase bool
}

// name spells the function.
func (f function) name() string {
	name := families[f.family]
	if f.negated {
		name += "Not"
	}
	name += relations[f.relation]
	if f.ignoreCase {
		name += "IgnoreCase"
	}
	return name
}

// exists reports whether the language has the function.
func (f function) exists() bool {
	switch f.family {
	case stringFamily:
		return f.relation <= like
	case boolFamily, guidFamily:
		return f.relation == equals && !f.ignoreCase
	}
	return !f.ignoreCase && (f.relation == equals || f.relation >= lessThan && !f.negated)
}

// findFunction finds a function by its name in any letter case.
func findFunction(word string) (function, bool) {
	for fam := range families {
		for rel := range relations {
			for bits := range 4 {
				f := function{family(fam), relation(rel), bits&1 != 0, bits&2 != 0}
				if f.exists() && strings.EqualFold(f.name(), word) {
					return f, true
				}
			}
		}
	}
	return function{}, false
}

// quantified reports whether the function has forms for several values.
func (f function) quantified() bool {
	return f.family == numericFamily || f.family == guidFamily || f.family == stringFamily && f.relation != startsWith
}

// takes reports whether l may be the value of the function. Texts are quoted, numbers are
// not; truth values, GUIDs and times may be.
func (f function) takes(l literal) bool {
	if f.family == stringFamily || f.family == numericFamily {
		if l.quoted != (f.family == stringFamily) {
			return false
		}
	}
	_, ok := f.family.read(l.text)
	return ok
}

// value is a text read as its family wants it: numbers and times as a number, the rest as
// a text to compare.
type value struct {
	text   string
	number int64
}

// read reads a text as a value of the family. Times are compared by the millisecond.
func (f family) read(text string) (value, bool) {
	switch f {
	case numericFamily:
		n, err := strconv.ParseInt(text, 10, 64)
		return value{number: n}, err == nil
	case dateTimeFamily:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
			if t, err := time.Parse(layout, text); err == nil {
				return value{number: t.UnixMilli()}, true
			}
		}
		return value{}, false
	case boolFamily:
		folded := strings.ToLower(text)
		return value{text: folded}, folded == "true" || folded == "false"
	case guidFamily:
		return readGUID(text)
	}
	return value{text: text}, true
}

// readGUID reads 32 hexadecimal digits with or without dashes.
func readGUID(text string) (value, bool) {
	if len(text) == 36 {
		if text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
			return value{}, false
		}
		text = text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	}
	if len(text) != 32 {
		return value{}, false
	}
	folded := strings.ToLower(text)
	for i := range len(folded) {
		if c := folded[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return value{}, false
		}
	}
	return value{text: folded}, true
}

// holds reports whether the function holds between two values.
func (f function) holds(l, r value) bool {
	return f.related(l, r) != f.negated
}

// related is holds before negation.
func (f function) related(l, r value) bool {
	switch f.family {
	case numericFamily, dateTimeFamily:
		switch f.relation {
		case lessThan:
			return l.number < r.number
		case lessThanEquals:
			return l.number <= r.number
		case greaterThan:
			return l.number > r.number
		case greaterThanEquals:
			return l.number >= r.number
		}
		return l.number == r.number
	}
	left, right := l.text, r.text
	if f.ignoreCase {
		left, right = strings.ToLower(left), strings.ToLower(right)
	}
	switch f.relation {
	case startsWith:
		return strings.HasPrefix(left, right)
	case like:
		return isLike(left, right)
	}
	return left == right
}

// isLike reports whether the whole text matches a pattern in which * is any run of
// characters, ? is one, and a backslash before either takes its meaning. Going back only
// to the last star keeps the work below the product of the lengths.
func isLike(text, pattern string) bool {
	t, p := 0, 0
	starP, starT := -1, 0
	for t < len(text) {
		literal, width := likeAt(pattern, p)
		switch {
		case width > 0 && literal == text[t] || width == likeAny:
			t++
			p += max(width, 1)
		case width == likeRun:
			starP, starT = p, t
			p++
		case starP >= 0:
			starT++
			t, p = starT, starP+1
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// What likeAt says instead of the width of a literal.
const (
	likeEnd = 0
	likeAny = -1
	likeRun = -2
)

// likeAt returns the byte that stands in the pattern and its width there, or what else stands.
func likeAt(pattern string, p int) (literal byte, width int) {
	switch {
	case p >= len(pattern):
		return 0, likeEnd
	case pattern[p] == '\\' && p+1 < len(pattern) && (pattern[p+1] == '*' || pattern[p+1] == '?'):
		return pattern[p+1], 2
	case pattern[p] == '?':
		return 0, likeAny
	case pattern[p] == '*':
		return 0, likeRun
	}
	return pattern[p], 1
}
