package rbac_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
)

// policyFile is a policy question as a file: roles, groups, assignments, and what must and
// must not follow from them. Assignments read "principal role name scope", questions
// "principal plane action scope".
type policyFile struct {
	Scopes yaml.MapSlice
	Roles  []struct {
		Name        string
		Permissions []struct {
			Actions          []string
			NotActions       []string `yaml:"notActions"`
			DataActions      []string `yaml:"dataActions"`
			NotDataActions   []string `yaml:"notDataActions"`
			Condition        string
			ConditionVersion string `yaml:"conditionVersion"`
		}
	}
	Groups      map[string][]string
	Assignments []string
	Denies      []struct {
		Name, Scope                  string
		Exact                        bool
		Principals, Exclude, Actions []string
	}
	MustAllow []string `yaml:"must_allow"`
	MustDeny  []string `yaml:"must_deny"`
}

// object gives a name in a policy file an id.
func object(name string) id.Object {
	if name == "everyone" {
		return rbac.Everyone
	}
	return id.Object(uuid.NewSHA1(uuid.NameSpaceURL, []byte("principal "+name)).String())
}

// assignmentID numbers assignments.
func assignmentID(n int) rbac.AssignmentID {
	return rbac.AssignmentID(uuid.NewSHA1(uuid.NameSpaceURL, []byte{byte(n >> 16), byte(n >> 8), byte(n)}).String())
}

// scopeID parses a scope, which must be one.
func scopeID(t testing.TB, s string) resource.ID {
	t.Helper()
	scope, err := resource.ParseID(s)
	if err != nil {
		t.Fatalf("scope %q: %v", s, err)
	}
	return scope
}

// builtIns returns the built-in roles.
func builtIns(t testing.TB) []*rbac.Definition {
	t.Helper()
	all, err := rbac.BuiltInDefinitions()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPolicyFiles plays every file as it stands, in shuffled order, and with every
// assignment moved to a group that holds a group that holds the principal. // S-43, S-44
func TestPolicyFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policy files: %v", err)
	}
	catalogue, cases := builtIns(t), 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var f policyFile
		if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cases += len(f.MustAllow) + len(f.MustDeny)
		base := filepath.Base(name)
		t.Run(base+"/as it stands", func(t *testing.T) { play(t, f, catalogue, nil, false) })
		for seed := range uint64(3) {
			t.Run(base+"/shuffled", func(t *testing.T) { play(t, f, catalogue, rand.New(rand.NewPCG(seed, 7)), false) })
		}
		t.Run(base+"/through groups", func(t *testing.T) { play(t, f, catalogue, rand.New(rand.NewPCG(9, 9)), true) })
	}
	if cases < 80 {
		t.Errorf("the policy files hold %d cases only", cases)
	}
}

// play compiles the file and asks its questions.
func play(t *testing.T, f policyFile, catalogue []*rbac.Definition, shuffle *rand.Rand, grouped bool) {
	scopes := map[string]string{}
	expand := func(s string) string { return os.Expand(s, func(name string) string { return scopes[name] }) }
	for _, item := range f.Scopes {
		scopes[item.Key.(string)] = expand(item.Value.(string))
	}
	definitions := slices.Clone(catalogue)
	for _, r := range f.Roles {
		d := &rbac.Definition{ID: rbac.RoleID(object("role " + r.Name)), Name: r.Name, Type: rbac.Custom}
		for _, p := range r.Permissions {
			d.Permissions = append(d.Permissions, rbac.Permission(p))
		}
		definitions = append(definitions, d)
	}
	parents := map[string][]string{}
	for group, members := range f.Groups {
		for _, m := range members {
			parents[m] = append(parents[m], group)
		}
	}
	var assignments []*rbac.Assignment
	for n, line := range f.Assignments {
		words := strings.Fields(line)
		principal, role, scope := words[0], strings.Join(words[1:len(words)-1], " "), expand(words[len(words)-1])
		at := slices.IndexFunc(definitions, func(d *rbac.Definition) bool { return d.Name == role })
		if at < 0 {
			t.Fatalf("no role %q", role)
		}
		holder := principal
		if grouped {
			holder = "outer group of " + principal
			parents[principal] = append(parents[principal], "group of "+principal)
			parents["group of "+principal] = []string{holder}
		}
		assignments = append(assignments, &rbac.Assignment{Name: assignmentID(n), Scope: scopeID(t, scope), Role: definitions[at].ID, Principal: object(holder)})
	}
	var denies []*rbac.DenyAssignment
	for n, d := range f.Denies {
		deny := &rbac.DenyAssignment{Name: assignmentID(1000 + n), DisplayName: d.Name, Scope: scopeID(t, expand(d.Scope)), ExactScope: d.Exact,
			Permissions: []rbac.Permission{{Actions: d.Actions}}}
		for _, p := range d.Principals {
			deny.Principals = append(deny.Principals, object(p))
		}
		for _, p := range d.Exclude {
			deny.Exclude = append(deny.Exclude, object(p))
		}
		denies = append(denies, deny)
	}
	if shuffle != nil {
		shuffle.Shuffle(len(definitions), func(i, j int) { definitions[i], definitions[j] = definitions[j], definitions[i] })
		shuffle.Shuffle(len(assignments), func(i, j int) { assignments[i], assignments[j] = assignments[j], assignments[i] })
		shuffle.Shuffle(len(denies), func(i, j int) { denies[i], denies[j] = denies[j], denies[i] })
	}
	policy := rbac.Compile(definitions, assignments, denies)
	ask := func(line string, want bool) {
		words := strings.Fields(line)
		if len(words) != 4 || words[1] != "control" && words[1] != "data" {
			t.Fatalf("case %q is not principal, plane, action, scope", line)
		}
		r := rbac.Request{Principal: object(words[0]), Data: words[1] == "data", Action: words[2], Scope: scopeID(t, expand(words[3]))}
		if got := policy.Decide(r, rbac.Facts{Groups: memberships(parents, words[0])}); got.Allowed != want {
			t.Errorf("%s: allowed %t, want %t (%+v)", line, got.Allowed, want, got)
		}
	}
	for _, line := range f.MustAllow {
		ask(line, true)
	}
	for _, line := range f.MustDeny {
		ask(line, false)
	}
}

// memberships returns the groups that hold a name, transitively.
func memberships(parents map[string][]string, name string) []id.Object {
	var groups []id.Object
	for _, p := range parents[name] {
		groups = append(append(groups, object(p)), memberships(parents, p)...)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}
