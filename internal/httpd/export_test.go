package httpd

import "net"

// Relisten puts another listener under one that Bounded made.
func Relisten(bounded, ln net.Listener) { bounded.(*boundedListener).Listener = ln }
