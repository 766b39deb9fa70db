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
	"github.com/sealring/sealring/internal/rbac/condition"
	"github.com/sealring/sealring/internal/resource"
)

// policyFile is a policy question as a file: scopes, management groups, roles, groups,
// assignments, and what must and must not follow from them. Assignments read "principal
// role name scope", with " if name" behind them for one of the conditions. Questions read
// "principal plane action scope", with attributes behind them as @Source[type:name]=value
// (no value: known to be absent) and sub=operation.
type policyFile struct {
	Scopes           yaml.MapSlice
	ManagementGroups map[string]string `yaml:"management_groups"` // name: parent
	Placed           map[string]string // subscription: management group
	Conditions       map[string]string
	Roles            []struct {
		Name        string
		Permissions []filePermission
	}
	Groups      map[string][]string
	Assignments []string
	Denies      []struct {
		Name, Scope                  string
		Exact                        bool
		Principals, Exclude, Actions []string
		Permissions                  []filePermission
	}
	MustAllow []string `yaml:"must_allow"`
	MustDeny  []string `yaml:"must_deny"`
}

// filePermission is a block.
type filePermission struct {
	Actions          []string
	NotActions       []string `yaml:"notActions"`
	DataActions      []string `yaml:"dataActions"`
	NotDataActions   []string `yaml:"notDataActions"`
	Condition        string
	ConditionVersion string `yaml:"conditionVersion"`
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
	if cases < 300 {
		t.Errorf("the policy files hold %d cases only", cases)
	}
}

// play compiles the file and asks its questions.
func play(t *testing.T, f policyFile, catalogue []*rbac.Definition, shuffle *rand.Rand, grouped bool) {
	scopes := map[string]string{}
	for name := range f.ManagementGroups {
		scopes[name] = "/providers/Microsoft.Management/managementGroups/" + name
	}
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
		line, named, conditioned := strings.Cut(line, " if ")
		words := strings.Fields(line)
		principal, role, scope := words[0], strings.Join(words[1:len(words)-1], " "), expand(words[len(words)-1])
		at := slices.IndexFunc(definitions, func(d *rbac.Definition) bool { return d.Name == role })
		if at < 0 {
			t.Fatalf("no role %q", role)
		}
		text, known := f.Conditions[named]
		if conditioned && !known {
			t.Fatalf("no condition %q", named)
		}
		holder := principal
		if grouped {
			holder = "outer group of " + principal
			parents[principal] = append(parents[principal], "group of "+principal)
			parents["group of "+principal] = []string{holder}
		}
		assignments = append(assignments, &rbac.Assignment{Name: assignmentID(n), Scope: scopeID(t, scope), Role: definitions[at].ID, Principal: object(holder), Condition: text})
	}
	denies := f.denies(t, expand)
	if shuffle != nil {
		shuffle.Shuffle(len(definitions), func(i, j int) { definitions[i], definitions[j] = definitions[j], definitions[i] })
		shuffle.Shuffle(len(assignments), func(i, j int) { assignments[i], assignments[j] = assignments[j], assignments[i] })
		shuffle.Shuffle(len(denies), func(i, j int) { denies[i], denies[j] = denies[j], denies[i] })
	}
	policy := rbac.Compile(definitions, assignments, denies)
	ask := func(line string, want bool) {
		r, principal := question(t, line, expand)
		facts := rbac.Facts{Groups: memberships(parents, principal), Above: f.above(t, r.Scope, expand), Now: noon}
		got := policy.Decide(r, facts)
		if got.Allowed != want {
			t.Errorf("%s: allowed %t, want %t (%+v)", line, got.Allowed, want, got.Assignment())
		}
		if shuffle != nil {
			return // the explanation searches all roles, which takes its time
		}
		why := policy.Why(r, facts)
		told := why.Rule != nil
		if !want && why.Decision.Deny == nil {
			told = why.Rule == nil && strings.HasPrefix(why.Sentence, "Denied: ")
		}
		if why.Decision.Allowed != want || !told || want != strings.HasPrefix(why.Sentence, "Allowed: ") {
			t.Errorf("%s: why says %q, rule %+v", line, why.Sentence, why.Rule)
		}
	}
	for _, line := range f.MustAllow {
		ask(line, true)
	}
	for _, line := range f.MustDeny {
		ask(line, false)
	}
}

// denies makes the deny assignments.
func (f *policyFile) denies(t *testing.T, expand func(string) string) (list []*rbac.DenyAssignment) {
	for n, d := range f.Denies {
		deny := &rbac.DenyAssignment{Name: assignmentID(1000 + n), DisplayName: d.Name, Scope: scopeID(t, expand(d.Scope)), ExactScope: d.Exact}
		if d.Actions != nil {
			deny.Permissions = append(deny.Permissions, rbac.Permission{Actions: d.Actions})
		}
		for _, p := range d.Permissions {
			deny.Permissions = append(deny.Permissions, rbac.Permission(p))
		}
		for _, p := range d.Principals {
			deny.Principals = append(deny.Principals, object(p))
		}
		for _, p := range d.Exclude {
			deny.Exclude = append(deny.Exclude, object(p))
		}
		list = append(list, deny)
	}
	return list
}

// above returns the management groups above a scope, nearest first.
func (f *policyFile) above(t *testing.T, scope resource.ID, expand func(string) string) (list []resource.ID) {
	const prefix = "/providers/microsoft.management/managementgroups/"
	at := ""
	if rest, in := strings.CutPrefix(scope.Key(), prefix); in {
		name, _, _ := strings.Cut(rest, "/")
		at = f.ManagementGroups[name]
	}
	for sub, group := range f.Placed {
		if scopeID(t, expand(sub)).Contains(scope) {
			at = group
		}
	}
	for ; at != ""; at = f.ManagementGroups[at] {
		list = append(list, scopeID(t, prefix+at))
	}
	return list
}

// question reads a line of what must or must not be allowed.
func question(t *testing.T, line string, expand func(string) string) (r rbac.Request, principal string) {
	words := strings.Fields(line)
	if len(words) < 4 || words[1] != "control" && words[1] != "data" {
		t.Fatalf("case %q is not principal, plane, action, scope", line)
	}
	r = rbac.Request{Principal: object(words[0]), Data: words[1] == "data", Action: words[2], Scope: scopeID(t, expand(words[3]))}
	for _, more := range words[4:] {
		name, value, given := strings.Cut(more, "=")
		if name == "sub" {
			r.SubOperation = value
			continue
		}
		if _, err := condition.Parse("Exists " + name); err != nil {
			t.Fatalf("case %q: %v", line, err)
		}
		a := rbac.Attribute{Source: condition.Request}
		for a.Source.String() != strings.TrimPrefix(name[:strings.IndexByte(name, '[')], "@") {
			a.Source++
		}
		inner := name[strings.IndexByte(name, '[')+1 : len(name)-1]
		if a.Name = inner; strings.Contains(inner, ":") {
			a.Type, a.Name, _ = strings.Cut(inner, ":")
		}
		if given {
			a.Values = strings.Split(value, "|")
		}
		r.Attributes = append(r.Attributes, a)
	}
	return r, words[0]
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
