//go:build e2e || bench

package e2e

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// insideNamespace tells the test binary that it runs in a network namespace of its own,
// whose loopback has the metadata address.
const insideNamespace = "SEALRING_E2E_NAMESPACE"

// alone reports whether the test runs in a network namespace of its own, with nothing but a
// loopback that has the metadata address: nothing started there can reach the network, or
// the metadata service of the machine it runs on. Outside it starts the test again in a
// fresh namespace, waits for at most limit, reports its outcome, and returns false.
func alone(t *testing.T, limit time.Duration) bool {
	t.Helper()
	if os.Getenv(insideNamespace) != "" {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	only := "^" + t.Name() + "$"
	if asked := flag.Lookup("test.run").Value.String(); strings.Contains(asked, t.Name()+"$/") {
		only = asked // a person wants one part of it
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	script := `ip link set lo up && ip address add 169.254.169.254/32 dev lo && exec "$0" -test.run "$1" -test.v -test.timeout "$2"`
	cmd := exec.CommandContext(ctx, "unshare", "--user", "--map-root-user", "--net", "sh", "-ec", script, self, only, limit.String())
	cmd.Env = append(os.Environ(), insideNamespace+"=yes")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) || err == nil:
		t.Logf("%s", tail(string(out), 60000))
	default:
		missing(t, "no network namespace (needs unshare and ip: apt install util-linux iproute2): %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("inside the namespace: %v", err)
	}
	return false
}
