package app

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// S-16: answers of a link-local address leave with a time-to-live of 1, which no router passes
// on, or with the one that was asked for; those of loopback with the system's. It runs again
// in a network namespace of its own, where a link-local address can be had.
func TestLinkLocalAnswersStayNear(t *testing.T) {
	if os.Getenv("LISTEN_TEST_NAMESPACE") == "" {
		cmd := exec.Command("unshare", "--map-root-user", "--net", "sh", "-c",
			`ip link set lo up && ip addr add 169.254.77.1/32 dev lo && exec "$0" -test.run "^$1\$" -test.v`, os.Args[0], t.Name())
		cmd.Env = append(os.Environ(), "LISTEN_TEST_NAMESPACE=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("in a namespace: %v\n%s", err, out)
		}
		return
	}
	for _, c := range []struct {
		address string
		hops    int
		want    func(ttl int) bool
	}{
		{"169.254.77.1:0", 1, func(ttl int) bool { return ttl == 1 }},
		{"169.254.77.1:0", 2, func(ttl int) bool { return ttl == 2 }},
		{"127.0.0.1:0", 1, func(ttl int) bool { return ttl > 32 }},
	} {
		ln, err := listenWith(t.Context(), c.address, "listen.imds", near(c.address, c.hops))
		if err != nil {
			t.Fatal(err)
		}
		client, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := conn.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		ttl := 0
		if e := raw.Control(func(fd uintptr) { ttl, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL) }); e != nil || err != nil {
			t.Fatal(e, err)
		}
		if !c.want(ttl) {
			t.Errorf("%s with a limit of %d answers with %d", c.address, c.hops, ttl)
		}
		_, _, _ = client.Close(), conn.Close(), ln.Close()
	}
}
