package audit

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what a caller can make a record hold (S-66).
const (
	maxText    = 1024 // bytes of a text, its mark of having been cut included
	maxDetails = 32   // entries of Details
)

// clean returns e with texts of printable characters, at most 1 KiB each. What the caller
// gave, maps and pointers included, is not changed.
func clean(e Event) Event {
	for _, s := range []*string{
		&e.Operation, &e.Target, (*string)(&e.Subscription), &e.Reason,
		(*string)(&e.Actor.Tenant), (*string)(&e.Actor.Object), (*string)(&e.Actor.App), &e.Actor.Name, &e.Actor.Type,
		&e.Actor.CorrelationID, &e.Actor.RequestID, &e.Actor.Source, &e.Actor.UserAgent, &e.Actor.Method, &e.Actor.ClientRequestID,
	} {
		*s = cleanText(*s)
	}
	if e.Process != nil {
		p := *e.Process
		p.Host, p.Executable, p.Unit = cleanText(p.Host), cleanText(p.Executable), cleanText(p.Unit)
		e.Process = &p
	}
	e.Details = cleanDetails(e.Details)
	return e
}

// cleanDetails returns a cleaned copy. Beyond maxDetails entries it keeps those that sort
// first and says how many there were.
func cleanDetails(in map[string]string) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, len(in))
	for _, k := range sortedKeys(in) {
		if len(out) == maxDetails {
			out["details_cut"] = fmt.Sprint(len(in))
			break
		}
		out[cleanText(k)] = cleanText(in[k])
	}
	return out
}

// cleanText returns s as valid UTF-8 in which control characters, line separators and
// characters that turn the direction of writing are written as \uXXXX, cut between
// characters to maxText bytes.
func cleanText(s string) string {
	if len(s) <= maxText && plain(s) {
		return s
	}
	var b strings.Builder
	cut := 0 // where the text ends if it turns out too long
	for _, r := range s {
		if unprintable(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r) // U+FFFD for a byte that is no UTF-8
		}
		if b.Len() <= maxText-len("…") {
			cut = b.Len()
		}
		if b.Len() > maxText {
			return b.String()[:cut] + "…"
		}
	}
	return b.String()
}

// plain reports whether nothing in s must be written differently.
func plain(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unprintable) < 0
}

// unprintable reports characters that a terminal, a pager or a line-based tool would act on.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}
