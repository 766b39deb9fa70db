package keyvault

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/vault"
)

// S-44, S-69: a path fits routes of one shape only, in ASCII letters only.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/secrets/s1", "//secrets//s1/", "/secrets/s1/versions", "/SECRETS/s1", "/%c5%bfecrets/s1", "/secrets/%2e%2e", "/secrets%2fs1", "/secrets/a/b/c", "/%zz", "/deletedsecrets/s1/recover", "/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		seg, err := segments(escaped)
		if err != nil {
			return
		}
		for _, rt := range routes {
			name, version, ok := rt.fits(seg)
			if !ok {
				continue
			}
			if len(seg) != strings.Count(rt.path, "/")+1 || name == "" && strings.Contains(rt.path, "{name}") || version == "" && strings.Contains(rt.path, "{version}") {
				t.Fatalf("%q fits %s", escaped, rt.path)
			}
			if first, _, _ := strings.Cut(rt.path, "/"); len(first) != len(seg[0]) {
				t.Fatalf("%q is taken for %s", seg[0], first)
			}
			if vault.ValidName(name) && strings.ContainsAny(name, "./\\%'\x00") {
				t.Fatalf("%q is a name", name)
			}
		}
	})
}

// S-5, S-69: an accepted query is within bounds and names one version.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"api-version=7.4", "api-version=7.4&api-version=7.0", "api-version=7.4&maxresults=0", "api-version=2999-01-01", "%61pi-version=7.4", "api-version=7.4;x", "api-version=7.4&maxresults=+5", "api-version=9999-12-31-preview"} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, raw string, strict bool) {
		q, err := parseQuery(raw, strict)
		if err != nil {
			return
		}
		if q.max < 1 || q.max > vault.MaxPage || q.api.text == "" || q.api.rank > len(versions) || strict && q.api.rank == len(versions) {
			t.Fatalf("%q gives %+v", raw, q)
		}
	})
}
