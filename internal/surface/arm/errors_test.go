package arm

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// byKindOnPurpose are failures of the packages this room serves that have no row: their
// kind says enough, or this room cannot meet them.
var byKindOnPurpose = []string{
	"trust.ErrFederatedExists", "trust.ErrAssertionUsed", // creations and sign-ins only
	"managedidentity.ErrNotAssigned", "managedidentity.ErrAmbiguous", "managedidentity.ErrDisabled", // minting only
}

// TestEveryFailureHasItsPlaceOnTheWire demands a row, or a decision against one, for every
// failure that the packages behind this room declare. Those of bearer and token are all
// Unauthenticated and go by kind, but for the rows they have.
func TestEveryFailureHasItsPlaceOnTheWire(t *testing.T) {
	rows, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^(?:var |\t)(Err[A-Za-z]+)\s+= fault\.New`)
	for _, pkg := range []string{"resource", "managedidentity", "trust", "rbac", "vault", "paging", "deployment", "template"} {
		files, err := filepath.Glob("../../" + pkg + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pkg, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range declared.FindAllSubmatch(source, -1) {
				name := pkg + "." + string(m[1])
				if pkg == "vault" && (strings.Contains(name, "Secret") || strings.Contains(name, "Version") || strings.Contains(name, "Backup")) {
					continue // the data plane's
				}
				if !strings.Contains(string(rows), "{"+name+",") && !slices.Contains(byKindOnPurpose, name) {
					t.Errorf("%s has no row in errors.go", name)
				}
			}
		}
	}
}

func TestInternalTextStaysInside(t *testing.T) { // S-72
	secret := errors.New("dial tcp 10.0.0.7:5432: pq: relation \"x\"")
	for _, err := range []error{secret, fmt.Errorf("read: %w: %w", store.ErrUnavailable, secret)} {
		if said := fault.Message(err); strings.Contains(said, "10.0.0.7") {
			t.Errorf("said %q", said)
		}
	}
	if status, code := wireOf(secret); status != http.StatusInternalServerError || code != "InternalServerError" {
		t.Errorf("%d %s", status, code)
	}
	if status, code := wireOf(fmt.Errorf("%w: %w", store.ErrUnavailable, secret)); status != http.StatusServiceUnavailable || code != "ServiceUnavailable" {
		t.Errorf("%d %s", status, code)
	}
	if status, code := wireOf(resource.ErrNotFound.With("x")); status != http.StatusNotFound || code != "ResourceNotFound" {
		t.Errorf("%d %s", status, code)
	}
}
