package odata

import "strings"

// Search is a $search: alternatives, each a list of terms that must all be found. It is nil
// where there is none.
type Search [][]Term

// Term is a text that has to be found in a property; Property is "" where none was named.
type Term struct{ Property, Text string }

// maxTerms is how many terms one $search may have.
const maxTerms = 20

// ParseSearch reads the value of $search: "property:text" in double quotes, joined by AND
// and OR, where AND binds closer (DT-7.2). Errors: ErrOption.
func ParseSearch(value string) (Search, error) {
	bad := ErrOption.With(`The query option $search is not a list of terms of the form "property:text" joined by AND or OR.`)
	out, n := Search{nil}, 0
	for rest := strings.TrimSpace(value); ; {
		text, behind, ok := searchTerm(rest)
		if n++; !ok || n > maxTerms {
			return nil, bad
		}
		property, words, named := strings.Cut(text, ":")
		if !named {
			property, words = "", text
		}
		if named && !identifier(property) || strings.TrimSpace(words) == "" {
			return nil, bad
		}
		last := len(out) - 1
		out[last] = append(out[last], Term{property, strings.TrimSpace(words)})
		if rest = strings.TrimSpace(behind); rest == "" {
			return out, nil
		}
		joint, further, _ := strings.Cut(rest, " ")
		switch joint {
		case "AND":
		case "OR":
			out = append(out, nil)
		default:
			return nil, bad
		}
		rest = strings.TrimSpace(further)
	}
}

// searchTerm reads a text in double quotes, in which a backslash escapes quote and backslash.
func searchTerm(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}
