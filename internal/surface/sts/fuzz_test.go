package sts

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/surface/sts/ask"
)

// S-5, S-69: an accepted token request has one reading: no parameter twice, in any letter
// case, and no two credentials; what Basic says is what the header holds.
func FuzzTokenRequest(f *testing.F) {
	for _, seed := range []struct{ body, header string }{
		{"grant_type=client_credentials&client_id=a&client_secret=b&scope=c", ""}, {"grant_type=a&GRANT_TYPE=b", ""}, {"a=1;b=2", ""}, {"%zz", ""},
		{"grant_type=x", "Basic YTpi"}, {"grant_type=x&client_id=b", "Basic YTpi"}, {"client_secret=x&client_assertion=y", ""}, {"", "Basic OiUwMA=="},
		{"", "basic YTpiOmM="}, {"", "Bearer x"}, {"", "Basic"}, {"claims={\"access_token\":{\"xms_cc\":{\"values\":[\"cp1\"]}}}", ""}, {"client_id=\x00", ""},
	} {
		f.Add(seed.body, seed.header)
	}
	f.Fuzz(func(t *testing.T, body, header string) {
		r := httptest.NewRequest(http.MethodPost, "/t/oauth2/v2.0/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if header != "" {
			r.Header["Authorization"] = []string{header}
		}
		got, err := readRequest(r)
		if err != nil {
			return
		}
		_ = got.wantsCP1()
		_, _, _ = got.clientID()
		sent, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("%q was accepted", body)
		}
		seen := map[string]bool{}
		for name, values := range sent {
			if seen[strings.ToLower(name)] || len(values) != 1 {
				t.Fatalf("%q: %q is repeated", body, name)
			}
			seen[strings.ToLower(name)] = true
		}
		if !got.secret.Empty() && !got.assertion.Empty() {
			t.Fatalf("%q, %q: two credentials", body, header)
		}
		if header == "" && (got.client != sent.Get("client_id") || got.secret.Reveal() != sent.Get("client_secret")) {
			t.Fatalf("%q is read as another client", body)
		}
	})
}

// S-69: a path is split into segments without structure of their own.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"/t/oauth2/token", "//", "/a/%2e%2e", "/a%2fb", "/%00", "/a%5cb", "", "/%c5%bf"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		segments, ok := ask.Split(path)
		if !ok {
			return
		}
		for _, s := range segments {
			if s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/\\\x00\n\r") {
				t.Fatalf("%q has the segment %q", path, s)
			}
		}
		for _, rt := range routes {
			if _, ok := ask.Match(rt.pattern, segments); ok && strings.Count(rt.pattern, "/")+1 != len(segments) {
				t.Fatalf("%q fits %q", path, rt.pattern)
			}
		}
	})
}
