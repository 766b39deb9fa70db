package app

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// discovery is a request that anybody may make.
func (a *attacked) discovery() string {
	return "GET /" + a.vars["tenant"] + "/v2.0/.well-known/openid-configuration HTTP/1.1\r\nHost: " + a.vars["login"] + "\r\n"
}

// served measures how long one request of somebody else takes, on a new connection.
func (a *attacked) served(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	got := a.exchange(t, "tls", a.discovery()+"Connection: close\r\n\r\n", 1)
	if len(got) != 1 || got[0].status != http.StatusOK {
		t.Fatalf("others are not served: %+v", got)
	}
	return time.Since(began)
}

// hold opens n connections, starts each with text, and returns them.
func (a *attacked) hold(t *testing.T, listener string, n int, text string) []net.Conn {
	t.Helper()
	var mu sync.Mutex
	var out []net.Conn
	var work sync.WaitGroup
	slots := make(chan struct{}, 16)
	for range n {
		work.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			c, err := a.tryDial(context.Background(), listener)
			if err != nil {
				return // closed at once: that is a bound too
			}
			_, _ = io.WriteString(c, text)
			mu.Lock()
			defer mu.Unlock()
			out = append(out, c)
		})
	}
	work.Wait()
	t.Cleanup(func() {
		for _, c := range out {
			_ = c.Close()
		}
	})
	return out
}

// S-59: two hundred clients that never finish their headers, and as many that never finish
// their bodies, are cut off in time; everybody else is served meanwhile.
func TestSlowClientsAreCutOffAndOthersServed(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for timeouts")
	}
	a := attack(t)
	began := time.Now()
	headers := a.hold(t, "tls", 200, a.discovery()+"X-Slow: ")
	node := a.hold(t, "imds", 50, "GET /metadata/identity/oauth2/token HTTP/1.1\r\nX-Slow: ")
	silent := make([]net.Conn, 50) // not even a handshake
	for i := range silent {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", "127.0.0.1:"+a.vars["port"])
		if err != nil {
			t.Fatal(err)
		}
		silent[i] = c
		defer func() { _ = c.Close() }()
	}
	opened := time.Since(began)
	var worst time.Duration
	for range 50 {
		worst = max(worst, a.served(t))
	}
	if worst > 4*time.Second {
		t.Errorf("others wait for %v", worst)
	}
	for name, conns := range map[string][]net.Conn{"headers": headers, "a node endpoint": node, "no handshake": silent} {
		for _, c := range conns {
			_ = c.SetReadDeadline(began.Add(opened + 15*time.Second))
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("%s: still open", name)
			}
		}
	}
	a.served(t)
}

// S-59: idle connections, more than there are places at both endpoints for programs, cost a
// bounded amount of memory and keep nobody out: tokens are still had. The client ends are in
// this process too, so the memory counts them twice. Handshakes are dear under the race
// detector: that the places of the API are given away too is tested in internal/httpd.
func TestIdleConnectionsAreCheap(t *testing.T) {
	a := attack(t)
	asks, _ := a.asks()
	mint := func(when string) {
		t.Helper()
		for _, what := range []string{"minting, IMDS", "minting, App Service", "sign-in"} {
			q := asks[what]
			if got := a.exchange(t, q.listener, q.raw, 1); len(got) == 0 || got[0].status != q.ok {
				t.Errorf("%s: %s: %+v", when, what, got)
			}
		}
		if took := a.served(t); took > 4*time.Second {
			t.Errorf("%s: the next client waits for %v", when, took)
		}
	}
	mint("before")
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	held := 0
	var conns []net.Conn
	for listener, n := range map[string]int{"tls": 500, "imds": 1100, "node": 1100} {
		text := "GET /nothing HTTP/1.1\r\nHost: " + a.vars[listener] + "\r\n\r\n"
		if listener == "tls" {
			text = a.discovery() + "\r\n"
		}
		got := a.hold(t, listener, n, text)
		if len(got) < n {
			t.Errorf("%s: %d of %d were accepted", listener, len(got), n)
		}
		held, conns = held+n, append(conns, got...)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapInuse+after.StackInuse) - int64(before.HeapInuse+before.StackInuse)
	t.Logf("IDLE %d connections, %d KiB each with the client's end", held, grown>>10/int64(held))
	if grown > 512<<20 {
		t.Errorf("%d MiB for %d connections", grown>>20, held)
	}
	for range 5 {
		mint("with all places of the endpoints taken")
	}
	for _, c := range conns {
		_ = c.Close()
	}
	mint("afterwards")
}

// frame is one HTTP/2 frame.
func frame(kind, flags byte, stream uint32, payload string) string {
	head := make([]byte, 9)
	head[0], head[1], head[2] = byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload))
	head[3], head[4] = kind, flags
	binary.BigEndian.PutUint32(head[5:], stream)
	return string(head) + payload
}

// Kinds and flags of HTTP/2 frames (RFC 9113 §6).
const (
	h2Headers, h2Reset, h2Settings, h2GoAway, h2Continuation = 1, 3, 4, 7, 9

	h2EndStream, h2EndHeaders = 1, 4
)

// h2 opens an HTTP/2 connection by hand.
func (a *attacked) h2(t *testing.T) net.Conn {
	t.Helper()
	d := tls.Dialer{Config: &tls.Config{RootCAs: a.roots, ServerName: "localhost", NextProtos: []string{"h2"}}}
	c, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+a.vars["port"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+frame(h2Settings, 0, 0, ""))
	return c
}

// readFrame reads one frame.
func readFrame(r io.Reader) (kind byte, payload []byte, err error) {
	head := make([]byte, 9)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, err
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(r, payload)
	return head[3], payload, err
}

// fields is a header block for GET / at localhost, all literal (RFC 7541).
func (a *attacked) fields() string {
	return "\x82\x87\x84\x41" + string(rune(len(a.vars["local"]))) + a.vars["local"]
}

// S-61: at most 250 streams at once, said in the settings; a flood of streams opened and
// reset, and headers that never end, end the connection and nobody else's.
func TestHTTP2Abuse(t *testing.T) {
	t.Parallel()
	a := attack(t)
	c := a.h2(t)
	kind, payload, err := readFrame(c)
	if err != nil || kind != h2Settings {
		t.Fatalf("frame %d, %v", kind, err)
	}
	streams := uint32(0)
	for ; len(payload) >= 6; payload = payload[6:] {
		if binary.BigEndian.Uint16(payload) == 3 {
			streams = binary.BigEndian.Uint32(payload[2:])
		}
	}
	if streams == 0 || streams > 250 {
		t.Errorf("%d streams at once", streams)
	}
	for name, flood := range map[string]func(w io.Writer) error{
		"opened and reset": func(w io.Writer) error {
			for i := range uint32(100_000) {
				text := frame(h2Headers, h2EndHeaders|h2EndStream, 2*i+1, a.fields()) + frame(h2Reset, 0, 2*i+1, "\x00\x00\x00\x08")
				if _, err := io.WriteString(w, text); err != nil {
					return err
				}
			}
			return nil
		},
		"headers that never end": func(w io.Writer) error {
			if _, err := io.WriteString(w, frame(h2Headers, h2EndStream, 1, a.fields())); err != nil {
				return err
			}
			for i := range 100_000 {
				name := fmt.Sprintf("x-%06d", i)
				if _, err := io.WriteString(w, frame(h2Continuation, 0, 1, "\x00"+string(rune(len(name)))+name+"\x7f\x01"+strings.Repeat("v", 128))); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := a.h2(t)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					if kind, _, err := readFrame(c); err != nil || kind == h2GoAway {
						return
					}
				}
			}()
			sent := make(chan error, 1)
			go func() { sent <- flood(c) }()
			var worst time.Duration
			for range 10 {
				worst = max(worst, a.served(t))
			}
			if worst > 4*time.Second {
				t.Errorf("others wait for %v", worst)
			}
			select {
			case <-ended:
				_ = c.Close()
				<-sent
			case err := <-sent:
				if err == nil && name == "headers that never end" {
					t.Error("13 MB of headers were taken")
				}
			}
		})
	}
	a.served(t)
}

// S-62: versions before 1.2, suites without forward secrecy or authenticated encryption,
// and renegotiation are refused; 1.2 with a good suite and 1.3 are served.
func TestTLSVersionsAndSuites(t *testing.T) {
	t.Parallel()
	a := attack(t)
	for name, c := range map[string]struct {
		min, max uint16
		suites   []uint16
		served   bool
	}{
		"1.3":                     {tls.VersionTLS13, tls.VersionTLS13, nil, true},
		"1.2, GCM":                {tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, true},
		"1.1":                     {tls.VersionTLS10, tls.VersionTLS11, nil, false},
		"1.0":                     {tls.VersionTLS10, tls.VersionTLS10, nil, false},
		"1.2, CBC":                {tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256}, false},
		"1.2, no forward secrecy": {tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_CBC_SHA}, false},
		"1.2, RC4 and triple DES": {tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA}, false},
	} {
		d := tls.Dialer{Config: &tls.Config{RootCAs: a.roots, ServerName: "localhost", MinVersion: c.min, MaxVersion: c.max, CipherSuites: c.suites}}
		conn, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+a.vars["port"])
		if (err == nil) != c.served {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is not installed")
		}
		t.Skip("no openssl to renegotiate with (apt install openssl)")
	}
	cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-connect", "127.0.0.1:"+a.vars["port"], "-servername", "localhost", "-tls1_2")
	cmd.Stdin = strings.NewReader("R\n" + a.discovery() + "Connection: close\r\n\r\n")
	out, _ := cmd.CombinedOutput() // it fails, as it should
	if !strings.Contains(string(out), "RENEGOTIATING") || strings.Contains(string(out), "HTTP/1.1 200") {
		t.Errorf("renegotiation: %s", out)
	}
}
