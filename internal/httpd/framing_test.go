package httpd_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/httpd"
)

// framings are requests and whether they are let through.
var framings = []struct {
	name, raw string
	passes    bool
}{
	{"plain", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
	{"a body whose lines begin with blanks", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{\n  \"a\":1", true},
	{"chunks whose lines begin with blanks", "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\n a\r\n1;x=y\r\n \r\n0\r\nX-T: 1\r\n\r\n", true},
	{"a body that looks like a request", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 28\r\n\r\nContent_Length: 1\r\n a\r\n\r\n\r\n\n", true},
	{"underscores elsewhere", "GET / HTTP/1.1\r\nHost: h\r\nX_Other: 1\r\n\r\n", true},
	{"length and chunked", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"in lower case, ending in LF", "PUT / HTTP/1.1\nHost: h\ntransfer-encoding: chunked\ncontent-length: 5\n\n0\r\n\r\n", false},
	{"the same length twice", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", false},
	{"a coding in 1.0", "PUT / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
	{"folded", "GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n b\r\n\r\n", false},
	{"folded trailer", "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: 1\r\n\tb\r\n\r\n", false},
	{"underscores in a length", "PUT / HTTP/1.1\r\nHost: h\r\ncontent_length: 3\r\n\r\nabc", false},
}

// S-60: what can be read in two ways does not pass, in whatever pieces it arrives, as the
// first or a later message of a connection; and what can be read in one way does.
func TestFramingIsFollowed(t *testing.T) {
	for _, c := range framings {
		for _, raw := range []string{c.raw, framings[0].raw + c.raw, framings[1].raw + c.raw, framings[2].raw + c.raw} {
			for _, piece := range []int{1, 2, 3, 7, len(raw)} {
				refused, atEnd := httpd.FollowFraming([]byte(raw), piece)
				if refused == c.passes || c.passes && !atEnd {
					t.Errorf("%s, in pieces of %d: refused %v, at the end of a message %v", c.name, piece, refused, atEnd)
				}
			}
		}
	}
}

// FuzzFraming holds the follower against net/http: where a message that net/http read to
// its end was not refused, both agree that it ends there, however it arrives.
func FuzzFraming(f *testing.F) {
	for _, c := range framings {
		f.Add([]byte(c.raw+framings[0].raw), byte(3))
	}
	f.Fuzz(func(t *testing.T, raw []byte, piece byte) {
		whole, _ := httpd.FollowFraming(raw, len(raw)+1)
		pieces, _ := httpd.FollowFraming(raw, int(piece)+1)
		if whole != pieces {
			t.Fatalf("refused %v at once and %v in pieces of %d", whole, pieces, int(piece)+1)
		}
		src := bytes.NewReader(raw)
		r := bufio.NewReader(src)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
			end := len(raw) - src.Len() - r.Buffered()
			refused, atEnd := httpd.FollowFraming(raw[:end], int(piece)+1)
			if refused {
				return
			}
			if !atEnd {
				t.Fatalf("net/http ends a message after %q", raw[:end])
			}
			if len(req.TransferEncoding) > 0 && !req.ProtoAtLeast(1, 1) {
				t.Fatalf("a coding in %s: %q", req.Proto, raw[:end])
			}
		}
	})
}

// S-60, S-61: over TLS as well, next to HTTP/2; requests show their TLS; whoever forgot it
// is told; who never ends a handshake is not yielded.
func TestTLSListenerWatchesFraming(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	borrowed := httptest.NewUnstartedServer(nil)
	borrowed.StartTLS()
	config := borrowed.TLS.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	client := borrowed.Client().Transport.(*http.Transport).TLSClientConfig
	borrowed.Close()
	server := &http.Server{TLSConfig: config, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, r.Proto+" "+r.TLS.NegotiatedProtocol+" "+r.URL.Path)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(httpd.TLS(httpd.Bounded(ln), config)) }()
	ask := func(raw string, protocols ...string) string {
		c := client.Clone()
		c.NextProtos = protocols
		conn, err := tls.Dial("tcp", ln.Addr().String(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(conn, raw)
		answer, _ := io.ReadAll(conn)
		return string(answer)
	}
	next := "GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	for _, c := range framings {
		for _, protocols := range [][]string{{"http/1.1"}, nil} {
			answer := ask(framings[0].raw+c.raw+next, protocols...)
			if strings.Contains(answer, "HTTP/1.1 http/1.1 /next") != c.passes && strings.Contains(answer, "HTTP/1.1  /next") != c.passes || !strings.HasPrefix(answer, "HTTP/1.1 200") {
				t.Errorf("%s, %v: %q", c.name, protocols, answer)
			}
			if !c.passes && c.name != "folded trailer" && !strings.Contains(answer, "HTTP/1.1 400 Bad Request") {
				t.Errorf("%s, %v: not said: %q", c.name, protocols, answer)
			}
		}
	}
	h2 := &http.Client{Transport: &http.Transport{TLSClientConfig: client.Clone(), ForceAttemptHTTP2: true}}
	resp, err := h2.Get("https://" + ln.Addr().String() + "/two")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(body) != "HTTP/2.0 h2 /two" {
		t.Errorf("HTTP/2: %q", body)
	}
	h2.CloseIdleConnections()
	silent, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	plain, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = plain.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(plain, next)
	answer, _ := io.ReadAll(plain)
	_ = plain.Close()
	if !strings.HasSuffix(string(answer), "\r\n\r\nThis port speaks TLS: begin with https") {
		t.Errorf("without TLS: %q", answer)
	}
	_ = server.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	_ = silent.SetDeadline(time.Now().Add(4 * time.Second))
	if _, err := io.Copy(io.Discard, silent); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("a handshake outlives the listener: %v", err)
	}
}
