package provider_test

import (
	"crypto/rand"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/sealring/sealring/internal/seal"
)

// unescape decodes a raw path.
func unescape(raw string) (string, error) { return url.PathUnescape(raw) }

// testKEK makes a key-encryption key.
func testKEK(t testing.TB) seal.KEK {
	t.Helper()
	return must[seal.KEK](t)(seal.CreateKEK(filepath.Join(t.TempDir(), "x", "i.kek"), rand.Reader))
}
