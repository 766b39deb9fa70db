package nameproxy

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

// S-3, S-69: a target is a host and a port or is refused, and a rule covers the names below
// its suffix only.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"login.sealring.internal:443", "[::1]:80", "a:0", "a:65536", "a:+1", ":1", "a", "a:1:2", "LOGIN.sealring.internal.:1", "xsealring.internal:443", ".sealring.internal:443",
		"sealring.internal:443", "a\x00.sealring.internal:443", "a@b:1", "login.sealring.internal.attacker.invalid:443", "[login.sealring.internal]:443",
	} {
		f.Add(seed)
	}
	p := &Proxy{rules: []Rule{{Hosts: []string{"*.sealring.internal", "login.microsoftonline.com"}, Tunnel: "127.0.0.1:1"}}}
	f.Fuzz(func(t *testing.T, target string) {
		host, port, err := splitTarget(target)
		if err != nil {
			return
		}
		if port < 1 || port > 65535 || host == "" {
			t.Fatalf("%q gives %q and %d", target, host, port)
		}
		if again, n, err := splitTarget(net.JoinHostPort(host, strconv.Itoa(port))); err != nil || again != host || n != port {
			t.Fatalf("%q reads as %q:%d and then as %q:%d, %v", target, host, port, again, n, err)
		}
		name := strings.TrimSuffix(strings.ToLower(host), ".")
		if p.rule(host, port) != nil && name != "login.microsoftonline.com" && !strings.HasSuffix(name, ".sealring.internal") {
			t.Fatalf("%q is ours", host)
		}
	})
}
