package provider_test

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/store/storetest"
	"github.com/sealring/sealring/internal/surface/arm/armtest"
)

// TestPowerShell plays testdata/powershell.http: CP-53, CP-54, CP-65, CP-71, CP-75, CP-101, CP-105.
func TestPowerShell(t *testing.T) {
	raw, err := os.ReadFile("testdata/powershell.http")
	if err != nil {
		t.Fatal(err)
	}
	f := armtest.Open(t, storetest.SQLite(t))
	known := map[string]string{"{sub}": armtest.Sub, "{rg}": armtest.Group, "{tenant}": string(f.Tenant)}
	for _, text := range strings.Split(string(raw), "\n=== ")[1:] {
		name, rest, _ := strings.Cut(strings.TrimRight(text, "\n"), "\n")
		t.Run(name, func(t *testing.T) {
			f.T = t
			play(f, known, strings.Split(rest, "\n"))
		})
	}
}

// play sends one case's request and looks at the answer, line by line.
func play(f *armtest.Fixture, known map[string]string, lines []string) {
	f.T.Helper()
	fill := func(s string) string {
		names := make([]string, 0, len(known))
		for name := range known {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			s = strings.ReplaceAll(s, name, known[name])
		}
		return s
	}
	method, path, body := "", "", ""
	var got armtest.Answer
	for _, line := range lines {
		left, right, member := strings.Cut(line, " = ")
		switch {
		case strings.HasPrefix(line, "> "):
			method, path, _ = strings.Cut(fill(line[2:]), " ")
		case strings.HasPrefix(line, "< "):
			var status int
			if _, err := fmt.Sscan(line[2:], &status); err != nil {
				f.T.Fatal(err)
			}
			got = f.Do("owner", method, path, body).Want(status, "")
		case got.Status == 0:
			body += fill(line)
		case strings.HasPrefix(line, "$") && member:
			known[left] = got.At(strings.Split(right, "|")...)
		case member:
			value, want := got.At(strings.Split(fill(left), "|")...), fill(right)
			if want == `""` && value != "" || want == "*" && value == "" || want != `""` && want != "*" && value != want {
				f.T.Errorf("%s: %q, want %s\n%s", left, value, want, got.Text)
			}
		default:
			f.T.Fatalf("what is %q?", line)
		}
	}
	if got.Status == 0 {
		f.T.Error("the case sends nothing")
	}
}
