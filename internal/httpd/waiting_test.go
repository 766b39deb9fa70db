package httpd_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/httpd"
)

// S-59: where all places are taken by connections on which nothing is asked, over TLS with
// HTTP/1 and HTTP/2 and without TLS, the next client is served; where a request is served on
// every one, the next is not, and those under way are not disturbed.
func TestWhoeverWaitsMakesRoom(t *testing.T) {
	borrowed := httptest.NewUnstartedServer(nil)
	borrowed.StartTLS()
	config := borrowed.TLS.Clone()
	trust := borrowed.Client().Transport.(*http.Transport).TLSClientConfig
	borrowed.Close()
	const places = 4
	for name, c := range map[string]struct{ secure, two bool }{"plain": {}, "TLS": {secure: true}, "HTTP/2": {secure: true, two: true}} {
		t.Run(name, func(t *testing.T) {
			tcp, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			bounded := httpd.Bounded(tcp)
			httpd.LimitBounded(bounded, places)
			ln, scheme := bounded, "http"
			mine := config.Clone()
			mine.NextProtos = []string{"http/1.1"}
			if c.two {
				mine.NextProtos = []string{"h2"}
			}
			if c.secure {
				ln, scheme = httpd.TLS(bounded, mine), "https"
			}
			busy, entered := make(chan struct{}), make(chan struct{}, places)
			server := &http.Server{TLSConfig: mine, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					entered <- struct{}{}
					<-busy
				}
				_, _ = io.WriteString(w, "served")
			})}
			httpd.Follow(ln, server)
			go func() { _ = server.Serve(ln) }()
			t.Cleanup(func() { _ = server.Close() })
			url := scheme + "://" + tcp.Addr().String()
			client := func() *http.Client {
				tr := &http.Transport{TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: c.two}
				t.Cleanup(tr.CloseIdleConnections)
				return &http.Client{Transport: tr, Timeout: 5 * time.Second}
			}
			ask := func(cl *http.Client, path string) string {
				resp, err := cl.Get(url + path)
				if err != nil {
					return err.Error()
				}
				defer resp.Body.Close()
				body, _ := io.ReadAll(resp.Body)
				return string(body)
			}
			for i := range 3 * places { // each keeps its connection
				if got := ask(client(), "/"); got != "served" {
					t.Fatalf("client %d: %s", i, got)
				}
			}
			silent, err := net.Dial("tcp", tcp.Addr().String()) // begins nothing
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			slow := make(chan string, places)
			for range places {
				go func() { slow <- ask(client(), "/slow") }()
				select {
				case <-entered:
				case got := <-slow:
					t.Fatalf("no room: %s", got)
				}
			}
			if got := ask(client(), "/"); got == "served" {
				t.Error("there are more places than there are")
			}
			close(busy)
			for range places {
				if got := <-slow; got != "served" {
					t.Errorf("a request under way: %s", got)
				}
			}
			if got := ask(client(), "/"); got != "served" {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
}
