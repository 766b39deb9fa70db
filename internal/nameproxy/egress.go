package nameproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strconv"
)

var (
	// errNotServed is the refusal of a name no rule covers.
	errNotServed = errors.New("not a name served here, and passing on is switched off (--egress deny)")
	// errForbiddenAddress is the refusal of addresses nothing is ever passed on to.
	errForbiddenAddress = errors.New("its address is this machine's, the local link's or a metadata service's; nothing is passed on there")
)

// forbidden are the networks never dialled for a client, beside loopback, link-local,
// multicast and unspecified addresses: metadata and host services that clouds place outside them.
var forbidden = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure host agent
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
}

// nat64 is the prefix that carries an IPv4 address in its last four bytes (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// allowed reports whether a client's connection may be passed on to a.
func allowed(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsInterfaceLocalMulticast() {
		return false
	}
	for _, p := range forbidden {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// dialOutside resolves host and connects to the first of its permitted addresses that
// answers. The address dialled is the one that was checked: a second answer of the resolver
// cannot replace it. Errors: errForbiddenAddress before any connection is tried.
func (p *Proxy) dialOutside(ctx context.Context, host string, port int) (net.Conn, error) {
	var found []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		found = []netip.Addr{a}
	} else if found, err = p.lookup(ctx, host); err != nil {
		return nil, fmt.Errorf("its address is not known: %w", err)
	}
	last := errForbiddenAddress
	for _, a := range found {
		if !allowed(a) {
			continue
		}
		c, err := p.dial(ctx, "tcp", net.JoinHostPort(a.Unmap().String(), strconv.Itoa(port)))
		if err == nil {
			return c, nil
		}
		last = err
	}
	return nil, last
}

// plain passes one plain-HTTP request on, by the rules of CONNECT; a name of ours is refused,
// since nothing of ours is served without TLS.
func (s *server) plain(w http.ResponseWriter, r *http.Request) {
	port := 80
	if text := r.URL.Port(); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			http.Error(w, fmt.Sprintf("sealring: %q is not a port", text), http.StatusBadRequest)
			return
		}
		port = int(n)
	}
	host := r.URL.Hostname()
	if s.rule(host, port) != nil {
		http.Error(w, fmt.Sprintf("sealring: %s is served with https only", host), http.StatusForbidden)
		return
	}
	if !s.egress {
		s.refuse(w, r, host, errNotServed)
		return
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true, ResponseHeaderTimeout: s.idleTimeout,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, s.dialTimeout)
			defer cancel()
			return s.dialOutside(ctx, host, port)
		}}
	defer transport.CloseIdleConnections()
	(&httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.Host = pr.In.URL.Host
			pr.Out.Header.Del("Proxy-Authorization")
		},
		Transport: transport, FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { s.refuse(w, r, host, err) },
	}).ServeHTTP(w, r)
}
