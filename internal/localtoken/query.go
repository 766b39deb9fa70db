package localtoken

import (
	"strings"
	"unicode/utf8"

	"github.com/sealring/sealring/internal/managedidentity"
)

// maxParams is more than any client sends.
const maxParams = 32

// Params are the parameters of a query string, in the order sent.
type Params struct {
	pairs [maxParams]pair
	n     int
}

// pair is one parameter, decoded.
type pair struct{ name, value string }

// ParseQuery reads a query string that has one reading only: no parameter twice, letter
// case ignored, no broken escape, no semicolon, no control character, valid UTF-8. Decoded
// is once. Empty pieces, as in "a=1&&b=2", are skipped. Errors: ErrParameter.
func ParseQuery(raw string, p *Params) error {
	for piece := range strings.SplitSeq(raw, "&") {
		if piece == "" {
			continue
		}
		name, value, _ := strings.Cut(piece, "=")
		name, ok1 := unescape(name)
		value, ok2 := unescape(value)
		switch {
		case !ok1 || !ok2 || name == "":
			return ErrParameter
		case p.n == maxParams:
			return ErrParameter.With("There are more than %d query parameters.", maxParams)
		}
		for i := range p.n {
			if strings.EqualFold(p.pairs[i].name, name) {
				return ErrParameter.With("A query parameter appears more than once.")
			}
		}
		p.pairs[p.n] = pair{name, value}
		p.n++
	}
	return nil
}

// Get returns the value of a parameter; "" if it is absent or empty. Names are compared exactly.
func (p *Params) Get(name string) string {
	for i := range p.n {
		if p.pairs[i].name == name {
			return p.pairs[i].value
		}
	}
	return ""
}

// unescape decodes percent escapes and plus signs, once.
func unescape(s string) (string, bool) {
	plain := true
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c == 0x7f || c == ';' {
			return "", false
		}
		plain = plain && c != '%' && c != '+'
	}
	if plain {
		return s, utf8.ValidString(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%':
			if i+2 >= len(s) {
				return "", false
			}
			hi, ok1 := unhex(s[i+1])
			lo, ok2 := unhex(s[i+2])
			if c = hi<<4 | lo; !ok1 || !ok2 || c < 0x20 || c == 0x7f {
				return "", false
			}
			i += 2
		}
		b.WriteByte(c)
	}
	return b.String(), utf8.ValidString(b.String())
}

// unhex reads one hexadecimal digit.
func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// selectors are the parameters that name an identity, with what they name (TE §3.2, S-5).
var selectors = []struct {
	name string
	kind managedidentity.SelectorKind
}{
	{"client_id", managedidentity.SelectClient},
	{"clientid", managedidentity.SelectClient},
	{"object_id", managedidentity.SelectObject},
	{"principal_id", managedidentity.SelectObject},
	{"principalId", managedidentity.SelectObject},
	{"msi_res_id", managedidentity.SelectResource},
	{"mi_res_id", managedidentity.SelectResource},
	{"msi-res-id", managedidentity.SelectResource},
}

// Selector returns which identity the parameters name. An empty value counts as absent.
// Two parameters of different kinds, or of one kind with different values, are refused.
// Errors: ErrSelectors.
func (p *Params) Selector() (managedidentity.Selector, error) {
	var found managedidentity.Selector
	for i := range p.n {
		kind := selectorKind(p.pairs[i].name)
		value := p.pairs[i].value
		if kind == managedidentity.SelectNone || value == "" {
			continue
		}
		if found.Value != "" && (found.Kind != kind || !strings.EqualFold(found.Value, value)) {
			return managedidentity.Selector{}, ErrSelectors
		}
		found = managedidentity.Selector{Kind: kind, Value: value}
	}
	return found, nil
}

// selectorKind says what a parameter names.
func selectorKind(name string) managedidentity.SelectorKind {
	for _, s := range selectors {
		if s.name == name {
			return s.kind
		}
	}
	return managedidentity.SelectNone
}

// Capabilities returns the client capabilities of xms_cc in the order sent (TE §8.3).
func (p *Params) Capabilities() []string {
	v := p.Get("xms_cc")
	if v == "" {
		return nil
	}
	var out []string
	for c := range strings.SplitSeq(v, ",") {
		if c = strings.TrimSpace(c); c != "" {
			out = append(out, c)
		}
	}
	return out
}
