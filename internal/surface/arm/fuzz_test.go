package arm

import (
	"net/url"
	"strings"
	"testing"
)

// S-44, S-50, S-69: an accepted path has one reading: its segments, joined and split again, are
// the same, hold nothing that a later reader could take for structure, and the scope that
// is authorised is a prefix of them.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/subscriptions/0f8fad5b-d9cb-469f-a165-70867728950e/resourceGroups/g", "//a//b/", "/a/../b", "/a/%2e%2e/b", "/a%2fb", "/a%252fb", "/%00", "/%c0%af", "/a;b", "/",
		"/subscriptions/s/resourceGroups/g/providers/N.x/t/n/providers/M.y/u/m", "/%e2%84%aa", "/a%20b", "/a%20", "/providers/N.x/t/n/verb",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		segments, err := split(escaped)
		if err != nil {
			return
		}
		joined := strings.Join(segments, "/")
		for i := range len(joined) {
			if c := joined[i]; c < 0x20 || c > 0x7e || strings.IndexByte(`<>%&:\?`, c) >= 0 {
				t.Fatalf("%q holds %q", escaped, c)
			}
		}
		for _, s := range segments {
			if s == "" || s == "." || s == ".." || strings.Contains(s, "/") {
				t.Fatalf("%q has the segment %q", escaped, s)
			}
		}
		again, err := split("/" + joined)
		if err != nil || strings.Join(again, "/") != joined || len(again) != len(segments) {
			t.Fatalf("%q reads as %q and then as %q, %v", escaped, segments, again, err)
		}
		if scope, err := target(segments); err == nil && scope.String() != "/" && !strings.HasPrefix(fold("/"+joined), scope.Key()) {
			t.Fatalf("%q is authorised at %q", escaped, scope)
		}
	})
}

// S-5, S-69: an accepted query has one value per name, in any letter case, and an accepted
// api-version is a date.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"api-version=2021-04-01", "api-version=2021-04-01&API-VERSION=2021-04-01", "api-version=a&Api-Version=b", "a;b", "%zz", "api-version=2021-04-01-PREVIEW",
		"api-version=2021-04-01%0a", "api-version=2021-04-01-preview-x", "&&=&a", "$filter=a&$FILTER=b", "api-version=2021-04-\u0661",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := lowerQuery(raw)
		if err != nil {
			return
		}
		for name, values := range q {
			for _, v := range values {
				if v != values[0] {
					t.Fatalf("%q: %q is %q", raw, name, values)
				}
			}
		}
		if sent, err := url.ParseQuery(raw); err != nil || len(sent) < len(q) {
			t.Fatalf("%q: %v", raw, err)
		}
		if v, err := version(q); err == nil && (len(v) < 10 || len(v) > 25 || strings.Trim(v, "0123456789-abceilptrvw") != "") {
			t.Fatalf("%q is a version", v)
		}
	})
}
