package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/surface/node"
	"github.com/sealring/sealring/internal/workload"
)

// Timeouts of every listener (S-59).
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 120 * time.Second
	drainTimeout      = 30 * time.Second
	maxHeaderBytes    = 16 << 10
)

// Run serves until ctx ends, then stops in order: endpoints.json, listeners, requests
// (drained for 30 s at most), background work, store. ready is called once the server can
// be found.
func (s *Server) Run(ctx context.Context, ready func()) (err error) {
	defer func() { err = errors.Join(err, s.close()) }()
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	if err := s.checkpoint.Start(ctx); err != nil {
		return err
	}
	work, workCtx := errgroup.WithContext(background)
	for _, run := range s.background() {
		work.Go(func() error { return run(workCtx) })
	}
	servers := s.servers(ctx)
	serving, servingCtx := errgroup.WithContext(ctx)
	for _, sv := range servers {
		serving.Go(sv.serve)
	}
	serving.Go(func() error {
		select {
		case <-servingCtx.Done(): // asked to stop, or a listener failed
		case <-workCtx.Done(): // background work failed
		}
		return s.stop(context.WithoutCancel(ctx), servers)
	})
	if err := client.WriteEndpoints(s.dir.path, s.Endpoints()); err != nil {
		return err
	}
	s.c.Log.InfoContext(ctx, "serving", "version", s.c.Version, "data", s.dir.path, "address", s.listeners.tls.Addr().String(), "node", s.listeners.node.Addr().String())
	ready()
	err = serving.Wait()
	stopBackground()
	err = errors.Join(err, work.Wait())
	err = errors.Join(err, s.checkpoint.Stop(context.WithoutCancel(ctx))) // nothing records after it
	s.c.Log.InfoContext(ctx, "stopped")
	return err
}

// background are the loops that follow clocks and other replicas.
func (s *Server) background() []func(context.Context) error {
	all := append([]func(context.Context) error{
		s.db.Run, s.sealer.Run, s.checkpoint.Run, s.keys.Run, s.identities.Run, s.vaults.Run, s.workloads.Run,
	}, s.rooms.run...)
	if s.access != nil {
		all = append(all, s.access.Run)
	}
	return all
}

// stop makes the server unfindable, then drains it.
func (s *Server) stop(ctx context.Context, servers []*server) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	s.c.Log.InfoContext(ctx, "stopping: requests under way may end", "seconds", int(drainTimeout.Seconds()))
	errs := []error{client.RemoveEndpoints(s.dir.path)}
	var draining errgroup.Group
	for _, sv := range servers {
		draining.Go(func() error { return sv.shutdown(ctx) })
	}
	return errors.Join(append(errs, draining.Wait())...)
}

// server is one listener and what answers on it: serve blocks until shutdown, which waits
// for requests until its context ends.
type server struct {
	serve    func() error
	shutdown func(context.Context) error
}

// newServer wraps a configured http.Server on ln.
func newServer(ln net.Listener, sv *http.Server) *server {
	httpd.Follow(ln, sv)
	return &server{
		serve: func() error {
			if err := sv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		},
		shutdown: func(ctx context.Context) error {
			if err := sv.Shutdown(ctx); err != nil {
				return errors.Join(err, sv.Close())
			}
			return nil
		},
	}
}

// servers pairs listeners with what answers on them.
func (s *Server) servers(ctx context.Context) []*server {
	base := context.WithoutCancel(ctx) // requests are drained, not cut, when ctx ends
	proxyCtx, stopProxy := context.WithCancel(base)
	tlsConfig := s.pki.ServerConfig()
	api := &http.Server{
		Handler: s.rooms.front, TLSConfig: tlsConfig, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(s.c.Log.Handler(), slog.LevelDebug),
	}
	local := func(ln net.Listener, h http.Handler) *server {
		return newServer(httpd.LocalOnly(ln), httpd.NodeServer(base, h, s.c.Log, workload.ConnContext))
	}
	out := []*server{
		newServer(httpd.TLS(httpd.Bounded(s.listeners.tls), tlsConfig), api),
		local(s.listeners.node, s.rooms.appservice),
		newServer(httpd.Framed(s.listeners.socket), httpd.NodeServer(base, s.rooms.node, s.c.Log, node.ConnContext)),
		{
			serve:    func() error { return s.rooms.proxy.Serve(proxyCtx, httpd.FramedProxy(s.listeners.proxy)) },
			shutdown: func(context.Context) error { stopProxy(); return nil },
		},
	}
	for _, ln := range s.listeners.imds {
		out = append(out, local(ln, s.rooms.imds))
	}
	if s.listeners.ops != nil {
		out = append(out, local(s.listeners.ops, s.rooms.ops))
	}
	return out
}
