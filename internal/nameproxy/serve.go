package nameproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Limits on what one client may send before it is understood.
const (
	headerTimeout  = 10 * time.Second
	maxHeaderBytes = 16 << 10
)

// ErrNotLoopback is the refusal to listen where other machines could reach the proxy.
var ErrNotLoopback = errors.New("the name proxy listens on loopback only")

// server is one run of Serve: the goroutines and connections it must end.
type server struct {
	*Proxy
	inner *handoff
	work  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]struct{} // hijacked connections and their far ends
}

// Serve answers on ln until ctx ends, then closes every connection and returns when all of
// its goroutines have ended. It closes ln. Errors: ErrNotLoopback, or what broke the listener.
func (p *Proxy) Serve(ctx context.Context, ln net.Listener) error {
	defer func() { _ = ln.Close() }()
	if a, ok := ln.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return fmt.Errorf("%w, not on %s", ErrNotLoopback, ln.Addr())
	}
	s := &server{Proxy: p, inner: newHandoff(), open: map[net.Conn]struct{}{}}
	quiet := slog.NewLogLogger(p.log.Handler(), slog.LevelDebug)
	base := func(net.Listener) context.Context { return ctx }
	front := &http.Server{Handler: http.HandlerFunc(s.front), ReadHeaderTimeout: headerTimeout, IdleTimeout: time.Minute,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: quiet, BaseContext: base}
	inner := &http.Server{Handler: http.HandlerFunc(s.intercepted), ReadHeaderTimeout: p.idleTimeout, IdleTimeout: p.idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: quiet, BaseContext: base, ConnContext: withTarget}
	s.work.Go(func() { _ = inner.Serve(s.inner) }) // ends with ErrServerClosed
	stop := context.AfterFunc(ctx, func() { _ = front.Close() })
	err := front.Serve(&limited{Listener: ln, slots: p.slots, done: ctx.Done()})
	stop()
	_, _ = front.Close(), inner.Close() // what closing says no longer matters
	s.closeAll()
	s.work.Wait()
	if errors.Is(err, http.ErrServerClosed) || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("name proxy on %s: %w", ln.Addr(), err)
}

// front answers one request of a client: CONNECT, or a plain-HTTP request in absolute form.
func (s *server) front(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		return
	}
	defer s.work.Done()
	switch {
	case r.Method == http.MethodConnect:
		w.Header().Set("Connection", "close") // a refused one ends it: what comes next may be meant for the tunnel
		s.connect(w, r)
	case r.URL.IsAbs() && r.URL.Scheme == "http":
		s.plain(w, r)
	default:
		http.Error(w, "sealring: this is a proxy; it answers CONNECT", http.StatusBadRequest)
	}
}

// connect decides about one CONNECT and, unless it is refused, carries it to its end.
func (s *server) connect(w http.ResponseWriter, r *http.Request) {
	host, port, err := splitTarget(r.Host)
	if err != nil {
		http.Error(w, "sealring: "+err.Error(), http.StatusBadRequest)
		return
	}
	rule := s.rule(host, port)
	if rule != nil && rule.Intercept != nil {
		s.intercept(w, r, rule, host, port)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.dialTimeout)
	defer cancel()
	var far net.Conn
	switch {
	case rule != nil:
		far, err = s.dial(ctx, "tcp", rule.Tunnel)
	case s.egress:
		far, err = s.onward(ctx, host, port)
	default:
		err = errNotServed
	}
	if err != nil {
		s.refuse(w, r, host, err)
		return
	}
	s.tunnel(w, far)
}

// refuse writes why a name is not reached: 403 by rule, 502 when the far end failed.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, host string, err error) {
	status := http.StatusBadGateway
	if errors.Is(err, errNotServed) || errors.Is(err, errForbiddenAddress) {
		status = http.StatusForbidden
	}
	s.log.DebugContext(r.Context(), "proxy request not passed on", "host", host, "status", status, "err", err)
	http.Error(w, fmt.Sprintf("sealring: %s: %v", host, err), status)
}

// splitTarget reads "host:port" of a CONNECT.
func splitTarget(target string) (string, int, error) {
	host, text, err := net.SplitHostPort(target)
	if err != nil || host == "" {
		return "", 0, fmt.Errorf("%q is not host:port", target)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", 0, fmt.Errorf("%q is not a port", text)
	}
	return host, int(port), nil
}

// begin counts a request among the work Serve waits for; it reports false once the server stops.
func (s *server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.work.Add(1)
	}
	return !s.closed
}

// track remembers c until forget; it reports false, with c closed, once the server stops.
func (s *server) track(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return false
	}
	s.open[c] = struct{}{}
	return true
}

// forget closes c and stops tracking it.
func (s *server) forget(c net.Conn) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// closeAll ends every tracked connection, and every later one at once.
func (s *server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.open {
		_ = c.Close()
	}
}

// limited is a listener that accepts only while a slot is free.
type limited struct {
	net.Listener
	slots chan struct{}
	done  <-chan struct{}
}

// Accept waits for a slot, then for a connection; closing the connection frees the slot.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slotted{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

// slotted is a connection that holds a slot of its listener.
type slotted struct {
	net.Conn
	free func()
}

// Close closes the connection and frees the slot once.
func (c *slotted) Close() error {
	defer c.free()
	return c.Conn.Close()
}

// CloseWrite ends the sending half, so that the other side sees the end of the data.
func (c *slotted) CloseWrite() error { return closeWrite(c.Conn) }

// closeWrite ends the sending half of c where its kind has one.
func closeWrite(c net.Conn) error {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}
