package workload

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// stat is what is needed of /proc/<pid>/stat.
type stat struct {
	state  byte
	parent int
	start  int64
}

// readStat reads /proc/<pid>/stat. The name in it may hold blanks and parentheses, so
// fields are counted from the last closing one (proc_pid_stat(5)).
func readStat(pid int) (stat, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, fmt.Errorf("read process %d: %w", pid, err)
	}
	return parseStat(text)
}

// parseStat is the pure half of readStat.
func parseStat(text []byte) (stat, error) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return stat{}, errors.New("process status without a name")
	}
	f := bytes.Fields(text[end+1:])
	if len(f) < 20 || len(f[0]) != 1 {
		return stat{}, errors.New("process status is cut off")
	}
	parent, err := strconv.Atoi(string(f[1]))
	if err != nil {
		return stat{}, fmt.Errorf("parent in process status: %w", err)
	}
	start, err := strconv.ParseInt(string(f[19]), 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("start time in process status: %w", err)
	}
	return stat{state: f[0][0], parent: parent, start: start}, nil
}

// StartTime returns when a living process started, in clock ticks since boot. Errors: ErrNoProcess.
func StartTime(pid int) (int64, error) {
	s, err := readStat(pid)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoProcess, err)
	}
	if s.state == 'Z' || s.state == 'X' {
		return 0, fmt.Errorf("%w: it has ended", ErrNoProcess)
	}
	return s.start, nil
}

// pin holds on to the process r. The descriptor is opened first and the start time read
// after it, so both speak of the same process. Errors: ErrNoProcess.
func pin(r ref) (*process, error) {
	fd, err := unix.PidfdOpen(r.pid, 0)
	switch {
	case err == nil:
	case errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM):
		fd = -1 // an old kernel or a sandbox: alive compares start times instead
	default:
		return nil, fmt.Errorf("%w: open process %d: %w", ErrNoProcess, r.pid, err)
	}
	start, err := StartTime(r.pid)
	if err == nil && start != r.start {
		err = fmt.Errorf("%w: process %d started at %d, not %d", ErrNoProcess, r.pid, start, r.start)
	}
	if err != nil {
		closeHandle(fd)
		return nil, err
	}
	return &process{ref: r, fd: fd}, nil
}

// running asks a pidfd, which becomes readable when its process ends (pidfd_open(2)).
func running(fd int) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds[:], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && n == 0
	}
}

// closeHandle closes a pidfd, if there is one.
func closeHandle(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd) // nothing was written; there is nothing to do about a failure
	}
}

// ancestry returns r and its ancestors up to process 1. Each parent is believed only if
// the child still names it after the parent was read: a child whose parent ends is given
// another one at once, so the id cannot have been reused in between.
func ancestry(r ref) ([]ref, error) {
	const deepest = 256
	chain := []ref{r}
	for child := r; child.pid > 1; {
		if len(chain) > deepest {
			return nil, errors.New("more ancestors than any process has")
		}
		s, err := readStat(child.pid)
		if err != nil {
			return nil, err
		}
		if s.start != child.start {
			return nil, fmt.Errorf("process %d ended", child.pid)
		}
		if s.parent <= 0 {
			break // its parent is outside our process namespace
		}
		p, err := readStat(s.parent)
		if err != nil {
			p = stat{start: -1}
		}
		again, err := readStat(child.pid)
		switch {
		case err != nil:
			return nil, err
		case again.start != child.start:
			return nil, fmt.Errorf("process %d ended", child.pid)
		case again.parent != s.parent || p.start < 0:
			continue // the parent ended just now: read the new one
		}
		child = ref{s.parent, p.start}
		chain = append(chain, child)
	}
	return chain, nil
}

// executable returns the file that a process runs; "" if it cannot be read.
func executable(pid int) string {
	name, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	if err != nil {
		return ""
	}
	return name
}

// unit returns the systemd unit or container scope of a process; "" if it has none.
func unit(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return ""
	}
	return parseUnit(string(text))
}

// parseUnit finds the innermost service, scope or container in the lines of
// /proc/<pid>/cgroup (cgroups(7)); the unified hierarchy first, then systemd's own.
func parseUnit(text string) string {
	for _, prefix := range []string{"0::", "name=systemd:"} {
		for line := range strings.Lines(text) {
			_, dir, ok := strings.Cut(strings.TrimSuffix(line, "\n"), prefix)
			if !ok {
				continue
			}
			for ; dir != "/" && dir != "." && dir != ""; dir = path.Dir(dir) {
				base := path.Base(dir)
				if strings.HasSuffix(base, ".service") || strings.HasSuffix(base, ".scope") || isContainer(base) {
					return base
				}
			}
		}
	}
	return ""
}

// isContainer reports whether a control group is named by a container id: 64 hexadecimal digits.
func isContainer(name string) bool {
	return len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}
