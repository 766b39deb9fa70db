package node

import (
	"context"
	"net"
	"syscall"
)

// peer is who opened a unix socket connection, as the kernel noted it then.
type peer struct {
	uid int
	pid int // 0 where the system does not say
}

// peerKey is the context key of the peer.
type peerKey struct{}

// ConnContext is for http.Server.ConnContext of the registration socket: it asks the
// kernel who connected, before a byte is read. Where it does not say, nobody is known and
// every request is refused.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if w, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = w.NetConn()
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	p, err := credentials(raw)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// credentials asks the kernel about the other end of a connection.
func credentials(raw syscall.RawConn) (p peer, err error) {
	controlErr := raw.Control(func(fd uintptr) { p, err = peerOf(int(fd)) })
	if err == nil {
		err = controlErr
	}
	return p, err
}

// peerFrom returns who is at the other end of a request's connection.
func peerFrom(ctx context.Context) (peer, bool) {
	p, ok := ctx.Value(peerKey{}).(peer)
	return p, ok
}
