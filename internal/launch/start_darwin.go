package launch

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// StartTime is when a process started, in microseconds since 1970 UTC. With the pid it
// names a process for good.
func StartTime(pid int) (int64, error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return 0, fmt.Errorf("read start time of process %d: %w", pid, err)
	}
	t := info.Proc.P_starttime
	return t.Sec*1_000_000 + int64(t.Usec), nil
}
