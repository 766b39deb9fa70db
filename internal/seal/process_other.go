//go:build !linux

package seal

import (
	"fmt"
	"syscall"
)

// ProtectProcess keeps the memory of this process, which holds keys in the clear, out of
// core dumps (S-38).
func ProtectProcess() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}
