package outbound_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/outbound"
)

// target is a TLS server on loopback that counts connections.
type target struct {
	*httptest.Server
	hits  atomic.Int64
	roots *x509.CertPool
	port  string
}

// newTarget starts a target; plain is one without TLS.
func newTarget(t *testing.T, plain bool, h http.HandlerFunc) *target {
	t.Helper()
	out := &target{roots: x509.NewCertPool()}
	out.Server = httptest.NewUnstartedServer(h)
	out.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			out.hits.Add(1)
		}
	}
	if plain {
		out.Start()
	} else {
		out.StartTLS()
		out.roots.AddCert(out.Certificate())
	}
	t.Cleanup(out.Close)
	u, err := url.Parse(out.URL)
	if err != nil {
		t.Fatal(err)
	}
	out.port = u.Port()
	return out
}

// hello answers with five bytes.
func hello(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }

// client makes a client whose names all lead to the addresses.
func (s *target) client(t *testing.T, allow []string, addresses ...string) *outbound.Client {
	t.Helper()
	c, err := outbound.New(outbound.Config{Allow: allow, Roots: s.roots, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		var out []netip.Addr
		for _, a := range addresses {
			out = append(out, netip.MustParseAddr(a))
		}
		return out, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// S-35: nothing that lies inside is asked, however it is spelled, and no packet is sent.
func TestNothingInsideIsAsked(t *testing.T) {
	s := newTarget(t, false, hello)
	for name, address := range map[string]string{
		"loopback": "127.0.0.1", "loopback of IPv6": "::1", "another loopback": "127.9.9.9", "unspecified": "0.0.0.0", "unspecified IPv6": "::",
		"metadata": "169.254.169.254", "link-local": "fe80::1", "private": "10.1.2.3", "private 172": "172.16.0.1", "private 192": "192.168.0.1",
		"unique local": "fd00::1", "shared": "100.64.0.1", "multicast": "224.0.0.1", "multicast IPv6": "ff02::1", "mapped": "::ffff:127.0.0.1",
		"mapped public": "::ffff:8.8.8.8", "6to4": "2002:7f00:1::1", "NAT64": "64:ff9b::7f00:1", "compatible": "::127.0.0.1", "Teredo": "2001:0:1::1", "broadcast": "255.255.255.255", "this network": "0.1.2.3",
	} {
		host := address
		if strings.Contains(address, ":") {
			host = "[" + address + "]"
		}
		for _, u := range []string{"https://" + host + "/", "https://issuer.example/"} {
			if name == "mapped public" && u == "https://issuer.example/" {
				continue // a resolver may write public addresses so
			}
			if _, err := s.client(t, nil, address).Get(t.Context(), u, 100); !errors.Is(err, outbound.ErrRefused) {
				t.Errorf("%s as %s: %v", name, u, err)
			}
		}
	}
	for name, u := range map[string]string{
		"plain http": "http://issuer.example/", "a port": "https://issuer.example:8443/", "another scheme": "file:///etc/passwd", "no host": "https:///x",
		"a credential": "https://u:p@issuer.example/", "a zone": "https://[fe80::1%25eth0]/", "one good and one bad address": "https://issuer.example/",
	} {
		if _, err := s.client(t, nil, "93.184.216.34", "127.0.0.1").Get(t.Context(), u, 100); !errors.Is(err, outbound.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, spelled := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1"} {
		c, err := outbound.New(outbound.Config{Roots: s.roots})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(t.Context(), "https://"+spelled+"/", 100); err == nil {
			t.Errorf("%s was asked", spelled)
		}
	}
	if n := s.hits.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

// S-35: what the operator allows may lie inside, but never where clouds keep their metadata.
func TestWhatTheOperatorAllows(t *testing.T) {
	s, plain := newTarget(t, false, hello), newTarget(t, true, hello)
	for name, c := range map[string]struct {
		allow   []string
		address string
		url     string
		good    bool
	}{
		"a name at its port":               {[]string{"example.com:" + s.port}, "127.0.0.1", "https://example.com:" + s.port, true},
		"a name in other letters":          {[]string{"EXAMPLE.com:" + s.port}, "127.0.0.1", "https://example.COM:" + s.port, true},
		"a name at any port":               {[]string{"example.com:*"}, "127.0.0.1", "https://example.com:" + s.port, true},
		"another name":                     {[]string{"example.com:*"}, "127.0.0.1", "https://www.example.com:" + s.port, false},
		"a name at another port":           {[]string{"example.com"}, "127.0.0.1", "https://example.com:" + s.port, false},
		"plain http to a name":             {[]string{"example.com:*"}, "127.0.0.1", "http://example.com:" + plain.port, false},
		"plain http to loopback":           {[]string{"127.0.0.1:*"}, "127.0.0.1", "http://127.0.0.1:" + plain.port, true},
		"plain http to localhost":          {[]string{"localhost:*"}, "127.0.0.1", "http://localhost:" + plain.port, true},
		"plain http to loopback unallowed": {nil, "127.0.0.1", "http://127.0.0.1:" + plain.port, false},
		"link-local":                       {[]string{"169.254.169.254:*"}, "127.0.0.1", "https://169.254.169.254/", false},
		"a name that leads to metadata":    {[]string{"example.com:*"}, "169.254.169.254", "https://example.com/", false},
		"unspecified":                      {[]string{"0.0.0.0:*"}, "127.0.0.1", "https://0.0.0.0:" + s.port, false},
	} {
		body, err := s.client(t, c.allow, c.address).Get(t.Context(), c.url, 100)
		if (err == nil) != c.good || c.good && string(body) != "hello" || !c.good && !errors.Is(err, outbound.ErrRefused) {
			t.Errorf("%s: %q %v", name, body, err)
		}
	}
	for _, text := range []string{"", ":443", "*", "*.example.com", "https://x", "a b", "x%20", "a@b"} {
		if _, err := outbound.New(outbound.Config{Allow: []string{text}}); err == nil {
			t.Errorf("%q can be allowed", text)
		}
	}
}

// S-35: the name is resolved once, so it cannot pass the check and then lead elsewhere.
func TestANameIsResolvedOnce(t *testing.T) {
	s := newTarget(t, false, hello)
	lookups := 0
	c, err := outbound.New(outbound.Config{Allow: []string{"example.com:*"}, Roots: s.roots, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		lookups++
		return []netip.Addr{netip.MustParseAddr([]string{"127.0.0.1", "169.254.169.254"}[min(lookups, 2)-1])}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "https://example.com:"+s.port, 100); err != nil || lookups != 1 {
		t.Errorf("%v after %d lookups", err, lookups)
	}
}

// S-35: redirects, large answers, proxies and unknown authorities end a request.
func TestAnswersThatAreNotTaken(t *testing.T) {
	inside := newTarget(t, true, hello)
	s := newTarget(t, false, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			_, _ = w.Write(make([]byte, 101))
		case "/fits":
			_, _ = w.Write(make([]byte, 100))
		case "/500":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			if r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" {
				t.Error("a credential was sent")
			}
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
			http.Redirect(w, r, inside.URL, map[string]int{"/301": 301, "/302": 302, "/307": 307}[r.URL.Path])
		}
	})
	t.Setenv("HTTPS_PROXY", inside.URL)
	c := s.client(t, []string{"example.com:*"}, "127.0.0.1")
	for path, want := range map[string]error{
		"/large": outbound.ErrAnswer, "/500": outbound.ErrAnswer, "/301": outbound.ErrAnswer, "/302": outbound.ErrAnswer, "/307": outbound.ErrAnswer, "/fits": nil,
	} {
		if _, err := c.Get(t.Context(), "https://example.com:"+s.port+path, 100); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if n := inside.hits.Load(); n != 0 {
		t.Errorf("the redirect or the proxy was followed %d times", n)
	}
	s.roots = x509.NewCertPool()
	_, err := s.client(t, []string{"example.com:*"}, "127.0.0.1").Get(t.Context(), "https://example.com:"+s.port+"/fits", 100)
	if !errors.Is(err, outbound.ErrUnreachable) || !strings.Contains(fault.Message(err), "unknown authority") {
		t.Errorf("an unknown authority: %v", err)
	}
}

// What a person reads says what was refused, and who may change that; never an inner address.
func TestRefusalsSayTheWayOut(t *testing.T) {
	s := newTarget(t, false, hello)
	for url, want := range map[string]string{
		"https://issuer.example/":      "issuer.example: the name leads to an address that lies inside; an operator may allow the name (federation.allow)",
		"https://issuer.example:8443/": "issuer.example:8443: the operator has not allowed this port (federation.allow)",
		"http://localhost:8080/":       "localhost:8080: the operator has not allowed this address (federation.allow)",
		"http://issuer.example/":       "issuer.example: the address does not begin with https://",
	} {
		_, err := s.client(t, nil, "10.1.2.3").Get(t.Context(), url, 100)
		if got := fault.Message(err); got != want {
			t.Errorf("%s: %q", url, got)
		}
	}
}
