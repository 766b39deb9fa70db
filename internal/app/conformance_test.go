package app_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// conformanceFile is the list this file keeps honest, seen from this package.
const conformanceFile = "../../docs/conformance.md"

// lists are the numbered lists of the specifications: prefix and last number. The prefix
// "TE-9." belongs to the table of rules in a section of its own.
var lists = map[string]int{"TE-": 100, "TE-9.": 18, "DT-": 104, "CP-": 147, "RS-": 139, "S-": 74, "R-": 46}

// reasons begin the second cell of a row that names no test.
var reasons = []string{"not yet: ", "not run: "}

// clients are the packages in which third-party clients run.
var clients = []string{"e2e", "internal/app"}

// number is one statement of a specification, as "RS-14" or "TE-9.3".
var number = regexp.MustCompile(`\b(TE|DT|CP|RS|S|R)-([0-9]+)(\.[0-9]+)?\b`)

// notBuilt is a span of numbers in a line that begins with "Not built: ".
var notBuilt = regexp.MustCompile(`\b((?:TE|DT|CP|RS|S|R)-)([0-9]+)(?: to (?:TE|DT|CP|RS|S|R)-([0-9]+))?`)

// row is one line of a table: what it lists, the cell that names tests or a reason, and
// who else has seen it.
type row struct {
	line                 int
	number, how, witness string
}

// conformance is the document, read.
type conformance struct {
	rows  []row
	named map[string]int // line of each number in a table
	gaps  map[string]int // line of each number that is declared not built
	twice []string       // what is wrong with the numbers themselves
}

// readConformance parses the document. Rows are lines of tables whose first cell is a
// number; every other line is prose, except those that say what is not built.
func readConformance(text string) conformance {
	c := conformance{named: map[string]int{}, gaps: map[string]int{}}
	say := func(n int, format string, args ...any) {
		c.twice = append(c.twice, fmt.Sprintf("line %d: %s", n, fmt.Sprintf(format, args...)))
	}
	for i, line := range strings.Split(text, "\n") {
		n := i + 1
		if rest, ok := strings.CutPrefix(line, "Not built: "); ok {
			for _, m := range notBuilt.FindAllStringSubmatch(rest, -1) {
				first, _ := strconv.Atoi(m[2])
				last := first
				if m[3] != "" {
					last, _ = strconv.Atoi(m[3])
				}
				for k := first; k <= last; k++ {
					key := m[1] + strconv.Itoa(k)
					if was := c.gaps[key]; was != 0 {
						say(n, "%s is in line %d too", key, was)
					}
					c.gaps[key] = n
				}
			}
			continue
		}
		inner, ok := strings.CutPrefix(line, "|")
		if !ok {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(strings.TrimSpace(inner), "|"), "|")
		for k := range cells {
			cells[k] = strings.TrimSpace(strings.ReplaceAll(cells[k], "`", ""))
		}
		if !number.MatchString(cells[0]) {
			continue
		}
		if number.FindString(cells[0]) != cells[0] || len(cells) != 3 {
			say(n, "a row is | number | tests or reason | witness |, not %q", line)
			continue
		}
		if was := c.named[cells[0]]; was != 0 {
			say(n, "%s is in line %d too", cells[0], was)
		}
		c.named[cells[0]] = n
		c.rows = append(c.rows, row{n, cells[0], cells[1], cells[2]})
	}
	return c
}

// problem returns what is wrong with a row, given the tests of each package directory.
func (r row) problem(tests map[string]map[string]bool) string {
	for _, reason := range reasons {
		if why, ok := strings.CutPrefix(r.how+" ", reason); ok {
			if strings.TrimSpace(why) == "" {
				return "gives no reason"
			}
			return ""
		}
	}
	ends, real := false, false // e2e is named; a third-party client may be
	for part := range strings.SplitSeq(r.how, ";") {
		words := strings.Fields(strings.ReplaceAll(part, ",", " "))
		if len(words) < 2 {
			return fmt.Sprintf("names no test in %q and gives no reason (%q)", part, reasons)
		}
		if tests[words[0]] == nil {
			return fmt.Sprintf("there is no package %s with tests", words[0])
		}
		ends, real = ends || words[0] == "e2e", real || slices.Contains(clients, words[0])
		for _, name := range words[1:] {
			if !tests[words[0]][name] {
				return fmt.Sprintf("%s has no test %s", words[0], name)
			}
		}
	}
	if own := strings.HasPrefix(r.witness, "own test"); r.witness == "" || own && ends || !own && !real {
		return fmt.Sprintf(`the witness is %q: "own test only" goes with our tests, anything else with %q`, r.witness, clients)
	}
	return ""
}

// treeOfTests walks the module. tests are the functions that `go test` runs, by directory,
// whatever their build tags; cited are the numbers that tests and their data mention, each
// with one file that does.
func treeOfTests(t *testing.T) (tests map[string]map[string]bool, cited map[string]string) {
	t.Helper()
	tests, cited = map[string]map[string]bool{}, map[string]string{}
	const root = "../.."
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if e.IsDir() {
			if path != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "node_modules" || e.Name() == "target") {
				return fs.SkipDir
			}
			return nil
		}
		isTest := strings.HasSuffix(name, "_test.go")
		isData := strings.Contains(name, "testdata") && slices.Contains([]string{".http", ".yaml", ".txtar"}, filepath.Ext(name))
		if !isTest && !isData {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if isTest {
			if err := addTests(tests, filepath.ToSlash(filepath.Dir(name)), path, text); err != nil {
				return err
			}
		}
		if name != filepath.FromSlash("internal/app/conformance_test.go") { // its examples prove nothing
			addCited(cited, name, string(text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests, cited
}

// addTests records the test functions of one file.
func addTests(tests map[string]map[string]bool, dir, path string, text []byte) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !slices.ContainsFunc([]string{"Test", "Fuzz", "Benchmark"}, func(p string) bool { return strings.HasPrefix(f.Name.Name, p) }) {
			continue
		}
		if tests[dir] == nil {
			tests[dir] = map[string]bool{}
		}
		tests[dir][f.Name.Name] = true
	}
	return nil
}

// addCited records the numbers in text. A number with a part, as in "DT-3.2", means a
// section of the specification and is no statement of its list, except in TE's section 9.
func addCited(cited map[string]string, name, text string) {
	for _, m := range number.FindAllStringSubmatch(text, -1) {
		prefix, n := m[1]+"-", m[2]
		if m[3] != "" {
			if prefix += n + "."; lists[prefix] == 0 {
				continue
			}
			n = m[3][1:]
		}
		if k, err := strconv.Atoi(n); err == nil && k >= 1 && k <= lists[prefix] {
			cited[prefix+n] = name
		}
	}
}

// The document names only tests that exist, says of every statement where it stands, and
// lacks nothing that a test claims to prove.
func TestConformanceListIsHonest(t *testing.T) {
	text, err := os.ReadFile(conformanceFile)
	if err != nil {
		t.Fatal(err)
	}
	c := readConformance(string(text))
	for _, complaint := range c.twice {
		t.Errorf("docs/conformance.md, %s", complaint)
	}
	tests, cited := treeOfTests(t)
	if len(tests) == 0 || len(cited) == 0 {
		t.Fatal("the tree has no tests")
	}
	for _, r := range c.rows {
		if p := r.problem(tests); p != "" {
			t.Errorf("docs/conformance.md, line %d, %s: %s", r.line, r.number, p)
		}
	}
	for key, file := range cited {
		if c.named[key] == 0 {
			t.Errorf("%s claims %s, and docs/conformance.md has no row for it", file, key)
		}
	}
	for prefix, last := range lists {
		for k := 1; k <= last; k++ {
			key := prefix + strconv.Itoa(k)
			if (c.named[key] == 0) == (c.gaps[key] == 0) {
				t.Errorf("docs/conformance.md: %s must stand once, in a row or in a line of what is not built", key)
			}
		}
	}
	for _, m := range []map[string]int{c.named, c.gaps} {
		for key, line := range m {
			cut := strings.LastIndexAny(key, "-.") + 1
			if k, err := strconv.Atoi(key[cut:]); err != nil || k < 1 || k > lists[key[:cut]] {
				t.Errorf("docs/conformance.md, line %d: there is no %s", line, key)
			}
		}
	}
}

// The checks above notice what they are for.
func TestConformanceListIsReadStrictly(t *testing.T) {
	tests := map[string]map[string]bool{"internal/x": {"TestOne": true, "FuzzTwo": true}, "e2e": {"TestReal": true}}
	for line, bad := range map[string]string{
		"| S-1 | `internal/x` TestOne, FuzzTwo | own test only |":                 "",
		"| TE-9.3 | internal/x TestOne; e2e TestReal | Go, Python |":              "",
		"| S-1 | not yet: needs a second machine | |":                             "",
		"| S-1 | not run: no package of the client | |":                           "",
		"| S-1 | not yet: | |":                                                    "no reason",
		"| S-1 | | own test only |":                                               "names no test",
		"| S-1 | internal/x | own test only |":                                    "names no test",
		"| S-1 | internal/x TestGone | own test only |":                           "no test TestGone",
		"| S-1 | internal/y TestOne | own test only |":                            "no package",
		"| S-1 | internal/x TestOne | |":                                          "the witness",
		"| S-1 | internal/x TestOne | Go |":                                       "the witness",
		"| S-1 | e2e TestReal | own test only |":                                  "the witness",
		"| S-1 to S-3 | internal/x TestOne | own test only |":                     "a row is",
		"| S-1 | internal/x TestOne |":                                            "a row is",
		"| S-1 | not yet: x | |\n| S-1 | internal/x TestOne | own test only |":    "in line 1 too",
		"Not built: S-1 to S-3 (nodes), S-2.":                                     "in line 1 too",
		"Not built: S-1 to S-3 (nodes), S-5.\n\n| Number | Proven by | Seen by |": "",
	} {
		c := readConformance(line)
		said := strings.Join(c.twice, "\n")
		for _, r := range c.rows {
			said += r.problem(tests)
		}
		if bad == "" && said != "" || bad != "" && !strings.Contains(said, bad) {
			t.Errorf("%q: said %q, want %q", line, said, bad)
		}
	}
	cited := map[string]string{}
	addCited(cited, "f", "// RS-14, TE-9.3, DT-3.2 and CP-35..37; S-999, xS-1")
	if len(cited) != 3 || cited["RS-14"] == "" || cited["TE-9.3"] == "" || cited["CP-35"] == "" {
		t.Errorf("cited %v", cited)
	}
}
