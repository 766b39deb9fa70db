package httpd

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// waiting are the connections of a listener on which no request is served at the moment, the
// one that has waited longest first. Where all places are taken, it makes room for the next
// client: whoever holds connections and asks for nothing must not keep others out (S-59).
type waiting struct {
	mu    sync.Mutex // guards what follows
	order list.List  // of net.Conn
	at    map[net.Conn]*list.Element
}

// ConnState follows a connection; it is the ConnState of the listener's http.Server.
func (w *waiting) ConnState(c net.Conn, state http.ConnState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e, ok := w.at[c]; ok {
		w.order.Remove(e)
		delete(w.at, c)
	}
	if state == http.StateNew || state == http.StateIdle {
		if w.at == nil {
			w.at = map[net.Conn]*list.Element{}
		}
		w.at[c] = w.order.PushBack(c)
	}
}

// makeRoom closes the connection that has waited longest, and so frees its place; false if
// a request is served on every one.
func (w *waiting) makeRoom() bool {
	w.mu.Lock()
	first := w.order.Front()
	if first == nil {
		w.mu.Unlock()
		return false
	}
	c := w.order.Remove(first).(net.Conn)
	delete(w.at, c)
	w.mu.Unlock()
	for { // TLS would say goodbye first, and wait for whoever does not listen
		under, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			_ = c.Close()
			return true
		}
		c = under.NetConn()
	}
}

// Follow has sv tell ln about its connections, where ln wants to know.
func Follow(ln net.Listener, sv *http.Server) {
	if l, ok := ln.(interface {
		ConnState(c net.Conn, state http.ConnState)
	}); ok {
		sv.ConnState = l.ConnState
	}
}
