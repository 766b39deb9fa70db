package arm

import (
	"reflect"
	"testing"
)

func TestParseFilter(t *testing.T) {
	for text, want := range map[string][][]Term{
		"":                              nil,
		"roleName eq 'X'":               {{{"eq", "rolename", "X"}}},
		"name eq 'it''s'":               {{{"eq", "name", "it's"}}},
		"atScope() and assignedTo('g')": {{{"atscope", "", ""}, {"assignedto", "", "g"}}},
		"substringof('x', name) or identity/principalId eq 'p'": {{{"substringof", "name", "x"}}, {{"eq", "identity/principalid", "p"}}},
		"startswith(name,'x')": {{{"startswith", "name", "x"}}},
	} {
		got, err := ParseFilter(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"x", "name eq", "name eq x", "name eq 'x", "name eq 'x' and", "name eq 'x' xor name eq 'y'", "(name eq 'x')", "f(a,b,c)", "name gt 'x'", "'x' eq name", "f('x'"} {
		if got, err := ParseFilter(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{"name eq 'x'", "atScope() and assignedTo('a''b')", "substringof('x', name) or a eq 'b'", "((("} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		alternatives, err := ParseFilter(text)
		for _, all := range alternatives {
			if err == nil && len(all) == 0 {
				t.Errorf("%q has an empty alternative, which holds for everything", text)
			}
		}
	})
}
