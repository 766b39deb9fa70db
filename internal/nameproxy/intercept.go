package nameproxy

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
)

// target is what a client named in its CONNECT, carried with the inner connection.
type target struct {
	rule *Rule
	host string
	port int
}

// targetKey finds the target in a request's context.
type targetKey struct{}

// interceptedConn is the plaintext side of a client's TLS, and where it was going.
type interceptedConn struct {
	net.Conn
	to     target
	forget func()
}

// Close ends the TLS side, then the connection below it.
func (c *interceptedConn) Close() error {
	defer c.forget()
	return c.Conn.Close()
}

// readAhead is a connection whose first bytes were read before.
type readAhead struct {
	net.Conn
	from io.Reader
}

// Read reads what was read ahead, then the connection.
func (c readAhead) Read(b []byte) (int, error) { return c.from.Read(b) }

// handoff is a listener fed with connections that exist already.
type handoff struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

// newHandoff returns an empty, open handoff.
func newHandoff() *handoff {
	h := &handoff{conns: make(chan net.Conn), done: make(chan struct{})}
	h.close = sync.OnceFunc(func() { close(h.done) })
	return h
}

// give passes c to whoever accepts; it reports false once the handoff is closed.
func (h *handoff) give(c net.Conn) bool {
	select {
	case h.conns <- c:
		return true
	case <-h.done:
		return false
	}
}

// Accept implements net.Listener.
func (h *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handoff) Close() error {
	h.close()
	return nil
}

// Addr implements net.Listener.
func (h *handoff) Addr() net.Addr { return &net.TCPAddr{} }

// intercept ends the client's TLS with a leaf of the rule and hands the plaintext side to
// the inner HTTP server. A failed handshake ends the connection: the client does not trust us.
func (s *server) intercept(w http.ResponseWriter, r *http.Request, rule *Rule, host string, port int) {
	near, from := s.takeOver(w)
	if near == nil {
		return
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == "" {
				hello.ServerName = host
			}
			return rule.Intercept.GetCertificate(hello)
		}}
	inside := tls.Server(readAhead{near, from}, config)
	ctx, cancel := context.WithTimeout(r.Context(), s.dialTimeout)
	defer cancel()
	if err := inside.HandshakeContext(ctx); err != nil {
		s.log.DebugContext(ctx, "client refused the certificate made for this run", "host", host, "err", err)
		s.forget(near)
		return
	}
	if !s.inner.give(&interceptedConn{Conn: inside, to: target{rule: rule, host: host, port: port}, forget: func() { s.forget(near) }}) {
		s.forget(near)
	}
}

// withTarget puts the target of an inner connection into its requests' contexts.
func withTarget(ctx context.Context, c net.Conn) context.Context {
	if ic, ok := c.(*interceptedConn); ok {
		return context.WithValue(ctx, targetKey{}, ic.to)
	}
	return ctx
}

// intercepted forwards one request from inside a client's TLS. Its Host must be the name the
// client connected to: what was decided for one name is not lent to another.
func (s *server) intercepted(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		return
	}
	defer s.work.Done()
	to, ok := r.Context().Value(targetKey{}).(target)
	name := r.Host
	if h, _, err := net.SplitHostPort(r.Host); err == nil {
		name = h
	}
	if !ok || !strings.EqualFold(strings.TrimSuffix(name, "."), to.host) {
		http.Error(w, "sealring: Host is not the name this connection was made to", http.StatusMisdirectedRequest)
		return
	}
	(&httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL.Scheme, pr.Out.URL.Host = "https", net.JoinHostPort(to.host, strconv.Itoa(to.port))
			pr.Out.Host = pr.In.Host
		},
		Transport: to.rule.Intercept.Upstream, FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { s.refuse(w, r, to.host, err) },
	}).ServeHTTP(w, r)
}
