//go:build bench

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The variables that make the test binary something else than a test.
const (
	// floorVariable: the yardstick, a bare net/http handler that returns the value's bytes;
	// over TLS with floorTLSVariable.
	floorVariable    = "SEALRING_BENCH_FLOOR"
	floorTLSVariable = "SEALRING_BENCH_FLOOR_TLS"
	// loadVariable: a workload that measures what the value, a load in JSON, says.
	loadVariable = "SEALRING_BENCH_LOAD"
)

// TestMain serves the yardstick or makes load if asked to.
func TestMain(m *testing.M) {
	if body := os.Getenv(floorVariable); body != "" {
		serveFloor(body)
	}
	if raw := os.Getenv(loadVariable); raw != "" {
		var l load
		if err := json.Unmarshal([]byte(raw), &l); err != nil {
			panic(err)
		}
		l.measure()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serveFloor prints its address and, over TLS, its certificate, and serves for ever.
func serveFloor(body string) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = io.WriteString(w, body)
	}))
	if os.Getenv(floorTLSVariable) != "" {
		s.StartTLS()
		fmt.Println(s.URL, base64.StdEncoding.EncodeToString(s.Certificate().Raw))
	} else {
		s.Start()
		fmt.Println(s.URL, "-")
	}
	select {}
}

// load is what a workload measures against the yardstick.
type load struct {
	Title       string
	URL         string    // "" takes IDENTITY_ENDPOINT and its header
	Query       string    // behind the URL
	Header      [2]string // "Bearer" as a value is completed by a token of the workload
	Dial        string    // where the URL's name is, for names that are not in any DNS
	CAFile      string    // for TLS
	PID         int       // of the server
	Connections []int
}

// target is a server under load.
type target struct {
	pid    int
	url    string
	header [2]string
	client *http.Client
}

// must ends a process that is not a test.
func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return v
}

// identity is the endpoint of this workload and its header.
func (l *load) identity() (string, [2]string) {
	return os.Getenv("IDENTITY_ENDPOINT"), [2]string{"X-IDENTITY-HEADER", os.Getenv("IDENTITY_HEADER")}
}

// newClient keeps 64 connections; address, if there is one, stands for every name.
func newClient(address string, roots *x509.CertPool) *http.Client {
	t := &http.Transport{MaxIdleConnsPerHost: 64, TLSClientConfig: &tls.Config{RootCAs: roots}}
	if address != "" {
		t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	}
	return &http.Client{Transport: t}
}

// get sends one request and returns the body.
func (g target) get() ([]byte, error) {
	req, err := http.NewRequest(http.MethodGet, g.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(g.header[0], g.header[1])
	resp, err := g.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, body)
	}
	return body, err
}

// measure runs the load in alternating slices and prints the ratios.
func (l *load) measure() {
	ours := target{pid: l.PID, url: l.URL, header: l.Header}
	endpoint, header := l.identity()
	if ours.url == "" {
		ours.url, ours.header = endpoint, header
	}
	if ours.header[1] == "Bearer" {
		var answer struct {
			Token string `json:"access_token"`
		}
		t := target{url: endpoint + "?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net", header: header, client: newClient("", nil)}
		_ = must(0, json.Unmarshal(must(t.get()), &answer))
		ours.header[1] = "Bearer " + answer.Token
	}
	ours.url += l.Query
	roots := x509.NewCertPool()
	if l.CAFile != "" {
		roots.AppendCertsFromPEM(must(os.ReadFile(l.CAFile)))
	}
	ours.client = newClient(l.Dial, roots)
	body := must(ours.get())
	floor, stop := startFloor(body, l.CAFile != "")
	defer stop()
	floor.header = ours.header
	for _, connections := range l.Connections {
		var us, them figures
		for range 6 {
			for _, side := range []struct {
				g target
				f *figures
			}{{ours, &us}, {floor, &them}} {
				side.g.slice(connections, 100*time.Millisecond) // settle
				before := cpu(side.g.pid)
				latencies := side.g.slice(connections, time.Second)
				side.f.requests += int64(len(latencies))
				side.f.cpu += cpu(side.g.pid) - before
				side.f.latencies = append(side.f.latencies, latencies...)
			}
		}
		fmt.Printf("%s, %d connections: rate %.2f of the floor (%d/s against %d/s), CPU per request %.2f, p50 %.2f, p99 %.2f\n",
			l.Title, connections, float64(us.requests)/float64(them.requests), us.requests/6, them.requests/6,
			(us.cpu/float64(us.requests))/(them.cpu/float64(them.requests)),
			float64(us.percentile(.5))/float64(them.percentile(.5)), float64(us.percentile(.99))/float64(them.percentile(.99)))
	}
}

// startFloor starts the yardstick in a process of its own.
func startFloor(body []byte, overTLS bool) (target, func()) {
	cmd := exec.Command(must(os.Executable()))
	cmd.Env = []string{floorVariable + "=" + string(body)}
	if overTLS {
		cmd.Env = append(cmd.Env, floorTLSVariable+"=1")
	}
	out := must(cmd.StdoutPipe())
	_ = must(0, cmd.Start())
	var url, certificate string
	_ = must(fmt.Fscan(out, &url, &certificate))
	roots := x509.NewCertPool()
	if overTLS {
		roots.AddCert(must(x509.ParseCertificate(must(base64.StdEncoding.DecodeString(certificate)))))
	}
	g := target{pid: cmd.Process.Pid, url: url + "/", client: newClient("", roots)}
	return g, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
}

// slice sends requests over the connections for d and returns their latencies. A request
// that fails ends the process: figures of a server that fails are none.
func (g target) slice(connections int, d time.Duration) []time.Duration {
	all := make([][]time.Duration, connections)
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() {
			for now := time.Now(); now.Before(end); {
				_ = must(g.get())
				then := time.Now()
				all[c] = append(all[c], then.Sub(now))
				now = then
			}
		})
	}
	wg.Wait()
	return slices.Concat(all...)
}

// cpu is the processor time of a process in seconds.
func cpu(pid int) float64 {
	raw := must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)))
	f := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	return (must(strconv.ParseFloat(string(f[11]), 64)) + must(strconv.ParseFloat(string(f[12]), 64))) / 100
}

// figures are what a target did over all its slices.
type figures struct {
	requests  int64
	cpu       float64
	latencies []time.Duration
}

// percentile of the latencies.
func (f *figures) percentile(p float64) time.Duration {
	slices.Sort(f.latencies)
	return f.latencies[int(p*float64(len(f.latencies)-1))]
}
