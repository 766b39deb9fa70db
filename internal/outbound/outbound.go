// Package outbound makes the requests whose addresses come from data that users write: the
// metadata and keys of outside issuers, the source of a copy (S-35).
//
// A request goes to https and port 443, is not redirected, carries no cookie and no
// credential, uses no proxy of the environment, and ends after 5 s or at a size limit. The
// name is resolved once; if any of its addresses lies inside — loopback, private, link-local,
// shared, multicast, unspecified, or a form that wraps an IPv4 address — nothing is sent.
// What is dialled is an address that was checked, so a name cannot change its mind.
//
// The operator may allow names (Config.Allow): those may lie inside and use other ports,
// and loopback names may be asked over plain http. Link-local addresses, where clouds keep
// their metadata, multicast and unspecified ones are refused even then.
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/fault"
)

// Failures of a request.
var (
	// ErrRefused is an address that is not asked; nothing was sent.
	ErrRefused = fault.New(fault.Denied, "the address may not be asked")
	// ErrUnreachable is an address that did not answer, or not in time.
	ErrUnreachable = fault.New(fault.Unavailable, "the address did not answer")
	// ErrAnswer is an answer other than 200, or one that is too large.
	ErrAnswer = fault.New(fault.Unavailable, "the address did not answer as it should")
)

// The bounds of a request (S/R 6.3).
const (
	connectTimeout = 3 * time.Second
	totalTimeout   = 5 * time.Second
	maxHeader      = 64 << 10
)

// Config names what a Client needs; every field may be empty.
type Config struct {
	// Allow are names that may lie inside: "host" at port 443, "host:port", or "host:*" at any
	// port; IPv6 addresses in brackets.
	Allow []string
	// Roots are the authorities of TLS servers; nil means the system's.
	Roots *x509.CertPool
	// Lookup resolves a name; nil means the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Client makes such requests. It is safe for concurrent use.
type Client struct {
	allow  []entry
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	http   *http.Client
}

// entry is one allowed name.
type entry struct {
	host string // lower case, without brackets
	port string // "*" for any
}

// New checks c and returns a Client.
func New(c Config) (*Client, error) {
	o := &Client{lookup: c.Lookup}
	if o.lookup == nil {
		o.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	for _, text := range c.Allow {
		e, err := parseEntry(text)
		if err != nil {
			return nil, err
		}
		o.allow = append(o.allow, e)
	}
	o.http = &http.Client{
		Timeout:       totalTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: o.dial, TLSClientConfig: &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: connectTimeout, ResponseHeaderTimeout: totalTimeout, MaxResponseHeaderBytes: maxHeader,
			DisableCompression: true, DisableKeepAlives: true, // seldom used, and nothing to wait for at the end
		},
	}
	return o, nil
}

// parseEntry reads an entry of Config.Allow.
func parseEntry(text string) (entry, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), "443"
	}
	u, err := url.Parse("https://" + net.JoinHostPort(host, "443"))
	if n, bad := strconv.ParseUint(port, 10, 16); port != "*" && (bad != nil || n == 0) {
		return entry{}, fmt.Errorf("outbound: %q has no port that is a number or *", text)
	}
	if host == "" || err != nil || u.Hostname() != host || strings.ContainsAny(host, "*/%@ ") {
		return entry{}, fmt.Errorf("outbound: %q is not host, host:port or host:*", text)
	}
	return entry{strings.ToLower(host), port}, nil
}

// allowed reports whether the operator allows the name at the port.
func (o *Client) allowed(host, port string) bool {
	for _, e := range o.allow {
		if e.host == strings.ToLower(host) && (e.port == "*" || e.port == port) {
			return true
		}
	}
	return false
}

// Loopback reports whether a host name or address is this machine's, by its spelling.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// Get returns the body of an answer 200 of at most limit bytes.
// Errors: ErrRefused, ErrUnreachable, ErrAnswer.
func (o *Client) Get(ctx context.Context, address string, limit int64) ([]byte, error) {
	u, err := o.check(address)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "sealring")
	resp, err := o.http.Do(req)
	if errors.Is(err, ErrRefused) {
		return nil, fmt.Errorf("%w: %w", ErrRefused.With("%s: %s", u.Host, fault.Message(err)), err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable.With("%s did not answer: %s", u.Host, reason(err)), err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode != http.StatusOK {
		return nil, ErrAnswer.With("%s answered %d", u.Host, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable.With("%s did not send its whole answer", u.Host), err)
	}
	if int64(len(body)) > limit {
		return nil, ErrAnswer.With("%s answered with more than %d bytes", u.Host, limit)
	}
	return body, nil
}

// check refuses addresses by their spelling. Errors: ErrRefused.
func (o *Client) check(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, ErrRefused.With("the address is not an absolute URL")
	case u.User != nil:
		return nil, ErrRefused.With("%s: the address holds a credential", u.Host)
	case strings.Contains(u.Hostname(), "%"):
		return nil, ErrRefused.With("%s: the address names a zone", u.Host)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	allowed := o.allowed(u.Hostname(), port)
	switch {
	case u.Scheme == "https", u.Scheme == "http" && allowed && Loopback(u.Hostname()):
	case u.Scheme == "http" && Loopback(u.Hostname()):
		return nil, ErrRefused.With("%s: the operator has not allowed this address (federation.allow)", u.Host)
	default:
		return nil, ErrRefused.With("%s: the address does not begin with https://", u.Host)
	}
	if port != "443" && !allowed {
		return nil, ErrRefused.With("%s: the operator has not allowed this port (federation.allow)", u.Host)
	}
	return u, nil
}

// dial connects to an address of the host after all of them were checked (S-35).
func (o *Client) dial(ctx context.Context, network, hostport string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	addresses, err := o.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	allowed := o.allowed(host, port)
	for _, a := range addresses {
		if never(a) || !allowed && inside(a) {
			// Which address is for the log alone: callers must not learn our names.
			return nil, fmt.Errorf("%w: %s", ErrRefused.With("the name leads to an address that lies inside; an operator may allow the name (federation.allow)"), a)
		}
	}
	var failures []error
	for _, a := range addresses {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, netip.AddrPortFrom(a, portNumber(port)).String())
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// resolve returns the addresses of a name, or the address that it spells. An IPv4 address
// written as an IPv6 one is refused where it is spelled; a resolver may write it so.
func (o *Client) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Is4In6() || a.Zone() != "" {
			return nil, ErrRefused.With("%s is an address in a form that is not asked", host)
		}
		return []netip.Addr{a}, nil
	}
	found, err := o.lookup(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", host, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("resolve %s: it has no address", host)
	}
	out := make([]netip.Addr, len(found))
	for i, a := range found {
		if a.Zone() != "" {
			return nil, ErrRefused.With("%s leads to an address with a zone", host)
		}
		out[i] = a.Unmap()
	}
	return out, nil
}

// insideRanges are what Go has no name for: shared and documentation addresses, addresses of
// protocols and benchmarks, reserved ones, and the forms of IPv6 that lead to an IPv4 address.
var insideRanges = prefixes("100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"0.0.0.0/8", "240.0.0.0/4", "2002::/16", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2001:db8::/32", "::/96", "::ffff:0:0/96", "100::/64", "fec0::/10")

// prefixes parses literal ranges.
func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// inside reports whether an address is not one of the public internet.
func inside(a netip.Addr) bool {
	for _, p := range insideRanges {
		if p.Contains(a) {
			return true
		}
	}
	return a.IsLoopback() || a.IsPrivate() || never(a)
}

// never reports whether an address is refused whatever the operator allows.
func never(a netip.Addr) bool {
	return !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsInterfaceLocalMulticast() || a.Is4() && a.As4() == [4]byte{255, 255, 255, 255}
}

// portNumber reads a port; 0, which cannot be dialled, if it is none.
func portNumber(text string) uint16 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// reason names a failure of the network in a few words that name nothing internal.
func reason(err error) string {
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var dns *net.DNSError
	switch {
	case errors.As(err, &unknown):
		return "its certificate is from an unknown authority (federation.ca_file)"
	case errors.As(err, &hostname):
		return "its certificate is for another name"
	case errors.As(err, &dns):
		return "the name cannot be resolved"
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return "it took too long"
	}
	return "the connection failed"
}
