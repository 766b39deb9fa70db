//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// failing is the program built with failpoints, once per run of the tests.
var failing struct {
	once sync.Once
	path string
	err  error
}

// buildWithFailpoints builds the program that can be made to fail and returns its path.
func buildWithFailpoints(t *testing.T) string {
	t.Helper()
	failing.once.Do(func() {
		failing.path, failing.err = filepath.Abs("../bin/sealring-failpoints") // beside the other one; not in a release
		if failing.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-buildvcs=false", "-tags", "failpoints", "-o", failing.path, "../cmd/sealring")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			failing.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if failing.err != nil {
		t.Fatal(failing.err)
	}
	return failing.path
}

// victim is a server that is killed and started again on the same store.
type victim struct {
	t      *testing.T
	binary string
	home   string
	data   string
	env    []string
	flags  []string        // of up, beside --data
	wrap   func(*exec.Cmd) // puts the command into a namespace
	config store.Config    // opens the same store from here
	endpoints
	cmd    *exec.Cmd
	died   chan struct{}
	log    *bytes.Buffer
	client *http.Client
	tokens map[string]string
}

// newVictim prepares a server with a store of its own; up starts it.
func newVictim(t *testing.T, binary, engine string) *victim {
	t.Helper()
	v := &victim{t: t, binary: binary, home: t.TempDir(), tokens: map[string]string{}, wrap: func(*exec.Cmd) {}}
	v.data = filepath.Join(v.home, "data")
	v.flags = []string{"--tls-port", "0", "--http-port", "0"}
	v.env = []string{
		"HOME=" + v.home, "XDG_CONFIG_HOME=" + filepath.Join(v.home, "config"), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8",
		"SEALRING_FAILPOINT=file:" + v.controlFile(), "SEALRING_LOG_LEVEL=warn",
	}
	v.config = store.Config{SQLitePath: v.file(), Now: time.Now}
	if engine == "postgres" {
		v.config = store.Config{PostgresDSN: storetest.PostgresDSN(t), Now: time.Now}
		dsn := filepath.Join(v.home, "dsn")
		if err := os.WriteFile(dsn, []byte(v.config.PostgresDSN), 0o600); err != nil {
			t.Fatal(err)
		}
		v.env = append(v.env, "SEALRING_STORE_POSTGRES_DSN_FILE="+dsn)
	}
	v.control("")
	t.Cleanup(func() {
		v.kill()
		if t.Failed() && v.log != nil {
			t.Logf("server log:\n%s", tail(v.log.String(), 4000))
		}
	})
	return v
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// file is the SQLite database.
func (v *victim) file() string { return filepath.Join(v.data, "sealring.db") }

// controlFile holds what the server is to fail at.
func (v *victim) controlFile() string { return filepath.Join(v.home, "failpoint") }

// control says what the server is to fail at from now on.
func (v *victim) control(spec string) {
	v.t.Helper()
	next := v.controlFile() + ".next"
	if err := os.WriteFile(next, []byte(spec), 0o600); err != nil {
		v.t.Fatal(err)
	}
	if err := os.Rename(next, v.controlFile()); err != nil {
		v.t.Fatal(err)
	}
}

// up starts the server, which must become ready. With a spec it is started to die of it
// first; whether it does is not important.
func (v *victim) up(spec string) {
	v.t.Helper()
	if spec != "" {
		v.control(spec)
		if v.tryUp() {
			v.kill()
		}
	}
	v.control("")
	if !v.tryUp() {
		v.t.Fatalf("the server does not start:\n%s", tail(v.log.String(), 4000))
	}
}

// tryUp starts the server and reports whether it became ready.
func (v *victim) tryUp() bool {
	v.t.Helper()
	v.quiesce()
	v.log = &bytes.Buffer{}
	v.cmd = exec.Command(v.binary, append([]string{"up", "--data", v.data}, v.flags...)...)
	v.cmd.Env = append(slices.Clone(v.env), "SEALRING_OPS_LISTEN=127.0.0.1:0")
	v.cmd.Stderr = v.log
	v.wrap(v.cmd)
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	died := make(chan struct{}, 1)
	v.died = died
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); died <- struct{}{} }(v.cmd)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		v.endpoints = endpoints{}
		raw, err := os.ReadFile(filepath.Join(v.data, "endpoints.json"))
		if err == nil && json.Unmarshal(raw, &v.endpoints) == nil && v.PID == v.cmd.Process.Pid {
			v.connect()
			return true
		}
		select {
		case <-died:
			died <- struct{}{}
			v.kill()
			return false
		default:
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("neither ready nor dead within 60 s\n%s", v.log)
		}
	}
}

// quiesce waits until PostgreSQL has finished what a killed server had asked for.
func (v *victim) quiesce() {
	v.t.Helper()
	if v.config.PostgresDSN == "" {
		return
	}
	db, err := sql.Open("pgx", v.config.PostgresDSN)
	if err != nil {
		v.t.Fatal(err)
	}
	defer db.Close()
	v.eventually("PostgreSQL has let go of the dead server's sessions", func() bool {
		var n int
		err := db.QueryRow("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sealring'").Scan(&n)
		return err == nil && n == 0
	})
}

// kill ends the server with SIGKILL and waits for it. It may be dead already.
func (v *victim) kill() {
	if v.cmd == nil {
		return
	}
	_ = v.cmd.Process.Signal(sigkill)
	<-v.died
	v.cmd = nil
}

// diedAtItsOwnWork reports whether the server ended by a panic of what it does between requests,
// such as preparing the next signing key; a panic in a request must not end it.
func (v *victim) diedAtItsOwnWork() bool {
	v.t.Helper()
	select {
	case <-v.died:
		v.cmd = nil
	case <-time.After(5 * time.Second):
		return false
	}
	return strings.Contains(v.log.String(), "created by golang.org/x/sync/errgroup.(*Group).Go")
}

// stopPolitely ends the server with SIGTERM.
func (v *victim) stopPolitely() {
	_ = v.cmd.Process.Signal(syscall.SIGTERM)
	<-v.died
	v.cmd = nil
}

// connect makes a client that reaches every name at the live port and trusts the
// installation.
func (v *victim) connect() {
	v.t.Helper()
	bundle, err := os.ReadFile(v.CAFile)
	if err != nil {
		v.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	u, err := url.Parse(v.Local)
	if err != nil {
		v.t.Fatal(err)
	}
	if v.client != nil {
		v.client.CloseIdleConnections()
	}
	v.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 8,
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			if !strings.HasPrefix(addr, "127.0.0.1:") {
				addr = "127.0.0.1:" + u.Port()
			}
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	}}
}

// reply is how a request ended; status 0 means that there was no whole answer.
type reply struct {
	status int
	body   string
	header http.Header
}

// send sends a request.
func (v *victim) send(method, url, correlation string, header map[string]string, body string) reply {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	for k, value := range header {
		req.Header.Set(k, value)
	}
	if correlation != "" {
		req.Header.Set("x-ms-correlation-request-id", correlation)
		req.Header.Set("x-ms-client-request-id", correlation)
	}
	resp, err := v.client.Do(req)
	if err != nil {
		return reply{body: err.Error()}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{body: err.Error()}
	}
	return reply{resp.StatusCode, string(text), resp.Header}
}

// mint asks for a token of the administrator's.
func (v *victim) mint(scope, correlation string) reply {
	secret, err := os.ReadFile(v.AdminSecretFile)
	if err != nil {
		v.t.Error(err)
		return reply{}
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {v.AdminClientID}, "client_secret": {strings.TrimSpace(string(secret))}, "scope": {scope}}
	return v.send("POST", v.Local+"/"+v.TenantID+"/oauth2/v2.0/token", correlation,
		map[string]string{"Content-Type": "application/x-www-form-urlencoded", "client-request-id": correlation}, form.Encode())
}

// signIn gets the tokens with which everything else is done; they outlive every crash.
func (v *victim) signIn() {
	v.t.Helper()
	for name, scope := range map[string]string{"arm": "https://management.azure.com/.default", "vault": "https://vault.azure.net/.default"} {
		var out struct {
			Token string `json:"access_token"`
		}
		a := v.mint(scope, "")
		if err := json.Unmarshal([]byte(a.body), &out); err != nil || out.Token == "" {
			v.t.Fatalf("token for %s: %d %s", scope, a.status, a.body)
		}
		v.tokens[name] = out.Token
	}
}

// arm calls Resource Manager.
func (v *victim) arm(method, path, version, correlation, body string, extra ...string) reply {
	header := map[string]string{"Authorization": "Bearer " + v.tokens["arm"], "Content-Type": "application/json"}
	for i := 0; i+1 < len(extra); i += 2 {
		header[extra[i]] = extra[i+1]
	}
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return v.send(method, v.Local+path+sep+"api-version="+version, correlation, header, body)
}

// vaultCall calls the data plane of a vault.
func (v *victim) vaultCall(method, vault, path, correlation, body string) reply {
	return v.send(method, "https://"+vault+"."+v.VaultSuffix+path+"?api-version=7.4", correlation,
		map[string]string{"Authorization": "Bearer " + v.tokens["vault"], "Content-Type": "application/json"}, body)
}

// group is the resource group of the first start.
func (v *victim) group() string {
	return "/subscriptions/" + v.SubscriptionID + "/resourceGroups/default"
}

// ready asks for readiness; keys for the published signing keys. Both return the status.
func (v *victim) ready() int {
	return v.send("GET", v.Ops+"/readyz", "", nil, "").status
}

// keys fetches the JWKS.
func (v *victim) keys() int {
	return v.send("GET", v.Local+"/"+v.TenantID+"/discovery/v2.0/keys", "", nil, "").status
}

// eventually polls until ok, for 20 s.
func (v *victim) eventually(what string, ok func() bool) {
	v.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			v.t.Fatalf("20 s passed and not: %s", what)
		}
	}
}

// onSmallDisk puts the database on a file system of 8 MiB that only the server sees, and
// returns a function that runs a shell command there with $DISK set.
func (v *victim) onSmallDisk(t *testing.T) func(script string) {
	t.Helper()
	disk := filepath.Join(v.home, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	// A process that only waits keeps the namespace; the others join it.
	holder := exec.Command("unshare", "--map-root-user", "--mount", "sh", "-c", `mount -t tmpfs -o size=8m,mode=700 none "$0" && echo mounted && exec cat`, disk)
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		missing(t, "no namespaces here (apt install util-linux): %v", err)
	}
	t.Cleanup(func() { v.kill(); _ = in.Close(); _ = holder.Wait() })
	line := make([]byte, len("mounted\n"))
	if _, err := io.ReadFull(out, line); err != nil {
		missing(t, "this machine lets no one mount a file system in a namespace of their own")
	}
	enter := []string{"--target", fmt.Sprint(holder.Process.Pid), "--user", "--mount", "--preserve-credentials", "--"}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		t.Fatal(err)
	}
	v.env = append(v.env, "SEALRING_STORE_SQLITE_PATH="+filepath.Join(disk, "sealring.db"))
	v.config.SQLitePath = fmt.Sprintf("/proc/%d/root%s", holder.Process.Pid, filepath.Join(disk, "sealring.db"))
	v.wrap = func(cmd *exec.Cmd) { // nsenter becomes the program, so the pid is the server's
		cmd.Args = append(append([]string{"nsenter"}, enter...), cmd.Args...)
		cmd.Args[len(enter)+1] = cmd.Path
		cmd.Path = nsenter
	}
	return func(script string) {
		t.Helper()
		cmd := exec.Command(nsenter, append(enter, "sh", "-c", script)...)
		cmd.Env = append(os.Environ(), "DISK="+disk)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", script, err, text)
		}
	}
}
