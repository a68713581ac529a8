// Package internal_test holds what is true of the tree as a whole.
package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module = "navidocs"
	rooms  = module + "/internal/"
	binary = module + "/cmd/navidocs"
)

// imports says which rooms a room may import; doc/architecture.md explains.
func imports() map[string]string {
	const (
		account  = "event job vault db kv fault"
		fleet    = "account record event job db fault"
		document = "document/extract fleet account record blob event job db fault"
		warranty = "money document fleet sheet bundle account record blob event job db fault"
		sale     = "vault dossier warranty archive " + warranty
		services = "account archive document event fleet integration job listing notify record sale warranty webhook"
		ops      = "backup release keeper config db blob kv job event egress fault"
	)
	return map[string]string{
		"fault": "", "config": "", "money": "", "demo": "",
		"demo/press":             "",
		"demo/gen":               "demo/press",
		"bundle":                 "fault",
		"archive":                "bundle fault",
		"sheet":                  "fault",
		"egress":                 "fault",
		"mailbox":                "fault",
		"mailbox/mailboxtest":    "",
		"keeper":                 "fault",
		"https":                  "fault",
		"https/httpstest":        "",
		"release":                "fault",
		"logfile":                "fault",
		"telemetry":              "fault",
		"db":                     "fault",
		"kv":                     "fault",
		"kv/kvtest":              "kv fault",
		"blob":                   "db fault",
		"blob/blobtest":          "blob fault",
		"job":                    "db fault",
		"vault":                  "db fault",
		"event":                  "job db fault",
		"account":                account,
		"account/accounttest":    "account fault",
		"record":                 "account archive bundle blob event job db fault",
		"fleet":                  fleet,
		"document":               document,
		"document/extract":       "document/tesseract fault",
		"document/tesseract":     "fault",
		"document/tesseract/gen": "",
		"warranty":               warranty,
		"dossier":                "archive warranty document fleet sheet bundle fault",
		"sale":                   sale,
		"notify":                 "vault account event egress mailbox job db kv fault",
		"notify/notifytest":      "notify fault",
		"webhook":                "vault account event egress job db kv fault",
		"integration":            "vault warranty document fleet webhook account event egress job db fault",
		"listing":                "vault money listing/wire warranty document fleet sheet account record blob event egress job db fault",
		"listing/wire":           "money fault",
		"listing/openmarine":     "listing listing/wire fault",
		"listing/boatsgroup":     "listing listing/wire egress fault",
		"listing/star":           "listing listing/wire egress fault",
		"listing/listingtest":    "listing listing/star fault",
		"api":                    services + " fault",
		"backup":                 "config db blob event fault",
		"ops":                    ops,
		"deploy":                 "ops release keeper logfile db egress fault",
		"app":                    "api https listing/openmarine listing/boatsgroup listing/star deploy ops telemetry mailbox demo document/extract config vault " + services + " " + ops,
		"chaos":                  "app config account fleet event webhook job db fault",
		"cli":                    "app chaos api deploy ops backup release keeper logfile telemetry config fault db document/extract " + services,
		"testkit":                "config db blob kv job fault",
		"testkit/with":           "testkit",
		"testkit/suite":          "testkit",
		"testkit/figures":        "",
		"testkit/faulty":         "cli",
		"apptest":                "document/extract app api config db blob kv demo fault testkit account/accounttest " + services,
	}
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Name       string
	Imports    []string
	Module     *struct{ Path, Version, Dir string }
	Standard   bool
}

func TestImports(t *testing.T) {
	t.Parallel()
	table := imports()
	for _, p := range list(t, "./...") {
		room, ours := strings.CutPrefix(p.ImportPath, rooms)
		if !ours {
			continue
		}
		row, known := table[room]
		if !known {
			t.Errorf("%s has no row in the table of imports: add it here, in .golangci.yml and in doc/architecture.md", p.ImportPath)
			continue
		}
		allowed := strings.Fields(row)
		for _, i := range p.Imports {
			if other, ours := strings.CutPrefix(i, rooms); ours && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s; it may import %q", room, other, row)
			}
		}
	}
}

// TestTable keeps the table itself free of cycles and of rooms without a row.
func TestTable(t *testing.T) {
	t.Parallel()
	table, level := imports(), map[string]int{}
	var visit func(room string) int
	visit = func(room string) int {
		row, known := table[room]
		switch {
		case !known:
			t.Fatalf("%s has no row", room)
		case level[room] < 0:
			t.Fatalf("%s imports itself by a detour", room)
		case level[room] > 0:
			return level[room]
		}
		level[room] = -1
		deepest := 1
		for _, below := range strings.Fields(row) {
			deepest = max(deepest, visit(below)+1)
		}
		level[room] = deepest
		return deepest
	}
	for _, room := range slices.Sorted(maps.Keys(table)) {
		visit(room)
	}
}

// TestShippedBinaryLinksNoTests looks at everything that is linked, by
// whatever detour.
func TestShippedBinaryLinksNoTests(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "-deps", binary) {
		room := strings.TrimPrefix(p.ImportPath, rooms)
		switch {
		case p.ImportPath == "testing", p.ImportPath == "net/http/httptest", strings.HasPrefix(p.ImportPath, "testing/"):
			t.Errorf("%s is linked", p.ImportPath)
		case room == "testkit", room == "apptest", strings.HasPrefix(room, "testkit/"), strings.HasPrefix(room, "demo/"),
			room != p.ImportPath && strings.HasSuffix(room, "test"):
			t.Errorf("%s is linked, and only tests may import it", p.ImportPath)
		}
	}
}

// TestLibcIsTheOneSQLiteWants: modernc.org/sqlite works with the very libc that
// its go.mod names and with no other.
func TestLibcIsTheOneSQLiteWants(t *testing.T) {
	t.Parallel()
	const sqlite, libc = "modernc.org/sqlite", "modernc.org/libc"
	var dir, have string
	for _, p := range list(t, "-deps", binary) {
		switch {
		case p.Module == nil:
		case p.Module.Path == sqlite:
			dir = p.Module.Dir
		case p.Module.Path == libc:
			have = p.Module.Version
		}
	}
	want := required(t, filepath.Join(dir, "go.mod"), libc)
	if have != want {
		t.Errorf("%s is at %s, and %s asks for %s: go get %s@%s", libc, have, sqlite, want, libc, want)
	}
}

// required reads from a go.mod which version of a module it asks for.
func required(t *testing.T, goMod, path string) string {
	t.Helper()
	text, err := os.ReadFile(goMod)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(words) >= 2 && words[0] == path {
			return words[1]
		}
	}
	t.Fatalf("%s does not require %s", goMod, path)
	return ""
}

// list is `go list -json` at the root, as the shipped binary is built: for
// Linux and without cgo.
func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Name,Imports,Module,Standard"}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, &words)
	}
	var all []pkg
	for d := json.NewDecoder(&out); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
