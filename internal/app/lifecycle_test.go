package app

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/config"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// testConfig is a configuration in a new temporary directory, on free ports.
func testConfig(t *testing.T) Config {
	t.Helper()
	home := t.TempDir()
	conf := config.Default(filepath.Join(home, "data"))
	conf.Listen.TLSPort, conf.Listen.HTTPPort = 0, 0
	if err := conf.Validate(); err != nil {
		t.Fatal(err)
	}
	return Config{
		Config: conf, Version: "test", Log: slog.New(slog.DiscardHandler), Now: time.Now, Rand: rand.Reader,
		ConfigHome: filepath.Join(home, "config"), Hostname: "host",
	}
}

// onPostgres moves a configuration to an empty database.
func onPostgres(t *testing.T, c Config) Config {
	t.Helper()
	c.Store.Postgres.DSNFile = filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(c.Store.Postgres.DSNFile, []byte(storetest.PostgresDSN(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// eachEngine runs a test with a configuration on either engine.
func eachEngine(t *testing.T, test func(t *testing.T, c Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, testConfig(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, onPostgres(t, testConfig(t)))
	})
}

// running is a server that is ready.
type running struct {
	*Server
	client *client.Client
	stop   func() error // asks it to stop and waits; the first call counts
}

// start runs a server until it is stopped or the test ends.
func start(t *testing.T, c Config) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := New(ctx, c)
	if err != nil {
		cancel()
		t.Fatalf("start: %v", err)
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- s.Run(ctx, func() { close(ready) }) }()
	stopped := false
	r := &running{Server: s, stop: func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Second):
			return errors.New("the server does not stop")
		}
	}}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	select {
	case <-ready:
	case <-time.After(20 * time.Second):
		t.Fatal("the server does not become ready")
	}
	if r.client, err = client.Open(c.Data); err != nil {
		t.Fatal(err)
	}
	return r
}

// get reads a path on localhost, as the administrator if asked.
func (r *running) get(t *testing.T, path string, admin bool) string {
	t.Helper()
	req := client.Request{Method: http.MethodGet, URL: r.Endpoints().Local + path}
	if admin {
		req.Token, req.Audience = r.client.AdminToken, "https://management.azure.com"
	}
	answer, err := r.client.Do(t.Context(), req)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(answer.Body)
}

// identity is what must be the same after every restart.
func (r *running) identity(t *testing.T) map[string]string {
	t.Helper()
	e := r.Endpoints()
	var doc struct{ Issuer string }
	if err := json.Unmarshal([]byte(r.get(t, "/"+e.TenantID+"/v2.0/.well-known/openid-configuration", false)), &doc); err != nil {
		t.Fatal(err)
	}
	var keys struct{ Keys []struct{ KID string } }
	if err := json.Unmarshal([]byte(r.get(t, "/"+e.TenantID+"/discovery/v2.0/keys", false)), &keys); err != nil || len(keys.Keys) == 0 {
		t.Fatalf("keys %v, %v", keys, err)
	}
	secret, err := os.ReadFile(e.AdminSecretFile)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(e.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"tenant": e.TenantID, "subscription": e.SubscriptionID, "admin": e.AdminClientID, "secret": string(secret), "ca": string(ca),
		"issuer": doc.Issuer, "authority": e.AuthorityHost, "manager": e.ResourceManager, "vaults": e.VaultSuffix,
		"key":   keys.Keys[0].KID, // the signing key; a next one may be announced after it
		"group": r.get(t, "/subscriptions/"+e.SubscriptionID+"/resourceGroups/default?api-version=2021-04-01", true),
	}
}

// L-1: issuer, ids, keys, authorities and administrator are settled at first start and the
// same on other ports; L-12: the key-encryption key is made once.
func TestRestartOnOtherPortsKeepsWhatWasSettled(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		first := start(t, c)
		before := first.identity(t)
		local := first.Endpoints().Local
		if first.NewKEK() == "" {
			t.Error("the first start names no new key-encryption key")
		}
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		held, err := net.Listen("tcp", strings.TrimPrefix(local, "https://localhost")) // so that the port is another
		if err == nil {
			defer held.Close()
		}
		second := start(t, c)
		if after := second.identity(t); !maps.Equal(before, after) {
			t.Errorf("before %v\nafter %v", before, after)
		}
		if second.NewKEK() != "" {
			t.Error("the second start made a key-encryption key")
		}
		keks, _ := filepath.Glob(filepath.Join(c.ConfigHome, "sealring", "*.kek"))
		if len(keks) != 1 {
			t.Errorf("key-encryption keys: %v", keks)
		}
	})
}

// Everything a start begins has ended when Run returns.
func TestStoppedServerLeavesNoGoroutineAndNoEndpoints(t *testing.T) {
	before := runtime.NumGoroutine()
	c := testConfig(t)
	s := start(t, c)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines, %d before\n%s", n, before, buf[:runtime.Stack(buf, true)])
	}
	for _, name := range []string{client.FileName, socketName} {
		if _, err := os.Lstat(filepath.Join(c.Data, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left behind: %v", name, err)
		}
	}
}

// design.md §5: endpoints.json holds these keys, for the owner alone.
func TestEndpointsHoldTheContract(t *testing.T) {
	c := testConfig(t)
	s := start(t, c)
	path := filepath.Join(c.Data, client.FileName)
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := json.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"admin_client_id", "admin_secret_file", "authority_host", "blob_suffix", "ca_file", "domain", "graph", "imds", "local", "node",
		"node_socket", "pid", "portal", "proxy", "resource_manager", "sql_suffix", "subscription_id", "tenant_id", "vault_suffix",
	}
	if got := slices.Sorted(maps.Keys(values)); !slices.Equal(got, want) {
		t.Errorf("keys %v\nwant %v", got, want)
	}
	for name, value := range values {
		if value == "" {
			t.Errorf("%s is empty", name)
		}
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.Endpoints().Local, "https://"))
	for key, value := range map[string]any{
		"pid": float64(os.Getpid()), "domain": "sealring.internal", "authority_host": "https://login.sealring.internal:" + port,
		"resource_manager": "https://management.sealring.internal:" + port, "graph": "https://graph.sealring.internal:" + port,
		"portal": "https://portal.sealring.internal:" + port, "vault_suffix": "vault.sealring.internal:" + port,
		"blob_suffix": "blob.sealring.internal:" + port, "sql_suffix": "database.sealring.internal", "ca_file": filepath.Join(c.Data, "ca.pem"),
	} {
		if values[key] != value {
			t.Errorf("%s is %v, want %v", key, values[key], value)
		}
	}
	for _, name := range []string{"admin.secret", "ca.pem", "sealring.db", "lock", socketName} {
		if info, err := os.Lstat(filepath.Join(c.Data, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// until runs the first steps of a start, ends as a crash would, and returns the installation.
func until(t *testing.T, c Config, last func(*Server) error) installation {
	t.Helper()
	s := &Server{c: c, ids: id.NewSource(c.Rand)}
	var err error
	if s.listeners, err = bind(t.Context(), c.Config); err != nil {
		t.Fatal(err)
	}
	if s.dir, err = openDataDir(c.Data); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func(context.Context) error{s.openStore, s.openKeys, s.buildDomain} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(last(s), s.close()); err != nil {
		t.Fatal(err)
	}
	return s.in
}

// A first start that is cut off anywhere is completed by the next one, with nothing twice.
func TestFirstStartThatWasCutOffIsCompleted(t *testing.T) {
	forget := func(statements ...string) func(*Server) error {
		return func(s *Server) error {
			if err := s.bootstrap(context.Background()); err != nil {
				return err
			}
			return s.db.Update(context.Background(), func(tx *store.Tx) error {
				for _, statement := range statements {
					if _, err := tx.Exec(context.Background(), statement); err != nil {
						return err
					}
				}
				return os.Remove(s.dir.file(adminSecretFile))
			})
		}
	}
	const complete = "DELETE FROM installation WHERE name = 'complete'"
	for name, cut := range map[string]func(*Server) error{
		"before the directory":    func(*Server) error { return nil },
		"after the directory":     func(s *Server) error { return s.foundDirectory(context.Background()) },
		"after the subscription":  forget(complete, "DELETE FROM role_assignment", "DELETE FROM resource_groups"),
		"before the assignment":   forget(complete, "DELETE FROM role_assignment"),
		"before the last word":    forget(complete),
		"before the admin secret": forget(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testConfig(t)
			was := until(t, c, cut)
			s := start(t, c)
			if s.in.id != was.id || s.in.subscription != was.subscription || was.tenant != "" && (s.in.tenant != was.tenant || s.in.adminApp != was.adminApp) {
				t.Errorf("was %+v, is %+v", was, s.in)
			}
			s.identity(t) // reads the group as the administrator
			tenants, err := count(s.db, "SELECT COUNT(*) FROM directory_tenants")
			admins, err2 := count(s.db, "SELECT COUNT(*) FROM directory_applications")
			owners, err3 := count(s.db, "SELECT COUNT(*) FROM role_assignment")
			if err := errors.Join(err, err2, err3); err != nil || tenants != 1 || admins != 1 || owners != 1 {
				t.Errorf("%d tenants, %d administrators, %d assignments, %v", tenants, admins, owners, err)
			}
		})
	}
}

// count runs a query for one number.
func count(db *store.DB, query string) (n int64, err error) {
	err = db.View(context.Background(), func(tx *store.Tx) error {
		return tx.Query(context.Background(), func(r store.Row) error { return r.Scan(&n) }, query)
	})
	return n, err
}

// S-55: removing admin.secret and starting again is rotation: the new secret works, the old
// one does not, and credentials that people made stay.
func TestRemovingTheAdminSecretRotatesIt(t *testing.T) {
	c := testConfig(t)
	s := start(t, c)
	e := s.Endpoints()
	old, err := os.ReadFile(e.AdminSecretFile)
	if err != nil {
		t.Fatal(err)
	}
	certificate := newCertificate(t)
	register(t, s, s.in.adminApp, certificate)
	if err := errors.Join(s.stop(), os.Remove(e.AdminSecretFile)); err != nil {
		t.Fatal(err)
	}
	s = start(t, c)
	e = s.Endpoints()
	info, err := os.Lstat(e.AdminSecretFile)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if now, _ := os.ReadFile(e.AdminSecretFile); string(now) == string(old) || len(now) == 0 {
		t.Fatal("the secret is the old one")
	}
	s.identity(t)
	secrets, certificates, err := s.directory.Credentials(t.Context(), s.in.tenant, s.in.adminApp)
	if err != nil || len(secrets) != 1 || len(certificates) != 1 {
		t.Errorf("%d secrets, %d certificates, %v", len(secrets), len(certificates), err)
	}
	if err := os.WriteFile(e.AdminSecretFile, old, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := client.Open(c.Data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.AdminToken(t.Context(), "https://management.azure.com"); err == nil || !strings.Contains(err.Error(), "7000215") {
		t.Errorf("the old secret: %v", err)
	}
}

// S-55: a secret without end is for loopback alone. A server that others can reach replaces it
// by one of an hour, keeps that at its next start, and loses it again on loopback.
func TestAdminSecretFitsWhoCanReachTheServer(t *testing.T) {
	c := testConfig(t)
	read := func(address string) (string, time.Duration) {
		t.Helper()
		c.Listen.Address = address
		s := start(t, c)
		text, err := os.ReadFile(s.Endpoints().AdminSecretFile)
		if err != nil {
			t.Fatal(err)
		}
		if address == "127.0.0.1" { // elsewhere it works once: TestTheFirstSecretWorksOnce
			s.identity(t)
		}
		secrets, _, err := s.directory.Credentials(t.Context(), s.in.tenant, s.in.adminApp)
		if err != nil || len(secrets) != 1 {
			t.Fatalf("%s: %d secrets, %v", address, len(secrets), err)
		}
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		return string(text), secrets[0].End.Sub(secrets[0].Start)
	}
	atHome, long := read("127.0.0.1")
	away, short := read("0.0.0.0")
	stays, same := read("0.0.0.0")
	back, longAgain := read("127.0.0.1")
	if long != directory.Unlimited || short != time.Hour || same != short || longAgain != long {
		t.Errorf("lifetimes %s, %s, %s, %s", long, short, same, longAgain)
	}
	if atHome == away || away != stays || back == away || back == atHome {
		t.Errorf("secrets are kept or replaced wrongly")
	}
}

// A server that is asked to stop by SIGTERM cannot be found at once, accepts no one any
// more, and finishes what it is doing.
func TestSIGTERMDrainsARunningRequest(t *testing.T) {
	c := testConfig(t)
	ctx, release := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer release()
	s, err := New(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- s.Run(ctx, func() { close(ready) }) }()
	<-ready
	e := s.Endpoints()
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(e.CAFile)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no authorities", err)
	}
	address := "127.0.0.1" + strings.TrimPrefix(e.Local, "https://localhost")
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "localhost"}}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = "grant_type=client_credentials&client_id=x&client_secret=y&scope=z"
	half := len(body) / 2
	fmt.Fprintf(conn, "POST /%s/oauth2/v2.0/token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		e.TenantID, strings.TrimPrefix(e.Local, "https://"), len(body), body[:half])
	time.Sleep(50 * time.Millisecond) // the request reaches its handler
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	refusing := false
	for range 200 {
		other, err := net.Dial("tcp", address)
		_, gone := os.Lstat(filepath.Join(c.Data, client.FileName))
		if refusing = err != nil && errors.Is(gone, fs.ErrNotExist); refusing {
			break
		}
		if err == nil {
			_ = other.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !refusing {
		t.Error("it can still be found or reached")
	}
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	if _, err := io.WriteString(conn, body[half:]); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("the request was cut: %v", err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest && answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", answer.StatusCode)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("stopped with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not stop")
	}
}

// A start that is refused leaves nothing of what it made.
func TestRefusedFirstStartLeavesNothing(t *testing.T) {
	c := testConfig(t)
	c.Store.Postgres.DSNFile = filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(c.Store.Postgres.DSNFile, []byte("host="+t.TempDir()+" user=u"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), c); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(c.Data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the data directory is left: %v", err)
	}
}

// Two servers on one database are one installation, each with its own administrator's secret.
func TestReplicasShareTheInstallationAndNotTheSecret(t *testing.T) {
	one := onPostgres(t, testConfig(t))
	two := one
	two.Data = filepath.Join(t.TempDir(), "data")
	first := start(t, one)
	second := start(t, two)
	a, b := first.identity(t), second.identity(t) // each signs in with its own secret
	if a["secret"] == b["secret"] {
		t.Error("the replicas have one secret")
	}
	delete(a, "secret")
	delete(b, "secret")
	if !maps.Equal(a, b) {
		t.Errorf("one %v\ntwo %v", a, b)
	}
}
