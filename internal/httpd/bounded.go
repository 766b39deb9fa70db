package httpd

import (
	"net"
	"net/netip"
	"sync"
)

// Limits of a listener that other machines may reach (S-59, security defaults §6.2).
const (
	apiConnections = 4096
	apiPerAddress  = 200
)

// Bounded wraps the listener of an API: above 4,096 connections at once the one that has
// waited longest for a request is closed for a new one (see Follow); above 200 from one other
// machine, new ones of it are closed. Programs on this machine share an address, so
// only the first bound holds for them.
func Bounded(ln net.Listener) net.Listener {
	return &boundedListener{Listener: ln, most: apiConnections, from: map[netip.Addr]int{}}
}

// boundedListener is Bounded's listener.
type boundedListener struct {
	net.Listener
	waiting
	most int // connections at once

	mu   sync.Mutex // guards open and from
	open int
	from map[netip.Addr]int // connections of each other machine that has any
}

// Accept waits for a connection within the bounds.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		free, full := l.take(c.RemoteAddr())
		for full && free == nil && l.makeRoom() {
			free, full = l.take(c.RemoteAddr())
		}
		if free == nil {
			_ = c.Close()
			continue
		}
		return &boundedConn{Conn: c, free: sync.OnceFunc(free)}, nil
	}
}

// take counts a connection and returns what gives its place back; nil if there is none, for
// this peer or, full, for anybody.
func (l *boundedListener) take(remote net.Addr) (free func(), full bool) {
	var peer netip.Addr
	if a, ok := remote.(*net.TCPAddr); ok {
		peer = a.AddrPort().Addr().Unmap()
	}
	counted := peer.IsValid() && !peer.IsLoopback()
	l.mu.Lock()
	defer l.mu.Unlock()
	if counted && l.from[peer] >= apiPerAddress {
		return nil, false
	}
	if l.open >= l.most {
		return nil, true
	}
	l.open++
	if counted {
		l.from[peer]++
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open--
		if !counted {
			return
		}
		if l.from[peer]--; l.from[peer] == 0 {
			delete(l.from, peer)
		}
	}, false
}

// boundedConn gives its place back when closed.
type boundedConn struct {
	net.Conn
	free func()
}

// Close closes the connection and frees its place.
func (c *boundedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}

// CloseWrite ends the sending half, so that a refusal arrives.
func (c *boundedConn) CloseWrite() error { return closeWrite(c.Conn) }
