package localtoken

import (
	"strings"
	"unicode/utf8"
)

// Target is the request target, read once (S-4).
type Target struct {
	// Path is canonical: no empty or dot segments, no trailing slash, and no character
	// that needed an escape. Only its first segment is folded to lower case.
	Path string
	// Query is what stands behind the first question mark, undecoded.
	Query string
}

// ParseTarget reads the raw request target (http.Request.RequestURI). As real clients send
// them (TE §2.3), one doubled leading slash and one trailing slash are accepted, and an
// absolute URI, whose authority net/http has made the Host. Everything else that is
// irregular is refused: no path served here has a character that needs an escape, so no
// escape is ever decoded and nothing is decoded twice. Errors: ErrPath.
func ParseTarget(raw string) (Target, error) {
	if rest, ok := cutScheme(raw); ok {
		slash := strings.IndexAny(rest, "/?")
		if slash < 0 || rest[slash] != '/' {
			return Target{}, ErrPath
		}
		raw = rest[slash:]
	}
	path, query, _ := strings.Cut(raw, "?")
	path = strings.TrimSuffix(path, "/")
	if strings.HasPrefix(path, "//") {
		path = path[1:]
	}
	if path == "" && strings.HasPrefix(raw, "/") {
		return Target{Path: "/", Query: query}, nil
	}
	if len(path) < 2 || path[0] != '/' || !canonical(path) {
		return Target{}, ErrPath
	}
	return Target{Path: foldFirst(path), Query: query}, nil
}

// cutScheme removes "http://" or "https://" in any letter case.
func cutScheme(raw string) (rest string, ok bool) {
	for _, scheme := range []string{"http://", "https://"} {
		if len(raw) >= len(scheme) && strings.EqualFold(raw[:len(scheme)], scheme) {
			return raw[len(scheme):], true
		}
	}
	return "", false
}

// canonical reports whether path, which begins with a slash, has one reading only: no
// escape, backslash, parameter, fragment, control character, broken UTF-8, and no empty
// or dot segment.
func canonical(path string) bool {
	if !utf8.ValidString(path) {
		return false
	}
	for i := range len(path) {
		if c := path[i]; c < 0x21 || c == 0x7f || c == '%' || c == '\\' || c == ';' || c == '#' {
			return false
		}
	}
	for seg := range strings.SplitSeq(path[1:], "/") {
		if seg == "" || seg == "." || seg == ".." {
			return false
		}
	}
	return true
}

// foldFirst lowers the ASCII letters of the first segment, which Azure's metadata service
// reads in any case (TE §4.1); it allocates only if there is something to lower.
func foldFirst(path string) string {
	end := strings.IndexByte(path[1:], '/') + 1
	if end == 0 {
		end = len(path)
	}
	for i := range end {
		if c := path[i]; c >= 'A' && c <= 'Z' {
			return strings.ToLower(path[:end]) + path[end:]
		}
	}
	return path
}
