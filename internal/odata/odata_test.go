package odata_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/odata"
)

func TestParseFilter(t *testing.T) { // DT-91
	for in, want := range map[string]string{
		"appId eq 'g'":                               "appId eq 'g'",
		"APPID EQ 'g'":                               "APPID eq 'g'",
		"startswith(displayName,'x y')":              "startswith(displayName,'x y')",
		"startsWith( displayName , 'x' )":            "startswith(displayName,'x')",
		"servicePrincipalNames/any(c:c eq 'u')":      "servicePrincipalNames/any(x:x eq 'u')",
		"tags/any(t: t eq 'W')":                      "tags/any(x:x eq 'W')",
		"tags/any(t:startswith(t,'W') or t eq 'a')":  "tags/any(x:(startswith(x,'W') or x eq 'a'))",
		"displayName eq 'O''Brien'":                  "displayName eq 'O''Brien'",
		"displayName eq ''":                          "displayName eq ''",
		"owners/$count eq 0":                         "owners/$count eq 0",
		"status/errorCode ne 0":                      "status/errorCode ne 0",
		"a eq 'x' and b eq 'y' or c eq 'z'":          "((a eq 'x' and b eq 'y') or c eq 'z')",
		"a eq 'x' and (b eq 'y' or c eq 'z')":        "(a eq 'x' and (b eq 'y' or c eq 'z'))",
		"not a eq 'x'":                               "not a eq 'x'",
		"NOT(a eq 'x')":                              "not a eq 'x'",
		"a in ('x', 'y')":                            "a in ('x','y')",
		"accountEnabled eq true":                     "accountEnabled eq true",
		"a eq null":                                  "a eq null",
		"id eq 0f8fad5b-d9cb-469f-a165-70867728950e": "id eq 0f8fad5b-d9cb-469f-a165-70867728950e",
		"id eq af8fad5b-d9cb-469f-a165-70867728950e": "id eq af8fad5b-d9cb-469f-a165-70867728950e",
		"createdDateTime ge 2026-05-01T12:00:00Z":    "createdDateTime ge 2026-05-01T12:00:00Z",
		"displayName eq 'über (a), b/c:d'":           "displayName eq 'über (a), b/c:d'",
	} {
		got, err := odata.ParseFilter(in)
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
}

func TestBadFiltersAreRefused(t *testing.T) { // S-5, S-63
	for _, in := range []string{
		"", " ", "a", "a eq", "eq 'x'", "a eq 'x", "a eq 'x' and", "a eq 'x' b eq 'y'", "(a eq 'x'", "a eq 'x')", "a = 'x'", "a eq \"x\"",
		"startswith(a)", "startswith(a,b)", "startswith('a','b')", "a/any(x eq 'y')", "a/any(x:y eq 'z')", "a/any()", "a/any(x:b/any(y:y eq 'z'))",
		"a in ()", "$count eq 1", "a eq $count", "a/$x eq 1", "tags/any(t:t/$count eq 0)", "a in 'x'", "a in ('x'", "a-b eq 'x'", "a eq 'x';", "a eq \xff", "a eq -", "a/ eq 'x'", "/a eq 'x'", "a has 'x'",
		strings.Repeat("(", 200) + "a eq 'x'" + strings.Repeat(")", 200), strings.Repeat("not ", 200) + "a eq 'x'",
		strings.Repeat("a eq 'x' or ", 200) + "a eq 'x'", "a eq '" + strings.Repeat("x", 9000) + "'",
		"a in (" + strings.Repeat("'x',", 200) + "'x')",
	} {
		if got, err := odata.ParseFilter(in); !errors.Is(err, odata.ErrFilter) {
			t.Errorf("%.60q: %v, %v", in, got, err)
		}
	}
}

func TestParseQuery(t *testing.T) { // DT-7.2, DT-93
	for in, want := range map[string]string{
		"":                              "{<nil> [] 0 false [] [] [] }",
		"$top=5&$select=id,%20appId":    "{<nil> [id appId] 5 false [] [] [] }",
		"%24count=true&api=1&x=1&x=2":   "{<nil> [] 0 true [] [] [] }",
		"$filter=appId%20eq%20%27g%27":  "{appId eq 'g' [] 0 false [] [] [] }",
		"$filter=appId+eq+'g'&$TOP=999": "{appId eq 'g' [] 999 false [] [] [] }",
		"$skiptoken=abc&$filter=a+eq+'b'&$filter=a+eq+'b'&$top=5":   "{<nil> [] 0 false [] [] [] abc}",
		"$orderby=displayName+desc,id&$expand=owners($select=id),a": "{<nil> [] 0 false [] [{displayName true} {id false}] [owners a] }",
		`$search="displayName:a+b"+OR+"appId:x"+AND+"say+\"hi\""`:   `{<nil> [] 0 false [[{displayName a b}] [{appId x} { say "hi"}]] [] [] }`,
	} {
		got, err := odata.ParseQuery(in)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"$top=0", "$top=1000", "$top=-1", "$top=x", "$top=1&$top=2", "$count=maybe", "$select=", "$select=a,,b", "$select=a-b", "$orderby=id+up", "$orderby=", "$expand=", "$expand=a(b)", "$expand=a($select=b", "$expand=a,b,c,d,e",
		"$search=x", `$search="a"+"b"`, `$search="a`, `$search=""`, `$search="a"+XOR+"b"`, "$format=json", "$foo=1", "$skiptoken=", "$skiptoken=a&$skiptoken=b", "a=%zz", "$filter=a;b",
	} {
		if got, err := odata.ParseQuery(in); !errors.Is(err, odata.ErrOption) {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
}

func TestSeedsOfTheFuzzTargetAreThere(t *testing.T) {
	files, err := os.ReadDir("testdata/fuzz/FuzzParseFilter")
	if err != nil || len(files) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
}

func FuzzParseFilter(f *testing.F) {
	f.Add("servicePrincipalType eq 'ManagedIdentity' and startswith(displayName,'a')")
	f.Add("not (tags/any(t:t eq 'x') or a in ('b',c))")
	f.Fuzz(func(t *testing.T, in string) {
		e, err := odata.ParseFilter(in)
		if err != nil {
			return
		}
		canonical := e.String()
		again, err := odata.ParseFilter(canonical)
		if len(canonical) <= 8<<10 && (err != nil || again.String() != canonical) {
			t.Fatalf("%q became %q, which became %v, %v", in, canonical, again, err)
		}
	})
}
