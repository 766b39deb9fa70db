package httpd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Limits of a node endpoint's listener (S-59, S-60, L-8).
const (
	nodeHeaderBytes  = 16 << 10
	nodeConnections  = 1024
	readHeaderWithin = 5 * time.Second
	readWithin       = 10 * time.Second
	writeWithin      = 60 * time.Second
	idleWithin       = 120 * time.Second
)

// NodeServer returns a server with the limits of a node endpoint: headers of 16 KiB, read
// within 5 s, bodies within 10 s, HTTP/1 only, and OPTIONS * left to the handler. base is
// the context of all requests; conn, which may be nil, adds what is known of a connection.
// Malformed framing is refused by net/http, with 400 and a closed connection (S-60).
func NodeServer(base context.Context, h http.Handler, log *slog.Logger, conn func(context.Context, net.Conn) context.Context) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: h, Protocols: protocols, DisableGeneralOptionsHandler: true,
		// net/http adds 4 KiB of slack to what it is told.
		MaxHeaderBytes:    nodeHeaderBytes - 4<<10,
		ReadHeaderTimeout: readHeaderWithin, ReadTimeout: readWithin, WriteTimeout: writeWithin, IdleTimeout: idleWithin,
		BaseContext: func(net.Listener) context.Context { return base },
		ConnContext: conn, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// LocalOnly wraps the listener of a node endpoint: connections from other machines are
// closed before a byte is read (S-7). Above 1,024 at once the one that has waited longest for
// a request is closed for a new one, or the new one where all are served (see Follow). On
// a loopback address the peer must be loopback; on any other it must be an address of this
// machine. Framing is watched (see Framed).
func LocalOnly(ln net.Listener) net.Listener {
	return &localListener{Listener: ln, slots: make(chan struct{}, nodeConnections), local: interfaceAddrs}
}

// localListener is LocalOnly's listener.
type localListener struct {
	net.Listener

	waiting
	slots chan struct{}
	local func() ([]netip.Addr, error)
}

// Accept waits for a connection that may be served.
func (l *localListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !l.isLocal(c) {
			_ = c.Close() // there is nothing to say to it
			continue
		}
		if !l.take() {
			_ = c.Close() // full
			continue
		}
		return newFramedConn(&slotConn{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, false), nil
	}
}

// take takes a place, that of whoever waits longest if there is no other; false if there is
// none at all.
func (l *localListener) take() bool {
	for {
		select {
		case l.slots <- struct{}{}:
			return true
		default:
		}
		if !l.makeRoom() {
			return false
		}
	}
}

// isLocal reports whether the peer is on this machine.
func (l *localListener) isLocal(c net.Conn) bool {
	remote, ok1 := c.RemoteAddr().(*net.TCPAddr)
	own, ok2 := c.LocalAddr().(*net.TCPAddr)
	if !ok1 || !ok2 {
		return false
	}
	peer := remote.AddrPort().Addr().Unmap()
	if peer.IsLoopback() || own.AddrPort().Addr().Unmap().IsLoopback() {
		return peer.IsLoopback()
	}
	mine, err := l.local()
	if err != nil {
		return false
	}
	for _, a := range mine {
		if a == peer.WithZone("") {
			return true
		}
	}
	return false
}

// interfaceAddrs lists the addresses of this machine, without zones.
func interfaceAddrs() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, errors.Join(errors.New("list own addresses"), err)
	}
	var out []netip.Addr
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, ip.Unmap())
			}
		}
	}
	return out, nil
}

// slotConn gives its place back when closed.
type slotConn struct {
	net.Conn
	free func()
}

// CloseWrite ends the sending half, so that a refusal arrives.
func (c *slotConn) CloseWrite() error { return closeWrite(c.Conn) }

// Close closes the connection and frees its place.
func (c *slotConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}
