package graph_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// byKind are failures that Graph's requests cannot meet, or that are told by their kind.
var byKind = []string{
	"directory.ErrDisabled", "directory.ErrWrongSecret", "directory.ErrCredentialExpired", "directory.ErrCredentialUsed", "directory.ErrAudienceUnknown",
	"directory.ErrWrongPassword", "directory.ErrLocked", "directory.ErrUserDisabled",
}

func TestEveryFailureOfTheDomainHasARow(t *testing.T) { // S-72
	table, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	known := string(table) + strings.Join(byKind, "\n")
	declared := regexp.MustCompile(`(?m)^\t?(?:var )?(Err\w+)\s+= fault\.New`)
	found := 0
	for _, pkg := range []string{"../../directory", "../../relation", "../../registration", "api", "edm", "model"} {
		files, err := filepath.Glob(pkg + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				found++
				if name := filepath.Base(pkg) + "." + m[1]; !regexp.MustCompile(regexp.QuoteMeta(name) + `\b`).MatchString(known) {
					t.Errorf("%s has no row in errors.go", name)
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d failures found", found)
	}
}
