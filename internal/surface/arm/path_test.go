package arm

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestSplitReadsAPathInOneWay(t *testing.T) { // S-44, CP §2.3
	for path, want := range map[string]string{
		"/": "", "//a//b/": "a|b", "/a%20b/c": "a b|c", "/%61": "a", "/A/b": "A|b",
		"/a%2fb": "refused", "/a%2Fb": "refused", "/%2e%2e/b": "refused", "/../b": "refused", "/.": "refused", "/a%25b": "refused", "/a%": "refused",
		"/a%00": "refused", "/%E2%84%AA": "refused", "/ a": "refused", "/a%5cb": "refused", "/" + strings.Repeat("a/", 65): "refused",
	} {
		got, err := split(path)
		text := strings.Join(got, "|")
		if err != nil {
			text = "refused"
		}
		if text != want {
			t.Errorf("%s: %q, want %q", path, text, want)
		}
	}
}

func TestTargetIsTheLongestID(t *testing.T) { // S-50
	const sub = "/subscriptions/11111111-1111-1111-1111-111111111111"
	for path, want := range map[string]string{
		"": "/", "/tenants": "/", "/providers/Microsoft.Web": "/", "/providers/Microsoft.Web/webAppStacks": "/",
		"/providers/A.B/c/d":   "/providers/A.B/c/d",
		sub:                    sub,
		sub + "/locations":     sub,
		sub + "/providers/A.B": sub, sub + "/providers/A.B/register": sub, sub + "/providers/A.B/things": sub,
		sub + "/resourceGroups":                                       sub,
		sub + "/resourceGroups/g":                                     sub + "/resourceGroups/g",
		sub + "/resourcegroups/g/resources":                           sub + "/resourceGroups/g",
		sub + "/resourceGroups/g/providers/A.B/c":                     sub + "/resourceGroups/g",
		sub + "/resourceGroups/g/providers/A.B/c/d":                   sub + "/resourceGroups/g/providers/A.B/c/d",
		sub + "/resourceGroups/g/providers/A.B/c/d/e":                 sub + "/resourceGroups/g/providers/A.B/c/d",
		sub + "/resourceGroups/g/providers/A.B/c/d/e/f/list":          sub + "/resourceGroups/g/providers/A.B/c/d/e/f",
		sub + "/resourceGroups/g/providers/A.B/c/d/providers/E.F/g/h": sub + "/resourceGroups/g/providers/A.B/c/d/providers/E.F/g/h",
		sub + "/resourceGroups/g/providers/A.B/c/providers":           sub + "/resourceGroups/g/providers/A.B/c/providers",
	} {
		got, err := target(strings.Split(strings.Trim(path, "/"), "/"))
		if path == "" {
			got, err = target(nil)
		}
		if err != nil || got.String() != want {
			t.Errorf("%s: %s %v, want %s", path, got, err, want)
		}
	}
}

func TestLookAlikesAreNotLetters(t *testing.T) { // S-44: strings.EqualFold says K is k
	if same("\u212A", "k") || same("\u017F", "s") || !same("aZ", "Az") {
		t.Error("folding is not ASCII")
	}
}

func TestMatchSpellsLiteralsAndKeepsNames(t *testing.T) {
	r := newRoute("GET", AnyScope+"/providers/Microsoft.Authorization/roleAssignments/{name}", "x", Authorized, nil)
	canonical, vars, ok := r.match([]string{"subscriptions", "S", "PROVIDERS", "microsoft.authorization", "RoleAssignments", "N"})
	if !ok || !slices.Equal(canonical, []string{"subscriptions", "S", "providers", "Microsoft.Authorization", "roleAssignments", "N"}) ||
		vars["scope"] != "/subscriptions/S" || vars["name"] != "N" {
		t.Errorf("%v %v %v", canonical, vars, ok)
	}
	if _, _, ok := r.match([]string{"providers", "Microsoft.Authorization", "roleAssignments"}); ok {
		t.Error("a shorter path matches")
	}
	if _, _, ok := newRoute("GET", "/tenants", "", Anyone, nil).match([]string{"x", "tenants"}); ok {
		t.Error("a pattern without a scope matches behind one")
	}
}

func TestMergePatch(t *testing.T) { // RFC 7396 appendix A, for objects
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{``, `{"a":{"b":null,"c":12345678901234567890}}`, `{"a":{"c":12345678901234567890}}`},
	} {
		if got := string(Merge(json.RawMessage(c[0]), json.RawMessage(c[1]))); got != c[2] {
			t.Errorf("%s + %s = %s, want %s", c[0], c[1], got, c[2])
		}
	}
}
