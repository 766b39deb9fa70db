package workload_test

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/workload"
)

const group = "/subscriptions/0aaaaaaa-0000-4000-8000-000000000002/resourceGroups/rg/providers/"

// clock is a settable time.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// newRegistry returns a registry with a settable clock.
func newRegistry(t *testing.T, imdsHost string) (*workload.Registry, *clock) {
	t.Helper()
	c := &clock{at: time.Unix(1_800_000_000, 0)}
	config := workload.Config{Now: c.now, Rand: rand.Reader, IDs: id.NewSource(rand.Reader), Host: "here"}
	if imdsHost != "" {
		config.IMDSHost = parse(t, imdsHost)
	}
	r, err := workload.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return r, c
}

func parse(t *testing.T, s string) resource.ID {
	t.Helper()
	i, err := resource.ParseID(s)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// child starts a program that waits and returns it with its start time.
func child(t *testing.T, args ...string) (*exec.Cmd, int64) {
	t.Helper()
	if len(args) == 0 {
		args = []string{"cat"}
	}
	cmd := exec.Command(args[0], args[1:]...)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	start, err := workload.StartTime(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, start
}

func TestRegistrationNeedsALivingProcessOfThatStartTime(t *testing.T) {
	r, _ := newRegistry(t, "")
	cmd, start := child(t)
	host := parse(t, group+"Microsoft.Web/sites/app")
	good := workload.Spec{Resource: host, PID: cmd.Process.Pid, Start: start}
	for name, c := range map[string]struct {
		change func(*workload.Spec)
		want   error
	}{
		"as it is":                 {func(*workload.Spec) {}, nil},
		"another start time":       {func(s *workload.Spec) { s.Start++ }, workload.ErrNoProcess}, // a reused id
		"no such process":          {func(s *workload.Spec) { s.PID = 1 << 22 }, workload.ErrNoProcess},
		"no process":               {func(s *workload.Spec) { s.PID = 0 }, workload.ErrSpec},
		"a negative process":       {func(s *workload.Spec) { s.PID = -1 }, workload.ErrSpec},
		"no resource":              {func(s *workload.Spec) { s.Resource = resource.ID{} }, workload.ErrSpec},
		"the root for a resource":  {func(s *workload.Spec) { s.Resource = resource.Root() }, workload.ErrSpec},
		"a life too long":          {func(s *workload.Spec) { s.TTL = 31 * 24 * time.Hour }, workload.ErrSpec},
		"a negative life":          {func(s *workload.Spec) { s.TTL = -1 }, workload.ErrSpec},
		"a kind that nobody knows": {func(s *workload.Spec) { s.Kind = "x" }, workload.ErrSpec},
	} {
		s := good
		c.change(&s)
		if _, err := r.Register(s); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// S-9: 256 random bits, one workload each; near misses are misses.
func TestSecrets(t *testing.T) {
	r, _ := newRegistry(t, "")
	cmd, start := child(t)
	seen := map[string]bool{}
	for i := range 50 {
		host := parse(t, group+"Microsoft.Web/sites/app"+string(rune('a'+i%26)))
		reg, err := r.Register(workload.Spec{Resource: host, PID: cmd.Process.Pid, Start: start})
		if err != nil {
			t.Fatal(err)
		}
		text := reg.Secret.Reveal()
		if len(text) != 43 || seen[text] || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("secret of %d characters", len(text))
		}
		seen[text] = true
		if w, err := r.BySecret(text); err != nil || !w.Resource.Equal(host) {
			t.Fatalf("%v", err)
		}
		for _, wrong := range []string{"", text[:42], text + "x", strings.ToLower(text), " " + text} {
			if _, err := r.BySecret(wrong); !errors.Is(err, workload.ErrSecret) {
				t.Fatalf("%q: %v", wrong, err)
			}
		}
	}
}

// L-11: a secret dies with its process, at once and without Run.
func TestASecretDiesWithItsProcess(t *testing.T) {
	r, _ := newRegistry(t, "")
	cmd, start := child(t)
	reg, err := r.Register(workload.Spec{Resource: parse(t, group+"Microsoft.Web/sites/app"), PID: cmd.Process.Pid, Start: start})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.BySecret(reg.Secret.Reveal()); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, err := r.BySecret(reg.Secret.Reveal()); !errors.Is(err, workload.ErrSecret) {
		t.Fatalf("after its end: %v", err)
	}
	if got := r.List(); len(got) != 0 {
		t.Fatalf("listed %v", got)
	}
}

func TestTTLRotationAndRelease(t *testing.T) {
	r, c := newRegistry(t, "")
	cmd, start := child(t)
	spec := workload.Spec{Resource: parse(t, group+"Microsoft.Web/sites/app"), PID: cmd.Process.Pid, Start: start, TTL: 2 * time.Hour}
	reg, err := r.Register(spec)
	if err != nil {
		t.Fatal(err)
	}
	works := func(text string) bool {
		_, err := r.BySecret(text)
		return err == nil
	}
	first := reg.Secret.Reveal()
	if _, err := r.Rotate(reg.Handle, 2*time.Hour); !errors.Is(err, workload.ErrSpec) {
		t.Fatalf("an overlap of two hours: %v", err)
	}
	second, err := r.Rotate(reg.Handle, time.Hour)
	if err != nil || !works(first) || !works(second.Secret.Reveal()) {
		t.Fatalf("during the overlap: %v", err)
	}
	third, err := r.Rotate(reg.Handle, time.Hour)
	if err != nil || works(first) || !works(second.Secret.Reveal()) {
		t.Fatalf("only one predecessor overlaps: %v", err)
	}
	c.at = c.at.Add(time.Hour)
	if works(second.Secret.Reveal()) || !works(third.Secret.Reveal()) {
		t.Fatal("after the overlap")
	}
	c.at = c.at.Add(time.Hour)
	if works(third.Secret.Reveal()) {
		t.Fatal("after its life")
	}
	spec.TTL = 0
	if reg, err = r.Register(spec); err != nil || !reg.Expires.IsZero() {
		t.Fatalf("%v", err)
	}
	if err := r.Release(reg.Handle); err != nil || works(reg.Secret.Reveal()) {
		t.Fatalf("after release: %v", err)
	}
	if err := r.Release(reg.Handle); !errors.Is(err, workload.ErrNotRegistered) {
		t.Fatalf("twice: %v", err)
	}
}

func TestKindOf(t *testing.T) {
	for id, want := range map[string]workload.Kind{
		"Microsoft.Web/sites/a":                workload.App,
		"microsoft.web/SITES/a/slots/b":        workload.App,
		"Microsoft.App/containerApps/a":        workload.App,
		"Microsoft.Compute/virtualMachines/a":  workload.Machine,
		"Microsoft.HybridCompute/machines/a":   workload.Machine,
		"Microsoft.Web/hostingEnvironments/ab": workload.Machine,
	} {
		if got := workload.KindOf(parse(t, group+id)); got != want {
			t.Errorf("%s is %s", id, got)
		}
	}
}

// S-13: a caller that uses up its share does not take another's.
func TestAzureShares(t *testing.T) {
	c := &clock{at: time.Unix(1_800_000_000, 0)}
	g := workload.NewGuard(workload.GuardConfig{Now: c.now, Azure: true})
	a, b := &workload.Workload{Handle: "a"}, &workload.Workload{Handle: "b"}
	refusedA, refusedB := 0, 0
	ask := func(w *workload.Workload, refused *int) {
		if err := g.Enter(w); err != nil {
			*refused++
			return
		}
		g.Leave(w)
	}
	for tick := range 60 * 200 {
		c.at = time.Unix(1_800_000_000, 0).Add(time.Duration(tick) * 5 * time.Millisecond)
		ask(a, &refusedA)
		if tick%100 == 50 {
			ask(b, &refusedB)
		}
	}
	if refusedB != 0 || refusedA < 60*175 || refusedA > 60*195 {
		t.Fatalf("refused %d of a's 12000, %d of b's 120", refusedA, refusedB)
	}
}

// D-8: without the switch the limits are far above use, and leave room for others.
func TestProtectiveLimits(t *testing.T) {
	g := workload.NewGuard(workload.GuardConfig{Now: time.Now})
	a, b := &workload.Workload{Handle: "a"}, &workload.Workload{Handle: "b"}
	admitted := 0
	for range 3000 {
		if g.Enter(a) == nil {
			admitted++
		}
	}
	if admitted != 1024 {
		t.Fatalf("admitted %d at once", admitted)
	}
	if err := g.Enter(b); err != nil {
		t.Fatalf("another caller: %v", err)
	}
	g.Leave(a)
	if err := g.Enter(a); err != nil {
		t.Fatalf("after one left: %v", err)
	}
}

func TestWrongSecretWindow(t *testing.T) {
	c := &clock{at: time.Unix(1_800_000_000, 0)}
	g := workload.NewGuard(workload.GuardConfig{Now: c.now})
	count := func(n int) map[workload.Verdict]int {
		out := map[workload.Verdict]int{}
		for range n {
			out[g.WrongSecret("uid 1")]++
		}
		return out
	}
	if got := count(30); got[workload.Refuse] != 20 || got[workload.Alert] != 1 || got[workload.Ignore] != 9 {
		t.Fatalf("%v", got)
	}
	if g.WrongSecret("uid 2") != workload.Refuse {
		t.Fatal("another caller pays")
	}
	c.at = c.at.Add(time.Minute)
	if g.WrongSecret("uid 1") != workload.Refuse {
		t.Fatal("a minute later")
	}
}

func TestSelfIsAlive(t *testing.T) {
	if _, err := workload.StartTime(os.Getpid()); err != nil {
		t.Fatal(err)
	}
}
