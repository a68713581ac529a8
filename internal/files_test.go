package internal_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestOnlySQLiteOpensTheDatabase reads the whole product for calls that open a
// file of the database by anything but SQLite: when such a file is closed, the
// system drops all locks that this process has on it, SQLite's included, and
// another process may write over what this one writes.
//
// It knows the database's path by its names and follows it through the variables
// of a function. What it cannot see (a path that is passed on as an argument) is
// what TestNothingDropsTheLocksOfTheDatabase in package app looks for: there the
// locks are counted while a server does all it can. The linter forbids such calls
// altogether where no file is to be opened (forbidigo in .golangci.yml).
func TestOnlySQLiteOpensTheDatabase(t *testing.T) {
	t.Parallel()
	// Calls that are right, with the reason.
	right := map[string]string{
		"backup/verify.go: name":            "a new file (O_EXCL) in a folder that nobody else knows",
		"document/extract/child.go: q.Path": "a paper, in the child process",
	}
	used := map[string]bool{}
	read := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testkit" || entry.Name() == "apptest"):
			return filepath.SkipDir // only tests import them
		case !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		read++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, o := range openings(file) {
			what := filepath.ToSlash(path) + ": " + o.argument
			if right[what] == "" {
				t.Errorf("%s: %s opens %s, which is a file of the database: only SQLite may", set.Position(o.at), o.call, o.argument)
			}
			used[what] = true
		}
		return nil
	})
	if err != nil || read < 100 {
		t.Fatal(read, err)
	}
	for what := range right {
		if !used[what] {
			t.Errorf("%s is an exception that nothing needs", what)
		}
	}
}

// Each line of the first list must be caught, none of the second.
func TestTheSearchForOpeningsFindsThem(t *testing.T) {
	t.Parallel()
	find := func(line string) []opening {
		t.Helper()
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() {\n"+line+"\n}", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(line, err)
		}
		return openings(file)
	}
	for _, line := range []string{
		`os.Open(d.Path)`,
		`os.ReadFile(a.DB.Path + "-wal")`,
		`os.OpenFile(c.Storage.Database, os.O_RDONLY, 0)`,
		`os.WriteFile(filepath.Join(dir, "navidocs.db"), nil, 0)`,
		`os.Create(filepath.Join(dir, name+"-shm"))`,
		`os.Truncate(s.options.Config.Storage.Database, 0)`,
		`path, ok := c.SQLitePath(); os.Open(path)`,
		`path := d.Path; other := path + suffix; if f, err := os.Open(other); err == nil { f.Close() }`,
		`var path = d.Path; os.Open(path)`,
		`func() { os.Open(filepath.Clean(d.Path)) }()`,
		`root.Open("navidocs.db")`,
		`d.root.OpenFile(name+"-wal", 0, 0)`,
		`os.CopyFS(to, os.DirFS(filepath.Join(home, "navidocs.db")))`,
		`syscall.Open(d.Path, 0, 0)`,
		`for _, suffix := range []string{"", "-wal"} { os.Open(live + suffix) }`,
	} {
		if len(find(line)) == 0 {
			t.Errorf("not caught: %s", line)
		}
	}
	for _, line := range []string{
		`os.Stat(d.Path + "-wal")`,
		`os.Rename(d.Path, other)`,
		`os.Open(filepath.Dir(d.Path))`,
		`os.ReadFile(e.path + swapSuffix)`,
		`db.Open(ctx, db.Options{URL: d.Path})`,
		`os.Open(name)`,
	} {
		if found := find(line); len(found) > 0 {
			t.Errorf("wrongly caught: %s", line)
		}
	}
}

// opening is a call that opens a file of the database.
type opening struct {
	at             token.Pos
	call, argument string
}

// openers are the functions that open a file, of package os and its like, and
// the methods of the same names of a root.
var openers = []string{"Open", "OpenFile", "ReadFile", "Create", "WriteFile", "Truncate", "CopyFS", "DirFS", "OpenRoot", "OpenInRoot"}

func openings(file *ast.File) (found []opening) {
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		known := names(f.Body)
		ast.Inspect(f.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !opens(call.Fun) {
				return true
			}
			for _, argument := range call.Args {
				if known.mentions(argument) {
					found = append(found, opening{call.Pos(), text(call.Fun), text(argument)})
				}
			}
			return true
		})
	}
	return found
}

func opens(f ast.Expr) bool {
	s, ok := f.(*ast.SelectorExpr)
	if !ok || !slices.Contains(openers, s.Sel.Name) {
		return false
	}
	of := text(s.X)
	return slices.Contains([]string{"os", "ioutil", "syscall", "unix"}, of) || strings.HasSuffix(strings.ToLower(of), "root")
}

// paths are the variables of a function that hold the path of a file of the
// database.
type paths map[string]bool

// names finds them: whatever a mention is assigned to, until nothing is added.
func names(body *ast.BlockStmt) paths {
	known := paths{}
	for before := -1; before != len(known); {
		before = len(known)
		ast.Inspect(body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				known.assign(n.Lhs, n.Rhs)
			case *ast.RangeStmt:
				known.assign([]ast.Expr{n.Value}, []ast.Expr{n.X})
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if i < len(n.Values) {
						known.assign([]ast.Expr{name}, n.Values[i:i+1])
					}
				}
			}
			return true
		})
	}
	return known
}

// assign is about values that are text; what a call other than these returns is
// something else than its argument.
func (p paths) assign(left, right []ast.Expr) {
	for i, r := range right {
		if call, ok := r.(*ast.CallExpr); ok && !slices.Contains([]string{"filepath.Join", "filepath.Abs", "filepath.Clean", "append"}, text(call.Fun)) && !strings.HasSuffix(text(call.Fun), "SQLitePath") {
			continue
		}
		if name, ok := left[i].(*ast.Ident); ok && name.Name != "_" && p.mentions(r) {
			p[name.Name] = true
		}
	}
}

// mentions says whether an expression is made from the path of a file of the
// database. Its folder is another thing, and so are the files of ours beside it.
func (p paths) mentions(e ast.Expr) (yes bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			yes = yes || strings.HasSuffix(text(n.Fun), "SQLitePath") || text(n.Fun) != "filepath.Dir" && slices.ContainsFunc(n.Args, p.mentions)
			return false // its name is none of a variable
		case *ast.BinaryExpr:
			if s := text(n.Y); s == "swapSuffix" || s == "lockSuffix" {
				return false
			}
		case *ast.SelectorExpr:
			yes = yes || n.Sel.Name == "Path" || n.Sel.Name == "path" || strings.HasSuffix(text(n), "Storage.Database")
		case *ast.Ident:
			yes = yes || p[n.Name]
		case *ast.BasicLit:
			word, err := strconv.Unquote(n.Value)
			yes = yes || err == nil && n.Kind == token.STRING && (word == "-wal" || word == "-shm" || strings.Contains(word, "navidocs.db"))
		}
		return true
	})
	return yes
}

// text writes names as they stand in the source, and no more.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	case *ast.CallExpr:
		return text(e.Fun) + "(...)"
	}
	return fmt.Sprintf("%T", e)
}
