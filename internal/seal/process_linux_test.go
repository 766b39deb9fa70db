package seal_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sealring/sealring/internal/seal"
)

// S-38: keys in memory do not reach a core file.
func TestProtectProcess(t *testing.T) {
	if err := seal.ProtectProcess(); err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Cur != 0 || limit.Max != 0 {
		t.Errorf("core limit %+v, %v", limit, err)
	}
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		t.Errorf("dumpable %d, %v", dumpable, err)
	}
}
