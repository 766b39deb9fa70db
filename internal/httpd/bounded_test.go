package httpd_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/sealring/sealring/internal/httpd"
)

// S-59: one other machine cannot take all connections, and all machines together cannot
// take more than there are; what is closed makes room again.
func TestConnectionsOfAnAPIAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		offered, served int
		remote          func(i int) string
	}{
		"one other machine":    {250, 200, func(int) string { return "192.0.2.7:5" }},
		"the same, mapped":     {250, 200, func(i int) string { return []string{"192.0.2.7:5", "[::ffff:192.0.2.7]:6"}[i%2] }},
		"many other machines":  {5000, 4096, func(i int) string { return net.JoinHostPort("2001:db8::"+strconv.FormatInt(int64(i+1), 16), "5") }},
		"programs on this one": {5000, 4096, func(int) string { return "127.0.0.1:5" }},
		"two other machines":   {500, 400, func(i int) string { return "192.0.2." + strconv.Itoa(1+i%2) + ":5" }},
		"within the bounds":    {100, 100, func(int) string { return "192.0.2.7:5" }},
	} {
		l := pipeListener{make(chan net.Conn, c.offered+1)}
		closed := make([]bool, c.offered+1)
		for i := range c.offered {
			l.conns <- claimed{remote: c.remote(i), local: "192.0.2.1:443", closed: &closed[i]}
		}
		close(l.conns)
		bounded := httpd.Bounded(l)
		var conns []net.Conn
		for {
			conn, err := bounded.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
		}
		if len(conns) != c.served {
			t.Errorf("%s: %d of %d are served, want %d", name, len(conns), c.offered, c.served)
		}
		if len(conns) < c.offered {
			_, _ = conns[0].Close(), conns[0].Close() // frees one place, not two
			more := pipeListener{make(chan net.Conn, 2)}
			first := c.remote(0)
			var gone [2]bool
			more.conns <- claimed{remote: first, local: "192.0.2.1:443", closed: &gone[0]}
			more.conns <- claimed{remote: first, local: "192.0.2.1:443", closed: &gone[1]}
			close(more.conns)
			httpd.Relisten(bounded, more)
			if _, err := bounded.Accept(); err != nil || gone[0] {
				t.Errorf("%s: no room after one ended: %v", name, err)
			}
			if _, err := bounded.Accept(); err == nil || !gone[1] {
				t.Errorf("%s: room for two after one ended", name)
			}
		}
	}
}
