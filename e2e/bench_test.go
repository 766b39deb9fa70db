//go:build bench

package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// floorVariable makes the test binary serve the yardstick instead of testing: a bare
// net/http handler that returns fixed bytes, in a process of its own.
const floorVariable = "SEALRING_BENCH_FLOOR"

// TestMain serves the yardstick if asked to.
func TestMain(m *testing.M) {
	if body := os.Getenv(floorVariable); body != "" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		fmt.Println(ln.Addr())
		panic(http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = io.WriteString(w, body)
		})))
	}
	os.Exit(m.Run())
}

// target is a server under load.
type target struct {
	pid    int
	url    string
	header [2]string
	client *http.Client
}

// slice sends requests over the connections for d and returns their number and latencies.
func (g target) slice(t *testing.T, connections int, d time.Duration) (int64, []time.Duration) {
	t.Helper()
	var n atomic.Int64
	all := make([][]time.Duration, connections)
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() {
			for time.Now().Before(end) {
				req, _ := http.NewRequest(http.MethodGet, g.url, nil)
				req.Header.Set(g.header[0], g.header[1])
				began := time.Now()
				resp, err := g.client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != 200 {
					t.Errorf("status %d", resp.StatusCode)
					return
				}
				all[c] = append(all[c], time.Since(began))
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return n.Load(), slices.Concat(all...)
}

// cpu is the processor time of a process in seconds.
func cpu(t *testing.T, pid int) float64 {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
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

// TestCachedToken measures the cached token against the yardstick, in alternating slices of
// one run.
func TestCachedToken(t *testing.T) {
	p := start(t)
	p.site("bench", true)
	hold := exec.Command(binary, "run", "--app", "bench", "--", "sh", "-c", `echo "$IDENTITY_ENDPOINT $IDENTITY_HEADER"; exec sleep 300`)
	hold.Env = p.env()
	out, err := hold.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := hold.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hold.Process.Signal(os.Interrupt); _ = hold.Wait() }()
	var endpoint, header string
	if _, err := fmt.Fscan(out, &endpoint, &header); err != nil {
		t.Fatal(err)
	}
	ours := target{pid: p.PID, url: endpoint + "?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net",
		header: [2]string{"X-IDENTITY-HEADER", header}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}

	req, _ := http.NewRequest(http.MethodGet, ours.url, nil)
	req.Header.Set(ours.header[0], header)
	resp, err := ours.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()

	self, _ := os.Executable()
	floorProcess := exec.Command(self)
	floorProcess.Env = []string{floorVariable + "=" + string(body)}
	floorOut, err := floorProcess.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := floorProcess.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = floorProcess.Process.Kill(); _ = floorProcess.Wait() }()
	var address string
	if _, err := fmt.Fscan(floorOut, &address); err != nil {
		t.Fatal(err)
	}
	floor := target{pid: floorProcess.Process.Pid, url: "http://" + address + "/", header: ours.header, client: ours.client}

	for _, connections := range []int{16, 64} {
		var us, them figures
		for range 6 {
			for _, side := range []struct {
				g target
				f *figures
			}{{ours, &us}, {floor, &them}} {
				side.g.slice(t, connections, 100*time.Millisecond) // settle
				before := cpu(t, side.g.pid)
				n, l := side.g.slice(t, connections, time.Second)
				side.f.requests += n
				side.f.cpu += cpu(t, side.g.pid) - before
				side.f.latencies = append(side.f.latencies, l...)
			}
		}
		fmt.Printf("cached token, App Service, %d connections: rate %.2f of the floor (%d/s against %d/s), CPU per request %.2f, p50 %.2f, p99 %.2f\n",
			connections, float64(us.requests)/float64(them.requests), us.requests/6, them.requests/6,
			(us.cpu/float64(us.requests))/(them.cpu/float64(them.requests)),
			float64(us.percentile(.5))/float64(them.percentile(.5)), float64(us.percentile(.99))/float64(them.percentile(.99)))
	}
}

// TestColdMint measures a mint with its durable sign-in row against a bare signature.
func TestColdMint(t *testing.T) {
	p := start(t)
	_, _ = p.site("cold", true)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("x"))
	began := time.Now()
	const signatures = 200
	for range signatures {
		if _, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:]); err != nil {
			t.Fatal(err)
		}
	}
	bare := time.Since(began) / signatures
	hold := exec.Command(binary, "run", "--app", "cold", "--", "sh", "-c", `echo "$IDENTITY_ENDPOINT $IDENTITY_HEADER"; exec sleep 300`)
	hold.Env = p.env()
	out, err := hold.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := hold.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hold.Process.Signal(os.Interrupt); _ = hold.Wait() }()
	var endpoint, header string
	if _, err := fmt.Fscan(out, &endpoint, &header); err != nil {
		t.Fatal(err)
	}
	// Every capability set is a token of its own, so each request mints.
	var took []time.Duration
	before := cpu(t, p.PID)
	for i := range 200 {
		req, _ := http.NewRequest(http.MethodGet, endpoint+"?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net&xms_cc=C"+strconv.Itoa(i), nil)
		req.Header.Set("X-IDENTITY-HEADER", header)
		began := time.Now()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Fatalf("status %d", resp.StatusCode)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	fmt.Printf("cold mint with its durable row: p50 %s, CPU %s a mint; a bare RSA-2048 signature: %s (ratio of p50 %.2f)\n",
		took[100].Round(time.Microsecond), time.Duration((cpu(t, p.PID)-before)/200*float64(time.Second)).Round(time.Microsecond), bare.Round(time.Microsecond),
		float64(took[100])/float64(bare))
}

// TestFootprint measures start, idle memory and the binary.
func TestFootprint(t *testing.T) {
	home := t.TempDir()
	var times []time.Duration
	for i := range 6 {
		p := &platform{t: t, home: home, data: filepath.Join(home, "data")}
		cmd := exec.Command(binary, "up", "--data", p.data, "--tls-port", "0", "--http-port", "0")
		cmd.Env = p.env()
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(p.data, "endpoints.json")); err == nil {
				break
			}
			if time.Since(began) > 20*time.Second {
				t.Fatal("not ready")
			}
			time.Sleep(time.Millisecond)
		}
		times = append(times, time.Since(began))
		if i == 5 {
			time.Sleep(2 * time.Second)
			raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			for _, line := range strings.Split(string(raw), "\n") {
				if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "RssAnon") {
					fmt.Println("idle memory:", strings.Join(strings.Fields(line), " "))
				}
			}
		}
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	later := times[1:]
	slices.Sort(later)
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("up to ready: first ever %s, existing data %s (median of 5); binary %.1f MB\n",
		times[0].Round(time.Millisecond), later[2].Round(time.Millisecond), float64(info.Size())/1e6)
}
