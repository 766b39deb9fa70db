package workload

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/audit"
)

const (
	// maxScans bounds the searches of /proc that run at once; others wait their turn.
	maxScans = 4
	// maxPinned bounds the processes that are remembered as holders of connections.
	maxPinned = 4096
	// retryAfter is how long a connection that could not be attributed stays refused
	// without a new search.
	retryAfter = 200 * time.Millisecond
)

// Caller is who asked: the workload, and the process as far as the kernel could say.
type Caller struct {
	Workload *Workload
	// Process is nil where nothing could be read.
	Process *audit.Process

	peer     *Peer
	evidence *evidence
}

// Peer is one TCP connection to a node endpoint with what was found out about its other
// end. It is made when the connection is accepted and asked at the first request.
type Peer struct {
	remote, local netip.AddrPort

	mu      sync.Mutex // guards what follows
	found   *evidence
	failure error
	until   time.Time // the failure stands until then
}

// peerKey is the context key of the Peer.
type peerKey struct{}

// ConnContext is for http.Server.ConnContext of the listeners of node endpoints: requests
// on the connection carry its Peer.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return WithPeer(ctx, c.RemoteAddr(), c.LocalAddr())
}

// WithPeer is ConnContext for given addresses. Addresses that are not TCP make no Peer.
func WithPeer(ctx context.Context, remote, local net.Addr) context.Context {
	p, ok := newPeer(remote, local)
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// newPeer normalises the two addresses.
func newPeer(remote, local net.Addr) (*Peer, bool) {
	r, ok1 := remote.(*net.TCPAddr)
	l, ok2 := local.(*net.TCPAddr)
	if !ok1 || !ok2 {
		return nil, false
	}
	return &Peer{remote: normal(r.AddrPort()), local: normal(l.AddrPort())}, true
}

// normal unmaps an IPv4 address in IPv6 clothes.
func normal(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// peerFrom returns the connection of a request; nil if the listener was not set up with ConnContext.
func peerFrom(ctx context.Context) *Peer {
	p, _ := ctx.Value(peerKey{}).(*Peer)
	return p
}

// evidence is what the kernel said about the far end of a connection.
type evidence struct {
	uid    int
	owners []*process // every process that holds the socket, pinned
	chains [][]ref    // for each owner: itself, its parent, and so on
	facts  *audit.Process
}

// alive reports whether every holder still runs: then nobody else can have taken its place.
func (e *evidence) alive() bool {
	for _, p := range e.owners {
		if !p.alive() {
			return false
		}
	}
	return true
}

// ByConnection returns the workload at the far end of the TCP connection between remote,
// the caller's address, and local, ours, without remembering it as ByContext does. Errors:
// ErrUnknownCaller, ErrNoEvidence.
func (g *Registry) ByConnection(ctx context.Context, remote, local net.Addr) (Caller, error) {
	p, ok := newPeer(remote, local)
	if !ok {
		return Caller{}, ErrUnknownCaller
	}
	return g.byPeer(ctx, p)
}

// ByContext is ByConnection for the connection that a request came on; what is found out
// once holds for the connection's life while its holders live and the registrations stay.
func (g *Registry) ByContext(ctx context.Context) (Caller, error) {
	p := peerFrom(ctx)
	if p == nil {
		return Caller{}, ErrUnknownCaller
	}
	return g.byPeer(ctx, p)
}

// byPeer finds or confirms the evidence and reads it against the registrations.
func (g *Registry) byPeer(ctx context.Context, p *Peer) (Caller, error) {
	ev, err := g.evidenceOf(ctx, p)
	if g.fallback != nil && g.count() == 0 {
		c := Caller{Workload: g.fallback, peer: p, evidence: ev}
		if err == nil {
			c.Process = ev.facts
		}
		return c, nil
	}
	if err != nil {
		return Caller{}, err
	}
	w, err := g.attribute(ev)
	if err != nil {
		return Caller{Process: ev.facts}, err
	}
	return Caller{Workload: w, Process: ev.facts, peer: p, evidence: ev}, nil
}

// evidenceOf returns the evidence about p, from memory while every holder lives.
func (g *Registry) evidenceOf(ctx context.Context, p *Peer) (*evidence, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil && p.found.alive() {
		return p.found, nil
	}
	p.found = nil
	if left := p.until.Sub(g.now()); p.failure != nil && 0 < left && left <= retryAfter { // more: the clock was set back
		return nil, p.failure
	}
	select {
	case g.scans <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnknownCaller, ctx.Err())
	}
	defer func() { <-g.scans }()
	ev, err := g.examine(p.remote, p.local)
	if err != nil {
		p.failure, p.until = err, g.now().Add(retryAfter)
		return nil, err
	}
	p.found, p.failure = ev, nil
	return ev, nil
}

// attribute finds the one machine that all holders of the connection belong to. For each
// holder the nearest registered process counts, itself included; if that one is not a
// machine's, or they differ, nobody is known. Errors: ErrUnknownCaller.
func (g *Registry) attribute(ev *evidence) (*Workload, error) {
	now := g.now()
	g.mu.RLock()
	defer g.mu.RUnlock()
	var found *Workload
	for _, chain := range ev.chains {
		w, err := g.nearest(chain, now)
		if err != nil {
			return nil, err
		}
		if found != nil && !found.Resource.Equal(w.Resource) {
			return nil, ErrUnknownCaller.With("the connection is held by processes of more than one workload")
		}
		found = w
	}
	if found == nil {
		return nil, ErrUnknownCaller
	}
	return found, nil
}

// nearest walks from a process to its ancestors. The lock is held.
func (g *Registry) nearest(chain []ref, now time.Time) (*Workload, error) {
	for _, r := range chain {
		var found *Workload
		for _, w := range g.byRef[r] {
			switch {
			case !w.aliveAt(now):
			case found != nil && !found.Resource.Equal(w.Resource):
				return nil, ErrUnknownCaller.With("the calling process is registered for more than one resource")
			default:
				found = w
			}
		}
		if found != nil && found.Kind != Machine {
			return nil, ErrUnknownCaller.With("the calling process belongs to an app, which has an endpoint of its own (IDENTITY_ENDPOINT)")
		}
		if found != nil {
			return found, nil
		}
	}
	return nil, ErrUnknownCaller
}

// Confirm says whether c still is who it was: the workload lives and the connection is
// still held by the same pinned processes, or by others that belong to the same workload.
// Ask before anything secret is written (S-8). Errors: ErrUnknownCaller.
func (g *Registry) Confirm(ctx context.Context, c Caller) error {
	if c.Workload == nil || !g.alive(c.Workload) {
		return ErrUnknownCaller
	}
	if c.peer == nil || c.Workload == g.fallback || c.evidence.alive() {
		return nil
	}
	again, err := g.byPeer(ctx, c.peer)
	if err != nil {
		return err
	}
	if !again.Workload.Resource.Equal(c.Workload.Resource) {
		return ErrUnknownCaller.With("the connection changed hands")
	}
	return nil
}

// Process returns what the kernel says about the process behind a request whose workload
// is proved otherwise; nil where it says nothing. It never refuses.
func (g *Registry) Process(ctx context.Context) *audit.Process {
	p := peerFrom(ctx)
	if p == nil {
		return nil
	}
	ev, err := g.evidenceOf(ctx, p)
	if err != nil {
		return nil
	}
	return ev.facts
}

// UID returns the user that owns the far end of a request's connection, without a search of /proc.
func UID(ctx context.Context) (uid int, known bool) {
	p := peerFrom(ctx)
	if p == nil {
		return 0, false
	}
	s, err := findSocket(p.remote, p.local)
	return s.uid, err == nil
}

// count returns how many workloads are registered and alive.
func (g *Registry) count() int {
	now, n := g.now(), 0
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, w := range g.byHandle {
		if w.aliveAt(now) {
			n++
		}
	}
	return n
}
