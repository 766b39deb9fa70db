package seal_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/seal"
)

// S-38, S-69: only the one form of a key-encryption key is read, and no error says what was in it.
func FuzzParseKEK(f *testing.F) {
	for _, seed := range []string{
		"sealring-kek-1 " + strings.Repeat("A", 43) + "=", "sealring-kek-1 " + strings.Repeat("A", 44), "sealring-kek-1 ", "", "sealring-kek-2 " + strings.Repeat("A", 43) + "=",
		"sealring-kek-1 " + strings.Repeat("A", 42) + "B=", "sealring-kek-1 AAAA\nAAAA", " \n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := seal.ParseKEK(text)
		trimmed := strings.TrimSpace(string(text))
		if err == nil && (!strings.HasPrefix(trimmed, "sealring-kek-1 ") || key.String() != "[secret]") {
			t.Fatalf("accepted %q", text)
		}
		if err != nil && len(trimmed) > 20 && strings.Contains(err.Error(), trimmed) {
			t.Fatalf("the error holds the key: %v", err)
		}
	})
}
