package deployment

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/template"
	"github.com/sealring/sealring/internal/template/value"
)

// platform is a Caller before whom everything is allowed. What is written is there; names
// that begin with "bad" fail, those that begin with "slow" wait for the gate.
type platform struct {
	mu      sync.Mutex // guards what follows
	written []string
	under   int
	most    int // requests at a time
	gate    chan struct{}
}

// errBad is why a bad resource fails.
var errBad = fault.New(fault.Conflict, "the resource is bad")

// Do implements Caller.
func (p *platform) Do(_ context.Context, c Call) (int, []byte, error) {
	at, err := resource.ParseID(c.Path)
	if err != nil {
		return 0, nil, err
	}
	p.mu.Lock()
	p.under++
	p.most = max(p.most, p.under)
	p.mu.Unlock()
	if strings.HasPrefix(at.Name(), "slow") {
		<-p.gate
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.under--
	if strings.HasPrefix(at.Name(), "bad") {
		return 0, nil, errBad
	}
	p.written = append(p.written, at.Name()+string(c.Body))
	return 201, []byte(`{"location":"local","properties":{"name":"` + at.Name() + `"}}`), nil
}

// busy waits until a request is under way.
func (p *platform) busy(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		under := p.under
		p.mu.Unlock()
		if under > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("nothing was begun")
		}
	}
}

// Check implements Caller.
func (p *platform) Check(context.Context, Call) error { return nil }

// Allowed implements Caller.
func (p *platform) Allowed(context.Context, string, resource.ID) (bool, error) { return true, nil }

// Explain implements Caller.
func (p *platform) Explain(_ context.Context, err error) Failure {
	return Failure{Status: 409, Code: "Bad", Message: fault.Message(err)}
}

// Secret implements Caller.
func (p *platform) Secret(context.Context, resource.ID, string, string) (string, error) {
	return "", errBad
}

// bench is a service over a store with a group.
type bench struct {
	*Service
	t     testing.TB
	group resource.ID
	now   func() time.Time
}

// open makes a service of a server; it does not run yet.
func open(t testing.TB, db *store.DB, server string, wait time.Duration, now func() time.Time) *bench {
	t.Helper()
	log, err := audit.New(audit.Config{Store: db, Server: server, Now: now})
	check1(t, err)
	resources, err := resource.New(resource.Config{Store: db, Audit: log, Now: now})
	check1(t, err)
	sub := id.Subscription("11111111-1111-1111-1111-111111111111")
	check1(t, resources.PutSubscription(t.Context(), resource.Subscription{ID: sub, Tenant: "22222222-2222-2222-2222-222222222222", Name: "Sub"}))
	group := resource.GroupID(sub, "rg")
	_, _, err = resources.PutGroup(t.Context(), group, resource.Precondition{}, func(g *resource.Group) error { g.Location = "local"; return nil })
	check1(t, err)
	s, err := New(Config{Store: db, Audit: log, Resources: resources, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), IDs: id.NewSource(rand.Reader), Now: now, Server: server, Wait: wait})
	check1(t, err)
	return &bench{Service: s, t: t, group: group, now: now}
}

// check1 ends the test on an error.
func check1(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve runs the service and returns what stops it and waits for its end.
func (b *bench) serve() (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			check1(b.t, <-done)
		})
	}
	b.t.Cleanup(stop)
	return stop
}

// request is a deployment of resources, each "name", "name<other" or "name:expression of a tag".
func (b *bench) request(name string, c Caller, resources ...string) Request {
	b.t.Helper()
	var list []string
	for _, r := range resources {
		r, tag, tagged := strings.Cut(r, ":")
		n, after, waits := strings.Cut(r, "<")
		text := `{"type":"A.B/c","apiVersion":"2020-01-01","name":"` + n + `"`
		if waits {
			text += `,"dependsOn":["` + after + `"]`
		}
		if tagged {
			text += `,"tags":{"t":"[` + tag + `]"}`
		}
		list = append(list, text+"}")
	}
	t, err := value.ParseObject([]byte(`{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","contentVersion":"1.0.0.0","resources":[` + strings.Join(list, ",") + `]}`))
	check1(b.t, err)
	return Request{ID: b.group.Child(template.TypeDeployment, name), Template: t, Caller: c, Correlation: "c"}
}

// until polls until a deployment is in a state.
func (b *bench) until(at resource.ID, state string) Deployment {
	b.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		d, err := b.Get(b.t.Context(), at)
		check1(b.t, err)
		if d.State == state {
			return d
		}
		if time.Now().After(end) {
			b.t.Fatalf("the deployment is %s, not %s: %+v", d.State, state, d)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestDeploymentsGoInOrderAndSideBySide(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := open(t, db, "a", time.Minute, time.Now)
		b.serve()
		p := &platform{}
		names := []string{"last<first:reference('first').name", "first"}
		for i := range 40 {
			names = append(names, fmt.Sprintf("side%d", i))
		}
		d, created, err := b.Start(t.Context(), b.request("d", p, names...))
		check1(t, err)
		if !created || d.State != Succeeded || len(d.Resources) != 42 || p.most > parallel {
			t.Errorf("%v %+v, %d at a time", created, d, p.most)
		}
		at := map[string]int{}
		for i, w := range p.written {
			at[w] = i
		}
		if at[`last{"tags":{"t":"first"}}`] < at["first{}"] || at[`last{"tags":{"t":"first"}}`] == 0 {
			t.Error(p.written)
		}
		ops, err := b.Operations(t.Context(), d.ID)
		check1(t, err)
		if len(ops) != 42 || ops[0].State != Succeeded || ops[0].Status != 201 {
			t.Errorf("%d operations, %+v", len(ops), ops[0])
		}
		if _, created, err := b.Start(t.Context(), b.request("D", p, "first")); err != nil || created {
			t.Errorf("a second run: %v %v", created, err)
		}
	})
}

// A name that is computed in a lambda is not known when the plan is made.
func TestReferencesThatAreKnownLateAreWaitedFor(t *testing.T) {
	b := open(t, storetest.SQLite(t), "a", time.Minute, time.Now)
	b.serve()
	p := &platform{gate: make(chan struct{})}
	go func() { p.gate <- struct{}{} }()
	d, _, err := b.Start(t.Context(), b.request("d", p, "late:string(map(createArray('slow1'),lambda('n',reference(lambdaVariables('n')).name)))", "slow1", "late2<late"))
	check1(t, err)
	if d.State != Succeeded || !strings.Contains(strings.Join(p.written, " "), `late{"tags":{"t":"[\"slow1\"]"}}`) {
		t.Errorf("%+v %v", d, p.written)
	}
	ring := "string(map(createArray('%s'),lambda('n',reference(lambdaVariables('n')).name)))"
	d, _, err = b.Start(t.Context(), b.request("ring", p, "x1:"+fmt.Sprintf(ring, "x2"), "x2:"+fmt.Sprintf(ring, "x1")))
	check1(t, err)
	if d.State != Failed || d.Failure.Details[0].Code != "InvalidTemplateCircularDependency" {
		t.Errorf("%+v", d.Failure)
	}
	d, _, err = b.Start(t.Context(), b.request("skip", p, "x1:"+fmt.Sprintf(ring, "bad1"), "bad1"))
	check1(t, err)
	if d.State != Failed || len(d.Failure.Details) != 1 || d.Failure.Details[0].Code != "Bad" {
		t.Errorf("%+v", d.Failure)
	}
}

func TestARunningDeploymentCanBeSeenAndCanceledAndNotReplaced(t *testing.T) {
	b := open(t, storetest.SQLite(t), "a", 0, time.Now)
	b.serve()
	p := &platform{gate: make(chan struct{})}
	req := b.request("d", p, "slow1", "next<slow1")
	begun, _, err := b.Start(t.Context(), req)
	check1(t, err)
	if begun.State != Running {
		t.Errorf("%+v", begun)
	}
	if _, _, err := b.Start(t.Context(), req); !errors.Is(err, ErrActive) {
		t.Errorf("started twice: %v", err)
	}
	if _, err := b.Delete(t.Context(), req.ID); !errors.Is(err, ErrActive) {
		t.Errorf("deleted: %v", err)
	}
	p.busy(t)
	check1(t, b.Cancel(t.Context(), req.ID))
	p.gate <- struct{}{} // what has begun is finished
	d := b.until(req.ID, Canceled)
	if len(p.written) != 1 || d.Failure.Code != "DeploymentCanceled" || len(d.Resources) != 1 {
		t.Errorf("%v %+v", p.written, d)
	}
	if err := b.Cancel(t.Context(), req.ID); !errors.Is(err, ErrFinished) {
		t.Error(err)
	}
	if existed, err := b.Delete(t.Context(), req.ID); err != nil || !existed {
		t.Errorf("deleted: %v %v", existed, err)
	}
}

// A deployment ends with its server, and says so.
func TestAStoppedServerFailsWhatItDidNotFinish(t *testing.T) {
	db := storetest.SQLite(t)
	b := open(t, db, "a", 0, time.Now)
	stop := b.serve()
	p := &platform{gate: make(chan struct{})}
	req := b.request("d", p, "slow1", "next<slow1")
	_, _, err := b.Start(t.Context(), req)
	check1(t, err)
	p.busy(t)
	b.mu.Lock()
	r := b.active[req.ID.Key()]
	b.mu.Unlock()
	go func() {
		<-r.ctx.Done()
		p.gate <- struct{}{} // what has begun is finished, and nothing more
	}()
	stop()
	if d := b.until(req.ID, Failed); d.Failure.Code != "DeploymentInterrupted" || len(d.Resources) != 1 {
		t.Errorf("%+v", d)
	}
}

// A crash leaves a record that says "running"; the next start of the server, or another
// server after a minute, corrects it.
func TestACrashIsFoundByTheNextStartOrByOthers(t *testing.T) {
	for _, c := range []struct {
		next  string
		later time.Duration
		want  string
	}{{"a", 0, Failed}, {"b", 0, Running}, {"b", 2 * time.Minute, Failed}} {
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			b := open(t, db, "a", 0, time.Now)
			x, err := b.prepare(t.Context(), b.request("d", &platform{}, "x1"), nil)
			check1(t, err)
			_, err = x.open(t.Context())
			check1(t, err)
			now := time.Now().Add(c.later)
			next := open(t, db, c.next, 0, func() time.Time { return now })
			check1(t, next.abandon(t.Context(), next.server, now.Add(time.Hour)))
			check1(t, next.keepAlive(t.Context()))
			d, err := next.Get(t.Context(), x.record.ID)
			check1(t, err)
			if d.State != c.want || c.want == Failed && d.Failure.Code != "DeploymentInterrupted" {
				t.Errorf("%s after %s: %+v", c.next, c.later, d)
			}
		})
	}
}

func TestAScopeKeepsTheNewest800Records(t *testing.T) {
	b := open(t, storetest.SQLite(t), "a", time.Minute, time.Now)
	start := time.Unix(1_000_000, 0)
	check1(t, b.db.Update(t.Context(), func(tx *store.Tx) error {
		for i := range maxRecords {
			d := Deployment{ID: b.group.Child(template.TypeDeployment, fmt.Sprintf("old%d", i)), State: Succeeded, Started: start.Add(time.Duration(i) * time.Second)}
			if _, err := tx.Exec(t.Context(), `INSERT INTO deployments (path, scope, id, state, wanted, location, server, alive_at, started_at, revision, document, template)
				VALUES ($1, $2, $3, $4, '', '', 'a', 0, $5, 0, '{}', '{}')`, path(d.ID), path(b.group), d.ID.String(), d.State, d.Started.Unix()); err != nil {
				return err
			}
		}
		return nil
	}))
	b.serve()
	_, _, err := b.Start(t.Context(), b.request("new", &platform{}))
	check1(t, err)
	all, err := b.List(t.Context(), b.group, "")
	check1(t, err)
	if len(all) != maxRecords || all[0].ID.Name() != "new" {
		t.Errorf("%d records, the newest is %s", len(all), all[0].ID.Name())
	}
	if _, err := b.Get(t.Context(), b.group.Child(template.TypeDeployment, "old0")); !errors.Is(err, ErrNotFound) {
		t.Errorf("the oldest is there: %v", err)
	}
	if only, err := b.List(t.Context(), b.group, "running"); err != nil || len(only) != 0 {
		t.Errorf("%d run (%v)", len(only), err)
	}
}

// vaulted is a platform with a secret.
type vaulted struct{ platform }

// Secret implements Caller.
func (*vaulted) Secret(context.Context, resource.ID, string, string) (string, error) {
	return "hunter2", nil
}

// CP-139: what comes from a vault is secret, whatever type the template gives it.
func TestWhatComesFromAVaultIsNotKept(t *testing.T) {
	b := open(t, storetest.SQLite(t), "a", time.Minute, time.Now)
	b.serve()
	req := b.request("d", &vaulted{}, "abc:fail(parameters('P'))")
	var err error
	req.Template.Set("parameters", value.NewObject("p", value.NewObject("type", "string")))
	req.Parameters, err = value.ParseObject([]byte(`{"P":{"reference":{"keyVault":{"id":"` + b.group.String() + `/providers/Microsoft.KeyVault/vaults/v"},"secretName":"s"}}}`))
	check1(t, err)
	d, _, err := b.Start(t.Context(), req)
	check1(t, err)
	if d.State != Failed || strings.Contains(fmt.Sprintf("%s %+v", d.Parameters, *d.Failure), "hunter2") || string(d.Parameters) != `{"p":{"type":"String"}}` {
		t.Errorf("%s %+v", d.Parameters, d.Failure)
	}
}

// CP-139: defaults of secure parameters are not kept, wherever and however they are declared.
func TestSecureDefaultsAreKeptNowhere(t *testing.T) {
	secure := `"definitions":{"s":{"type":"securestring"}},"parameters":{"a":{"type":"securestring","defaultValue":"hunter2"},"b":{"$ref":"#/definitions/s","defaultValue":"hunter2"},` +
		`"c":{"type":"object","properties":{"k":{"$ref":"#/definitions/s"}},"defaultValue":{"k":"hunter2"}},"d":{"type":"string","defaultValue":"plain"}}`
	nested := `{"type":"[concat('Microsoft.Resources/','deployments')]","properties":{"template":{` + secure + `,"resources":[]}}}`
	doc, err := value.ParseObject([]byte(`{` + secure + `,"resources":[` + nested + `,{"type":"A.B/c","resources":[` + nested + `]}]}`))
	check1(t, err)
	if text := string(value.Marshal(kept(doc))); strings.Contains(text, "hunter2") || strings.Count(text, "plain") != 3 {
		t.Error(text)
	}
}
