package appservice_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/localtoken"
	"github.com/sealring/sealring/internal/localtoken/corpus"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/surface/appservice"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/workload"
)

const (
	app = "/subscriptions/0aaaaaaa-0000-4000-8000-000000000002/resourceGroups/rg/providers/Microsoft.Web/sites/app"
	uai = "/subscriptions/0aaaaaaa-0000-4000-8000-000000000002/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uai1"
)

// now is the clock of these tests.
func now() time.Time { return time.Unix(1_800_000_000, 0) }

// minter answers by rules that the corpus names.
type minter struct{ text string }

func (m minter) Mint(_ context.Context, c managedidentity.Caller, r managedidentity.Request) (managedidentity.Minted, error) {
	switch r.Audience {
	case "https://unknown.example":
		return managedidentity.Minted{}, token.ErrAudienceUnknown
	case "https://none.example":
		return managedidentity.Minted{}, managedidentity.ErrNoIdentity
	case "https://down.example":
		return managedidentity.Minted{}, fault.New(fault.Unavailable, "the store cannot be reached")
	case "https://panic.example":
		panic("row 7 of /var/lib/secret")
	case "https://host.example":
		m.text = "msi-host-" + c.Resource.Name()
	}
	system := managedidentity.Identity{ClientID: "0aaaaaaa-0000-4000-8000-00000000000c", PrincipalID: "0aaaaaaa-0000-4000-8000-00000000000d", System: true, Resource: c.Resource}
	user := managedidentity.Identity{ClientID: "0aaaaaaa-0000-4000-8000-00000000000a", PrincipalID: "0aaaaaaa-0000-4000-8000-00000000000b"}
	chosen := system
	if sel := strings.ToLower(r.Selector.Value); sel != "" {
		user.Resource, _ = resource.ParseID(uai)
		if chosen = user; sel != string(user.ClientID) && sel != string(user.PrincipalID) && sel != strings.ToLower(uai) {
			return managedidentity.Minted{}, managedidentity.ErrNotAssigned
		}
	}
	return managedidentity.Minted{Identity: chosen, Issued: token.Issued{
		Token: secret.New(m.text), UTI: "u", NotBefore: now().Add(-5 * time.Minute), Expires: now().Add(24 * time.Hour),
	}}, nil
}

// disabled are the apps with WEBSITE_DISABLE_MSI.
type disabled map[string]bool

func (d disabled) Disabled(_ context.Context, host resource.ID) (bool, error) {
	return d[host.Key()], nil
}

// records is an audit log in memory.
type records struct {
	mu     sync.Mutex
	events []audit.Event
}

func (r *records) Write(_ context.Context, e audit.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	return nil
}

// reasons counts the recorded refusals by reason.
func (r *records) reasons() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]int{}
	for _, e := range r.events {
		out[e.Reason]++
	}
	return out
}

// bench is a served room.
type bench struct {
	addr     string
	room     *appservice.Room
	registry *workload.Registry
	records  *records
	log      *bytes.Buffer
}

// serve starts a room on loopback. text is the token that is handed out.
func serve(t testing.TB, text string) bench {
	t.Helper()
	ids := id.NewSource(rand.Reader)
	registry, err := workload.New(workload.Config{Now: time.Now, Rand: rand.Reader, IDs: ids, Host: "here"})
	if err != nil {
		t.Fatal(err)
	}
	b := bench{registry: registry, records: &records{}, log: &bytes.Buffer{}}
	log := slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if _, benchmark := t.(*testing.B); benchmark {
		log = slog.New(slog.DiscardHandler)
	}
	refusals, err := localtoken.NewRefusals(localtoken.RefusalsConfig{Room: "appservice", Audit: b.records, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	b.room, err = appservice.New(appservice.Config{
		Minter: minter{text}, Callers: registry, Switches: disabled{strings.ToLower(app) + "off": true},
		Guard: workload.NewGuard(workload.GuardConfig{Now: now}), Refusals: refusals, Log: log, Now: now, IDs: ids,
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httpd.NodeServer(t.Context(), b.room, log, workload.ConnContext)
	go func() { _ = server.Serve(httpd.LocalOnly(ln)) }()
	t.Cleanup(func() { _ = server.Close() })
	b.addr = ln.Addr().String()
	return b
}

// register makes this process act for host and returns the secret.
func (b bench) register(t testing.TB, host string) (handle, text string) {
	t.Helper()
	start, err := workload.StartTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	hostID, err := resource.ParseID(host)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := b.registry.Register(workload.Spec{Resource: hostID, PID: os.Getpid(), Start: start})
	if err != nil {
		t.Fatal(err)
	}
	return reg.Handle, reg.Secret.Reveal()
}

func TestCorpus(t *testing.T) {
	b := serve(t, "h.p.s")
	_, own := b.register(t, app)
	_, other := b.register(t, app+"2")
	_, off := b.register(t, app+"off")
	corpus.Run(t, "testdata/*.http", b.addr, map[string]string{
		"secret": own, "other": other, "off": off, "short": own[:len(own)-1], "uai": uai,
	})
	// TE-98, S-65: no secret, and no token, in any log line.
	for _, hidden := range []string{own, other, off, own[:len(own)-1], "h.p.s"} {
		if strings.Contains(b.log.String(), hidden) {
			t.Errorf("the log holds %q", hidden)
		}
	}
	for _, e := range b.records.events {
		if e.Outcome != audit.Denied || e.Reason == "" || e.Process == nil || e.Process.PID != os.Getpid() {
			t.Errorf("record %+v", e)
		}
	}
}

// request is a request for a token with the given secret.
func request(text string) string {
	return "GET /msi/token?api-version=2019-08-01&resource=https://vault.azure.net HTTP/1.1\r\nHost: localhost\r\nX-IDENTITY-HEADER: " + text + "\r\n"
}

// S-9: twenty wrong secrets are answered, then 429 and one alarm; the right one is served
// all the while.
func TestWrongSecretsAreLimited(t *testing.T) {
	b := serve(t, "h.p.s")
	_, own := b.register(t, app)
	for range 20 {
		corpus.Play(t, b.addr, corpus.Case{Request: request("wrong"), Status: http.StatusUnauthorized})
	}
	for range 5 {
		corpus.Play(t, b.addr, corpus.Case{Request: request("wrong"), Status: http.StatusTooManyRequests, Headers: map[string]string{"Retry-After": "1"}})
	}
	corpus.Play(t, b.addr, corpus.Case{Request: request(own), Status: http.StatusOK})
	if got := b.records.reasons(); got["wrong_secret"] != 20 || got["too_many_wrong_secrets"] != 1 {
		t.Fatalf("records %v", got)
	}
}

// TE-64: both secrets work during the overlap, the old one not afterwards.
func TestRotation(t *testing.T) {
	b := serve(t, "h.p.s")
	handle, old := b.register(t, app)
	for _, c := range []struct {
		overlap time.Duration
		old     int
	}{{time.Hour, http.StatusOK}, {0, http.StatusUnauthorized}} {
		reg, err := b.registry.Rotate(handle, c.overlap)
		if err != nil {
			t.Fatal(err)
		}
		corpus.Play(t, b.addr, corpus.Case{Request: request(reg.Secret.Reveal()), Status: http.StatusOK})
		corpus.Play(t, b.addr, corpus.Case{Request: request(old), Status: c.old})
	}
}
