package arm

import (
	"net/url"
	"strings"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/resource"
)

// ErrPath is a path that cannot be read in exactly one way (CP §2.1 step 1, S-44).
var ErrPath = fault.New(fault.Invalid, "The request path is not a valid resource id.")

// split cuts the raw path of a request into decoded segments. Clients send doubled and
// trailing slashes (CP §2.3), so empty segments are dropped; each of the rest is decoded
// once, after splitting. Refused are segments that a later reader could take for something
// else: dots, encoded slashes and percent signs, blanks at either end, control characters
// and everything outside ASCII. Errors: ErrPath.
func split(escaped string) ([]string, error) {
	var segments []string
	for raw := range strings.SplitSeq(escaped, "/") {
		if raw == "" {
			continue
		}
		seg, err := url.PathUnescape(raw)
		if err != nil || !readable(seg) {
			return nil, ErrPath.With("The request path has a segment that cannot be a type or a name.")
		}
		segments = append(segments, seg)
	}
	if len(segments) > 64 {
		return nil, ErrPath.With("The request path has too many segments.")
	}
	return segments, nil
}

// readable reports whether s may stand between two slashes of a resource id.
func readable(s string) bool {
	if s == "" || s == "." || s == ".." || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || strings.IndexByte(`<>%&:\?/`, c) >= 0 {
			return false
		}
	}
	return true
}

// fold lower-cases ASCII letters and nothing else, so that no Unicode look-alike is ever
// equal to a letter (S-44).
func fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if b[j] >= 'A' && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// same compares two texts without regard to ASCII case.
func same(a, b string) bool { return len(a) == len(b) && fold(a) == fold(b) }

// target returns the longest prefix of the canonical segments that is the id of a scope:
// for a resource itself, for a collection its parent, for a verb what it acts on. This is
// the scope at which the request is authorised (S-50). Errors: resource.ErrInvalidID.
func target(segments []string) (resource.ID, error) {
	at, n := 0, len(segments)
	if n > 1 && same(segments[0], "subscriptions") {
		at = 2
		if n > 3 && same(segments[2], "resourceGroups") {
			at = 4
		}
	}
	for at+3 < n && same(segments[at], "providers") {
		at += 4
		for at+1 < n && !same(segments[at], "providers") {
			at += 2
		}
	}
	return resource.ParseID("/" + strings.Join(segments[:at], "/"))
}
