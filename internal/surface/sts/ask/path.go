package ask

import (
	"net/url"
	"strings"
)

// Split returns the decoded segments of a path, without one trailing slash; false for one
// that is irregular: empty or dotted segments, or characters that no segment has here.
func Split(path string) ([]string, bool) {
	path, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, false
	}
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for i, s := range segments {
		decoded, err := url.PathUnescape(s)
		if err != nil || decoded == "" || decoded == "." || decoded == ".." || len(decoded) > 256 ||
			strings.ContainsFunc(decoded, func(c rune) bool { return c < ' ' || c == 0x7f || c == '/' || c == '\\' }) {
			return nil, false
		}
		segments[i] = decoded
	}
	return segments, true
}

// Match compares segments with a pattern and returns what "*" stands for.
func Match(pattern string, segments []string) (wild string, ok bool) {
	parts := strings.Split(pattern, "/")
	if len(parts) != len(segments) {
		return "", false
	}
	for i, p := range parts {
		switch {
		case p == "*":
			wild = segments[i]
		case len(p) != len(segments[i]) || !strings.EqualFold(p, segments[i]): // of one length, so no look-alike outside ASCII
			return "", false
		}
	}
	return wild, true
}
