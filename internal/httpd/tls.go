package httpd

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// handshakeWithin bounds a handshake (S/R 6.3).
const handshakeWithin = 5 * time.Second

// TLS wraps the listener of an API for one server that does not do TLS itself: it yields
// connections that have shaken hands, those of HTTP/2 as they are, which net/http wants,
// and all others with their framing watched (see Framed). A client that does not get
// through a handshake in 5 s is closed and never yielded.
func TLS(ln net.Listener, config *tls.Config) net.Listener {
	return &tlsListener{
		Listener: ln, config: config, ready: make(chan net.Conn), failed: make(chan error), done: make(chan struct{}),
		shaking: map[net.Conn]struct{}{},
	}
}

// tlsListener is TLS's listener.
type tlsListener struct {
	net.Listener
	config *tls.Config
	ready  chan net.Conn
	failed chan error // of the listener underneath
	done   chan struct{}
	start  sync.Once
	work   sync.WaitGroup

	mu      sync.Mutex // guards closed and shaking
	closed  bool
	shaking map[net.Conn]struct{}
}

// Accept waits for a connection that has shaken hands.
func (l *tlsListener) Accept() (net.Conn, error) {
	l.start.Do(func() { l.work.Go(l.accept) })
	select {
	case c := <-l.ready:
		return c, nil
	case err := <-l.failed:
		return nil, err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends the listener, the handshakes under way and what it started.
func (l *tlsListener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.done)
		for c := range l.shaking {
			_ = c.Close()
		}
	}
	l.mu.Unlock()
	l.work.Wait()
	return err
}

// ConnState tells the listener underneath, which bounds the connections.
func (l *tlsListener) ConnState(c net.Conn, state http.ConnState) {
	if under, ok := l.Listener.(*boundedListener); ok {
		under.ConnState(c, state)
	}
}

// accept gives each new connection a goroutine for its handshake; how many there may be is
// up to the listener underneath.
func (l *tlsListener) accept() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			select {
			case l.failed <- err: // net/http waits a little if it may pass, and asks again
				continue
			case <-l.done:
				return
			}
		}
		if !l.track(c) {
			_ = c.Close()
			return
		}
		l.ConnState(c, http.StateNew) // whoever does not shake hands makes room as well
		l.work.Go(func() { l.shake(c) })
	}
}

// track remembers a connection until its handshake is over; false once the listener is closed.
func (l *tlsListener) track(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.shaking[c] = struct{}{}
	}
	return !l.closed
}

// shake makes the handshake and hands the connection over.
func (l *tlsListener) shake(c net.Conn) {
	conn := tls.Server(c, l.config)
	late := time.AfterFunc(handshakeWithin, func() { _ = c.Close() })
	err := conn.Handshake() //nolint:noctx // ended by the timer and by Close
	inTime := late.Stop()
	l.mu.Lock()
	delete(l.shaking, c)
	l.mu.Unlock()
	l.ConnState(c, http.StateClosed) // as this; the server knows it by its wrapping
	if err != nil || !inTime {
		if wrong, ok := errors.AsType[tls.RecordHeaderError](err); ok && wrong.Conn != nil {
			_, _ = io.WriteString(wrong.Conn, notTLS)
		}
		_ = c.Close()
		return
	}
	var out net.Conn = conn
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		out = &framedTLSConn{framedConn: newFramedConn(conn, false), tls: conn}
	}
	select {
	case l.ready <- out:
	case <-l.done:
		_ = c.Close()
	}
}

// notTLS answers what does not begin with a handshake, in words that a person who forgot
// the s of https will read.
const notTLS = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 38\r\nConnection: close\r\n\r\nThis port speaks TLS: begin with https"

// framedTLSConn is a framedConn that net/http knows for TLS.
type framedTLSConn struct {
	*framedConn
	tls *tls.Conn
}

// ConnectionState is what the handshake settled; requests show it as their TLS.
func (c *framedTLSConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }
