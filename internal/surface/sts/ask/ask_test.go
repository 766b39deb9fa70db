package ask_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/surface/sts/ask"
)

// DT-3.8, DT-60: how a scope names a resource and its permissions.
func TestScopes(t *testing.T) {
	for scope, want := range map[string]ask.Wish{
		"https://management.core.windows.net//.default openid": {Resource: "https://management.core.windows.net/", Names: []string{".default"}, OpenID: true},
		"https://vault.azure.net/.default offline_access":      {Resource: "https://vault.azure.net", Names: []string{".default"}, Offline: true},
		"797f4846-ba00-4fd7-ba43-dac1f8f63013/.default":        {Resource: "797f4846-ba00-4fd7-ba43-dac1f8f63013", Names: []string{".default"}},
		"User.Read Group.Read.All":                             {Resource: ask.Graph, Names: []string{"User.Read", "Group.Read.All"}},
		"openid profile email":                                 {Resource: ask.Graph, OpenID: true},
		"api://orders/read api://orders/write":                 {Resource: "api://orders", Names: []string{"read", "write"}},
	} {
		got, err := ask.ReadWish(scope)
		if err != nil || got.Text != scope || got.Resource != want.Resource || !slices.Equal(got.Names, want.Names) || got.OpenID != want.OpenID || got.Offline != want.Offline {
			t.Errorf("%s: %+v, %v", scope, got, err)
		}
	}
	for scope, want := range map[string]error{
		"": ask.ErrMissing, " ": ask.ErrMissing, "https://a/x https://b/x": ask.ErrSeveral, "https://a/.default https://a/x": ask.ErrMalformed,
		"/.default": ask.ErrMalformed, "https://a/": ask.ErrMalformed, strings.Repeat("x", 5000): ask.ErrMalformed,
	} {
		if _, err := ask.ReadWish(scope); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", scope, err, want)
		}
	}
}

// S-73: what is taken for a registered loopback address leads nowhere else, however it is read.
func FuzzRedirect(f *testing.F) {
	for _, seed := range []string{"http://localhost:4711/x", "http://localhost@evil", "http://localhost:1@evil/x", "http://localhost:/x", "http://localhost:1/x#y", "//localhost/x", "http://localhost:1\\@evil/x", "http://localhost:99999/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !ask.SafeRedirect(text) || !ask.SameRedirect("http://localhost/x", text) {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" || u.Hostname() != "localhost" || u.Path != "/x" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q is taken for http://localhost/x: %+v", text, u)
		}
	})
}
