package workload

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/secret"
)

const (
	// maxWorkloads bounds the registry, and with it the process descriptors it holds.
	maxWorkloads = 4096
	// maxTTL is the longest life that may be asked for.
	maxTTL = 30 * 24 * time.Hour
	// maxOverlap is how long an old secret may work beside its successor (S-9).
	maxOverlap = time.Hour
	// secretBytes is the entropy of a secret: 256 bits (S-9).
	secretBytes = 32
	// sweepEvery is how often Run forgets the dead.
	sweepEvery = 5 * time.Second
)

// Config names what a Registry needs.
type Config struct {
	// Now is the clock.
	Now func() time.Time
	// Rand makes secrets.
	Rand io.Reader
	// IDs makes handles.
	IDs *id.Source
	// Host is this machine's name in process facts.
	Host string
	// IMDSHost is the machine that every unregistered process acts for while nothing is
	// registered at all (L-10); the zero ID means none.
	IMDSHost resource.ID
	// Keep is a file in which registrations outlive the server, so that a restart takes no
	// identity from a running program; "" keeps none. It must be in a directory of our own.
	Keep string
}

// Registry holds the workloads of this machine, in memory and in the file Config.Keep: they do
// not outlive their processes, but the server. It is safe for concurrent use.
type Registry struct {
	now      func() time.Time
	rand     io.Reader
	ids      *id.Source
	host     string
	keep     string
	saving   sync.Mutex    // taken before mu: files are written in the order of their contents
	fallback *Workload     // the machine of Config.IMDSHost, or nil
	scans    chan struct{} // holds a token per search of /proc under way

	mu       sync.RWMutex // guards the sets
	byHandle map[string]*Workload
	bySecret map[[sha256.Size]byte]hold
	byRef    map[ref][]*Workload

	pinsMu sync.Mutex // guards pins; never held together with mu
	pins   map[ref]*process
}

// hold is a secret that works: whose it is, and until when if it was replaced.
type hold struct {
	workload *Workload
	until    time.Time // zero: as long as the workload
}

// New returns an empty Registry.
func New(c Config) (*Registry, error) {
	if c.Now == nil || c.Rand == nil || c.IDs == nil {
		return nil, errors.New("workload: Now, Rand and IDs are needed")
	}
	r := &Registry{
		now: c.Now, rand: c.Rand, ids: c.IDs, host: c.Host, scans: make(chan struct{}, maxScans),
		byHandle: map[string]*Workload{}, bySecret: map[[sha256.Size]byte]hold{}, byRef: map[ref][]*Workload{}, pins: map[ref]*process{},
	}
	if !c.IMDSHost.IsZero() {
		r.fallback = &Workload{Handle: "imds-host", Resource: c.IMDSHost, Kind: Machine}
	}
	if c.Keep != "" {
		r.keep = c.Keep
		if err := r.restore(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Register makes a process a workload until it ends, the TTL passes or Release is called.
// Errors: ErrSpec, ErrNoProcess, ErrTooMany.
func (g *Registry) Register(s Spec) (Registration, error) {
	if s.Kind == "" {
		s.Kind = KindOf(s.Resource)
	}
	switch {
	case !s.Resource.IsResource():
		return Registration{}, ErrSpec.With("A workload acts for a resource; its id is missing.")
	case s.PID <= 0 || s.Start < 0:
		return Registration{}, ErrSpec.With("The process id and start time must be positive.")
	case s.TTL < 0 || s.TTL > maxTTL:
		return Registration{}, ErrSpec.With("The life of a registration is 0 (as long as the process) to 30 days.")
	case s.Kind != Machine && s.Kind != App:
		return Registration{}, ErrSpec.With("The kind of a workload is %q or %q.", Machine, App)
	}
	proc, err := pin(ref{s.PID, s.Start})
	if err != nil {
		return Registration{}, err
	}
	w := &Workload{Handle: g.ids.Text(), Resource: s.Resource, Kind: s.Kind, PID: s.PID, Start: s.Start, proc: proc}
	if s.TTL > 0 {
		now := g.now()
		w.Expires = now.UTC().Truncate(time.Second).Add(s.TTL)
		w.deadline = now.Add(w.Expires.Sub(now))
	}
	text, err := g.newSecret()
	if err != nil {
		proc.release()
		return Registration{}, err
	}
	g.sweep()
	if !g.add(w, text) {
		proc.release()
		return Registration{}, ErrTooMany
	}
	if err := g.save(); err != nil {
		return Registration{}, errors.Join(err, g.Release(w.Handle))
	}
	return w.registration(text), nil
}

// add makes w known by its secret; false when the registry is full.
func (g *Registry) add(w *Workload, text string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.byHandle) >= maxWorkloads {
		return false
	}
	g.byHandle[w.Handle] = w
	g.bySecret[digest(text)] = hold{workload: w}
	g.byRef[w.proc.ref] = append(g.byRef[w.proc.ref], w)
	return true
}

// registration is what the registrant is told of w.
func (w *Workload) registration(text string) Registration {
	return Registration{Handle: w.Handle, Secret: secret.New(text), Resource: w.Resource, Kind: w.Kind, Expires: w.Expires}
}

// newSecret makes 256 random bits in base64url: 43 characters that need no quoting anywhere.
func (g *Registry) newSecret() (string, error) {
	raw := make([]byte, secretBytes)
	if _, err := io.ReadFull(g.rand, raw); err != nil {
		return "", fmt.Errorf("make a workload secret: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// digest is what is kept of a secret, and what presented ones are looked up by: the time a
// lookup takes tells nothing about the secret.
func digest(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }

// BySecret returns the living workload that holds the secret. Errors: ErrSecret.
func (g *Registry) BySecret(presented string) (*Workload, error) {
	key := digest(presented)
	g.mu.RLock()
	h, ok := g.bySecret[key]
	g.mu.RUnlock()
	if !ok {
		return nil, ErrSecret
	}
	if !h.until.IsZero() && !g.now().Before(h.until) || !g.alive(h.workload) {
		return nil, ErrSecret
	}
	return h.workload, nil
}

// alive reports whether the registration of w holds now. The clock is read only for one
// that ends by it.
func (g *Registry) alive(w *Workload) bool {
	if w.Expires.IsZero() {
		return w.aliveAt(time.Time{})
	}
	return w.aliveAt(g.now())
}

// Rotate gives a workload a new secret; the old one works for overlap longer, at most one
// hour (S-9), and secrets older than that one stop working now. Errors: ErrNotRegistered, ErrSpec.
func (g *Registry) Rotate(handle string, overlap time.Duration) (Registration, error) {
	if overlap < 0 || overlap > maxOverlap {
		return Registration{}, ErrSpec.With("An old secret may work for at most an hour beside the new one.")
	}
	text, err := g.newSecret()
	if err != nil {
		return Registration{}, err
	}
	w, ok := g.replace(handle, text, overlap)
	if !ok {
		return Registration{}, ErrNotRegistered
	}
	return w.registration(text), g.save()
}

// replace gives a living workload the secret text beside, for overlap, its present one.
func (g *Registry) replace(handle, text string, overlap time.Duration) (*Workload, bool) {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	w, ok := g.byHandle[handle]
	if !ok || !w.aliveAt(now) {
		return nil, false
	}
	for key, h := range g.bySecret {
		switch {
		case h.workload != w:
		case !h.until.IsZero() || overlap == 0:
			delete(g.bySecret, key)
		default:
			g.bySecret[key] = hold{workload: w, until: now.Add(overlap)}
		}
	}
	g.bySecret[digest(text)] = hold{workload: w}
	return w, true
}

// Release ends a registration; its secrets stop working before Release returns. Errors: ErrNotRegistered.
func (g *Registry) Release(handle string) error {
	g.mu.Lock()
	w, ok := g.byHandle[handle]
	if ok {
		g.remove(w)
	}
	g.mu.Unlock()
	if !ok {
		return ErrNotRegistered
	}
	return g.save()
}

// remove forgets w. The lock is held.
func (g *Registry) remove(w *Workload) {
	w.gone.Store(true)
	delete(g.byHandle, w.Handle)
	for key, h := range g.bySecret {
		if h.workload == w {
			delete(g.bySecret, key)
		}
	}
	rest := slices.DeleteFunc(g.byRef[w.proc.ref], func(o *Workload) bool { return o == w })
	if len(rest) == 0 {
		delete(g.byRef, w.proc.ref)
	} else {
		g.byRef[w.proc.ref] = rest
	}
	w.proc.release()
}

// List returns the living workloads, oldest handle order first by resource id, for people.
func (g *Registry) List() []*Workload {
	now := g.now()
	g.mu.RLock()
	defer g.mu.RUnlock()
	out := make([]*Workload, 0, len(g.byHandle))
	for _, w := range g.byHandle {
		if w.aliveAt(now) {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b *Workload) int {
		return strings.Compare(a.Resource.Key()+a.Handle, b.Resource.Key()+b.Handle)
	})
	return out
}

// Run forgets dead workloads and outlived secrets every few seconds until ctx ends.
// Recognition does not depend on it: every use checks for itself.
func (g *Registry) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			g.sweep()
			g.pinsMu.Lock()
			g.dropPins(false)
			g.pinsMu.Unlock()
		}
	}
}

// dropPins forgets the holders of connections that have ended, or all of them. A dropped
// one counts as dead, so its connections are examined again. The lock is held.
func (g *Registry) dropPins(all bool) {
	for r, p := range g.pins {
		if all || !p.alive() {
			p.release()
			delete(g.pins, r)
		}
	}
}

// sweep forgets what is dead.
func (g *Registry) sweep() {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range g.byHandle {
		if !w.aliveAt(now) {
			g.remove(w)
		}
	}
	for key, h := range g.bySecret {
		if !h.until.IsZero() && !now.Before(h.until) {
			delete(g.bySecret, key)
		}
	}
}
