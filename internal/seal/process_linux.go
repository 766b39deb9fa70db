package seal

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ProtectProcess keeps the memory of this process, which holds keys in the clear, out of
// core dumps, out of the hands of other processes of the same user and, where the system
// allows that, out of swap (S-38). Programs that it starts inherit the core limit and
// nothing else.
func ProtectProcess() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the process undumpable: %w", err)
	}
	return lockMemory()
}

// lockMemory keeps all memory of this process out of swap where the system allows that
// without a bound: with CAP_IPC_LOCK, or with an unlimited RLIMIT_MEMLOCK. Under any other
// limit nothing is locked, since growing beyond it would end the process.
func lockMemory() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return fmt.Errorf("read how much memory may be locked: %w", err)
	}
	if limit.Cur != unix.RLIM_INFINITY {
		// Below a limit smaller than the process, only the capability lets this succeed.
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
			return fmt.Errorf("ask whether memory may be locked: %w", err)
		}
		defer unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit) //nolint:errcheck // back to what it was
	}
	// Pages are locked as they are touched. Failure is the system's no, and no fault.
	_ = unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
	return nil
}
