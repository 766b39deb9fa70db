package launch

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// StartTime is when a process started, in clock ticks since boot: field 22 of
// /proc/PID/stat. With the pid it names a process for good.
func StartTime(pid int) (int64, error) {
	name := fmt.Sprintf("/proc/%d/stat", pid)
	stat, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("read start time: %w", err)
	}
	// The second field is the program's name in brackets and may hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("read start time: %s has too few fields", name)
	}
	return strconv.ParseInt(string(fields[19]), 10, 64)
}
