package workload

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/sealring/sealring/internal/audit"
)

// examine collects the evidence about the far end of a connection: the socket, every
// process that holds it, their ancestors. Errors: ErrUnknownCaller.
func (g *Registry) examine(remote, local netip.AddrPort) (*evidence, error) {
	s, err := findSocket(remote, local)
	if err != nil {
		return nil, err
	}
	owners, err := holders(s.inode)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownCaller, err)
	}
	ev := &evidence{uid: s.uid}
	for _, r := range owners {
		p, err := g.pinned(r)
		if err != nil {
			continue // it ended meanwhile and holds nothing any more
		}
		chain, err := ancestry(r)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnknownCaller, err)
		}
		ev.owners, ev.chains = append(ev.owners, p), append(ev.chains, chain)
	}
	if len(ev.owners) == 0 {
		return nil, errNoSocket
	}
	ev.facts = facts(g.host, ev)
	if again, err := findSocket(remote, local); err != nil || again != s {
		return nil, errNoSocket
	}
	return ev, nil
}

// facts describes the holder for the record. Of several holders only what they share is
// known: which of them spoke is not.
func facts(host string, ev *evidence) *audit.Process {
	uid := ev.uid
	f := &audit.Process{Host: host, UID: &uid}
	for i, p := range ev.owners {
		exe, u := executable(p.pid), unit(p.pid)
		switch {
		case i == 0:
			f.PID, f.StartTime, f.Executable, f.Unit = p.pid, p.start, exe, u
			continue
		case f.Executable != exe:
			f.Executable = ""
		}
		f.PID, f.StartTime = 0, 0
		if f.Unit != u {
			f.Unit = ""
		}
	}
	return f
}

// holders lists the processes with a descriptor of the socket. Those whose descriptors we
// may not see cannot be listed; a socket that only they hold has no holder here.
func holders(inode uint64) ([]ref, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	names, err := proc.Readdirnames(-1)
	_ = proc.Close() // opened for reading
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	want := "socket:[" + strconv.FormatUint(inode, 10) + "]"
	var found []ref
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		before, err := os.Open("/proc/" + name + "/fd")
		if err != nil {
			continue
		}
		holds := holdsSocket(before, want)
		if holds {
			// The directory is that of the process it was opened for: if that one has
			// ended, nothing more can be read through it, and the start time read now
			// belongs to it if it still can.
			start, err := StartTime(pid)
			if err == nil && holdsSocket(before, want) {
				found = append(found, ref{pid, start})
			}
		}
		_ = before.Close() // opened for reading
	}
	return found, nil
}

// holdsSocket reports whether a descriptor in dir, a /proc/<pid>/fd, is the wanted socket.
func holdsSocket(dir *os.File, want string) bool {
	if _, err := dir.Seek(0, 0); err != nil {
		return false
	}
	fds, err := dir.Readdirnames(-1)
	if err != nil {
		return false
	}
	var buf [64]byte
	for _, fd := range fds {
		n, err := unix.Readlinkat(int(dir.Fd()), fd, buf[:])
		if err == nil && string(buf[:n]) == want {
			return true
		}
	}
	return false
}

// pinned returns the remembered process r, or pins it. Errors: ErrNoProcess.
func (g *Registry) pinned(r ref) (*process, error) {
	g.pinsMu.Lock()
	defer g.pinsMu.Unlock()
	if p, ok := g.pins[r]; ok && p.alive() {
		return p, nil
	}
	p, err := pin(r)
	if err != nil {
		return nil, err
	}
	if len(g.pins) >= maxPinned {
		g.dropPins(true)
	}
	g.pins[r] = p
	return p, nil
}
