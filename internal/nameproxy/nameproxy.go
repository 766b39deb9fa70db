// Package nameproxy is the loopback proxy by which programs reach the names we serve,
// on machines where those names do not resolve (D-9, L-1, L-4).
//
// It speaks HTTP CONNECT (RFC 9110 §9.3.6) and nothing that needs trust: it listens on
// loopback only, tunnels the names of its rules to our own TLS listener whatever port was
// asked for, and, for a rule that says so, ends TLS itself and forwards the requests with
// their Host as given. Any other name is refused with 403 or, with Egress, passed on, but
// never to an address of this machine, of the local link or of a cloud's metadata service,
// and only to the address that was checked. It follows no redirect and keeps no cache.
package nameproxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Limits that hold unless Config says otherwise.
const (
	defaultMaxConnections = 1024
	defaultDialTimeout    = 10 * time.Second
	defaultIdleTimeout    = 10 * time.Minute
)

// Rule says what happens to the hosts it names. Exactly one of Tunnel and Intercept is set.
type Rule struct {
	// Hosts are exact names, or "*.suffix" for every name below suffix. Letter case is ignored.
	Hosts []string
	// Port is the port the client must ask for; 0 means any.
	Port int
	// Tunnel is the address ("127.0.0.1:8443") that gets the bytes unseen.
	Tunnel string
	// Intercept ends TLS here and forwards the requests.
	Intercept *Interception
}

// Interception ends a client's TLS and forwards what is inside.
type Interception struct {
	// GetCertificate returns the leaf for the name the client asked for.
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Upstream carries the requests. They arrive with URL scheme https, URL host = Host =
	// the name the client used; the round tripper decides where that is.
	Upstream http.RoundTripper
}

// Config is what a Proxy is made of.
type Config struct {
	// Rules are tried in order; the first that matches wins.
	Rules []Rule
	// Egress passes other names on; false refuses them.
	Egress bool
	// Dial opens connections; nil means the net package.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Lookup resolves names for Egress; nil means the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Next names the proxy through which Egress reaches a URL, nil for none, as
	// http.ProxyFromEnvironment does; nil means always directly.
	Next func(*url.URL) (*url.URL, error)
	// MaxConnections bounds the clients served at once; 0 means 1,024.
	MaxConnections int
	// DialTimeout bounds resolving and connecting; 0 means 10 s.
	DialTimeout time.Duration
	// IdleTimeout ends a tunnel on which nothing moves; 0 means 10 min.
	IdleTimeout time.Duration
	// Log gets one line per refusal, at debug level, and background trouble. Required.
	Log *slog.Logger
}

// Proxy is a checked configuration, ready to Serve. It is safe for concurrent use.
type Proxy struct {
	rules       []Rule
	egress      bool
	dial        func(ctx context.Context, network, address string) (net.Conn, error)
	lookup      func(ctx context.Context, host string) ([]netip.Addr, error)
	next        func(*url.URL) (*url.URL, error)
	slots       chan struct{}
	dialTimeout time.Duration
	idleTimeout time.Duration
	log         *slog.Logger
}

// New checks c and returns a Proxy. It opens nothing.
func New(c Config) (*Proxy, error) {
	if c.Log == nil {
		return nil, errors.New("nameproxy: no log")
	}
	p := &Proxy{egress: c.Egress, dial: c.Dial, lookup: c.Lookup, next: c.Next, log: c.Log,
		dialTimeout: or(c.DialTimeout, defaultDialTimeout), idleTimeout: or(c.IdleTimeout, defaultIdleTimeout)}
	for i, r := range c.Rules {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("nameproxy: rule %d: %w", i+1, err)
		}
		r.Hosts = append([]string(nil), r.Hosts...)
		for j := range r.Hosts {
			r.Hosts[j] = strings.ToLower(r.Hosts[j])
		}
		p.rules = append(p.rules, r)
	}
	if p.dial == nil {
		p.dial = (&net.Dialer{}).DialContext
	}
	if p.lookup == nil {
		p.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	p.slots = make(chan struct{}, or(c.MaxConnections, defaultMaxConnections))
	return p, nil
}

// or returns v, or fallback when v is zero.
func or[T int | time.Duration](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

// check reports what is wrong with a rule.
func (r Rule) check() error {
	switch {
	case len(r.Hosts) == 0:
		return errors.New("no hosts")
	case (r.Tunnel == "") == (r.Intercept == nil):
		return errors.New("needs either a tunnel or an interception")
	case r.Intercept != nil && (r.Intercept.GetCertificate == nil || r.Intercept.Upstream == nil):
		return errors.New("an interception needs certificates and an upstream")
	case r.Port < 0 || r.Port > 65535:
		return fmt.Errorf("port %d is out of range", r.Port)
	}
	for _, h := range r.Hosts {
		if strings.Contains(strings.TrimPrefix(h, "*."), "*") || strings.ContainsAny(h, ":/ ") || h == "" || h == "*." {
			return fmt.Errorf("%q is not a host name or *.suffix", h)
		}
	}
	return nil
}

// matches reports whether the rule covers host (lower case, no trailing dot) and port.
func (r Rule) matches(host string, port int) bool {
	if r.Port != 0 && r.Port != port {
		return false
	}
	for _, h := range r.Hosts {
		if suffix, wild := strings.CutPrefix(h, "*"); wild {
			if strings.HasSuffix(host, suffix) && len(host) > len(suffix) {
				return true
			}
		} else if h == host {
			return true
		}
	}
	return false
}

// rule returns the first rule that covers host and port, or nil.
func (p *Proxy) rule(host string, port int) *Rule {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for i := range p.rules {
		if p.rules[i].matches(host, port) {
			return &p.rules[i]
		}
	}
	return nil
}
