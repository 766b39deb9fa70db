package sts_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// byKind are failures that a token request cannot meet, or that are told by their kind.
var byKind = []string{"directory.ErrCredentialNotFound", "directory.ErrInvalid", "directory.ErrBusy", "directory.ErrUserExists", "token.ErrAudienceUnknown"}

func TestEveryFailureOfTheDomainHasARow(t *testing.T) { // S-72
	table, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	known := string(table) + strings.Join(byKind, "\n")
	declared := regexp.MustCompile(`(?m)^\t?(?:var )?(Err\w+)\s+= fault\.New`)
	for file, pkg := range map[string]string{
		"../../directory/directory.go": "directory", "../../directory/password.go": "directory", "../../directory/user.go": "directory",
		"../../trust/singleuse.go": "trust", "../../federation/federation.go": "federation", "../../token/errors.go": "token", "../../signin/signin.go": "signin",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := declared.FindAllStringSubmatch(string(text), -1)
		if len(found) < 1 {
			t.Fatalf("only %d failures found in %s", len(found), file)
		}
		for _, m := range found {
			if name := pkg + "." + m[1]; !regexp.MustCompile(regexp.QuoteMeta(name) + `\b`).MatchString(known) {
				t.Errorf("%s has no row in errors.go", name)
			}
		}
	}
}
