package localtoken_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sealring/sealring/internal/localtoken"
	"github.com/sealring/sealring/internal/managedidentity"
)

// S-4: what has one reading keeps it; everything else is refused.
func TestParseTarget(t *testing.T) {
	for raw, want := range map[string]localtoken.Target{
		"/":                                 {Path: "/"},
		"/msi/token":                        {Path: "/msi/token"},
		"/msi/token/":                       {Path: "/msi/token"},
		"//msi/token":                       {Path: "/msi/token"},
		"//msi/token/?a=b?c":                {Path: "/msi/token", Query: "a=b?c"},
		"/METADATA/Identity":                {Path: "/metadata/Identity"},
		"http://localhost:8080/msi/token?a": {Path: "/msi/token", Query: "a"},
		"HTTPS://h//msi/token":              {Path: "/msi/token"},
	} {
		if got, err := localtoken.ParseTarget(raw); err != nil || got != want {
			t.Errorf("%s: %+v %v", raw, got, err)
		}
	}
	for _, raw := range []string{
		"", "*", "//", "///", "///a", "/a//", "/a//b", "/a/./b", "/a/../b", "/a/..", "/a%2fb", "/a%5cb", `/a\b`, "/a;b", "/a%00", "/a%",
		"/a#b", "/a\x01", "/a b", "/a\x7f", "/a\xc0\xaf", "http://h", "http://h?x=/", "example.com:80", "msi/token",
	} {
		if got, err := localtoken.ParseTarget(raw); !errors.Is(err, localtoken.ErrPath) {
			t.Errorf("%q: %+v %v", raw, got, err)
		}
	}
}

// The canonical form of a canonical form is itself, and holds nothing that was refused.
func FuzzParseTarget(f *testing.F) {
	f.Add("/metadata/identity/oauth2/token?api-version=2018-02-01")
	f.Add("//METADATA/identity/")
	f.Add("http://h/a%2e")
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := localtoken.ParseTarget(raw)
		if err != nil {
			return
		}
		again, err := localtoken.ParseTarget(got.Path)
		if err != nil || again.Path != got.Path {
			t.Fatalf("%q: %q, then %q %v", raw, got.Path, again.Path, err)
		}
		if strings.ContainsAny(got.Path, "%\\;?# ") || strings.Contains(got.Path, "//") || !utf8.ValidString(got.Path) {
			t.Fatalf("%q: %q", raw, got.Path)
		}
	})
}

// S-5: what net/url reads without loss is read alike; all else is refused.
func FuzzParseQuery(f *testing.F) {
	f.Add("api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net")
	f.Add("a=1&&b=+%20&A=2")
	f.Add("a=%zz;b")
	f.Fuzz(func(t *testing.T, raw string) {
		var p localtoken.Params
		if localtoken.ParseQuery(raw, &p) != nil {
			return
		}
		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("%q: net/url refuses: %v", raw, err)
		}
		for name, v := range values {
			if len(v) != 1 || p.Get(name) != v[0] {
				t.Fatalf("%q: %q is %q, net/url says %q", raw, name, p.Get(name), v)
			}
		}
	})
}

func TestParseQuery(t *testing.T) {
	var p localtoken.Params
	if err := localtoken.ParseQuery("resource=https%3a%2F%2Fv%2525&empty=&flag&x=a+b=c&&", &p); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"resource": "https://v%25", "empty": "", "flag": "", "x": "a b=c", "Resource": "", "none": ""} {
		if got := p.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	for _, raw := range []string{"a=1&a=1", "a=1&A=2", "a=1&%41=2", "a=%", "a=%4", "a=%zz", "a=1;b=2", "=1", "a=%0a", "a=%00", "a=\x01", "a=%ff", "a=%7f", strings.Repeat("a&", 40)} {
		if err := localtoken.ParseQuery(raw, new(localtoken.Params)); !errors.Is(err, localtoken.ErrParameter) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	many := new(strings.Builder)
	for i := range 33 {
		many.WriteString("p" + strings.Repeat("x", i) + "=1&")
	}
	if err := localtoken.ParseQuery(many.String(), new(localtoken.Params)); !errors.Is(err, localtoken.ErrParameter) {
		t.Errorf("33 parameters: %v", err)
	}
}

// TE §3.2: every spelling selects; two kinds do not.
func TestSelector(t *testing.T) {
	for raw, want := range map[string]managedidentity.Selector{
		"":                                    {},
		"client_id=":                          {},
		"client_id=&object_id=":               {},
		"client_id=a":                         {Kind: managedidentity.SelectClient, Value: "a"},
		"clientid=a":                          {Kind: managedidentity.SelectClient, Value: "a"},
		"object_id=a":                         {Kind: managedidentity.SelectObject, Value: "a"},
		"principal_id=a":                      {Kind: managedidentity.SelectObject, Value: "a"},
		"principalId=a":                       {Kind: managedidentity.SelectObject, Value: "a"},
		"msi_res_id=/a":                       {Kind: managedidentity.SelectResource, Value: "/a"},
		"mi_res_id=%2Fa":                      {Kind: managedidentity.SelectResource, Value: "/a"},
		"msi-res-id=/a&client_id=":            {Kind: managedidentity.SelectResource, Value: "/a"},
		"mi_res_id=/A&msi_res_id=/a&clientid": {Kind: managedidentity.SelectResource, Value: "/a"},
	} {
		var p localtoken.Params
		if err := localtoken.ParseQuery(raw, &p); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Selector(); err != nil || got != want {
			t.Errorf("%q: %+v %v", raw, got, err)
		}
	}
	for _, raw := range []string{"client_id=a&object_id=a", "client_id=a&clientid=b", "object_id=a&msi_res_id=b", "mi_res_id=a&msi-res-id=b"} {
		var p localtoken.Params
		if err := localtoken.ParseQuery(raw, &p); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Selector(); !errors.Is(err, localtoken.ErrSelectors) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("https://vault.azure.net")
	f.Add("\"\\\x00<é\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		var got string
		if err := json.Unmarshal(localtoken.AppendString(nil, s), &got); err != nil || got != s {
			t.Fatalf("%q became %q: %v", s, got, err)
		}
	})
}
