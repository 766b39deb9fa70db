// Package pattern matches the patterns of actions that roles and conditions are made of.
package pattern

import "strings"

// Pattern is a compiled action pattern. `*` stands for any run of characters, slashes
// included; the whole action must match; ASCII case does not matter (S-45). Between two
// slashes `*` may also stand for no segment at all, so that `a/*/read` covers `a/read`:
// Managed Identity Operator is written that way (CP §5.6).
//
// It is kept as the literal pieces between the stars. Taking the leftmost place for each
// piece in turn finds a match if there is one, and each piece is searched without going
// back, so the work is linear in the lengths of pattern and action.
type Pattern struct {
	text    string // as written
	literal bool   // no star: head is the whole pattern
	head    string // before the first star; anchored at the start
	middle  []piece
	tail    piece // behind the last star; anchored at the end
}

// piece is a literal behind a star.
type piece struct {
	text string
	// segment: the star stands for whole segments, so the piece must follow a slash.
	segment bool
	// back is the failure function of Knuth, Morris and Pratt for text.
	back []int
}

// Compile prepares a pattern. Every text is one.
func Compile(text string) Pattern {
	rest := string(Fold(nil, text))
	star := strings.IndexByte(rest, '*')
	if star < 0 {
		return Pattern{text: text, literal: true, head: rest}
	}
	p := Pattern{text: text, head: rest[:star]}
	before := p.head
	for rest = rest[star:]; ; {
		rest = strings.TrimLeft(rest, "*")
		next := piece{}
		if strings.HasSuffix(before, "/") && strings.HasPrefix(rest, "/") {
			next.segment, rest = true, rest[1:]
		}
		star = strings.IndexByte(rest, '*')
		if star < 0 {
			next.text = rest
			p.tail = next
			return p
		}
		next.text, rest = rest[:star], rest[star:]
		if next.text == "" {
			before = "/" // stars with nothing but slashes between them are one star
			continue
		}
		next.back = failures(next.text)
		p.middle = append(p.middle, next)
		before = next.text
	}
}

// failures computes, for each prefix of text, the length of its longest proper prefix
// that is also its suffix.
func failures(text string) []int {
	back := make([]int, len(text))
	for i, k := 1, 0; i < len(text); i++ {
		for k > 0 && text[i] != text[k] {
			k = back[k-1]
		}
		if text[i] == text[k] {
			k++
		}
		back[i] = k
	}
	return back
}

// String returns the pattern as written.
func (p *Pattern) String() string { return p.text }

// Match reports whether the folded action matches.
func (p *Pattern) Match(action []byte) bool {
	ok, _ := p.match(action)
	return ok
}

// match is Match, and says how many comparisons the search for the pieces between stars
// took: at most twice the length of the action.
func (p *Pattern) match(action []byte) (ok bool, steps int) {
	if p.literal {
		return string(action) == p.head, 0
	}
	if len(action) < len(p.head)+len(p.tail.text) || string(action[:len(p.head)]) != p.head {
		return false, 0
	}
	end := len(action) - len(p.tail.text)
	if string(action[end:]) != p.tail.text || p.tail.segment && (end == 0 || action[end-1] != '/') {
		return false, 0
	}
	at := len(p.head)
	for i := range p.middle {
		n := 0
		at, n = p.middle[i].find(action, at, end)
		steps += n
		if at < 0 {
			return false, steps
		}
	}
	return true, steps
}

// find returns the end of the leftmost occurrence of the piece in action[from:to], or -1,
// and the comparisons made.
func (p *piece) find(action []byte, from, to int) (end, steps int) {
	k := 0
	for i := from; i < to; i++ {
		steps++
		for k > 0 && action[i] != p.text[k] {
			k = p.back[k-1]
			steps++
		}
		if action[i] == p.text[k] {
			k++
		}
		if k < len(p.text) {
			continue
		}
		if start := i + 1 - k; !p.segment || action[start-1] == '/' {
			return i + 1, steps
		}
		k = p.back[k-1]
	}
	return -1, steps
}

// Fold appends action to buf in ASCII lower case. Other characters stay as they are:
// look-alikes match nothing.
func Fold(buf []byte, action string) []byte {
	for i := range len(action) {
		c := action[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
	}
	return buf
}
