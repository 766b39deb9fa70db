package seal

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ProtectProcess keeps the memory of this process, which holds keys in the clear, out of
// core dumps and out of the hands of other processes of the same user (S-38). Programs
// that it starts inherit the core limit and nothing else.
func ProtectProcess() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the process undumpable: %w", err)
	}
	return nil
}
