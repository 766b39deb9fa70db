package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// starters are the only files that may start programs, and which.
var starters = map[string]string{
	"internal/app/keys.go":     "the operator's kek.command, argument by argument",
	"internal/launch/child.go": "the command line of `sealring run`",
}

// pages are the only files that may use html/template, which escapes by place, and which
// pages they write from templates that are part of the program.
var pages = map[string]string{
	"internal/surface/sts/page/page.go": "signing in",
}

// languages are files in which a shell's name is a language that apps are written in.
var languages = map[string]bool{"internal/surface/arm/provider/web/stacks.go": true}

// S-25: no text of a request can reach a shell, an evaluated template or a log's format:
// programs are started in named places only, never a shell, pages come from named files only, and what is logged or formatted by a room is never itself a format.
func TestNothingIsHandedToAShell(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	for _, dir := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			for _, imported := range file.Imports {
				switch imported.Path.Value {
				case `"text/template"`, `"plugin"`:
					t.Errorf("%s imports %s", name, imported.Path.Value)
				case `"html/template"`:
					if pages[filepath.ToSlash(name)] == "" {
						t.Errorf("%s writes pages", name)
					}
				case `"os/exec"`:
					seen++
					if starters[filepath.ToSlash(name)] == "" {
						t.Errorf("%s starts programs", name)
					}
				}
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					switch text, _ := strconv.Unquote(lit.Value); text {
					case "sh", "bash", "/bin/sh", "/bin/bash", "cmd.exe", "powershell":
						if text == "powershell" && languages[filepath.ToSlash(name)] {
							break
						}
						t.Errorf("%s: a shell: %s", set.Position(n.Pos()), lit.Value)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen != len(starters) {
		t.Errorf("%d files start programs, the list has %d", seen, len(starters))
	}
}
