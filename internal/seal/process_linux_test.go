package seal_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
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
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	users, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	var locked, capabilities uint64
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "VmLck: %d kB", &locked)
		_, _ = fmt.Sscanf(line, "CapEff: %x", &capabilities)
	}
	var memlock unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &memlock); err != nil {
		t.Fatal(err)
	}
	everybody := slices.Equal(strings.Fields(string(users)), []string{"0", "0", "4294967295"}) // no namespace of somebody's own
	allowed := memlock.Cur == unix.RLIM_INFINITY || everybody && capabilities&(1<<unix.CAP_IPC_LOCK) != 0
	if (locked > 0) != allowed {
		t.Errorf("%d kB are locked; locking is allowed: %v", locked, allowed)
	}
	grown := make([]byte, 64<<20) // growing goes on
	grown[len(grown)-1] = 1
	if memlock.Max != 0 && memlock.Cur == 0 {
		t.Error("the limit was not put back")
	}
}
