package httpd

import "net"

// Relisten puts another listener under one that Bounded made.
func Relisten(bounded, ln net.Listener) { bounded.(*boundedListener).Listener = ln }

// FollowFraming follows raw in pieces, and reports whether it was refused and whether it
// ends where a message does.
func FollowFraming(raw []byte, piece int) (refused, atEnd bool) {
	var f framing
	for len(raw) > 0 {
		n := min(piece, len(raw))
		if f.see(raw[:n]) >= 0 {
			return true, false
		}
		raw = raw[n:]
	}
	return false, f.state == inRequestLine && len(f.line) == 0
}

// LimitBounded makes the places of a bounded listener few.
func LimitBounded(ln net.Listener, most int) { ln.(*boundedListener).most = most }
