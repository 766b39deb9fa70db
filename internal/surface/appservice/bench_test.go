package appservice_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/workload"
)

// discard is a response writer that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkHandler is the room alone: what it adds to any server's cost per request.
func BenchmarkHandler(b *testing.B) {
	s := serve(b, strings.Repeat("eyJ0", 375))
	_, own := s.register(b, app)
	r := httptest.NewRequest(http.MethodGet, "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net", nil)
	r.Host = "127.0.0.1"
	r.Header.Set("X-IDENTITY-HEADER", own)
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}))
	w := &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		s.room.ServeHTTP(w, r)
	}
}

// BenchmarkServed compares the room with a bare handler that writes the same bytes, both
// over a kept connection.
func BenchmarkServed(b *testing.B) {
	s := serve(b, strings.Repeat("eyJ0", 375))
	_, own := s.register(b, app)
	req := request(own) + "\r\n"
	c := dial(b, s.addr)
	body := roundTrip(b, bufio.NewReader(c), c, req)
	b.Run("room", func(b *testing.B) { benchRequests(b, s.addr, req) })
	bare := httpd.NodeServer(b.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json; charset=utf-8"}
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
		_, _ = io.WriteString(w, body)
	}), slog.New(slog.DiscardHandler), workload.ConnContext)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = bare.Serve(ln) }()
	b.Cleanup(func() { _ = bare.Close() })
	b.Run("bare", func(b *testing.B) { benchRequests(b, ln.Addr().String(), req) })
}

// dial opens a connection for the life of the benchmark.
func dial(b *testing.B, addr string) net.Conn {
	b.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return c
}

// roundTrip sends one request and returns the body.
func roundTrip(b *testing.B, in *bufio.Reader, c net.Conn, req string) string {
	b.Helper()
	if _, err := io.WriteString(c, req); err != nil {
		b.Fatal(err)
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("%v %v", resp, err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

// benchRequests asks over and over on one connection.
func benchRequests(b *testing.B, addr, req string) {
	c := dial(b, addr)
	in := bufio.NewReader(c)
	for b.Loop() {
		roundTrip(b, in, c, req)
	}
}
