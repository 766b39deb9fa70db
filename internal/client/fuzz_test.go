package client_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sealring/sealring/internal/client"
)

// S-69: a damaged endpoints.json is an error, and an accepted one says where we answer on
// loopback.
func FuzzReadEndpoints(f *testing.F) {
	for _, seed := range []string{
		`{"tenant_id":"t","subscription_id":"s","domain":"d","local":"https://localhost:1","authority_host":"a","resource_manager":"r","ca_file":"c","pid":1}`,
		`{}`, ``, `{"local":"http://localhost:1"}`, `{"local":"https://[::1"}`, `[]`, `{"pid":-1}`, `{"pid":1e99}`,
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, client.FileName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := client.ReadEndpoints(dir)
		if err != nil {
			return
		}
		if e.PID <= 0 || e.TenantID == "" || e.CAFile == "" || e.TLSAddress() == "" {
			t.Fatalf("%q gives %+v", text, e)
		}
	})
}
