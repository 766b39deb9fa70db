package pattern

import (
	"regexp"
	"strings"
	"testing"
)

// TestPatternsMatchLinearly: 4 KiB of pattern with 200 stars against 4 KiB of action, where
// every piece almost matches everywhere. Counted in steps, since time proves little. // S-45
func TestPatternsMatchLinearly(t *testing.T) {
	star := strings.Repeat(strings.Repeat("a", 19)+"*", 200) + strings.Repeat("a", 95) + "b"
	slashes := strings.Repeat("aa/*/", 200) + "b"
	for name, c := range map[string]struct{ pattern, action string }{
		"stars between long runs":   {star, strings.Repeat("a", 4096)},
		"the same, matching at end": {star, strings.Repeat("a", 4095) + "b"},
		"segments":                  {slashes, strings.Repeat("aa/", 1365) + "b"},
		"almost segments":           {slashes, strings.Repeat("aa/a", 1024)},
	} {
		p := Compile(c.pattern)
		if _, steps := p.match([]byte(c.action)); steps > 2*len(c.action) {
			t.Errorf("%s: %d steps for %d bytes", name, steps, len(c.action))
		}
	}
}

// oracle is the meaning of a pattern as a regular expression.
func oracle(pattern string) *regexp.Regexp {
	pattern = regexp.MustCompile(`\*+`).ReplaceAllString(strings.ToLower(pattern), "*")
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '*' && i > 0 && pattern[i-1] == '/' && i+1 < len(pattern) && pattern[i+1] == '/':
			b.WriteString("(.*/)?")
			i++
		case pattern[i] == '*':
			b.WriteString(".*")
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	return regexp.MustCompile(`(?s)\A` + b.String() + `\z`)
}

// TestPatternsAgreeWithTheirMeaning compares the matcher with a regular expression over
// all short texts of a small alphabet. // S-45, CP-111
func TestPatternsAgreeWithTheirMeaning(t *testing.T) {
	var patterns, actions []string
	var build func(alphabet, prefix string, left int, into *[]string)
	build = func(alphabet, prefix string, left int, into *[]string) {
		*into = append(*into, prefix)
		for i := 0; left > 0 && i < len(alphabet); i++ {
			build(alphabet, prefix+alphabet[i:i+1], left-1, into)
		}
	}
	build("a/*", "", 6, &patterns)
	build("a/", "", 6, &actions)
	for _, text := range patterns {
		p, want := Compile(text), oracle(text)
		for _, a := range actions {
			if got, _ := p.match([]byte(a)); got != want.MatchString(a) {
				t.Fatalf("pattern %q, action %q: got %t", text, a, got)
			}
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action", "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action")
	f.Add("*/*/*", "a//b")
	f.Fuzz(func(t *testing.T, text, action string) {
		if !isASCII(text) || !isASCII(action) {
			t.Skip("regular expressions read runes")
		}
		p := Compile(text)
		folded := Fold(nil, action)
		got, steps := p.match(folded)
		if want := oracle(text).Match(folded); got != want || steps > 2*len(action) {
			t.Fatalf("pattern %q, action %q: got %t in %d steps, want %t", text, action, got, steps, want)
		}
	})
}

// isASCII reports whether s has no byte above 127.
func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0 }

// TestLookAlikesAreNotFolded: the Kelvin sign is no k. // S-44
func TestLookAlikesAreNotFolded(t *testing.T) {
	p := Compile("microsoft.Keyvault/read")
	if ok, _ := p.match(Fold(nil, "microsoft.\u212aeyvault/read")); ok {
		t.Error("the Kelvin sign matched")
	}
	if ok, _ := p.match(Fold(nil, "Microsoft.KEYVAULT/Read")); !ok {
		t.Error("another case did not match")
	}
}
