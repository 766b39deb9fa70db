package workload

import (
	"net"
	"os"
	"os/exec"
	"testing"
)

// InNamespace reports whether the test was run to its end elsewhere: where this machine has
// no IPv6 on its loopback, the test runs again in a network namespace of its own that has.
func InNamespace(t *testing.T) bool {
	t.Helper()
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		_ = ln.Close()
		return false
	}
	if os.Getenv("WORKLOAD_TEST_NAMESPACE") != "" {
		t.Fatalf("a namespace has no IPv6 either: %v", err)
	}
	cmd := exec.Command("unshare", "--map-root-user", "--net", "sh", "-c",
		`echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6; ip link set lo up && exec "$0" -test.run "^$1\$" -test.v`, os.Args[0], t.Name())
	cmd.Env = append(os.Environ(), "WORKLOAD_TEST_NAMESPACE=1")
	out, err := cmd.CombinedOutput()
	t.Logf("in a namespace:\n%s", out)
	if err != nil {
		if os.Getenv("CI") != "true" {
			t.Skipf("no IPv6 here, and none in a namespace: %v", err)
		}
		t.Fatalf("no IPv6 here, and in a namespace: %v", err)
	}
	return true
}
