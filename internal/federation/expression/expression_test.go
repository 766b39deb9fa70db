package expression_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/federation/expression"
)

// lookup makes claims of a map.
func lookup(claims map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := claims[name]
		return v, ok
	}
}

func TestWhatAnExpressionAccepts(t *testing.T) {
	const branch = "claims['sub'] matches 'repo:octo-org/app:ref:refs/heads/*'"
	for name, c := range map[string]struct {
		expression string
		claims     map[string]string
		want       bool
	}{
		"the whole subject":                     {"claims['sub'] eq 'repo:o/a:x'", map[string]string{"sub": "repo:o/a:x"}, true},
		"another letter case":                   {"claims['sub'] eq 'repo:o/a:x'", map[string]string{"sub": "repo:o/a:X"}, false},
		"a longer subject":                      {"claims['sub'] eq 'repo:o/a:x'", map[string]string{"sub": "repo:o/a:x2"}, false},
		"any branch":                            {branch, map[string]string{"sub": "repo:octo-org/app:ref:refs/heads/main"}, true},
		"an empty rest":                         {branch, map[string]string{"sub": "repo:octo-org/app:ref:refs/heads/"}, true},
		"a repository with a longer name":       {branch, map[string]string{"sub": "repo:octo-org/app2:ref:refs/heads/main"}, false},
		"an organisation that ends alike":       {branch, map[string]string{"sub": "x:repo:octo-org/app:ref:refs/heads/main"}, false},
		"an organisation with a number":         {branch, map[string]string{"sub": "repo:octo-org-123456/app:ref:refs/heads/main"}, false},
		"one character":                         {"claims['sub'] matches 'repo:o/a?'", map[string]string{"sub": "repo:o/aé"}, true},
		"no character for one":                  {"claims['sub'] matches 'repo:o/a?'", map[string]string{"sub": "repo:o/a"}, false},
		"a wildcard in the middle":              {"claims['sub'] matches 'repo:o/*:end'", map[string]string{"sub": "repo:o/a:end:end"}, true},
		"a wildcard in the middle, no end":      {"claims['sub'] matches 'repo:o/*:end'", map[string]string{"sub": "repo:o/a:end:endx"}, false},
		"both of two":                           {branch + " and claims['job_workflow_ref'] eq 'o/a/w.yml@main'", map[string]string{"sub": "repo:octo-org/app:ref:refs/heads/x", "job_workflow_ref": "o/a/w.yml@main"}, true},
		"one of two":                            {branch + " and claims['job_workflow_ref'] eq 'o/a/w.yml@main'", map[string]string{"sub": "repo:octo-org/app:ref:refs/heads/x", "job_workflow_ref": "o/a/v.yml@main"}, false},
		"a claim that the token lacks":          {branch + " and claims['job_workflow_ref'] eq 'o/a/w.yml@main'", map[string]string{"sub": "repo:octo-org/app:ref:refs/heads/x"}, false},
		"a quote that is written twice":         {"claims['sub'] eq 'it''s'", map[string]string{"sub": "it's"}, true},
		"a text with the word and":              {"claims['sub'] eq 'a and b'", map[string]string{"sub": "a and b"}, true},
		"a wildcard's own character for itself": {"claims['sub'] eq 'repo:o/a*'", map[string]string{"sub": "repo:o/ab"}, false},
	} {
		e, err := expression.Parse(c.expression)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := e.Matches(lookup(c.claims)); got != c.want {
			t.Errorf("%s: matches = %v", name, got)
		}
	}
}

// S-37: a wildcard may not precede the first two names that a delimiter closes.
func TestExpressionsThatAreRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "claims['sub']", "claims['sub'] eq", "claims['sub'] eq x", "claims['sub'] eq 'x", "claims['sub'] eq ''",
		"claims['sub'] matches '*'", "claims['sub'] matches 'repo:*'", "claims['sub'] matches 'repo:octo*'", "claims['sub'] matches '?epo:o/a'",
		"claims['sub'] matches '::*'", "claims['sub'] matches 'repo:/*'", "claims['sub'] matches '**'", "claims['sub'] matches 'repo*:o/a'",
		"claims['aud'] eq 'x'", "claims['SUB'] eq 'x'", "claims[\"sub\"] eq 'x'", "claims.sub eq 'x'", "Claims['sub'] eq 'x'",
		"claims['sub'] EQ 'x'", "claims['sub'] ne 'x'", "claims['sub']eq 'x'", "claims['sub'] eq 'x' or claims['sub'] eq 'y'",
		"claims['sub'] eq 'x' and", "claims['sub'] eq 'x'and claims['sub'] eq 'y'", "and claims['sub'] eq 'x'", "claims['sub'] eq 'x' 'y'",
		"claims['sub'] eq '\xff'", "claims['sub'] eq '" + strings.Repeat("x", expression.MaxLength) + "'",
	} {
		if _, err := expression.Parse(text); !errors.Is(err, expression.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTheZeroExpressionMatchesNothing(t *testing.T) {
	if (expression.Expression{}).Matches(lookup(map[string]string{"sub": "x"})) {
		t.Error("the zero expression matches")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("claims['sub'] eq 'x'", "x")
	f.Add("claims['sub'] matches 'repo:o/*' and claims['job_workflow_ref'] eq 'it''s'", "repo:o/a")
	f.Add("claims['sub']  matches  'a:b/c?*'  and  claims['sub'] eq 'y' ", "a:b/cc")
	f.Fuzz(func(t *testing.T, text, subject string) {
		e, err := expression.Parse(text)
		if err != nil {
			return
		}
		again, err := expression.Parse(e.String())
		if err != nil || again.String() != e.String() {
			t.Fatalf("%q is written as %q, which reads as %q, %v", text, e, again, err)
		}
		claims := lookup(map[string]string{"sub": subject, "job_workflow_ref": subject})
		if e.Matches(claims) != again.Matches(claims) {
			t.Fatalf("%q and %q disagree about %q", text, e, subject)
		}
	})
}
