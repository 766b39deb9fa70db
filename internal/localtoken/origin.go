package localtoken

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// forwarded reports whether a header is one that only something between the program and
// us would add (S-2). A switch costs every request less than a map.
func forwarded(name string) bool {
	switch name {
	case "X-Forwarded-For", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via":
		return true
	}
	return false
}

// browsing reports whether a header is one that browsers add and client libraries do not
// (S-6); so is every Sec-Fetch-* header.
func browsing(name string) bool {
	switch name {
	case "Origin", "Referer", "Cookie":
		return true
	}
	return false
}

// proving are the headers of whose names a look-alike with underscores is refused (S-60).
var proving = map[string]bool{"metadata": true, "x-identity-header": true, "secret": true, "authorization": true, "host": true}

// CheckForwarding refuses what was forwarded and headers that resemble those that count:
// some readers take an underscore for a hyphen. Errors: ErrForwarded, ErrHeader.
func CheckForwarding(h http.Header) error {
	for name := range h {
		if forwarded(name) {
			return ErrForwarded
		}
		if strings.IndexByte(name, '_') < 0 {
			continue
		}
		alike := strings.ReplaceAll(name, "_", "-")
		if proving[strings.ToLower(alike)] || forwarded(http.CanonicalHeaderKey(alike)) {
			return ErrHeader
		}
	}
	return nil
}

// fetchOfNode are the User-Agents of Node's own fetch, which MSAL for JavaScript uses and
// which sends Sec-Fetch-Mode though it is no browser (docs/divergences.md).
var fetchOfNode = map[string]bool{"node": true, "undici": true}

// CheckBrowser refuses what a browser sent. Errors: ErrBrowser.
func CheckBrowser(h http.Header) error {
	for name := range h {
		if browsing(name) || strings.HasPrefix(name, "Sec-Fetch-") && !(name == "Sec-Fetch-Mode" && fetchOfNode[h.Get("User-Agent")]) {
			return ErrBrowser
		}
	}
	return nil
}

// Hosts are the names under which an endpoint may be addressed, without ports.
type Hosts struct{ names []string }

// NewHosts returns the usual names of a node endpoint and those of the operator.
func NewHosts(more ...string) Hosts {
	return Hosts{names: append([]string{"127.0.0.1", "localhost", "169.254.169.254", "[::1]"}, more...)}
}

// Check refuses a request whose Host is none of the names and not the address it arrived
// at. A port may be left out; if given it is the listener's (S-6). Errors: ErrHost.
func (a Hosts) Check(r *http.Request) error {
	own, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	name, port, ok := splitHost(r.Host)
	if !ok {
		return ErrHost
	}
	local, isTCP := own.(*net.TCPAddr)
	if port >= 0 && (!isTCP || port != local.Port) {
		return ErrHost
	}
	for _, n := range a.names {
		if strings.EqualFold(n, name) {
			return nil
		}
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	if err != nil || !isTCP || ip != local.AddrPort().Addr().Unmap() {
		return ErrHost
	}
	return nil
}

// splitHost separates the port, -1 if there is none. Brackets of an IPv6 address stay.
func splitHost(host string) (name string, port int, ok bool) {
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 || strings.HasSuffix(host, "]") {
		return host, -1, host != ""
	}
	port, err := strconv.Atoi(host[colon+1:])
	if err != nil || port < 1 || port > 65535 || host[colon+1] == '+' || host[colon+1] == '0' {
		return "", 0, false
	}
	name = host[:colon]
	return name, port, name != "" && (name[0] == '[' || strings.IndexByte(name, ':') < 0)
}
