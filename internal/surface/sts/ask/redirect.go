// Package ask reads what the client of a person asks for: scopes, and where to come back to.
// It does no I/O; what it accepts is well formed, not allowed.
package ask

import "strings"

// SafeRedirect refuses addresses that no registration makes good: other characters than a URI
// has, fragments, and schemes that a browser runs or opens itself.
func SafeRedirect(text string) bool {
	scheme, _, found := strings.Cut(text, ":")
	if !found || strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`\#<>"`, c) }) {
		return false
	}
	switch strings.ToLower(scheme) {
	case "https":
		return true
	case "http":
		return isLoopback(text)
	case "javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source", "ws", "wss", "ftp":
		return false
	}
	return strings.Contains(text, "://")
}

// loopbacks are the beginnings of addresses on the machine of the browser.
var loopbacks = []string{"http://localhost", "http://127.0.0.1", "http://[::1]"}

// isLoopback reports whether an address is on the machine of the browser.
func isLoopback(text string) bool {
	_, _, ok := loopback(text)
	return ok
}

// loopback splits a loopback address into its beginning and what follows the port.
func loopback(text string) (host, rest string, ok bool) {
	for _, host := range loopbacks {
		rest, found := strings.CutPrefix(text, host)
		if !found {
			continue
		}
		if port, has := strings.CutPrefix(rest, ":"); has {
			digits := strings.TrimLeft(port, "0123456789")
			if n := len(port) - len(digits); n < 1 || n > 5 {
				return "", "", false
			}
			rest = digits
		}
		if rest == "" || rest[0] == '/' || rest[0] == '?' {
			return host, rest, true
		}
	}
	return "", "", false
}

// SameRedirect compares a registered redirect URI with the one of a request.
func SameRedirect(registered, text string) bool {
	if registered == text {
		return true
	}
	host, rest, ok := loopback(registered)
	gotHost, gotRest, gotOK := loopback(text)
	return ok && gotOK && host == gotHost && rest == gotRest
}
