package workload

import "sync"

// ref names a process for good: ids are reused, an id with a start time is not.
type ref struct {
	pid   int
	start int64
}

// process is a process that is held on to, so that its end is noticed and a successor
// with the same id is not mistaken for it.
type process struct {
	ref

	mu       sync.Mutex // guards fd and released
	fd       int        // pidfd, or -1 where there is none
	released bool
}

// release gives the descriptor back; from then on the process counts as dead.
func (p *process) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.released {
		p.released = true
		closeHandle(p.fd)
	}
}

// alive reports whether the process still runs. A zombie does not.
func (p *process) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.released {
		return false
	}
	if p.fd >= 0 {
		return running(p.fd)
	}
	start, err := StartTime(p.pid)
	return err == nil && start == p.start
}
