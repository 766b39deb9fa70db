package store_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store"
)

// every failpoint is described, and a release build holds none.
func TestEveryFailpointIsDescribed(t *testing.T) {
	text, err := os.ReadFile("../../docs/durability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range store.Failpoints() {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/durability.md does not describe %s", name)
		}
		if err := store.Failpoint(name); err != nil && !store.FailpointsBuilt {
			t.Errorf("%s fails in a build without failpoints: %v", name, err)
		}
	}
}
