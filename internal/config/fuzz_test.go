package config

import (
	"net"
	"testing"
)

// S-69: no file makes the reader fail in another way than with an error, and what is
// accepted and validated can be listened on.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"listen:\n  tls_port: 8443\n", "domain: example.org\n", "store:\n  sqlite:\n    path: /x\n", "a: b\n", "listen: &a [*a]\n", "listen:\n  tls_port: 99999\n",
		"kek:\n  command: [a, b]\n", "tokens:\n  managed_identity: 24h\n", "azure:\n  preset: strict\n", "domain: a\ndomain: b\n", "---\n---\n", "\t", "!!binary x", "{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := Default("/data")
		if decode(raw, &c) != nil || c.Validate() != nil {
			return
		}
		for _, port := range []int{c.Listen.TLSPort, c.Listen.HTTPPort, c.Listen.ProxyPort, c.Listen.IMDSPort, c.PublicPort} {
			if port < 0 || port > 65535 {
				t.Fatalf("%q: port %d", raw, port)
			}
		}
		if net.ParseIP(c.Listen.Address) == nil {
			t.Fatalf("%q: address %q", raw, c.Listen.Address)
		}
	})
}
