package nameproxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// dials counts the connections a proxy tried, by address.
type dials struct{ tried atomic.Int32 }

// dial refuses the network outside loopback, so that no test can leave this machine.
func (d *dials) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.tried.Add(1)
	if a, err := netip.ParseAddrPort(address); err != nil || !a.Addr().IsLoopback() {
		return nil, fmt.Errorf("test dialler: %s", address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// start serves a proxy for the test's life and returns its URL.
func start(t *testing.T, c Config) *url.URL {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Serve did not end")
		}
	})
	return &url.URL{Scheme: "http", Host: ln.Addr().String()}
}

// upstream is a TLS server that says which Host it was asked for.
func upstream(t *testing.T) *httptest.Server {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s%s|%s", r.Method, r.Host, r.URL.RequestURI(), r.Header.Get("X-Forwarded-For"), body)
	}))
	t.Cleanup(s.Close)
	return s
}

// through is a client that trusts the server and goes through the proxy.
func through(t *testing.T, proxy *url.URL, s *httptest.Server) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	tr := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 5 * time.Second}
}

// connect sends one CONNECT and returns the status line's code and body.
func connect(t *testing.T, proxy *url.URL, target string) (int, string) {
	t.Helper()
	c, err := net.Dial("tcp", proxy.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target)
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatalf("CONNECT %s: %v", target, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.StatusCode, ""
	}
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// L-1: a name of ours is tunnelled to the live listener whatever port was asked for.
func TestOwnNamesReachTheLivePort(t *testing.T) {
	s := upstream(t)
	proxy := start(t, Config{Rules: []Rule{{Hosts: []string{"*.sealring.internal"}, Tunnel: s.Listener.Addr().String()}}})
	for _, host := range []string{"login.sealring.internal", "shop.vault.sealring.internal:9999", "LOGIN.Sealring.Internal:8443"} {
		resp, err := through(t, proxy, s).Post("https://"+host+"/a?b=c", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if want := "POST " + host + " /a?b=c|hello"; string(body) != want {
			t.Errorf("%s answered %q, want %q", host, body, want)
		}
	}
}

// L-4: other names are refused, and nothing is dialled for them.
func TestOtherNamesAreRefusedWithoutADial(t *testing.T) {
	var d dials
	proxy := start(t, Config{Rules: []Rule{{Hosts: []string{"*.sealring.internal"}, Tunnel: "127.0.0.1:1"}}, Dial: d.dial})
	for _, target := range []string{"example.com:443", "sealring.internal:443", "notsealring.internal:443", "login.sealring.internal.example.com:443", "127.0.0.1:443", "[::1]:443"} {
		status, body := connect(t, proxy, target)
		if status != http.StatusForbidden {
			t.Errorf("%s: status %d, want 403 (%s)", target, status, body)
		}
	}
	if n := d.tried.Load(); n != 0 {
		t.Errorf("%d connections were tried", n)
	}
}

// L-4: with egress, addresses of this machine, the link and metadata services stay out of
// reach, by number or by a name that resolves to them; none of them is even dialled.
func TestEgressNeverReachesMetadataOrThisMachine(t *testing.T) {
	names := map[string]string{"metadata.example": "169.254.169.254", "v6.example": "fe80::1", "ec2.example": "fd00:ec2::254",
		"me.example": "127.0.0.1", "mapped.example": "::ffff:169.254.169.254", "nat64.example": "64:ff9b::a9fe:a9fe", "zero.example": "0.0.0.0"}
	var d dials
	proxy := start(t, Config{Egress: true, Dial: d.dial, Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		if a, ok := names[host]; ok {
			return []netip.Addr{netip.MustParseAddr(a)}, nil
		}
		return nil, errors.New("no such host")
	}})
	targets := []string{"169.254.169.254:80", "[fd00:ec2::254]:80", "127.0.0.1:22", "[::1]:22", "[::ffff:127.0.0.1]:22", "[fe80::1]:443", "168.63.129.16:80", "0.0.0.0:80", "[::]:80", "100.100.100.200:80"}
	for name := range names {
		targets = append(targets, name+":443")
	}
	for _, target := range targets {
		if status, body := connect(t, proxy, target); status != http.StatusForbidden {
			t.Errorf("%s: status %d, want 403 (%s)", target, status, body)
		}
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}}
	for _, target := range []string{"http://169.254.169.254/metadata/instance", "http://metadata.example/"} {
		resp, err := client.Get(target)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d, want 403", target, resp.StatusCode)
		}
	}
	if n := d.tried.Load(); n != 0 {
		t.Errorf("%d connections were tried", n)
	}
	if status, _ := connect(t, proxy, "unknown.example:443"); status != http.StatusBadGateway {
		t.Errorf("an unknown name: status %d, want 502", status)
	}
}

// The twin of the test above: a permitted address is dialled, and it is the one that was checked.
func TestEgressDialsTheCheckedAddress(t *testing.T) {
	s := upstream(t)
	var dialled []string
	proxy := start(t, Config{Egress: true,
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("203.0.113.7")}, nil
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled = append(dialled, address)
			return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
		}})
	resp, err := through(t, proxy, s).Get("https://outside.example/x")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if len(dialled) != 1 || dialled[0] != "203.0.113.7:443" {
		t.Errorf("dialled %v", dialled)
	}
}

// L-4, D-9: an intercepted name is served with a leaf of ours, and its Host arrives unchanged.
func TestInterceptionKeepsTheHost(t *testing.T) {
	s := upstream(t)
	leaf := s.TLS.Certificates[0]
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}, DisableCompression: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
		}}
	t.Cleanup(tr.CloseIdleConnections)
	proxy := start(t, Config{Rules: []Rule{{Hosts: []string{"*.vault.azure.net", "login.microsoftonline.com"}, Intercept: &Interception{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &leaf, nil }, Upstream: tr}}}})
	client := through(t, proxy, s)
	for range 3 { // the inner connection is kept alive
		req, _ := http.NewRequest(http.MethodPut, "https://shop.vault.azure.net/secrets/a%2Fb?api-version=7.4", strings.NewReader("body"))
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if want := "PUT shop.vault.azure.net /secrets/a%2Fb?api-version=7.4|body"; string(body) != want {
			t.Errorf("answered %q, want %q", body, want)
		}
	}
	req, _ := http.NewRequest(http.MethodGet, "https://shop.vault.azure.net/", nil)
	req.Host = "login.microsoftonline.com"
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a foreign Host inside the tunnel: status %d, want 421", resp.StatusCode)
	}
}

// A name of ours over plain HTTP, and what is no proxy request, are refused.
func TestPlainRequests(t *testing.T) {
	var d dials
	proxy := start(t, Config{Rules: []Rule{{Hosts: []string{"*.sealring.internal"}, Tunnel: "127.0.0.1:1"}}, Dial: d.dial, Egress: true})
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}}
	for where, want := range map[string]int{"http://login.sealring.internal/": 403, "http://login.sealring.internal:8443/": 403} {
		resp, err := client.Get(where)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", where, resp.StatusCode, want)
		}
	}
	resp, err := http.Get(proxy.String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a direct request: status %d, want 400", resp.StatusCode)
	}
	for _, target := range []string{"example.com", "example.com:0", "example.com:x", ":443"} {
		if status, _ := connect(t, proxy, target); status != http.StatusBadRequest {
			t.Errorf("CONNECT %s: status %d, want 400", target, status)
		}
	}
	if d.tried.Load() != 0 {
		t.Error("something was dialled")
	}
}

// Serve ends open tunnels and idle ones; it refuses a listener that others can reach.
func TestEndings(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	proxy := start(t, Config{IdleTimeout: 50 * time.Millisecond, Rules: []Rule{{Hosts: []string{"*.own"}, Tunnel: silent.Addr().String()}}})
	c, err := net.Dial("tcp", proxy.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, "CONNECT a.own:1 HTTP/1.1\r\nHost: a.own:1\r\n\r\n")
	if text, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 200") {
		t.Errorf("an idle tunnel: read %q, %v; want the 200 and then the end", text, err)
	}
	long := start(t, Config{Rules: []Rule{{Hosts: []string{"*.own"}, Tunnel: silent.Addr().String()}}})
	if status, _ := connect(t, long, "a.own:1"); status != 200 {
		t.Errorf("status %d", status)
	} // its cleanup fails unless Serve ends while the far end of the tunnel stays open

	p, err := New(Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	everywhere, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Serve(t.Context(), everywhere); !errors.Is(err, ErrNotLoopback) {
		t.Errorf("Serve on every address: %v, want ErrNotLoopback", err)
	}
}

// Wrong rules do not make a proxy.
func TestRulesAreChecked(t *testing.T) {
	for name, r := range map[string]Rule{
		"no hosts":          {Tunnel: "127.0.0.1:1"},
		"no action":         {Hosts: []string{"a"}},
		"a star inside":     {Hosts: []string{"a.*.b"}, Tunnel: "127.0.0.1:1"},
		"a port in a name":  {Hosts: []string{"a:1"}, Tunnel: "127.0.0.1:1"},
		"half interception": {Hosts: []string{"a"}, Intercept: &Interception{}},
	} {
		if _, err := New(Config{Rules: []Rule{r}, Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// At most MaxConnections clients are served at once; the next waits for a place.
func TestConnectionsAreBounded(t *testing.T) {
	proxy := start(t, Config{MaxConnections: 1})
	first, err := net.Dial("tcp", proxy.Host)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(first, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(first), nil); err != nil {
		t.Fatal(err)
	}
	second, err := net.Dial("tcp", proxy.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	_, _ = io.WriteString(second, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = second.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := second.Read(make([]byte, 1)); err == nil {
		t.Error("a second client was served beside the first")
	}
	_ = first.Close()
	_ = second.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := http.ReadResponse(bufio.NewReader(second), nil); err != nil {
		t.Errorf("the second client was not served after the first: %v", err)
	}
}

// Behind a proxy of their own, people keep reaching the outside through it; what is never
// dialled is not asked of it either.
func TestEgressThroughTheNextProxy(t *testing.T) {
	s := upstream(t)
	asked := make(chan string, 4)
	next := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization")
		if strings.HasPrefix(r.Host, "no.") {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		far, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			return
		}
		near, _, _ := http.NewResponseController(w).Hijack()
		_, _ = io.WriteString(near, established)
		done := make(chan struct{})
		go func() { defer close(done); _, _ = io.Copy(near, far); _ = near.Close() }()
		_, _ = io.Copy(far, near)
		_ = far.Close()
		<-done
	}))
	t.Cleanup(next.Close)
	at, _ := url.Parse(next.URL)
	at.User = url.UserPassword("me", "pw")
	proxy := start(t, Config{Egress: true, Next: func(*url.URL) (*url.URL, error) { return at, nil }})
	resp, err := through(t, proxy, s).Get("https://outside.example/x")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := <-asked; got != "CONNECT outside.example:443 Basic bWU6cHc=" {
		t.Errorf("the next proxy was asked %q", got)
	}
	if status, _ := connect(t, proxy, "no.example:443"); status != http.StatusBadGateway {
		t.Errorf("refused by the next proxy: status %d, want 502", status)
	}
	<-asked
	for _, target := range []string{"169.254.169.254:80", "localhost:22", "[::1]:22"} {
		if status, _ := connect(t, proxy, target); status != http.StatusForbidden {
			t.Errorf("%s: status %d, want 403", target, status)
		}
	}
	if len(asked) != 0 {
		t.Errorf("the next proxy was asked %q", <-asked)
	}
}
