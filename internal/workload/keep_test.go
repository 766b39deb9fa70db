package workload_test

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/workload"
)

// A restart of the server takes no identity from a running program, brings back no secret that
// has ended, and writes none down.
func TestRegistrationsOutliveTheServer(t *testing.T) {
	file, at := filepath.Join(t.TempDir(), "workloads.json"), &clock{at: time.Unix(1_800_000_000, 0)}
	restart := func() *workload.Registry {
		t.Helper()
		g, err := workload.New(workload.Config{Now: at.now, Rand: rand.Reader, IDs: id.NewSource(rand.Reader), Keep: file})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := restart()
	register := func(ttl time.Duration) (workload.Registration, func()) {
		t.Helper()
		cmd, start := child(t)
		r, err := g.Register(workload.Spec{Resource: parse(t, group+"Microsoft.Web/sites/shop"), PID: cmd.Process.Pid, Start: start, TTL: ttl})
		if err != nil {
			t.Fatal(err)
		}
		return r, func() { _ = cmd.Process.Kill(); _, _ = cmd.Process.Wait() }
	}
	stays, _ := register(0)
	rotated, _ := register(0)
	again, err := g.Rotate(rotated.Handle, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	runsOut, _ := register(time.Hour)
	released, _ := register(0)
	if err := g.Release(released.Handle); err != nil {
		t.Fatal(err)
	}
	ends, end := register(0)
	end()

	text, err := os.ReadFile(file)
	if info, statErr := os.Stat(file); err != nil || statErr != nil || info.Mode() != 0o600 || strings.Contains(string(text), stays.Secret.Reveal()) {
		t.Fatalf("the file: %v, %v\n%s", err, statErr, text)
	}
	check := func(want map[string]bool) {
		t.Helper()
		g = restart()
		for name, r := range map[string]workload.Registration{"stays": stays, "rotated": rotated, "again": again, "runs out": runsOut, "released": released, "ends": ends} {
			w, err := g.BySecret(r.Secret.Reveal())
			if want[name] != (err == nil) || err != nil && !errors.Is(err, workload.ErrSecret) {
				t.Errorf("%s: %v", name, err)
			}
			if err == nil && (w.Handle != r.Handle || !w.Resource.Equal(r.Resource) || w.Kind != r.Kind || !w.Expires.Equal(r.Expires)) {
				t.Errorf("%s came back as %+v", name, w)
			}
		}
	}
	check(map[string]bool{"stays": true, "rotated": true, "again": true, "runs out": true})
	at.at = at.at.Add(time.Hour)
	check(map[string]bool{"stays": true, "again": true})

	elsewhere := strings.Replace(string(text), `"boot":"`, `"boot":"another `, 1)
	if err := os.WriteFile(file, []byte(elsewhere), 0o600); err != nil {
		t.Fatal(err)
	}
	check(nil)
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := workload.New(workload.Config{Now: at.now, Rand: rand.Reader, IDs: id.NewSource(rand.Reader), Keep: file}); !errors.Is(err, workload.ErrKept) {
		t.Error("a damaged file is taken for an empty one")
	}
}
