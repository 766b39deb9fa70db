package imds_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
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
	"github.com/sealring/sealring/internal/surface/imds"
	"github.com/sealring/sealring/internal/token"
	"github.com/sealring/sealring/internal/workload"
)

const (
	tenant = "0aaaaaaa-0000-4000-8000-000000000001"
	vm     = "/subscriptions/0aaaaaaa-0000-4000-8000-000000000002/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1"
	uai    = "/subscriptions/0aaaaaaa-0000-4000-8000-000000000002/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uai1"
)

// now is the clock of these tests.
func now() time.Time { return time.Unix(1_800_000_000, 0) }

// minter answers by rules that the corpora name: a system-assigned identity, one
// user-assigned one, and resources that stand for failures.
type minter struct{ calls atomic.Int64 }

func (m *minter) Mint(_ context.Context, c managedidentity.Caller, r managedidentity.Request) (managedidentity.Minted, error) {
	m.calls.Add(1)
	host := strings.TrimSuffix(strings.TrimPrefix(r.Audience, "https://"), "/")
	switch err := map[string]error{
		"unknown.example": token.ErrAudienceUnknown, "ambiguous.example": managedidentity.ErrAmbiguous,
		"none.example": managedidentity.ErrNoIdentity, "disabled.example": managedidentity.ErrDisabled,
		"down.example": fault.New(fault.Unavailable, "the store cannot be reached"), "bug.example": errors.New("sql: /var/lib/secret"),
	}[host]; {
	case host == "panic.example":
		panic("row 7 of /var/lib/secret")
	case err != nil:
		return managedidentity.Minted{}, err
	}
	system := managedidentity.Identity{ClientID: "0aaaaaaa-0000-4000-8000-00000000000c", PrincipalID: "0aaaaaaa-0000-4000-8000-00000000000d", System: true, Resource: c.Resource}
	user := managedidentity.Identity{ClientID: "0aaaaaaa-0000-4000-8000-00000000000a", PrincipalID: "0aaaaaaa-0000-4000-8000-00000000000b"}
	user.Resource, _ = resource.ParseID(uai)
	chosen, ok := map[string]managedidentity.Identity{"": system, string(user.ClientID): user, string(user.PrincipalID): user, strings.ToLower(uai): user}[strings.ToLower(r.Selector.Value)]
	if !ok {
		return managedidentity.Minted{}, managedidentity.ErrNotAssigned
	}
	return managedidentity.Minted{Identity: chosen, Issued: token.Issued{
		Token: secret.New("h.p.s"), UTI: "u", NotBefore: now().Add(-5 * time.Minute), Expires: now().Add(24 * time.Hour),
	}}, nil
}

// records is an audit log in memory.
type records struct{ events chan audit.Event }

func (r records) Write(_ context.Context, e audit.Event) error {
	r.events <- e
	return nil
}

// bench is a served room.
type bench struct {
	addr     string
	registry *workload.Registry
	minter   *minter
	refusals *localtoken.Refusals
	events   chan audit.Event
}

// serve starts a room on loopback, with the limits and evidence of the real thing.
func serve(t *testing.T, azure bool) bench {
	t.Helper()
	ids := id.NewSource(rand.Reader)
	registry, err := workload.New(workload.Config{Now: time.Now, Rand: rand.Reader, IDs: ids, Host: "here"})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	events := make(chan audit.Event, 1000)
	refusals, err := localtoken.NewRefusals(localtoken.RefusalsConfig{Room: "imds", Audit: records{events}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	m := &minter{}
	room, err := imds.New(imds.Config{
		Minter: m, Callers: registry, Guard: workload.NewGuard(workload.GuardConfig{Now: now, Azure: azure}), Refusals: refusals,
		Hosts: []string{"imds.internal"}, Tenant: tenant, Log: log, Now: now, IDs: ids,
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httpd.NodeServer(t.Context(), room, log, workload.ConnContext)
	go func() { _ = server.Serve(httpd.LocalOnly(ln)) }()
	t.Cleanup(func() { _ = server.Close() })
	return bench{addr: ln.Addr().String(), registry: registry, minter: m, refusals: refusals, events: events}
}

// registerSelf makes this test process a workload.
func registerSelf(t *testing.T, r *workload.Registry, host string) workload.Registration {
	t.Helper()
	start, err := workload.StartTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	hostID, err := resource.ParseID(host)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := r.Register(workload.Spec{Resource: hostID, PID: os.Getpid(), Start: start})
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func TestCorpora(t *testing.T) {
	b := serve(t, false)
	registerSelf(t, b.registry, vm)
	corpus.Run(t, "testdata/*.http", b.addr, map[string]string{"port": b.addr[strings.LastIndexByte(b.addr, ':')+1:], "tenant": tenant, "uai": uai})
}

const tokenRequest = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net HTTP/1.1\r\nHost: localhost\r\n"

// TE-3, TE-5, S-1: probes never reach the minter, nor ask who is calling.
func TestProbesDoNotTouchTheBackEnd(t *testing.T) {
	b := serve(t, false)
	for range 50 {
		corpus.Play(t, b.addr, corpus.Case{Request: tokenRequest, Status: 400, Lacks: []string{"Identity not found"}})
	}
	if n := b.minter.calls.Load(); n != 0 || len(b.events) != 0 {
		t.Fatalf("%d calls, %d records", n, len(b.events))
	}
	b.refusals.Flush(t.Context())
	if e := <-b.events; e.Reason != "no_metadata_header" || e.Details["count"] != "50" || e.Outcome != audit.Denied {
		t.Fatalf("%+v", e)
	}
}

// TE-12: every published version answers alike.
func TestEveryVersionIsServed(t *testing.T) {
	b := serve(t, false)
	registerSelf(t, b.registry, vm)
	for _, v := range []string{
		"2018-02-01", "2018-04-02", "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04",
		"2019-08-01", "2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01",
		"2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01", "2021-11-15",
		"2021-12-13", "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07",
	} {
		corpus.Play(t, b.addr, corpus.Case{Request: strings.Replace(tokenRequest, "2018-02-01", v, 1) + "Metadata: true\r\n", Status: 200})
	}
}

// S-8, L-10: without a registration nobody is known; with one for this process the same
// request is served; after its end it is refused again.
func TestOnlyARegisteredProcessIsServed(t *testing.T) {
	b := serve(t, false)
	ask := tokenRequest + "Metadata: true\r\n"
	corpus.Play(t, b.addr, corpus.Case{Request: ask, Status: http.StatusForbidden, Has: []string{"access_denied"}})
	if e := <-b.events; e.Reason != "unknown_caller" || e.Process == nil || e.Process.PID != os.Getpid() || e.Process.UID == nil {
		t.Fatalf("%+v", e)
	}
	reg := registerSelf(t, b.registry, vm)
	corpus.Play(t, b.addr, corpus.Case{Request: ask, Status: 200})
	if err := b.registry.Release(reg.Handle); err != nil {
		t.Fatal(err)
	}
	corpus.Play(t, b.addr, corpus.Case{Request: ask, Status: http.StatusForbidden})
}

// An app has an endpoint of its own; its processes are not a machine's.
func TestAnAppIsNotServedAsAMachine(t *testing.T) {
	b := serve(t, false)
	registerSelf(t, b.registry, strings.Replace(vm, "Microsoft.Compute/virtualMachines", "Microsoft.Web/sites", 1))
	corpus.Play(t, b.addr, corpus.Case{Request: tokenRequest + "Metadata: true\r\n", Status: http.StatusForbidden})
}

// TE-35, S-13, D-8: Azure's limit only where it was switched on; probes do not count.
func TestAzureThrottle(t *testing.T) {
	for _, azure := range []bool{false, true} {
		b := serve(t, azure)
		registerSelf(t, b.registry, vm)
		for range 30 {
			corpus.Play(t, b.addr, corpus.Case{Request: tokenRequest, Status: 400})
		}
		for range 20 {
			corpus.Play(t, b.addr, corpus.Case{Request: tokenRequest + "Metadata: true\r\n", Status: 200})
		}
		want := corpus.Case{Request: tokenRequest + "Metadata: true\r\n", Status: 200}
		if azure {
			want.Status, want.Has, want.Headers = 429, []string{"too_many_requests"}, map[string]string{"Retry-After": "1"}
		}
		corpus.Play(t, b.addr, want)
	}
}

// TE-96: what is too large is refused or cut off.
func TestLargeRequestsAreRefused(t *testing.T) {
	b := serve(t, false)
	registerSelf(t, b.registry, vm)
	corpus.Play(t, b.addr, corpus.Case{Request: tokenRequest + "Metadata: true\r\nX-Pad: " + strings.Repeat("a", 14<<10) + "\r\n", Status: 200})
	corpus.Play(t, b.addr, corpus.Case{Request: tokenRequest + "Metadata: true\r\nX-Pad: " + strings.Repeat("a", 20<<10) + "\r\n", Status: 431, MayClose: true})
	body := "Content-Length: 102400\r\n\r\n" + strings.Repeat("a", 102400)
	corpus.Play(t, b.addr, corpus.Case{Request: tokenRequest + "Metadata: true\r\n" + body, Status: 413, MayClose: true})
}
