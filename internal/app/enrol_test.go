package app

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/client"
	"github.com/sealring/sealring/internal/directory"
)

// S-55: on a server that others can reach, the first secret works once and for an hour; the first
// command on the host, or the first of many at once, exchanges it for one that stays; what was
// exchanged outlives a start, and removing its file ends it.
func TestTheFirstSecretWorksOnce(t *testing.T) {
	c := testConfig(t)
	c.Listen.Address = "0.0.0.0"
	clock := time.Now()
	c.Now = func() time.Time { return clock }
	s := start(t, c)
	file := s.Endpoints().AdminSecretFile
	first := readSecret(t, file)
	open := func() *client.Client {
		t.Helper()
		found, err := client.Open(c.Data)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	var wait sync.WaitGroup
	for range 4 {
		commands := open()
		wait.Go(func() {
			if _, err := commands.AdminToken(t.Context(), client.AudienceManagement); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	second := readSecret(t, file)
	if second == first {
		t.Fatal("the first secret was not exchanged")
	}
	if info, err := os.Lstat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(file, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open().AdminToken(t.Context(), client.AudienceManagement); err == nil || !strings.Contains(err.Error(), "7000222") {
		t.Errorf("the first secret, a second time: %v", err)
	}
	if err := os.WriteFile(file, []byte(second), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets, _, err := s.directory.Credentials(t.Context(), s.in.tenant, s.in.adminApp)
	if err != nil || len(secrets) != 2 || secrets[1].End.Sub(secrets[1].Start) < 170*24*time.Hour && secrets[0].End.Sub(secrets[0].Start) < 170*24*time.Hour {
		t.Errorf("credentials %+v, %v", secrets, err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, c)
	if readSecret(t, file) != second {
		t.Error("a start replaced the secret that was exchanged")
	}
	if _, err := open().AdminToken(t.Context(), client.AudienceManagement); err != nil {
		t.Error(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s = start(t, c)
	third := readSecret(t, file)
	secrets, _, err = s.directory.Credentials(t.Context(), s.in.tenant, s.in.adminApp)
	if err != nil || len(secrets) != 1 || secrets[0].End.Sub(secrets[0].Start) != directory.BootstrapLife || third == second {
		t.Errorf("after the file was removed: %+v, %v", secrets, err)
	}
	clock = clock.Add(time.Hour)
	if _, err := open().AdminToken(t.Context(), client.AudienceManagement); err == nil || !strings.Contains(err.Error(), "remove") {
		t.Errorf("after an hour: %v", err)
	}
}

// readSecret reads the administrator's secret.
func readSecret(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil || len(text) == 0 {
		t.Fatal("no secret", err)
	}
	return string(text)
}
