package app_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sealring/sealring/"

// everyone may import the identifiers, the kinds of failure and unprintable text.
var everyone = []string{"internal/id", "internal/fault", "internal/secret"}

// lobby is what every room shares; domain is what rooms stand on.
var (
	lobby  = []string{"internal/bearer", "internal/httpd", "internal/odata", "internal/paging", "internal/localtoken"}
	domain = []string{
		"internal/workload", "internal/managedidentity", "internal/managementgroup", "internal/managementlock", "internal/rbac", "internal/directory", "internal/relation", "internal/registration", "internal/entitlement", "internal/trust",
		"internal/resource", "internal/vault", "internal/token", "internal/keyring", "internal/audit", "internal/signin", "internal/federation",
		"internal/deployment", "internal/template", "internal/template/value",
	}
	room = append(slices.Clone(lobby), domain...)
	// provider is what a namespace of Resource Manager stands on.
	provider = append(slices.Clone(room), "internal/surface/arm", "internal/surface/arm/provider/tracked")
)

// floorPlan names every package and what it may import besides everyone's. A package that
// is not here, an edge that is not here, and a line nobody needs all fail the test.
var floorPlan = map[string][]string{
	"cmd/sealring": {"internal/app", "internal/config", "internal/client", "internal/launch", "internal/nameproxy", "internal/pki"},
	"internal/app": slices.Concat(room, []string{
		"internal/config", "internal/backup", "internal/integrity", "internal/transfer", "internal/store", "internal/seal", "internal/pki", "internal/nameproxy", "internal/client", "internal/outbound",
		"internal/surface/sts", "internal/surface/graph", "internal/surface/arm", "internal/surface/arm/provider",
		"internal/surface/imds", "internal/surface/appservice", "internal/surface/node", "internal/surface/keyvault", "internal/surface/ops",
	}),
	"internal/config": {},

	"internal/surface/sts":          append(slices.Clone(room), "internal/surface/sts/aadsts", "internal/surface/sts/ask", "internal/surface/sts/limit", "internal/surface/sts/metadata", "internal/surface/sts/page"),
	"internal/surface/sts/aadsts":   {},
	"internal/surface/sts/ask":      {},
	"internal/surface/sts/limit":    {},
	"internal/surface/sts/metadata": {},
	"internal/surface/sts/page":     {},
	"internal/surface/graph": append(slices.Clone(room), "internal/surface/graph/api", "internal/surface/graph/application", "internal/surface/graph/edm",
		"internal/surface/graph/federated", "internal/surface/graph/logs", "internal/surface/graph/model", "internal/surface/graph/people"),
	"internal/surface/graph/api":         append(slices.Clone(room), "internal/surface/graph/edm"),
	"internal/surface/graph/application": append(slices.Clone(room), "internal/surface/graph/api", "internal/surface/graph/edm", "internal/surface/graph/model"),
	"internal/surface/graph/edm":         {"internal/odata"},
	"internal/surface/graph/federated":   append(slices.Clone(room), "internal/surface/graph/api", "internal/surface/graph/edm", "internal/surface/graph/model"),
	"internal/surface/graph/logs":        append(slices.Clone(room), "internal/surface/graph/api", "internal/surface/graph/edm", "internal/surface/graph/model"),
	"internal/surface/graph/model":       append(slices.Clone(room), "internal/surface/graph/api", "internal/surface/graph/edm"),
	"internal/surface/graph/people":      append(slices.Clone(room), "internal/surface/graph/api", "internal/surface/graph/edm", "internal/surface/graph/model"),
	"internal/surface/arm":               room,
	"internal/surface/arm/armtest":       append(slices.Clone(room), "internal/surface/arm", "internal/surface/arm/provider", "internal/store", "internal/seal"),
	"internal/surface/arm/provider": slices.Concat(provider, []string{
		"internal/surface/arm/provider/authorization", "internal/surface/arm/provider/compute", "internal/surface/arm/provider/deployments", "internal/surface/arm/provider/hosts", "internal/surface/arm/provider/insights", "internal/surface/arm/provider/keyvault", "internal/surface/arm/provider/management",
		"internal/surface/arm/provider/managedidentity", "internal/surface/arm/provider/resources", "internal/surface/arm/provider/web",
	}),
	"internal/surface/arm/provider/authorization":   provider,
	"internal/surface/arm/provider/compute":         provider,
	"internal/surface/arm/provider/deployments":     append(slices.Clone(room), "internal/surface/arm"),
	"internal/surface/arm/provider/hosts":           provider,
	"internal/surface/arm/provider/insights":        append(slices.Clone(room), "internal/surface/arm"),
	"internal/surface/arm/provider/keyvault":        provider,
	"internal/surface/arm/provider/management":      append(slices.Clone(room), "internal/surface/arm"),
	"internal/surface/arm/provider/managedidentity": provider,
	"internal/surface/arm/provider/resources":       provider,
	"internal/surface/arm/provider/tracked":         append(slices.Clone(room), "internal/surface/arm"),
	"internal/surface/arm/provider/web":             provider,
	"internal/surface/imds":                         room,
	"internal/surface/appservice":                   room,
	"internal/surface/node":                         room,
	"internal/surface/keyvault":                     room,
	"internal/surface/ops":                          room,

	"internal/bearer": {"internal/token"},
	"internal/httpd":  {},
	"internal/odata":  {},
	"internal/paging": {"internal/seal"},

	"internal/localtoken":        {"internal/managedidentity", "internal/audit"},
	"internal/localtoken/corpus": {},

	"internal/workload":              {"internal/audit", "internal/resource"},
	"internal/managedidentity":       {"internal/directory", "internal/entitlement", "internal/resource", "internal/token", "internal/audit", "internal/store", "internal/trust"},
	"internal/managementgroup":       {"internal/resource", "internal/audit", "internal/store"},
	"internal/managementlock":        {"internal/resource", "internal/audit", "internal/store"},
	"internal/rbac":                  {"internal/resource", "internal/audit", "internal/store", "internal/rbac/pattern", "internal/rbac/condition", "internal/rbac/holding", "internal/rbac/attribute", "internal/rbac/permission"},
	"internal/rbac/holding":          {"internal/resource"},
	"internal/rbac/permission":       {"internal/rbac/condition", "internal/rbac/pattern"},
	"internal/rbac/attribute":        {"internal/resource", "internal/rbac/condition", "internal/rbac/pattern"},
	"internal/rbac/condition":        {"internal/rbac/pattern"},
	"internal/rbac/pattern":          {},
	"internal/directory":             {"internal/directory/builtin", "internal/audit", "internal/store", "internal/seal"},
	"internal/federation/expression": {},
	"internal/federation/jwks":       {},
	"internal/federation":            {"internal/token", "internal/outbound", "internal/federation/expression", "internal/federation/jwks"},
	"internal/outbound":              {},
	"internal/directory/builtin":     {},
	"internal/trust":                 {"internal/audit", "internal/directory", "internal/store", "internal/federation/expression", "internal/federation/jwks"},
	"internal/relation":              {"internal/audit", "internal/directory", "internal/store"},
	"internal/registration":          {"internal/audit", "internal/directory", "internal/relation", "internal/store"},
	"internal/entitlement":           {"internal/directory", "internal/relation"},
	"internal/resource":              {"internal/audit", "internal/store"},
	"internal/transfer": {"internal/audit", "internal/directory", "internal/managedidentity", "internal/managementgroup", "internal/managementlock", "internal/rbac",
		"internal/resource", "internal/store", "internal/trust", "internal/vault"},
	"internal/integrity": {"internal/audit", "internal/keyring", "internal/pki", "internal/seal", "internal/store", "internal/vault"},
	"internal/vault":     {"internal/audit", "internal/store", "internal/seal", "internal/resource"},
	"internal/token":     {},
	"internal/signin":    {"internal/audit", "internal/store"},
	"internal/keyring":   {"internal/audit", "internal/store", "internal/seal"},
	"internal/pki":       {"internal/seal", "internal/store"},
	"internal/seal":      {"internal/store"},
	"internal/backup":    {"internal/seal", "internal/store", "internal/audit"},
	"internal/audit":     {"internal/store"},
	"internal/store":     {},
	"internal/id":        {},
	"internal/fault":     {},
	"internal/secret":    {},

	"internal/deployment":          {"internal/template", "internal/template/value", "internal/template/expression", "internal/resource", "internal/audit", "internal/store"},
	"internal/template":            {"internal/resource", "internal/template/value", "internal/template/expression"},
	"internal/template/value":      {},
	"internal/template/expression": {"internal/template/value"},

	"internal/client":    {},
	"internal/launch":    {"internal/client", "internal/nameproxy"},
	"internal/nameproxy": {},

	"internal/store/storetest": {"internal/store"},
	"e2e":                      {},
}

// listed is what `go list -json` says of one package.
type listed struct {
	ImportPath   string
	Imports      []string
	Dir          string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

// list runs go list over the module once.
func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-tags", "e2e", "-json=ImportPath,Imports,Dir,GoFiles,TestGoFiles,XTestGoFiles", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		pkgs = append(pkgs, p)
	}
}

func TestImportsFollowTheFloorPlan(t *testing.T) {
	for _, p := range list(t) {
		allowed, known := floorPlan[p.ImportPath]
		if !known {
			t.Errorf("%s is not in the floor plan: give it a place, and say in ARCHITECTURE.md what it is for", p.ImportPath)
		}
		for _, imported := range p.Imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			if isOurs && !slices.Contains(allowed, ours) && !slices.Contains(everyone, ours) {
				t.Errorf("%s imports %s, which the floor plan does not allow", p.ImportPath, ours)
			}
		}
	}
}

// Sizes are the house's limits; tests and data are exempt.
func TestFilesFunctionsInterfacesAndPackagesStaySmall(t *testing.T) {
	for _, p := range list(t) {
		if strings.HasSuffix(p.ImportPath, "e2e") {
			continue
		}
		total := 0
		for _, name := range p.GoFiles {
			set := token.NewFileSet()
			path := filepath.Join(p.Dir, name)
			file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			lines := set.File(file.Pos()).LineCount()
			total += lines
			if lines > 600 {
				t.Errorf("%s/%s has %d lines; the limit is 600", p.ImportPath, name, lines)
			}
			checkDeclarations(t, set, p.ImportPath+"/"+name, file)
		}
		if total > 3000 {
			t.Errorf("%s has %d lines; the limit is 3,000", p.ImportPath, total)
		}
	}
}

// checkDeclarations looks at sizes and doc comments of one file's top level.
func checkDeclarations(t *testing.T, set *token.FileSet, where string, file *ast.File) {
	t.Helper()
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil {
				t.Errorf("%s: func %s has no doc comment", where, d.Name.Name)
			}
			if n := set.Position(d.End()).Line - set.Position(d.Pos()).Line + 1; n > 80 {
				t.Errorf("%s: func %s has %d lines; the limit is 80", where, d.Name.Name, n)
			}
			if d.Name.Name == "init" && d.Recv == nil {
				t.Errorf("%s: has an init function", where)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				spec, ok := s.(*ast.TypeSpec)
				if !ok {
					continue
				}
				if d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					t.Errorf("%s: type %s has no doc comment", where, spec.Name.Name)
				}
				if i, ok := spec.Type.(*ast.InterfaceType); ok && len(i.Methods.List) > 5 {
					t.Errorf("%s: interface %s has %d methods; the limit is 5", where, spec.Name.Name, len(i.Methods.List))
				}
			}
			if d.Tok != token.IMPORT && d.Tok != token.TYPE && d.Doc == nil && !eachDocumented(d) {
				t.Errorf("%s:%d: declaration has no doc comment", where, set.Position(d.Pos()).Line)
			}
		}
	}
}

// eachDocumented reports whether every constant or variable of a group explains itself.
func eachDocumented(d *ast.GenDecl) bool {
	for _, s := range d.Specs {
		v, ok := s.(*ast.ValueSpec)
		if !ok || v.Doc == nil && v.Comment == nil && !(len(v.Names) == 1 && v.Names[0].Name == "_") {
			return false
		}
	}
	return true
}

func TestEveryPackageHasAComment(t *testing.T) {
	for _, p := range list(t) {
		documented := len(p.GoFiles) == 0
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || file.Doc != nil
		}
		if !documented {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// Fuzz targets with an empty seed folder test nothing in a plain run.
func TestFuzzTargetsHaveSeeds(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			seeds, _ := os.ReadDir(filepath.Join(filepath.Dir(path), "testdata", "fuzz", f.Name.Name))
			if body := string(text[f.Pos()-1 : f.End()-1]); len(seeds) == 0 && !strings.Contains(body, ".Add(") {
				t.Errorf("%s: %s has no seeds", path, f.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
