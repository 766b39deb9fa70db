package resource_test

import (
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/resource"
)

// sub is the subscription of the tests.
const sub = "/subscriptions/11111111-1111-1111-1111-111111111111"

// parse reads an id that must be valid.
func parse(t testing.TB, s string) resource.ID {
	t.Helper()
	out, err := resource.ParseID(s)
	if err != nil {
		t.Fatalf("ParseID(%q): %v", s, err)
	}
	return out
}

// CP §2.2: every scope parses into its parts.
func TestPartsOfAnID(t *testing.T) {
	group := sub + "/resourceGroups/rg1"
	slot := group + "/providers/Microsoft.Web/sites/app/slots/stage"
	grant := slot + "/providers/Microsoft.Authorization/roleAssignments/r1"
	for _, c := range []struct{ name, in, kind, full, parent, scope, group string }{
		{"the root", "/", resource.TypeTenant, "", "", "", ""},
		{"a subscription", sub, resource.TypeSubscription, sub[15:], "/", "/", ""},
		{"a group", group, resource.TypeGroup, "rg1", sub, sub, "rg1"},
		{"a resource", group + "/providers/Microsoft.Web/sites/app", "Microsoft.Web/sites", "app", group, group, "rg1"},
		{"a child", slot, "Microsoft.Web/sites/slots", "app/stage", group + "/providers/Microsoft.Web/sites/app", group, "rg1"},
		{"an extension of a child", grant, "Microsoft.Authorization/roleAssignments", "r1", slot, slot, "rg1"},
		{"a resource of the tenant", "/providers/Microsoft.Management/managementGroups/m", "Microsoft.Management/managementGroups", "m", "/", "/", ""},
		{"an extension of a subscription", sub + "/providers/Microsoft.Authorization/locks/l", "Microsoft.Authorization/locks", "l", sub, sub, ""},
		{"a resource named providers", group + "/providers/Microsoft.Web/sites/providers", "Microsoft.Web/sites", "providers", group, group, "rg1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := parse(t, c.in)
			got := []string{i.String(), i.Type(), i.FullName(), i.Parent().String(), i.Scope().String(), i.Group()}
			want := []string{c.in, c.kind, c.full, c.parent, c.scope, c.group}
			for n := range want {
				if got[n] != want[n] {
					t.Errorf("part %d is %q, want %q", n, got[n], want[n])
				}
			}
		})
	}
}

// S-44: what two readers could understand differently is refused, not repaired.
func TestParseIDRefusesWhatIsAmbiguous(t *testing.T) {
	for name, in := range map[string]string{
		"empty":                       "",
		"no leading slash":            "subscriptions/11111111-1111-1111-1111-111111111111",
		"a trailing slash":            sub + "/",
		"a doubled slash":             sub + "//resourceGroups/rg1",
		"a dot segment":               sub + "/resourceGroups/.",
		"a double dot segment":        sub + "/resourceGroups/a/providers/N/t/..",
		"an encoded slash":            sub + "/resourceGroups/a%2Fb",
		"an encoded dot":              sub + "/resourceGroups/%2e%2e",
		"a look-alike letter":         sub + "/resourceGroups/rg\u0430",
		"a folding look-alike":        sub + "/resourceGroups/\u212Aiosk",
		"a full-width slash":          sub + "/resourceGroups/a\uff0fb",
		"a zero-width space":          sub + "/resourceGroups/a\u200b",
		"a control character":         sub + "/resourceGroups/a\x00",
		"a backslash":                 sub + `/resourceGroups/a\b`,
		"a blank at the end":          sub + "/resourceGroups/a/providers/N/t/b ",
		"a query":                     sub + "/resourceGroups/a?x",
		"a group that ends in a stop": sub + "/resourceGroups/a.",
		"a subscription without GUID": "/subscriptions/mine",
		"a collection":                sub + "/resourceGroups",
		"a namespace without a type":  sub + "/providers/Microsoft.Web",
		"a type without a name":       sub + "/providers/Microsoft.Web/sites",
		"an empty extension":          sub + "/providers/N/t/a/providers/M/providers/x/y",
		"too long":                    sub + "/providers/N" + strings.Repeat("/t/n", 600),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := resource.ParseID(in); err == nil {
				t.Errorf("ParseID(%q) = %q, want an error", in, got)
			}
		})
	}
}

// S-44: containment is by whole segments and without regard to case.
func TestContains(t *testing.T) {
	for _, c := range []struct {
		name, outer, inner string
		want               bool
	}{
		{"the root contains all", "/", sub, true},
		{"a group contains itself in another case", sub + "/resourcegroups/RG1", sub + "/resourceGroups/rg1", true},
		{"a group contains its resource", sub + "/resourceGroups/rg1", sub + "/resourceGroups/RG1/providers/N/t/a", true},
		{"a longer name is not inside", sub + "/resourceGroups/rg1", sub + "/resourceGroups/rg10", false},
		{"a resource does not contain its group", sub + "/resourceGroups/rg1/providers/N/t/a", sub + "/resourceGroups/rg1", false},
		{"an app contains its slot", sub + "/resourceGroups/g/providers/N/t/a", sub + "/resourceGroups/g/providers/N/t/a/s/b", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := parse(t, c.outer).Contains(parse(t, c.inner)); got != c.want {
				t.Errorf("Contains = %v", got)
			}
		})
	}
	if (resource.ID{}).Contains(resource.Root()) || resource.Root().Contains(resource.ID{}) {
		t.Error("the zero ID takes part in containment")
	}
}

func TestChildBuildsBelow(t *testing.T) {
	group := parse(t, sub+"/resourceGroups/g")
	app := group.Child("Microsoft.Web/sites", "app")
	for _, c := range []struct{ got, want string }{
		{app.String(), group.String() + "/providers/Microsoft.Web/sites/app"},
		{app.Child("slots", "s").String(), app.String() + "/slots/s"},
		{group.Child("Microsoft.Web/sites/slots", "app/s").String(), app.String() + "/slots/s"},
		{app.Child("Microsoft.Authorization/locks", "l").String(), app.String() + "/providers/Microsoft.Authorization/locks/l"},
		{resource.Root().Child("N.x/t", "n").String(), "/providers/N.x/t/n"},
		{app.Child("slots", "../x").String(), ""},
		{app.Child("slots", "a/b").String(), ""},
		{group.Child("slots", "a").String(), ""},
		{resource.GroupID("11111111-1111-1111-1111-111111111111", "a/b").String(), ""},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// FuzzParseID: what parses prints itself again, up to the spelling of the fixed words, and
// its parts are ids that contain it (S-44).
func FuzzParseID(f *testing.F) {
	for _, seed := range []string{"/", sub, sub + "/resourcegroups/RG", sub + "/resourceGroups/g/providers/Microsoft.Web/sites/a/slots/b",
		"/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.Authorization/locks/x", "//", "/a/../b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		i, err := resource.ParseID(in)
		if err != nil {
			if !i.IsZero() {
				t.Fatalf("an error came with the id %q", i)
			}
			return
		}
		if !strings.EqualFold(i.String(), in) || i.Key() != strings.ToLower(in) {
			t.Fatalf("%q printed as %q", in, i)
		}
		again, err := resource.ParseID(i.String())
		if err != nil || again.String() != i.String() {
			t.Fatalf("%q does not parse to itself: %q, %v", i, again, err)
		}
		for up := i; !up.IsZero(); up = up.Parent() {
			if !up.Contains(i) {
				t.Fatalf("%q is a parent of %q and does not contain it", up, i)
			}
			if _, err := resource.ParseID(up.String()); err != nil {
				t.Fatalf("parent %q of %q is no id", up, i)
			}
		}
		if i.IsResource() && !i.Scope().Child(i.Type(), i.FullName()).Equal(i) {
			t.Fatalf("%q is not the child %q %q of %q", i, i.Type(), i.FullName(), i.Scope())
		}
	})
}
