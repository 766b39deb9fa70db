//go:build bench

package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serveToFile runs `sealring up` as a service would: JSON lines of level info to a file.
// It returns how long the server took to be ready.
func serveToFile(t *testing.T, home string, flags ...string) (*platform, time.Duration) {
	t.Helper()
	p := &platform{t: t, home: home, data: filepath.Join(home, "data")}
	lines, err := os.OpenFile(filepath.Join(home, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	cmd := exec.Command(binary, append([]string{"up", "--data", p.data, "--tls-port", "0", "--http-port", "0"}, flags...)...)
	cmd.Env, cmd.Stderr = p.env(), lines
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	for time.Since(began) < 20*time.Second {
		raw, err := os.ReadFile(filepath.Join(p.data, "endpoints.json"))
		if err == nil && json.Unmarshal(raw, &p.endpoints) == nil && p.PID == cmd.Process.Pid {
			return p, time.Since(began)
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("not ready within 20 s")
	return nil, 0
}

// measure runs a load as a workload of the platform.
func (p *platform) measure(l load, run ...string) {
	p.t.Helper()
	l.PID = p.PID
	raw, err := json.Marshal(l)
	if err != nil {
		p.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	r := p.exec(5*time.Minute, []string{loadVariable + "=" + string(raw)}, append(append([]string{"run"}, run...), "--", self)...)
	if r.code != 0 {
		p.t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	fmt.Print(r.stdout)
}

// TestCachedToken measures a token from the cache, by secret and by kernel evidence.
func TestCachedToken(t *testing.T) {
	p, _ := serveToFile(t, t.TempDir())
	p.site("bench", true)
	p.machine("bench", true)
	p.measure(load{Title: "cached token, App Service", Query: "?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net", Connections: []int{16, 64}}, "--app", "bench")
	p.measure(load{
		Title: "cached token, IMDS", URL: p.IMDS + "/metadata/identity/oauth2/token", Query: "?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net",
		Header: [2]string{"Metadata", "true"}, Connections: []int{16, 64},
	}, "--kind", "vm", "--app", "bench")
}

// TestSecret measures the read of a secret over TLS with a token seen before; every read
// is on record, durably, before it is answered.
func TestSecret(t *testing.T) {
	p, _ := serveToFile(t, t.TempDir())
	_, object := p.site("bench", true)
	p.grant(object, "Key Vault Secrets User", p.vault("bench", "greeting", strings.Repeat("x", 64), true))
	p.measure(load{
		Title: "secret over TLS", URL: "https://bench." + p.VaultSuffix + "/secrets/greeting", Query: "?api-version=7.4",
		Header: [2]string{"Authorization", "Bearer"}, Dial: strings.TrimPrefix(p.Local, "https://"), CAFile: p.CAFile, Connections: []int{16, 64},
	}, "--app", "bench")
}

// holdWorkload keeps a workload of the app alive and returns its endpoint and header.
func (p *platform) holdWorkload(app string) target {
	p.t.Helper()
	hold := exec.Command(binary, "run", "--app", app, "--", "sh", "-c", `echo "$IDENTITY_ENDPOINT $IDENTITY_HEADER"; exec sleep 300`)
	hold.Env = p.env()
	out, err := hold.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := hold.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = hold.Process.Signal(os.Interrupt); _ = hold.Wait() })
	g := target{pid: p.PID, header: [2]string{"X-IDENTITY-HEADER"}, client: http.DefaultClient}
	if _, err := fmt.Fscan(out, &g.url, &g.header[1]); err != nil {
		p.t.Fatal(err)
	}
	return g
}

// signature is the median time of a bare RSA-2048 signature.
func signature(t *testing.T) time.Duration {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("x"))
	var took []time.Duration
	for range 200 {
		began := time.Now()
		if _, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:]); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// TestColdMint measures mints with their durable rows against a bare signature. Each
// request asks for the token of another identity, so each mints.
func TestColdMint(t *testing.T) {
	const mints = 100
	p, _ := serveToFile(t, t.TempDir())
	var attached, clients []string
	for i := range mints + 1 {
		id, client, _ := p.identity("cold" + strconv.Itoa(i))
		attached, clients = append(attached, id), append(clients, client)
	}
	p.site("cold", true, attached...)
	g := p.holdWorkload("cold")
	base := g.url + "?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net&client_id="
	seen := map[string]bool{}
	mint := func(client string) time.Duration {
		g.url = base + client
		began := time.Now()
		body, err := g.get()
		took := time.Since(began)
		var answer struct {
			Token string `json:"access_token"`
		}
		if err != nil || json.Unmarshal(body, &answer) != nil || seen[answer.Token] {
			t.Fatalf("%v: %s is not a new token", err, body)
		}
		seen[answer.Token] = true
		return took
	}
	mint(clients[mints]) // the connection, the host and the directory are known from here on
	bare := signature(t)
	before := cpu(p.PID)
	var took []time.Duration
	for _, client := range clients[:mints] {
		took = append(took, mint(client))
	}
	spent := time.Duration((cpu(p.PID) - before) / mints * float64(time.Second))
	slices.Sort(took)
	again := signature(t)
	bare = (bare + again) / 2
	fmt.Printf("cold mint with its durable row, one after another: p50 %s, p99 %s, CPU %s a mint; a bare RSA-2048 signature: %s; ratio of p50 %.2f, of CPU %.2f\n",
		took[mints/2].Round(time.Microsecond), took[mints-2].Round(time.Microsecond), spent.Round(10*time.Microsecond), bare.Round(time.Microsecond),
		float64(took[mints/2])/float64(bare), float64(spent)/float64(bare))
}

// TestFootprint measures start, idle memory and the binary.
func TestFootprint(t *testing.T) {
	home := t.TempDir()
	var times []time.Duration
	for i := range 6 {
		t.Run(strconv.Itoa(i), func(t *testing.T) { // stops the server at its end
			p, took := serveToFile(t, home)
			times = append(times, took)
			if i < 5 {
				return
			}
			time.Sleep(2 * time.Second)
			raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
			for _, line := range strings.Split(string(raw), "\n") {
				if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "RssAnon") {
					fmt.Println("idle memory:", strings.Join(strings.Fields(line), " "))
				}
			}
		})
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
