//go:build e2e

package e2e

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// verifiers of other people, with their defaults, that fetched the key set before a
// rotation by command check the tokens that come after it.
func TestVerifiersLiveThroughARotation(t *testing.T) {
	p := start(t)
	p.site("verified", true)
	admin := func() string {
		return strings.TrimSpace(p.must("token", "--resource", "https://management.azure.com"))
	}
	header := func(token string) string {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	before := admin()
	var asked []*os.File
	var work sync.WaitGroup
	for _, sdk := range available(t) {
		if sdk.language != "Python" && sdk.language != "JavaScript" {
			continue // go-oidc is tested beside the server; Java has no verifier
		}
		first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
		if err := os.WriteFile(first, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(second, 0o600); err != nil {
			t.Fatal(err)
		}
		work.Go(func() {
			a := p.client([]string{"--app", "verified"}, sdk.command, "verify", p.AuthorityHost+"/"+p.TenantID+"/", "https://management.azure.com", first, second)
			if !a.OK {
				t.Errorf("%s: %+v", sdk.language, a)
			}
		})
		asked = append(asked, whenRead(t, second)) // the first token was checked
	}
	p.must("keys", "rotate", "--now")
	after := admin()
	for deadline := time.Now().Add(10 * time.Second); header(after) == header(before); after = admin() {
		if time.Now().After(deadline) {
			t.Fatal("the next key does not take over")
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, f := range asked {
		_, err := f.WriteString(after)
		if closed := f.Close(); err != nil || closed != nil {
			t.Error(err, closed)
		}
	}
	work.Wait()
}

// whenRead opens a pipe for writing as soon as somebody reads it.
func whenRead(t *testing.T, pipe string) *os.File {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		f, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			return f
		}
		if time.Now().After(deadline) {
			t.Fatalf("the client does not ask for its second token: %v", err)
		}
	}
}
