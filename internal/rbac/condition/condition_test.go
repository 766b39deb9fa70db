package condition

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/rbac/pattern"
)

// facts is a request: its action, its sub-operation, and attributes by canonical spelling.
// An attribute with no values is known to be absent.
type facts struct {
	action, sub string
	values      map[string][]string
}

func (f facts) Matches(p *pattern.Pattern) bool {
	return p.Match(pattern.Fold(nil, f.action))
}
func (f facts) SubOperation(name string) bool { return strings.EqualFold(f.sub, name) }
func (f facts) Values(a *Attribute) ([]string, bool) {
	v, known := f.values[a.String()]
	return v, known
}

// request is what the cases below are asked of.
var request = facts{action: "Microsoft.Storage/x/blobs/read", sub: "Blob.List", values: map[string][]string{
	"@Resource[a:one]":                                {"abcd"},
	"@Resource[a:colours]":                            {"red", "blue"},
	"@Resource[a:numbers]":                            {"10", "20"},
	"@Resource[a:number]":                             {"10"},
	"@Resource[a:none]":                               {},
	"@Resource[a:guid]":                               {"8B9DFCAB-4b77-4632-a6df-94bd07820648"},
	"@Resource[a:yes]":                                {"True"},
	"@Resource[a:star]":                               {"a*c"},
	"@Principal[one]":                                 {"abcd"},
	"@Environment[UtcNow]":                            {"2026-05-01T12:00:00.0000000Z"},
	"@Resource[a/tags:Project<$key_case_sensitive$>]": {"Cascade"},
}}

// TestConditionsHoldOrNot is the table of the language. // CP-115
func TestConditionsHoldOrNot(t *testing.T) {
	for text, want := range map[string]Truth{
		"": True, " \n": True,
		"@Resource[a:one] StringEquals 'abcd'":                                                 True,
		"@RESOURCE[A:one] stringEQUALS 'abcd'":                                                 Unknown, // the facts of this test know one spelling
		"@Resource[a:one] StringEquals 'ABCD'":                                                 False,
		"@Resource[a:one] StringEqualsIgnoreCase 'ABCD'":                                       True,
		"@Resource[a:one] StringNotEquals 'abcd'":                                              False,
		"@Resource[a:one] StringNotEqualsIgnoreCase 'x'":                                       True,
		"@Resource[a:one] StringStartsWith 'ab'":                                               True,
		"@Resource[a:one] StringNotStartsWith 'ab'":                                            False,
		"@Resource[a:one] StringStartsWithIgnoreCase 'AB'":                                     True,
		"@Resource[a:one] StringLike 'a*c?'":                                                   True, // the vectors of CP §5.7
		"@Resource[a:one] StringLike 'A*C?'":                                                   False,
		"@Resource[a:one] StringLikeIgnoreCase 'A*C?'":                                         True,
		"@Resource[a:one] StringLike 'a*c'":                                                    False,
		"@Resource[a:one] StringNotLike 'a*c'":                                                 True,
		`@Resource[a:star] StringLike 'a\*c'`:                                                  True,
		`@Resource[a:one] StringLike 'a\*d'`:                                                   False,
		"@Resource[a:one] StringLike '*'":                                                      True,
		"@Resource[a:one] StringLike '????*'":                                                  True,
		"@Resource[a:one] StringLike '?????'":                                                  False,
		"@Resource[a:one] StringEquals @Principal[one]":                                        True,
		"@Resource[a:one] StringEquals @Resource[a:none]":                                      False,
		"@Resource[a:one] StringEquals @Resource[a:unknown]":                                   Unknown,
		"@Resource[a:one] StringEquals {'abcd'}":                                               True,
		"@Resource[a:colours] ForAnyOfAnyValues:StringEquals {'blue','g'}":                     True,
		"@Resource[a:colours] ForAllOfAnyValues:StringEquals {'red','g'}":                      False,
		"@Resource[a:colours] ForAllOfAnyValues:StringEquals {'red','blue'}":                   True,
		"@Resource[a:colours] ForAnyOfAnyValues:StringNotEquals {'red'}":                       True,
		"@Resource[a:colours] ForAllOfAllValues:StringNotEquals {'g','h'}":                     True,
		"@Resource[a:colours] ForAnyOfAnyValues:StringLike {'bl*'}":                            True,
		"@Resource[a:colours] StringEquals 'red'":                                              Unknown, // one value was expected
		"@Resource[a:numbers] ForAnyOfAllValues:NumericLessThan {15, 18}":                      True,
		"@Resource[a:numbers] ForAllOfAllValues:NumericLessThan {15,25,30}":                    False,
		"@Resource[a:number] NumericEquals 10":                                                 True,
		"@Resource[a:number] NumericNotEquals 10":                                              False,
		"@Resource[a:number] NumericLessThanEquals 10":                                         True,
		"@Resource[a:number] NumericGreaterThan 10":                                            False,
		"@Resource[a:number] NumericGreaterThanEquals -3":                                      True,
		"@Resource[a:one] NumericEquals 10":                                                    Unknown, // no number
		"@Resource[a:guid] GuidEquals 8b9dfcab4b774632a6df94bd07820648":                        True,
		"@Resource[a:guid] ForAnyOfAnyValues:GuidEquals{8b9dfcab-4b77-4632-a6df-94bd07820648}": True,
		"@Resource[a:guid] GuidEquals '8b9dfcab-4b77-4632-a6df-94bd07820648'":                  True,
		"@Resource[a:guid] GuidNotEquals 8b9dfcab4b774632a6df94bd07820648":                     False,
		"@Resource[a:one] GuidEquals 8b9dfcab4b774632a6df94bd07820648":                         Unknown,
		"@Resource[a:yes] BoolEquals true":                                                     True,
		"@Resource[a:yes] boolnotequals true":                                                  False,
		"@Environment[UtcNow] DateTimeGreaterThan '2026-05-01T11:59:59Z'":                      True,
		"@Environment[UtcNow] DateTimeLessThan 2026-05-01T14:00:00.000+02:00":                  False,
		"@Environment[UtcNow] DateTimeLessThanEquals '2026-05-01T14:00:00+02:00'":              True,
		"@Resource[a/tags:Project<$key_case_sensitive$>] StringEquals 'Cascade'":               True,

		"Exists @Resource[a:one]":                                                                      True,
		"NotExists @Resource[a:one]":                                                                   False,
		"Exists @Resource[a:none]":                                                                     False,
		"NotExists @Resource[a:none]":                                                                  True,
		"Exists @Resource[a:unknown]":                                                                  Unknown,
		"NotExists @Resource[a:unknown]":                                                               Unknown,
		"@Resource[a:none] StringEquals 'x'":                                                           False, // absent: false, negated functions too
		"@Resource[a:none] StringNotEquals 'x'":                                                        False,
		"!(@Resource[a:none] StringEquals 'x')":                                                        True,
		"@Resource[a:unknown] StringEquals 'x'":                                                        Unknown,
		"!(@Resource[a:unknown] StringEquals 'x')":                                                     Unknown,      // nobody knows: no negation grants it
		"NOT NOT (@Resource[a:unknown] BoolEquals '1' OR ActionMatches{'x'})":                          Unknown + 10, // refused below
		"@Resource[a:unknown] StringEquals 'x' OR @Resource[a:one] StringEquals 'abcd'":                True,
		"@Resource[a:unknown] StringEquals 'x' AND @Resource[a:one] StringEquals 'x'":                  False,
		"@Resource[a:unknown] StringEquals 'x' && @Resource[a:one] StringEquals 'abcd'":                Unknown,
		"ActionMatches{'microsoft.storage/*/READ'}":                                                    True,
		"!(ActionMatches{'Microsoft.Storage/x/blobs/write'}) OR @Resource[a:unknown] StringEquals 'x'": True,
		"SubOperationMatches{'blob.list'}":                                                             True,
		"SubOperationMatches {'Blob.Read'}":                                                            False,
		"ActionMatches{'x'} AND ActionMatches{'y'} OR ActionMatches{'*'}":                              True, // AND binds tighter
		"ActionMatches{'*'} OR ActionMatches{'y'} AND ActionMatches{'x'}":                              True,
		"(ActionMatches{'*'} || ActionMatches{'y'}) && ActionMatches{'x'}":                             False,
		"not(ActionMatches{'x'})":                                                                      True,
		"!!ActionMatches{'*'}":                                                                         True,
		"@Resource[a:one] StringEquals 'it''s' OR @Resource[a:one] StringEquals 'it\\'s'":              False,
	} {
		c, err := Parse(text)
		if want > True {
			if err == nil {
				t.Errorf("%s: parsed", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.Eval(request); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		again, err := Parse(c.String())
		if err != nil || again.String() != c.String() || again.Eval(request) != want {
			t.Errorf("%s: prints as %s, which is read as %s (%v)", text, c, again, err)
		}
	}
}

// TestTextsThatAreNoConditions are refused when they are written, with a sentence.
func TestTextsThatAreNoConditions(t *testing.T) {
	for _, text := range []string{
		"x", "AND", "@Resource", "@Resource[a:one]", "@Resource[a:one] StringEquals", "@Resource[a:one] StringEquals abcd",
		"@Resource[a:one] StringIs 'x'", "@Resource[a:one] NumericEquals '10'", "@Resource[a:one] NumericEquals 1.5",
		"@Resource[a:one] StringEquals 'x", "@Resource[a:one] StringEquals {'x','y'}", "@Resource[a:one] ForAnyOfAnyValues:StringEquals {'x'",
		"@Resource[a:one] ForAnyOfAnyValues:BoolEquals {true}", "@Resource[a:one] ForSomeOfValues:StringEquals {'x'}", "@Resource[] StringEquals 'x'",
		"@Resource[a:] StringEquals 'x'", "@Resource[a:b<$c] StringEquals 'x'", "@Somebody[a:b] StringEquals 'x'", "@Resource[a:one StringEquals 'x'",
		"(ActionMatches{'x'}", "ActionMatches{'x'})", "ActionMatches{x}", "ActionMatches'x'", "ActionMatches{'x'} ActionMatches{'y'}",
		"ActionMatches{'x'} AND", "! AND ActionMatches{'x'}", "@Resource[a:one] GuidEquals 8b9dfcab", "@Resource[a:one] BoolEquals yes",
		"@Environment[UtcNow] DateTimeEquals 'noon'", "@Resource[a:one] NumericNotLessThan 3", "Exists ActionMatches{'x'}",
		"@Resource[Microsoft.Authorization/roleAssignments:Colour] StringEquals 'x'", "@Principal[Microsoft.Authorization/roleAssignments:PrincipalId] StringEquals 'x'",
		strings.Repeat("(", 65) + "ActionMatches{'x'}" + strings.Repeat(")", 65), "ActionMatches{'" + strings.Repeat("x", 8<<10) + "'}",
		"@Resource[a:one] StringEquals 'a\nb'",
	} {
		if c, err := Parse(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("%.80s: read as %s, %v", text, c, err)
		}
	}
}

// builtInConditions are the conditions of the built-in roles.
func builtInConditions(t testing.TB) (texts []string) {
	t.Helper()
	raw, err := os.ReadFile("../data/builtin-roles.json")
	if err != nil {
		t.Fatal(err)
	}
	var roles []struct {
		Permissions []struct{ Condition string }
	}
	if err := json.Unmarshal(raw, &roles); err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		for _, p := range r.Permissions {
			if p.Condition != "" {
				texts = append(texts, p.Condition)
			}
		}
	}
	return texts
}

// TestTheBuiltInConditionsAreRead: all of them, and what they print is read as the same. // CP-113
func TestTheBuiltInConditionsAreRead(t *testing.T) {
	texts := builtInConditions(t)
	if len(texts) != 31 {
		t.Errorf("%d conditions, want 31", len(texts))
	}
	for _, text := range texts {
		c, err := Parse(text)
		if err != nil {
			t.Errorf("%.200s: %v", text, err)
			continue
		}
		if again, err := Parse(c.String()); err != nil || again.String() != c.String() {
			t.Errorf("%.200s: prints as %s, %v", text, c, err)
		}
		if c.Text() != text {
			t.Errorf("the text was changed: %s", c.Text())
		}
	}
}

// FuzzParse: what is read prints as something that is read as the same, and means the same. // CP-113
func FuzzParse(f *testing.F) {
	for _, text := range append(builtInConditions(f), "NOT Exists @Principal[x] || SubOperationMatches{'a\\'b'}", "@Environment[UtcNow] DateTimeLessThan 2026-05-01 && !(ActionMatches{'*'} OR @Request[a:b<$c$>] ForAllOfAllValues:NumericEquals {1,-2})") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil || c.IsZero() {
			return
		}
		s := &scanner{text: c.String(), deep: -1 << 20} // the canonical form may be longer and deeper
		root, err := s.or()
		if err != nil {
			t.Fatalf("%q prints as %q: %v", text, c, err)
		}
		again := Condition{root: root}
		if again.String() != c.String() {
			t.Fatalf("%q prints as %q, then as %q", text, c, again)
		}
		for _, r := range []facts{request, {}, {action: "x", sub: "y"}} {
			if a, b := c.Eval(r), again.Eval(r); a != b {
				t.Fatalf("%q is %s, as printed %s", text, a, b)
			}
		}
	})
}
