package node_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/node"
	"github.com/sealring/sealring/internal/workload"
)

const site = "/subscriptions/0aaaaaaa-0000-4000-8000-000000000002/resourceGroups/rg/providers/Microsoft.Web/sites/app"

// records is an audit log in memory.
type records struct{ events chan audit.Event }

func (r records) Write(_ context.Context, e audit.Event) error {
	r.events <- e
	return nil
}

// bench is a served room.
type bench struct {
	client   *http.Client
	registry *workload.Registry
	events   chan audit.Event
}

// serve starts the room on a unix socket for the given owner.
func serve(t *testing.T, owner int, withPeer bool) bench {
	t.Helper()
	ids := id.NewSource(rand.Reader)
	registry, err := workload.New(workload.Config{Now: time.Now, Rand: rand.Reader, IDs: ids})
	if err != nil {
		t.Fatal(err)
	}
	b := bench{registry: registry, events: make(chan audit.Event, 100)}
	room, err := node.New(node.Config{
		Registry: registry, Audit: records{b.events}, OwnerUID: owner, IdentityEndpoint: "http://127.0.0.1:8080/msi/token",
		IMDSEndpoint: "http://127.0.0.1:8082", Log: slog.New(slog.DiscardHandler), Now: time.Now, IDs: ids,
	})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "node") // t.TempDir is too long for a socket on some systems
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: room}
	if withPeer {
		server.ConnContext = node.ConnContext
	}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	b.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	t.Cleanup(b.client.CloseIdleConnections)
	return b
}

// call sends a request and returns status and body.
func (b bench) call(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://node"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// self is a registration of this process.
func self(t *testing.T, extra string) string {
	t.Helper()
	start, err := workload.StartTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"resource_id":%q,"pid":%d,"start_time":%d%s}`, site, os.Getpid(), start, extra)
}

// L-11: register, list, rotate, release; each is recorded, and the secret only answered.
func TestLifeOfARegistration(t *testing.T) {
	b := serve(t, os.Getuid(), true)
	status, text := b.call(t, "POST", "/node/v1/workloads", self(t, `,"ttl_seconds":3600`))
	var reg struct {
		Endpoint string    `json:"identity_endpoint"`
		Header   string    `json:"identity_header"`
		IMDS     string    `json:"imds_endpoint"`
		Handle   string    `json:"handle"`
		Expires  time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(text), &reg); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	if reg.Endpoint != "http://127.0.0.1:8080/msi/token" || reg.IMDS != "http://127.0.0.1:8082" || time.Until(reg.Expires) < 59*time.Minute {
		t.Fatalf("%+v", reg)
	}
	if w, err := b.registry.BySecret(reg.Header); err != nil || w.Resource.String() != site || w.Handle != reg.Handle {
		t.Fatalf("%v", err)
	}
	status, text = b.call(t, "GET", "/node/v1/workloads", "")
	if status != http.StatusOK || !strings.Contains(text, reg.Handle) || strings.Contains(text, reg.Header) {
		t.Fatalf("%d %s", status, text)
	}
	status, text = b.call(t, "POST", "/node/v1/workloads/"+reg.Handle+"/rotate", "")
	if status != http.StatusOK || strings.Contains(text, reg.Header) {
		t.Fatalf("%d %s", status, text)
	}
	if status, text = b.call(t, "DELETE", "/node/v1/workloads/"+reg.Handle, ""); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, text)
	}
	if status, _ = b.call(t, "DELETE", "/node/v1/workloads/"+reg.Handle, ""); status != http.StatusNotFound {
		t.Fatalf("%d", status)
	}
	for _, operation := range []string{"workload.register", "workload.rotate", "workload.release"} {
		e := <-b.events
		if e.Operation != operation || e.Outcome != audit.Succeeded || e.Details["handle"] != reg.Handle || strings.Contains(fmt.Sprint(e), reg.Header) {
			t.Fatalf("%+v", e)
		}
	}
}

func TestWithoutALifeTheProcessDecides(t *testing.T) {
	b := serve(t, os.Getuid(), true)
	if status, text := b.call(t, "POST", "/node/v1/workloads", self(t, "")); status != http.StatusCreated || !strings.Contains(text, `"expires_at":null`) {
		t.Fatalf("%d %s", status, text)
	}
}

// L-11: only the owner, and only if the kernel says so.
func TestStrangersAreRefused(t *testing.T) {
	for name, b := range map[string]bench{"another owner": serve(t, os.Getuid()+1, true), "nobody says": serve(t, os.Getuid(), false)} {
		for _, c := range []struct{ method, path string }{
			{"POST", "/node/v1/workloads"}, {"GET", "/node/v1/workloads"}, {"DELETE", "/node/v1/workloads/x"},
			{"POST", "/node/v1/workloads/x/rotate"}, {"GET", "/elsewhere"},
		} {
			status, text := b.call(t, c.method, c.path, self(t, ""))
			if status != http.StatusForbidden || strings.Contains(text, "identity_header") {
				t.Errorf("%s: %s %s: %d %s", name, c.method, c.path, status, text)
			}
			if e := <-b.events; e.Outcome != audit.Denied || e.Reason != "not_the_owner" {
				t.Errorf("%+v", e)
			}
		}
		if len(b.registry.List()) != 0 {
			t.Errorf("%s: something was registered", name)
		}
	}
}

// S-63: a body has one reading.
func TestBodiesAreStrict(t *testing.T) {
	b := serve(t, os.Getuid(), true)
	for _, body := range []string{
		"", "{}", "[]", "null", `{"resource_id":"x"}`, self(t, `,"pid":1`), self(t, `,"PID":1`), self(t, `,"extra":1`), self(t, "") + "{}",
		self(t, `,"ttl_seconds":-1`), self(t, `,"ttl_seconds":1e30`), self(t, `,"ttl_seconds":99999999`), self(t, `,"kind":"x"`),
		strings.Replace(self(t, ""), `"start_time":`, `"start_time":1`, 1),
		self(t, `,"kind":"`+strings.Repeat("a", 9000)+`"`),
	} {
		if status, text := b.call(t, "POST", "/node/v1/workloads", body); status != http.StatusBadRequest || !strings.Contains(text, `"code":"invalid_request"`) {
			t.Errorf("%.80s: %d %s", body, status, text)
		}
	}
	if status, text := b.call(t, "POST", "/node/v1/workloads", self(t, `,"kind":"machine"`)); status != http.StatusCreated { // the twin
		t.Fatalf("%d %s", status, text)
	}
}
