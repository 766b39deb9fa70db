package app

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sealring/sealring/internal/config"
)

// listeners are all sockets of a server, bound before anything is written.
type listeners struct {
	tls, node, proxy net.Listener
	imds             []net.Listener
	ops              net.Listener // nil: off
	socket           net.Listener // unix, for registrations
}

// bind binds every listener of the configuration, or none. Errors: ErrListen, naming the
// key and the flag that changes it.
func bind(ctx context.Context, c config.Config) (*listeners, error) {
	l := &listeners{}
	var err error
	if l.tls, err = listen(ctx, c.Listen.Address, c.Listen.TLSPort, "--tls-port"); err != nil {
		return nil, err
	}
	local := func(port int, flag string) (ln net.Listener) {
		if err == nil {
			ln, err = listen(ctx, "127.0.0.1", port, flag)
		}
		return ln
	}
	l.node = local(c.Listen.HTTPPort, "--http-port")
	l.proxy = local(c.Listen.ProxyPort, "listen.proxy_port or --http-port")
	l.imds = append(l.imds, local(c.Listen.IMDSPort, "listen.imds_port or --http-port"))
	for _, address := range c.Listen.IMDS {
		if err == nil {
			l.imds = append(l.imds, nil)
			l.imds[len(l.imds)-1], err = listenWith(ctx, address, "listen.imds", near(address, c.Listen.IMDSHopLimit))
		}
	}
	if err == nil && c.Ops.Listen != "" {
		l.ops, err = listenAt(ctx, c.Ops.Listen, "ops.listen")
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// listen binds address:port.
func listen(ctx context.Context, address string, port int, setting string) (net.Listener, error) {
	return listenAt(ctx, net.JoinHostPort(address, strconv.Itoa(port)), setting)
}

// listenAt binds an address and explains a refusal by the setting that chose it.
func listenAt(ctx context.Context, address, setting string) (net.Listener, error) {
	return listenWith(ctx, address, setting, new(net.ListenConfig))
}

// near has a link-local address answer with an IP time-to-live that routers do not pass on
// (S-16); any other is left alone.
func near(address string, hops int) *net.ListenConfig {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLinkLocalUnicast() {
		return new(net.ListenConfig)
	}
	return &net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			if at.Addr().Unmap().Is4() {
				failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, hops)
			} else {
				failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, hops)
			}
		})
		return errors.Join(err, failed)
	}}
}

// listenWith is listenAt with settings of the socket.
func listenWith(ctx context.Context, address, setting string, lc *net.ListenConfig) (net.Listener, error) {
	ln, err := lc.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, ErrListen.With("%s is in use by another program: choose another port with %s (0 picks a free one)", address, setting)
	case errors.Is(err, syscall.EACCES):
		return nil, ErrListen.With("this user may not listen on %s: choose a port above 1023 with %s", address, setting)
	}
	return nil, ErrListen.With("cannot listen on %s (%s): %v", address, setting, errors.Unwrap(err))
}

// bindSocket makes the registration socket, for the owner alone. A socket left behind by a
// crash is replaced: the data directory's lock says that nobody serves it.
func (l *listeners) bindSocket(ctx context.Context, path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return ErrListen.With("cannot replace %s: %s", path, reason(err))
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return ErrListen.With("cannot make the registration socket %s: %v", path, errors.Unwrap(err))
	}
	l.socket = ln
	if err := os.Chmod(path, 0o600); err != nil { // nobody else can enter its directory before
		return ErrListen.With("cannot make the registration socket %s private: %s", path, reason(err))
	}
	return nil
}

// Close closes what is bound.
func (l *listeners) Close() error {
	var errs []error
	for _, ln := range append([]net.Listener{l.tls, l.node, l.proxy, l.ops, l.socket}, l.imds...) {
		if ln != nil {
			if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// port is the port that a listener got.
func port(ln net.Listener) int {
	if a, ok := ln.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}
