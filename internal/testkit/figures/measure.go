package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// piece is a function or a file and its length.
type piece struct {
	name  string
	lines int
}

// room is a package.
type room struct {
	path         string
	code, tests  int // lines
	exported     int // names, methods included
	documented   int // of these
	interfaces   int // exported
	initializers int
}

// tree is everything that was measured. Code that a generator wrote is left
// out.
type tree struct {
	functions []piece
	files     []piece
	rooms     map[string]*room
	requires  int // direct
}

// measure reads the Go files below the folders that hold the product.
func measure(root string) (*tree, error) {
	t := &tree{rooms: map[string]*room{}}
	for _, top := range []string{"cmd", "internal", "web", "api", "features"} {
		dir := filepath.Join(root, top)
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules"):
				return filepath.SkipDir
			case d.IsDir() || filepath.Ext(path) != ".go":
				return nil
			}
			return t.file(root, path)
		})
		if err != nil {
			return nil, err
		}
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	t.requires = direct(string(mod))
	return t, err
}

func (t *tree) file(root, path string) error {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil || ast.IsGenerated(f) {
		return err
	}
	name, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	lines := set.File(f.FileStart).LineCount()
	t.files = append(t.files, piece{name, lines})
	r := t.room(filepath.Dir(name))
	if strings.HasSuffix(name, "_test.go") {
		r.tests += lines
		return nil
	}
	if supports(r.path) { // its functions are measured, its exports are its own affair
		r.tests += lines
		r = &room{}
	} else {
		r.code += lines
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			length := set.Position(d.End()).Line - set.Position(d.Pos()).Line + 1
			t.functions = append(t.functions, piece{name + ": " + d.Name.Name, length})
			r.function(d)
		case *ast.GenDecl:
			r.declaration(d)
		}
	}
	return nil
}

// supports tells whether a package is there for tests alone.
func supports(path string) bool {
	return strings.HasSuffix(path, "test") || strings.HasPrefix(path, "internal/testkit")
}

func (t *tree) room(path string) *room {
	if t.rooms[path] == nil {
		t.rooms[path] = &room{path: path}
	}
	return t.rooms[path]
}

func (r *room) function(d *ast.FuncDecl) {
	if d.Name.Name == "init" && d.Recv == nil {
		r.initializers++
	}
	if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
		r.export(d.Doc != nil)
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	default:
		return ""
	}
}

// declaration counts types, variables and constants; the comment of a group
// documents its members.
func (r *room) declaration(d *ast.GenDecl) {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() {
				r.export(d.Doc != nil || s.Doc != nil || s.Comment != nil)
				if _, ok := s.Type.(*ast.InterfaceType); ok {
					r.interfaces++
				}
			}
		case *ast.ValueSpec:
			for _, n := range s.Names {
				if n.IsExported() {
					r.export(d.Doc != nil || s.Doc != nil || s.Comment != nil)
				}
			}
		}
	}
}

func (r *room) export(documented bool) {
	r.exported++
	if documented {
		r.documented++
	}
}

// direct counts the requirements of a go.mod that are not marked as indirect.
func direct(mod string) int {
	n, inside := 0, false
	for line := range strings.Lines(mod) {
		line = strings.TrimSpace(line)
		switch {
		case line == "require (":
			inside = true
		case line == ")":
			inside = false
		case line == "" || strings.HasSuffix(line, "// indirect"):
		case inside || strings.HasPrefix(line, "require "):
			n++
		}
	}
	return n
}
