package workload

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// zombie is SZOMB of sys/proc.h.
const zombie = 5

// StartTime returns when a living process started, in microseconds since 1970. Errors: ErrNoProcess.
func StartTime(pid int) (int64, error) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return 0, fmt.Errorf("%w: read process %d: %w", ErrNoProcess, pid, err)
	}
	if int(k.Proc.P_pid) != pid || k.Proc.P_stat == zombie {
		return 0, ErrNoProcess
	}
	t := k.Proc.P_starttime
	return t.Sec*1_000_000 + int64(t.Usec), nil
}

// pin remembers the process r; its life is checked by its start time. Errors: ErrNoProcess.
func pin(r ref) (*process, error) {
	start, err := StartTime(r.pid)
	if err != nil {
		return nil, err
	}
	if start != r.start {
		return nil, fmt.Errorf("%w: process %d started at %d, not %d", ErrNoProcess, r.pid, start, r.start)
	}
	return &process{ref: r, fd: -1}, nil
}

// running is never asked: there are no process descriptors here.
func running(int) bool { return false }

// closeHandle has nothing to close here.
func closeHandle(int) {}
