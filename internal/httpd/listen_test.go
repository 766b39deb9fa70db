package httpd_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/httpd"
)

// pipeListener hands out given connections.
type pipeListener struct{ conns chan net.Conn }

func (l pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l pipeListener) Close() error   { return nil }
func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// claimed is a connection with chosen addresses.
type claimed struct {
	net.Conn

	remote, local string
	closed        *bool
}

func (c claimed) RemoteAddr() net.Addr { a, _ := net.ResolveTCPAddr("tcp", c.remote); return a }
func (c claimed) LocalAddr() net.Addr  { a, _ := net.ResolveTCPAddr("tcp", c.local); return a }
func (c claimed) Close() error         { *c.closed = true; return nil }

// S-7: peers from elsewhere are closed before a byte is read.
func TestOnlyThisMachineConnects(t *testing.T) {
	for name, c := range map[string]struct {
		remote, local string
		served        bool
	}{
		"loopback":                         {"127.0.0.1:5", "127.0.0.1:80", true},
		"loopback of six":                  {"[::1]:5", "[::1]:80", true},
		"mapped":                           {"[::ffff:127.0.0.1]:5", "127.0.0.1:80", true},
		"another machine at loopback":      {"192.0.2.7:5", "127.0.0.1:80", false},
		"another machine at link-local":    {"192.0.2.7:5", "169.254.169.254:80", false},
		"this machine at link-local":       {"127.0.0.1:5", "169.254.169.254:80", true},
		"a link-local neighbour":           {"169.254.1.1:5", "169.254.169.254:80", false},
		"another machine at loopback, six": {"[2001:db8::1]:5", "[::1]:80", false},
	} {
		var closed, closedTwin bool
		l := pipeListener{make(chan net.Conn, 2)}
		l.conns <- claimed{remote: c.remote, local: c.local, closed: &closed}
		l.conns <- claimed{remote: "127.0.0.1:6", local: "127.0.0.1:80", closed: &closedTwin}
		got, err := httpd.LocalOnly(l).Accept()
		if err != nil || closed == c.served || c.served != (got.RemoteAddr().String() != "127.0.0.1:6") {
			t.Errorf("%s: got %v, closed %v, %v", name, got, closed, err)
		}
	}
}

// S-59: above the limit new connections are closed; when one ends there is room again.
func TestConnectionsAreBounded(t *testing.T) {
	l := pipeListener{make(chan net.Conn, 1026)}
	closed := make([]bool, 1026)
	for i := range closed {
		l.conns <- claimed{remote: "127.0.0.1:5", local: "127.0.0.1:80", closed: &closed[i]}
	}
	local := httpd.LocalOnly(l)
	var last net.Conn
	for range 1024 {
		last, _ = local.Accept()
	}
	_ = last.Close()
	_ = last.Close() // frees one place, not two
	if _, err := local.Accept(); err != nil || closed[1024] {
		t.Fatal("no room after one ended")
	}
	close(l.conns)
	if _, err := local.Accept(); err == nil || !closed[1025] {
		t.Fatal("more than 1,024")
	}
}

// S-60: framing with two readings ends the connection, and what stands behind it is
// never answered.
func TestSmuggling(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "path="+r.URL.Path)
	})
	server := httpd.NodeServer(t.Context(), h, slog.New(slog.DiscardHandler), func(ctx context.Context, _ net.Conn) context.Context { return ctx })
	go func() { _ = server.Serve(httpd.LocalOnly(ln)) }()
	t.Cleanup(func() { _ = server.Close() })
	const next = "GET /smuggled HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	for name, c := range map[string]struct {
		request string
		served  bool
	}{
		"plain":                {"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", true},
		"two lengths":          {"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n", false},
		"unknown encoding":     {"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", false},
		"folded":               {"GET /a HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n b\r\n\r\n", false},
		"folded with a tab":    {"GET /a HTTP/1.1\r\nHost: h\r\nX-A: 1\n\tb\r\n\r\n", false},
		"blank before colon":   {"GET /a HTTP/1.1\r\nHost: h\r\nX-A : 1\r\n\r\n", false},
		"bare LF in a chunk":   {"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", false},
		"negative length":      {"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", false},
		"no host":              {"GET /a HTTP/1.1\r\n\r\n", false},
		"HTTP/2 prior":         {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false},
		"upgrade is not taken": {"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", true},
	} {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(conn, c.request+next)
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if got := strings.Contains(string(answer), "path=/smuggled"); got != c.served {
			t.Errorf("%s: %q", name, answer)
		}
		if strings.Contains(string(answer), "101 Switching") {
			t.Errorf("%s: switched protocols", name)
		}
	}
}
